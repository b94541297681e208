"""The whole workflow as a person runs it, in a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

from conftest import ROOT


def workflow_command(folder: Path, *files: Path) -> tuple[list[str], dict[str, str]]:
    """Command line and environment of a run in `folder` with configurations laid over each other."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return [*command, "--configfile", *map(str, files), "--directory", str(folder)], {**os.environ, "PATH": path}


def run_workflow(folder: Path, *files: Path, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """What a run says and how it ends."""
    command, environment = workflow_command(folder, *files)
    return subprocess.run([*command, *options], capture_output=True, text=True, env=environment)


def finish_workflow(folder: Path, *files: Path) -> None:
    """A run that must succeed."""
    done = run_workflow(folder, *files)
    assert done.returncode == 0, done.stderr[-4000:]
