"""A full disk, as libraries report it."""

import errno
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hybridmap.errors import HybridmapError
from hybridmap.evaluate.applicability import Applicability
from hybridmap.files.disk import disk_is_full, problem_of_disk
from hybridmap.files.tables import write_csv, write_json, write_parquet
from hybridmap.model.durable_files import write_durably
from hybridmap.plot.style import plt, save


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (RuntimeError("No space left on device (os error 28)"), True),
        (OSError("4096 requested and 512 written"), True),
        (OSError(errno.EIO, "Input/output error"), False),
        (ValueError("4096 requested"), False),
    ],
)
def test_by_number_or_in_words(error: Exception, full: bool) -> None:
    assert disk_is_full(error) is full


TABLE = pd.DataFrame({"a": np.arange(20_000)})
WRITERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "parquet": (lambda path: write_parquet(TABLE, path), ".partial"),
    "csv": (lambda path: write_csv(TABLE, path), ".partial"),
    "json": (lambda path: write_json(list(range(20_000)), path), ".partial"),
    "figure": (lambda path: save(plt.figure(), path), ".partial"),
    "arrays": (lambda path: Applicability(**dict.fromkeys(NAMES, np.arange(20_000))).save(path), ".partial.npz"),
}
NAMES = [field.name for field in fields(Applicability)]


@pytest.mark.parametrize("kind", WRITERS)
def test_the_file_that_does_not_fit_is_named(tmp_path: Path, kind: str) -> None:
    write, suffix = WRITERS[kind]
    path = tmp_path / "result"
    path.with_name(path.name + suffix).symlink_to("/dev/full")
    with pytest.raises(HybridmapError, match=r"result: the disk is full; make room and run again\."):
        write(path)
    assert not path.exists()


def test_the_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    (tmp_path / "w.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device") as error:
        write_durably(b"0" * 100_000, tmp_path / "w")
    assert error.value.filename == str(tmp_path / "w")
    assert problem_of_disk(error.value).startswith("the disk is full")
