"""Hundreds of jobs through an executor that computes nothing and lets some fail: none is lost, retries are bounded.

Ten thousand, with their time and memory (five minutes):
HYBRIDMAP_PRETENDED_EXPERIMENTS=20 HYBRIDMAP_PRETENDED_PARTS=500 pytest -n 0 -rP tests/test_pretended.py -k fifth
"""

import os
import resource
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

PRETENDED = ROOT / "tests/pretended"
RETRIES = 3
JOBS = 20
"""Jobs in flight at a time."""
NAMES = [f"experiment{k}" for k in range(int(os.environ.get("HYBRIDMAP_PRETENDED_EXPERIMENTS", "3")))]
PARTS = int(os.environ.get("HYBRIDMAP_PRETENDED_PARTS", "60"))
REGION: dict[str, Any] = {
    "fan_out": True,
    "experiment_defaults": {"splits": ["block"]},
    "experiments": [{"name": name, "process": {"name": "five_pool"}, "neural": "all"} for name in NAMES],
    "predict": {"parts": PARTS},
}


def start(folder: Path, *words: str, **settings: str) -> "subprocess.Popen[str]":
    """Begin Snakemake in a folder, its jobs pretended."""
    (folder / "region.yaml").write_text(yaml.safe_dump(REGION))
    path = os.pathsep.join([str(PRETENDED / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    python = os.pathsep.join([str(ROOT), str(PRETENDED)])
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    command += ["--executor", "pretended", "--jobs", str(JOBS), "--retries", str(RETRIES), "--keep-going"]
    command += ["--latency-wait", "0", "--seconds-between-status-checks", "0", "--rerun-triggers", "mtime", *words]
    command += ["--configfile", str(ROOT / "config.yaml"), str(folder / "region.yaml")]
    environment = {**os.environ, "PATH": path, "PYTHONPATH": python, **settings}
    with (folder / "said.log").open("w") as said:
        return subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, text=True, env=environment)


def run(folder: Path, *words: str, **settings: str) -> tuple[int, str]:
    """Snakemake in a folder to its end, its jobs pretended: exit code and what it said."""
    code = start(folder, *words, **settings).wait()
    return code, (folder / "said.log").read_text()


def events(folder: Path) -> dict[str, list[str]]:
    """Job → how each of its submissions ended."""
    ends: defaultdict[str, list[str]] = defaultdict(list)
    for line in (folder / "events.log").read_text().splitlines():
        name, _, kind = line.split("\t")
        ends[name].append(kind)
    return ends


def tell(ends: dict[str, list[str]], seconds: float) -> None:
    """Print what a run took; memory and CPU are those of this test only where no other ran before it."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    submissions = Counter(len(kinds) for kinds in ends.values())
    kinds = Counter(kind for kinds in ends.values() for kind in kinds)
    print(
        f"{len(ends)} jobs, {kinds.total()} submissions, of which failed {kinds.total() - kinds['well']}: {dict(kinds)}"
    )
    print("submissions of a job: " + ", ".join(f"{n} of {count} jobs" for n, count in sorted(submissions.items())))
    cpu_s, peak_mb = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    print(f"{seconds:.0f} s, {cpu_s:.0f} s of CPU (local jobs included), {peak_mb:.0f} MB at the peak")


@pytest.mark.nightly
def test_hundreds_of_jobs_of_which_a_fifth_fail(tmp_path: Path) -> None:
    begin = time.monotonic()
    retries = 8  # one job in two million fails nine times
    code, said = run(tmp_path, "--retries", str(retries), PRETENDED_FAILURES="0.2", PRETENDED_SEED="6")
    assert code == 0, said[-3000:]
    ends = events(tmp_path)
    tell(ends, time.monotonic() - begin)
    assert len(ends) > len(NAMES) * (PARTS + 6)
    assert {kind for kinds in ends.values() for kind in kinds} == {"well", "before", "half", "absent"}
    for name, kinds in ends.items():  # once well, and never again
        assert kinds[-1] == "well", name
        assert kinds.count("well") == 1, name
        assert len(kinds) <= retries + 1, name
    parts = list((tmp_path / "results/demo/experiments").glob("*/parts/*.done"))
    assert len(parts) == len(NAMES) * PARTS
    assert "Nothing to be done" in run(tmp_path, "--dry-run")[1]


@pytest.mark.nightly
def test_a_job_that_always_fails_is_tried_no_more_than_retries_allow_and_the_others_go_on(tmp_path: Path) -> None:
    bad = "experiment1/parts/7of"
    assert run(tmp_path, PRETENDED_FAILURES="0", PRETENDED_NEVER=bad)[0] == 1
    ends = events(tmp_path)
    (name,) = (name for name in ends if bad in name)
    assert ends[name] == ["before"] * (RETRIES + 1)
    assert all(kinds == ["well"] for job, kinds in ends.items() if job != name)
    assert not any(job.startswith("predict ") and "experiment1" in job for job in ends)
    (tmp_path / "events.log").unlink()
    assert run(tmp_path, PRETENDED_FAILURES="0")[0] == 0
    rest = events(tmp_path)  # what had ended well is not run again
    assert name in rest
    assert not any(job.startswith(("train ", "cube ")) for job in rest)
    assert sum(job.startswith("predict_part ") for job in rest) == 1


@pytest.mark.nightly
def test_a_killed_run_goes_on_and_repeats_only_what_was_in_flight(tmp_path: Path) -> None:
    process = start(tmp_path, PRETENDED_FAILURES="0.1", PRETENDED_SEED="2")
    log = tmp_path / "events.log"
    while process.poll() is None and not (log.exists() and log.read_text().count("\n") > 100):
        time.sleep(0.02)
    process.kill()
    process.wait()
    first = events(tmp_path)
    assert 50 < len(first) < 200
    log.unlink()
    assert run(tmp_path, "--unlock")[0] == 0
    code, said = run(tmp_path, "--rerun-incomplete", PRETENDED_FAILURES="0.1", PRETENDED_SEED="3")
    assert code == 0, said[-3000:]
    second = events(tmp_path)
    assert len(first.keys() | second.keys()) > 200
    assert all("well" in first.get(name, []) + second.get(name, []) for name in first.keys() | second.keys())
    assert all(len(kinds) <= RETRIES + 1 for kinds in second.values())
    twice = [name for name in second if "well" in first.get(name, [])]
    assert len(twice) <= JOBS
    assert "Nothing to be done" in run(tmp_path, "--dry-run")[1]
