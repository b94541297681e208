"""Files of the future are named before a job is made from them."""

import os
import time
from pathlib import Path

import pytest

from hybridmap.check import clocks
from hybridmap.check.clocks import CLOCK_TOLERANCE_S, refuse_future
from hybridmap.errors import HybridmapError


def file_changed(path: Path, ahead: float) -> Path:
    path.write_text("")
    os.utime(path, (time.time() + ahead,) * 2)
    return path


def test_a_file_of_the_future_is_named_with_how_far_it_is_ahead(tmp_path: Path) -> None:
    files = [file_changed(tmp_path / "samples.parquet", 3600), file_changed(tmp_path / "now", 0), tmp_path / "to come"]
    with pytest.raises(HybridmapError, match=r"samples.parquet: it was changed (3600|3599) s after now.*touch"):
        refuse_future(files)


@pytest.mark.parametrize("ahead", [-1e6, 0.0, CLOCK_TOLERANCE_S - 2])
def test_small_differences_of_clocks_pass(tmp_path: Path, ahead: float) -> None:
    refuse_future([file_changed(tmp_path / "samples.parquet", ahead)])


def test_the_clock_of_the_disk_counts_not_that_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = file_changed(tmp_path / "samples.parquet", 3600)
    monkeypatch.setattr(clocks, "_file_clock", lambda folder: time.time() + 3601)
    refuse_future([file])


def test_where_nothing_may_be_written_the_clock_of_this_machine_counts(tmp_path: Path) -> None:
    assert abs(clocks._file_clock(tmp_path / "absent") - time.time()) < 1
    assert abs(clocks._file_clock(tmp_path) - time.time()) < 1


def test_no_files_are_no_problem() -> None:
    refuse_future([])
