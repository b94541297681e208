"""Hundreds of jobs through an executor that computes nothing and lets some fail: nothing is lost, retries are bounded."""

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

PRETENDED = ROOT / "tests/pretended"
RETRIES = 3
PARTS = 60
REGION: dict[str, Any] = {
    "fan_out": True,
    "experiment_defaults": {"splits": ["block"]},
    "experiments": [
        {"name": name, "process": {"name": "five_pool"}, "neural": "all"} for name in ("first", "second", "third")
    ],
    "predict": {"parts": PARTS},
}


def run(folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Snakemake in a folder, its jobs pretended."""
    (folder / "region.yaml").write_text(yaml.safe_dump(REGION))
    path = os.pathsep.join([str(PRETENDED / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    python = os.pathsep.join([str(ROOT), str(PRETENDED)])
    start = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    start += ["--executor", "pretended", "--jobs", "100", "--retries", str(RETRIES), "--keep-going"]
    start += ["--latency-wait", "0", "--seconds-between-status-checks", "0", "--rerun-triggers", "mtime"]
    files = ["--configfile", str(ROOT / "config.yaml"), str(folder / "region.yaml")]
    environment = {**os.environ, "PATH": path, "PYTHONPATH": python, **settings}
    return subprocess.run([*start, *words, *files], capture_output=True, text=True, env=environment)


def events(folder: Path) -> dict[str, list[str]]:
    """Job → how each of its submissions ended."""
    ends: defaultdict[str, list[str]] = defaultdict(list)
    for line in (folder / "events.log").read_text().splitlines():
        name, _, kind = line.split("\t")
        ends[name].append(kind)
    return ends


@pytest.mark.nightly
def test_two_hundred_jobs_of_which_a_fifth_fail(tmp_path: Path) -> None:
    done = run(tmp_path, PRETENDED_FAILURES="0.2", PRETENDED_SEED="5")
    assert done.returncode == 0, done.stderr[-3000:]
    ends = events(tmp_path)
    assert len(ends) > 200
    assert {kind for kinds in ends.values() for kind in kinds} == {"well", "before", "half", "absent"}
    for name, kinds in ends.items():  # once well, and never again
        assert kinds[-1] == "well", name
        assert kinds.count("well") == 1, name
        assert len(kinds) <= RETRIES + 1, name
    parts = list((tmp_path / "results/demo/experiments").glob("*/parts/*.done"))
    assert len(parts) == 3 * PARTS
    again = run(tmp_path, "--dry-run")
    assert "Nothing to be done" in again.stdout + again.stderr, (again.stdout + again.stderr)[-2000:]


@pytest.mark.nightly
def test_a_job_that_always_fails_is_tried_no_more_than_retries_allow_and_the_others_go_on(tmp_path: Path) -> None:
    bad = "second/parts/7of"
    done = run(tmp_path, PRETENDED_FAILURES="0", PRETENDED_NEVER=bad)
    assert done.returncode == 1
    ends = events(tmp_path)
    (name,) = (name for name in ends if bad in name)
    assert ends[name] == ["before"] * (RETRIES + 1)
    assert all(kinds == ["well"] for job, kinds in ends.items() if job != name)
    assert not any(job.startswith("predict ") and "second" in job for job in ends)
    (tmp_path / "events.log").unlink()
    assert run(tmp_path, PRETENDED_FAILURES="0").returncode == 0
    rest = events(tmp_path)  # what had ended well is not run again
    assert name in rest
    assert not any(job.startswith(("train ", "cube ")) for job in rest)
    assert sum(job.startswith("predict_part ") for job in rest) == 1
