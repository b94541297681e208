"""The workflow on a real Slurm of two virtual nodes: the same bytes, whatever happens to its jobs."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ROOT

from tests.cluster.conftest import (
    ALL,
    SLURM,
    WEIGHTS,
    Region,
    bring_back,
    call,
    command_of,
    fail,
    kill_daemon,
    kill_machine,
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
TRAINING = "experiments/some_neural/checkpoint"


def test_a_region_is_the_same_though_a_job_lacks_memory_and_its_driver_is_killed(region: Region, local: Region) -> None:
    """Killed hard while its jobs train, after a second one was refused; its jobs go on beside those of the next one."""
    words = (*SLURM, "--retries", "5", "--set-resources", "ingest:mem_mb=150*attempt*attempt", "--")
    first = region.start(*words)
    assert until(lambda: list((region.results / TRAINING).glob("*")), first, 600), region.said()[-5000:]
    assert region.start(*words).wait(120) != 0
    assert "cannot be locked" in region.said()
    first.kill()
    first.wait()
    assert call("squeue", "-h")  # jobs that nobody waits for
    region.run("--unlock")
    assert "Trying to restart job" in region.run(*words)
    assert same_results(local, region, *ALL) > 40


def test_a_region_by_a_generic_scheduler_is_the_same(region: Region, local: Region) -> None:
    status = "workflow/profiles/generic/slurm_status.sh"
    submit = ("--cluster-generic-submit-cmd", SBATCH, "--cluster-generic-status-cmd", status)
    wait = ("--seconds-between-status-checks", "2", "--cluster-generic-cancel-cmd", "scancel", "observations")
    region.run("--profile", "workflow/profiles/generic", *submit, *wait)
    assert same_results(region, local, "observations.parquet") == 1


REFUSED = {
    "partition": (("--default-resources", "slurm_partition=nowhere"), "Invalid partition name", "slurm_partition"),
    "memory": (("--set-resources", "train:mem_mb=99999999"), "rule train: .*configuration is not", "mem_mb"),
    "GPU": (("--set-resources", "train:gpu_model=h1"), r"rule train: .*\(gres\)", "gpu, gpu_model or gres"),
}
"""What is asked for → words of Snakemake, what Slurm says of it, and the key that is named."""


def test_what_slurm_refuses_is_one_sentence_before_the_first_job(region: Region) -> None:
    for name, (words, reason, key) in REFUSED.items():
        before = region.said() if region.runs else ""
        assert region.start(*SLURM, *words, "--", "all").wait(120) == 1, name
        said = region.said().removeprefix(before)
        sentences = [line for line in said.splitlines() if "Slurm refuses its jobs" in line]
        assert len(sentences) == 1, said
        assert re.search(rf"{reason}.*in the profile: {key}", sentences[0])
        assert "Trying to restart" not in said
        assert "Traceback" not in said
    assert call("squeue", "-h") == ""
    assert not (region.folder / ".snakemake/slurm_logs").exists()


@pytest.fixture
def read_only_code(tmp_path: Path) -> Iterator[Path]:
    """This folder, as one that may not be written to."""
    place = tmp_path / "code"
    place.mkdir()
    if subprocess.run(("mount", "--bind", str(ROOT), str(place)), check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        call("mount", "-o", "remount,ro,bind", str(place))
        yield place
    finally:
        call("umount", str(place))


def test_the_code_may_lie_where_nothing_can_be_written(read_only_code: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Read-only"):
        (read_only_code / "x").touch()
    region = Region(tmp_path / "region", read_only_code)
    region.run("--cores", "2", "--", "results/demo/observations/survey.parquet")
    assert "Read-only" not in region.said()


@pytest.mark.nightly
def test_a_node_that_does_not_see_the_folder_is_told(region: Region, slurm: Path) -> None:
    """It has a folder of the name, which is its own."""
    own_folder = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(region.folder))
    if subprocess.run((*own_folder, "true"), check=False).returncode:
        pytest.skip("nothing can be mounted here")
    kill_daemon("n2", slurm)
    call(*own_folder, "slurmd", "-N", "n2")
    call("scontrol", "update", "NodeName=n1", "State=DRAIN", "Reason=test")
    try:
        assert region.start(*SLURM, "--retries", "1", "--", "results/demo/inputs/made.json").wait(180) == 1
    finally:
        kill_daemon("n2", slurm)
        call("slurmd", "-N", "n2")
        for node in ("n1", "n2"):
            bring_back(node, slurm)
    assert region.said().count("and 1 more left no log") == 1
    assert "its node does not see this folder" in region.said()


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


class Training:
    """The training of a region whose other stages are done, as jobs that stop in the middle of an epoch.

    Parameters
    ----------
    region : Region
        Empty; gets what a training needs.
    local : Region
        Finished.
    """

    def __init__(self, region: Region, local: Region) -> None:
        self.folder = region.folder
        (region.results / "experiments/some_neural").mkdir(parents=True)
        for name in ("samples.parquet", "splits.parquet", "experiments/some_neural/settings.json"):
            shutil.copy(local.results / name, region.results / name)
        train = command_of(local, "train")
        (region.folder / "train.sh").write_text(f"#!/bin/bash\nexec {train}\n")
        (region.folder / "held.sh").write_text(HELD.format(train=train))
        self.count = 0

    def submit(self, script: str, minutes: int = 9) -> str:
        """Submit a script; the number of the job."""
        words = ("--requeue", "--mem=1500", "-t", str(minutes), f"--chdir={self.folder}", str(self.folder / script))
        return call("sbatch", "--parsable", *words).strip()

    def node(self) -> str:
        """The node on which the training stops next."""
        self.count += 1
        awaited(lambda: len(self._nodes()) == self.count)
        return self._nodes()[-1]

    def finish(self) -> None:
        """Train to the end."""
        job = self.submit("train.sh")
        awaited(lambda: state_of(job) == "COMPLETED")

    def _nodes(self) -> list[str]:
        file = self.folder / "held"
        return file.read_text().split() if file.exists() else []


def test_whatever_ends_a_training_the_next_one_has_the_same_weights(region: Region, local: Region, slurm: Path) -> None:
    """Requeued to another node, its node down, without power, and cancelled, each in the middle of an epoch."""
    training = Training(region, local)
    job = training.submit("held.sh")
    first = training.node()
    call("scontrol", "update", f"NodeName={first}", "State=DRAIN", "Reason=test")
    requeue(job)
    second = training.node()
    bring_back(first, slurm)
    fail(second)
    let_start(job)
    third = training.node()
    bring_back(second, slurm)
    kill_machine(third, slurm)
    fail(third)
    let_start(job)
    assert first != second != third != training.node()
    call("slurmd", "-N", third)
    time.sleep(2)  # until it has told that it is there
    bring_back(third, slurm)
    call("scancel", job)
    awaited(lambda: state_of(job) == "CANCELLED")
    training.finish()
    assert same_results(local, region, WEIGHTS) > 4


@pytest.mark.nightly
def test_what_slurm_itself_ends_is_trained_to_the_same_weights(region: Region, local: Region, slurm: Path) -> None:
    """The daemon of a node is killed and comes back while its job runs; a node is missed; time is up."""
    training = Training(region, local)
    job = training.submit("held.sh")
    first = training.node()
    kill_daemon(first, slurm)
    time.sleep(1)
    call("slurmd", "-N", first)
    time.sleep(5)
    assert state_of(job) == "RUNNING"
    kill_machine(first, slurm)
    awaited(lambda: state_of(job) == "PENDING", 180)  # by itself
    let_start(job)
    assert training.node() != first
    call("slurmd", "-N", first)
    time.sleep(2)
    bring_back(first, slurm)
    call("scontrol", "update", f"JobId={job}", "TimeLimit=1")
    awaited(lambda: state_of(job) == "TIMEOUT", 180)
    training.finish()
    assert same_results(local, region, WEIGHTS) > 4
