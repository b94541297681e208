"""A real Slurm on this machine, and a small region whose results of a local run are known."""

import contextlib
import filecmp
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")
CONFIGURATION = Path("/etc/slurm/slurm.conf")
"""The plugin's jobs drop SLURM_CONF, so it has to lie here."""
REGION: dict[str, Any] = {
    "demo": {"sites": 400},
    "grid": {"bounds": [4_000_000, 2_600_000, 4_096_000, 2_696_000]},
    "splits": [{"name": "block", "folds": 3, "size_km": 20}],
    "baselines": ["linear"],
    "experiment_defaults": {"splits": ["block"], "training": {"max_epochs": 400, "patience": 400}},
    "experiments": [{"name": "some_neural", "neural": ["cue", "q_max", "f_poc", "vmax_p", "km_p"], "global": "all"}],
    "predict": {"tile": 16, "parts": 2},
}
"""The demo, shrunk: one experiment, whose training writes checkpoints on its way."""
SLURM = (
    # A small job takes seven seconds; the second look is ten seconds after the first.
    *("--profile", "workflow/profiles/slurm", "--slurm-init-seconds-before-status-checks", "7"),
    *("--max-threads", "1"),  # the cores of a node
)
WEIGHTS = "experiments/*/*/model/**/*"
ALL = ("*.parquet", WEIGHTS, "experiments/*/evaluation/*", "experiments/*/maps.zarr/**/*", "experiments/*/maps/*.tif")


def _missing() -> str:
    """Why there can be no Slurm here; empty if there can."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    if absent:
        return f"no {', '.join(absent)}: apt-get install slurmctld slurmd slurm-client munge"
    if os.geteuid() != 0:
        return "Slurm's daemons start as root alone"
    if CONFIGURATION.exists():
        return f"{CONFIGURATION} is there: this machine belongs to a cluster already"
    try:
        import snakemake_executor_plugin_slurm  # noqa: F401
    except ImportError:
        return "the plugins of Snakemake are missing: make cluster-test installs them"
    return ""


def call(*words: str, check: bool = True) -> str:
    """What a program prints."""
    return subprocess.run(words, check=check, capture_output=True, text=True).stdout


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two nodes that are idle, and the folder of their daemons; skipped, with a reason, where there cannot be any."""
    if reason := _missing():
        pytest.skip(reason)
    base = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool", "log"):
        (base / name).mkdir()
    text = (Path(__file__).parent / "slurm.conf").read_text()
    CONFIGURATION.parent.mkdir(exist_ok=True)
    CONFIGURATION.write_text(text.replace("{base}", str(base)))
    Path("/run/munge").mkdir(exist_ok=True)
    shutil.chown("/run/munge", "munge", "munge")
    call("runuser", "-u", "munge", "--", "munged", "--force")
    try:
        call("slurmctld")
        for node in ("n1", "n2"):
            call("slurmd", "-N", node)
        deadline = time.monotonic() + 30
        while call("sinfo", "-h", "-t", "idle", "-o", "%D", check=False).strip() != "2":
            assert time.monotonic() < deadline, call("sinfo", check=False)
            time.sleep(0.2)
        yield base
    finally:
        call("scancel", "-u", "root", check=False)
        call("scontrol", "shutdown", check=False)
        time.sleep(2)
        with contextlib.suppress(OSError):
            os.kill(int(Path("/run/munge/munged.pid").read_text()), signal.SIGTERM)
        CONFIGURATION.unlink()


def _hear_ctrl_c() -> None:
    """Take Ctrl-C as at a terminal: what is started in the background is told to ignore it, and hands that on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Region:
    """A folder in which the small region is run, by the workflow and package of a folder of code."""

    def __init__(self, folder: Path, code: Path = ROOT) -> None:
        self.folder, self.code = folder, code
        self.results = folder / "results" / "demo"
        self.runs: list[subprocess.Popen[str]] = []
        folder.mkdir()
        shutil.copy(ROOT / "config.yaml", folder)
        (folder / "region.yaml").write_text(yaml.safe_dump(REGION))
        (folder / "workflow").symlink_to(code / "workflow")  # the profiles, and their scripts

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Begin a run of Snakemake, and do not wait for it; its words go to ``snakemake.log``."""
        start = [sys.executable, "-m", "snakemake", "--snakefile", str(self.code / "Snakefile")]
        command = [*start, "--configfile", "region.yaml", *words]
        with (self.folder / "snakemake.log").open("a") as log:
            run = subprocess.Popen(
                command,
                cwd=self.folder,
                env=os.environ | {"PYTHONPATH": str(self.code)},
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                preexec_fn=_hear_ctrl_c,
            )
        self.runs.append(run)
        return run

    def end(self) -> None:
        """End what is still running, and its jobs."""
        for run in self.runs:
            run.kill()
            run.wait()
        call("scancel", "-u", "root", check=False)

    def said(self) -> str:
        """What all runs said."""
        return (self.folder / "snakemake.log").read_text()

    def run(self, *words: str) -> str:
        """A run that has to succeed; what it and those before said."""
        assert self.start(*words).wait(900) == 0, self.said()[-5000:]
        return self.said()


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Region:
    """The region made on this machine, without a scheduler."""
    region = Region(tmp_path_factory.mktemp("cluster") / "local")
    region.run("--cores", "2")
    return region


@pytest.fixture
def region(tmp_path: Path, slurm: Path) -> Iterator[Region]:
    """A folder of the region in which nothing is made yet."""
    region = Region(tmp_path / "region")
    yield region
    region.end()


def same_results(one: Region, other: Region, *patterns: str) -> int:
    """How many files of these patterns there are; they are equal byte for byte."""
    files = [
        str(file.relative_to(one.results))
        for pattern in patterns
        for file in one.results.glob(pattern)
        if file.is_file()
    ]
    assert filecmp.cmpfiles(one.results, other.results, files, shallow=False)[1:] == ([], [])
    return len(files)


def command_of(region: Region, rule: str) -> str:
    """The command by which a finished region was made, of a rule with one job."""
    record = json.loads((region.results / "provenance.json").read_text())
    (job,) = (job for job in record["jobs"] if job["rule"] == rule)
    return shlex.join(shlex.split(job["command"]))


def until(condition: Callable[[], object], run: "subprocess.Popen[str]", seconds: float = 180) -> bool:
    """Wait for something to happen in a run; whether it did before the run ended."""
    deadline = time.monotonic() + seconds
    while not condition():
        if run.poll() is not None:
            return False
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return True


def let_start(job: str) -> None:
    """Let a requeued job start at once; Slurm itself lets it wait for two minutes."""
    for _ in range(100):
        if call("squeue", "-h", "-j", job, "-o", "%T", check=False).strip() == "PENDING":
            call("scontrol", "update", f"JobId={job}", "StartTime=now", check=False)
            return
        time.sleep(0.2)


def requeue(job: str) -> None:
    """As a scheduler that needs the node for another job does."""
    call("scontrol", "requeue", job, check=False)
    let_start(job)


def fail(node: str) -> None:
    """Take a node away from its jobs, which Slurm requeues."""
    call("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")


def bring_back(node: str, daemons: Path, seconds: float = 60) -> None:
    """Give a node jobs again.

    It is waited for the jobs that ran there to end: one that came back to its own remains would put the node out of
    service.
    """
    deadline = time.monotonic() + seconds
    while _sockets(node, daemons):
        assert time.monotonic() < deadline, call("scontrol", "show", "node", node)
        time.sleep(0.2)
    while state_of_node(node) not in ("idle", "mixed", "allocated"):
        assert time.monotonic() < deadline, call("scontrol", "show", "node", node)
        call("scontrol", "update", f"NodeName={node}", "State=RESUME", check=False)  # refused if it is back already
        time.sleep(0.5)


def state_of_node(node: str) -> str:
    """As ``idle`` or ``down``."""
    return call("sinfo", "-h", "-n", node, "-o", "%T", check=False).strip()


def kill_daemon(node: str, daemons: Path) -> None:
    """Kill the daemon of a node hard; its jobs go on."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(int((daemons / f"slurmd.{node}.pid").read_text()), signal.SIGKILL)


def kill_machine(node: str, daemons: Path) -> None:
    """Kill a node with all that runs on it, as a loss of power does."""
    kill_daemon(node, daemons)
    sockets = _sockets(node, daemons)
    marks = [f"slurmstepd: [{file.name.removeprefix(f'{node}_').partition('.')[0]}." for file in sockets]
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_of_job = f"SLURMD_NODENAME={node}".encode() in (process / "environ").read_bytes().split(b"\0")
            if is_of_job or (process / "cmdline").read_text().startswith(tuple(marks)):
                os.kill(int(process.name), signal.SIGKILL)
    for file in sockets:
        file.unlink(missing_ok=True)


def _sockets(node: str, daemons: Path) -> list[Path]:
    """One a step of a job that runs on a node."""
    return list((daemons / "spool" / node).glob(f"{node}_*.*"))
