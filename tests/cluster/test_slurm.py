"""The workflow on a real Slurm of two virtual nodes: the same bytes, whatever happens to its jobs."""

import filecmp
import itertools
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.conftest import Region, call

pytestmark = pytest.mark.cluster
SLURM = ("--profile", "workflow/profiles/slurm", "--slurm-init-seconds-before-status-checks", "2")
SBATCH = (
    "mkdir -p logs/cluster && sbatch --parsable -J hm-{rule} -c {threads} --mem {resources.mem_mb}"
    " -t {resources.runtime} -o logs/cluster/%j.log"
)
EVENTS = 30
"""Events of the campaign."""


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


TRAINED = "results/demo/experiments/some_neural.sums"
WEIGHTS = "experiments/*/*/model/**/*"
ALL = ("*.parquet", WEIGHTS, "experiments/*/evaluation/*", "experiments/*/maps.zarr/**/*", "experiments/*/maps/*.tif")


def running() -> list[str]:
    """Numbers of the jobs that run."""
    return call("squeue", "-h", "-t", "running", "-o", "%i", check=False).split()


def until(condition: Callable[[], object], run: "subprocess.Popen[str]", seconds: float = 180) -> bool:
    """Wait for something to happen in a run; whether it did before the run ended."""
    deadline = time.monotonic() + seconds
    while not condition():
        if run.poll() is not None:
            return False
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return True


@pytest.fixture
def region(tmp_path: Path, slurm: None) -> Iterator[Region]:
    yield Region(tmp_path / "region")
    call("scancel", "-u", "root", check=False)


def test_a_region_on_slurm_is_the_same(region: Region, local: Region) -> None:
    region.run(*SLURM)
    assert same_results(local, region, *ALL) > 40


def test_a_region_by_a_generic_scheduler_is_the_same(region: Region, local: Region) -> None:
    status = "workflow/profiles/generic/slurm_status.sh"
    submit = ("--cluster-generic-submit-cmd", SBATCH, "--cluster-generic-status-cmd", status)
    region.run(
        "--profile", "workflow/profiles/generic", *submit, "--cluster-generic-cancel-cmd", "scancel", "observations"
    )
    assert same_results(region, local, "observations.parquet") == 1


def test_a_job_out_of_memory_is_tried_again_with_more(region: Region, local: Region) -> None:
    said = region.run(*SLURM, "--set-resources", "ingest:mem_mb=150*attempt*attempt", "--", "observations")
    assert "Trying to restart job" in said
    assert same_results(region, local, "observations.parquet") == 1


def test_a_killed_driver_leaves_no_harm(region: Region, local: Region) -> None:
    """Killed hard while its jobs train; a second one meanwhile is refused, and the next one goes on."""
    region.run("--cores", "2", "--", "split", "sample")
    first = region.start(*SLURM, "--", TRAINED)
    assert until(lambda: list(region.results.glob("experiments/*/checkpoint/*")), first)
    assert region.start(*SLURM, "--", TRAINED).wait(120) != 0
    assert "cannot be locked" in region.said()
    first.send_signal(signal.SIGKILL)
    first.wait()
    call("scancel", "-u", "root")
    region.run("--unlock")
    region.run(*SLURM, "--", TRAINED)
    assert same_results(local, region, WEIGHTS) > 4


def cancel(job: str) -> None:
    """As a user or a node that fails does."""
    call("scancel", job, check=False)


def requeue(job: str) -> None:
    """As a scheduler that needs the node for another job does."""
    call("scontrol", "requeue", job, check=False)
    for _ in range(50):  # Slurm itself lets it wait for two minutes
        if call("squeue", "-h", "-j", job, "-o", "%T", check=False).strip() != "COMPLETING":
            call("scontrol", "update", f"JobId={job}", "StartTime=now", check=False)
            return
        time.sleep(0.2)


def end_its_time(job: str) -> None:
    """As the end of the wall time does."""
    call("scontrol", "update", f"JobId={job}", "TimeLimit=0", check=False)
    cancel(job)  # Slurm looks at limits twice a minute alone


@pytest.mark.nightly
def test_thirty_events_lose_nothing(region: Region, local: Region, capsys: pytest.CaptureFixture[str]) -> None:
    """Jobs of all kinds are cancelled, requeued to another node and out of time, wherever they are."""
    run = region.start(*SLURM, "--retries", str(EVENTS))
    events = {requeue: 0, cancel: 0, end_its_time: 0}
    cycle = (requeue, requeue, requeue, cancel, requeue, requeue, requeue, end_its_time)
    for event in itertools.islice(itertools.cycle(cycle), EVENTS):
        if not until(running, run):
            break
        time.sleep(1.0 + 3.0 * (sum(events.values()) % 4))  # at its start, and when it has done something
        for job in running()[:1]:
            event(job)
            events[event] += 1
        until(lambda job=job: job not in running(), run)
    assert run.wait(900) == 0, region.said()[-5000:]
    assert same_results(local, region, *ALL) > 40
    with capsys.disabled():
        print({event.__name__: count for event, count in events.items()}, "events, nothing lost")
