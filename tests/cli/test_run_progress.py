"""How long a run will take, from an earlier one, and how much is left."""

from pathlib import Path

import pytest

from hybridmap.cli.run_progress import RunProgress, job_seconds


def write_benchmark(path: Path, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:01\t100\n")


def test_jobs_take_what_they_took(tmp_path: Path) -> None:
    assert job_seconds(tmp_path / "benchmarks") == {}
    write_benchmark(tmp_path / "cube.tsv", 60)
    write_benchmark(tmp_path / "train/one.tsv", 100)
    write_benchmark(tmp_path / "train/two.tsv", 300)
    assert job_seconds(tmp_path) == {"cube": 60, "train": 200}


def test_the_time_left_follows_the_pace() -> None:
    progress = RunProgress({"cube": 60, "train": 200}, cores=2)
    lines = ["Job stats:", "job        count", "---------  -----", "cube           1", "train_one      2"]
    assert [progress.note(line, 0.0) for line in lines] == [None] * 5
    assert progress.note("total          3", 0.0) == "hybridmap: 3 jobs, about 4 min as in the earlier run"
    assert progress.note("Finished jobid: 3 (Rule: cube)", 120.0) is None
    # The cube took twice as long as in the earlier run, so the trainings will.
    after = progress.note("1 of 3 steps (33%) done", 120.0)
    assert after == "hybridmap: 1 of 3 jobs (33%) in 2 min, about 13 min left"
    progress.note("Finished jobid: 1 (Rule: train_one)", 500.0)
    progress.note("Finished jobid: 2 (Rule: train_one)", 500.0)
    assert progress.note("3 of 3 steps (100%) done", 500.0) == "hybridmap: 3 of 3 jobs (100%) in 8 min"


def test_rules_that_no_earlier_run_had_take_the_mean() -> None:
    progress = RunProgress({"cube": 120}, cores=1)
    for line in ("cube  1", "totals  1"):
        progress.note(line, 0.0)
    assert progress.note("total  2", 0.0) == "hybridmap: 2 jobs, about 4 min as in the earlier run"


@pytest.mark.parametrize("line", ["", "Error in rule cube:", "rule cube:", "1 of 2 steps"])
def test_other_lines_pass(line: str) -> None:
    assert RunProgress({}, 1).note(line, 1.0) is None
