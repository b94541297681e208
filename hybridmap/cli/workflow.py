"""The workflow that comes with the package: run in any folder, or copied into one to be changed there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import yaml

from hybridmap.cli.run_progress import RunProgress, job_seconds
from hybridmap.errors import HybridmapError

DEPLOYED = ("Snakefile", "config.yaml", "workflow", "envs")
"""Files and folders of the workflow."""
COPY_MARKS = ("Snakefile", "config.yaml", "workflow/rules/common.smk")
"""Files by which a copy of it is known."""
RECENT = 60
"""Lines of Snakemake that a quiet run prints when it fails."""
_PACKAGE = Path(__file__).parents[1]


def workflow_folder() -> Path:
    """Where the Snakefile lies: in this folder if the workflow was copied here, in the wheel, or above the package."""
    if all(Path(part).is_file() for part in COPY_MARKS):
        return Path.cwd()
    folders = (_PACKAGE / "deployed", _PACKAGE.parent)
    source = next((folder for folder in folders if (folder / "Snakefile").is_file()), None)
    if source is None:
        raise HybridmapError(
            f"{folders[0]}: the workflow is not part of this installation; install hybridmap[pipeline]."
        )
    return source


def default_file() -> Path:
    """The ``config.yaml`` that region files are laid over: that of this folder, or that of the package."""
    local = Path("config.yaml")
    return local if local.is_file() else workflow_folder() / "config.yaml"


def job_needs() -> dict[str, dict[str, int]]:
    """Memory [MB], time [min] and threads of a job of each rule: ``workflow/resources.yaml``."""
    file = workflow_folder() / "workflow" / "resources.yaml"
    needs: dict[str, dict[str, int]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return needs


def snakemake_command(files: Sequence[Path], cores: str, words: Sequence[str]) -> list[str]:
    """Return the command that runs the workflow here, with the packaged defaults below the files of a region.

    Parameters
    ----------
    files : sequence of Path
        Region files, later ones laid over earlier ones; none for the demo.
    cores : str
        A number, or ``all``.
    words : sequence of str
        For Snakemake: targets and options.

    Returns
    -------
    list of str
        The program and its words.
    """
    for file in files:
        if not file.is_file():
            raise HybridmapError(f"{file}: no such file; 'hybridmap init {file}' writes one to start from.")
    source = workflow_folder()
    defaults = [] if Path("config.yaml").is_file() else [source / "config.yaml"]
    layers = [str(path) for path in (*defaults, *files)]
    start = [sys.executable, "-m", "snakemake", "--snakefile", str(source / "Snakefile"), "--cores", cores, *words]
    return [*start, "--configfile", *layers] if layers else start


def run_workflow(files: Sequence[Path], cores: str, words: Sequence[str], quiet: bool = False) -> None:
    """Run the workflow in this folder, and say how far it is and how long it will still take.

    Parameters
    ----------
    files, cores, words : sequence of Path, str, sequence of str
        As of :func:`snakemake_command`.
    quiet : bool
        Whether to say only that, and what went wrong.

    Raises
    ------
    HybridmapError
        If it fails, after Snakemake has said why.
    """
    command = snakemake_command(files, cores, words)
    at_a_time = int(cores) if cores.isdigit() and int(cores) else len(os.sched_getaffinity(0))
    code = _follow(command, RunProgress(job_seconds(_benchmarks(files)), at_a_time), quiet)
    if code:
        raise HybridmapError(f"snakemake ended with code {code}; its messages and the logs that it names say why.")


def _benchmarks(files: Sequence[Path]) -> Path:
    from hybridmap.config.reading import load_config

    config = load_config(default_file(), *files)
    return Path(config.results) / config.region / "benchmarks"


def _follow(command: Sequence[str], progress: RunProgress, quiet: bool) -> int:
    """Run Snakemake, print its messages or, if `quiet`, the last of them where it failed, and what `progress` adds."""
    start, recent = time.monotonic(), deque[str](maxlen=RECENT)
    # Jobs call `hybridmap`, which is of this environment also where nobody has activated it.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, errors="replace", env={**os.environ, "PATH": path}
    ) as process:
        try:
            for line in process.stderr or ():
                recent.append(line)
                note = progress.note(line, time.monotonic() - start)
                if not quiet:
                    sys.stderr.write(line)
                if note:
                    sys.stderr.write(f"{note}\n")
                sys.stderr.flush()
        except KeyboardInterrupt:
            # The terminal has sent Ctrl-C to Snakemake too, which ends its jobs first.
            process.wait()
            raise
    if quiet and process.returncode:
        sys.stderr.writelines(recent)
    return process.returncode


def deploy(folder: Path) -> None:
    """Copy the workflow into a folder, to be changed there; HybridmapError if something of it is there already."""
    source = workflow_folder()
    present = [name for name in DEPLOYED if (folder / name).exists()]
    if present:
        raise HybridmapError(f"{folder}: {', '.join(present)} exist there already; give another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    for name in DEPLOYED:
        if (source / name).is_dir():
            shutil.copytree(source / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source / name, folder / name)
