"""The workflow on a real Slurm of two virtual nodes: the same bytes, whatever happens to its jobs."""

import shutil
import signal
import time
from collections.abc import Callable

import pytest

from tests.cluster.conftest import (
    ALL,
    SLURM,
    WEIGHTS,
    Region,
    bring_back,
    call,
    command_of,
    let_start,
    requeue,
    same_results,
    until,
)

pytestmark = pytest.mark.cluster
SBATCH = (
    "mkdir -p logs/cluster && sbatch --parsable -J hm-{rule} -c {threads} --mem {resources.mem_mb}"
    " -t {resources.runtime} -o logs/cluster/%j.log"
)
TRAINED = "results/demo/experiments/some_neural.sums"


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


HELD = """#!/bin/bash
# Trains to a new checkpoint and stops there, so that whatever happens to the job happens in the middle.
touch begun
{train} &
until [ -n "$(find results/demo/experiments/some_neural/checkpoint -type f -newer begun 2>/dev/null)" ]; do
    sleep 0.05
    kill -0 $! || exit 1
done
kill -STOP $!
echo "$SLURMD_NODENAME" >> held
wait $!
"""


def state_of(job: str) -> str:
    """As ``RUNNING`` or ``TIMEOUT``."""
    return call("squeue", "-h", "--states=all", "-j", job, "-o", "%T").strip()


def awaited(condition: Callable[[], object], seconds: float = 120) -> None:
    """Wait until it is so; a failed test if it never is."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, call("squeue", "--states=all")
        time.sleep(0.2)


def test_whatever_ends_a_training_the_next_one_has_the_same_weights(region: Region, local: Region) -> None:
    """Requeued to another node, its node down, out of time and cancelled, each in the middle of an epoch."""
    experiment = region.results / "experiments/some_neural"
    experiment.mkdir(parents=True)
    for name in ("samples.parquet", "splits.parquet", "experiments/some_neural/settings.json"):
        shutil.copy(local.results / name, region.results / name)
    train = command_of(local, "train")
    (region.folder / "train.sh").write_text(f"#!/bin/bash\nexec {train}\n")
    (region.folder / "held.sh").write_text(HELD.format(train=train))
    held = region.folder / "held"

    def nodes() -> list[str]:
        return held.read_text().split() if held.exists() else []

    def submit(script: str) -> str:
        words = ("--requeue", "--mem=1500", "-t", "1", f"--chdir={region.folder}", str(region.folder / script))
        return call("sbatch", "--parsable", *words).strip()

    job = submit("held.sh")
    awaited(lambda: len(nodes()) == 1)
    call("scontrol", "update", f"NodeName={nodes()[0]}", "State=DRAIN", "Reason=test")
    requeue(job)
    awaited(lambda: len(nodes()) == 2)
    bring_back(nodes()[0])
    call("scontrol", "update", f"NodeName={nodes()[1]}", "State=DOWN", "Reason=test")
    let_start(job)
    awaited(lambda: len(nodes()) == 3)
    bring_back(nodes()[1])
    assert nodes()[0] != nodes()[1] != nodes()[2]
    awaited(lambda: state_of(job) == "TIMEOUT", 180)
    job = submit("held.sh")
    awaited(lambda: len(nodes()) == 4)
    call("scancel", job)
    awaited(lambda: state_of(job) == "CANCELLED")
    job = submit("train.sh")
    awaited(lambda: state_of(job) == "COMPLETED")
    assert same_results(local, region, WEIGHTS) > 4
