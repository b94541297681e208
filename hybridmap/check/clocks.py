"""Clocks that differ: a file of the future makes Snakemake refuse what is made from it, attempt by attempt."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from hybridmap.errors import HybridmapError

CLOCK_TOLERANCE_S = 10.0
"""Seconds that a file may be ahead of the clock of its file system: no job is over sooner than that."""


def refuse_future(files: Iterable[Path]) -> None:
    """Refuse files that were changed later than now.

    Snakemake compares times of change: what is made from such a file seems older than it, fails after its work is done,
    and is made again. A machine whose clock is ahead leaves such files.

    Parameters
    ----------
    files : iterable of Path
        What jobs are made from; those that are yet to come do not count.

    Raises
    ------
    HybridmapError
        If a file is from the future, with how far and what to do.
    """
    changed = {file: file.stat().st_mtime for file in files if file.is_file()}
    newest = max(changed, key=lambda file: changed[file], default=None)
    if newest is None or changed[newest] <= time.time() + CLOCK_TOLERANCE_S:
        return
    lead_s = changed[newest] - _file_clock(newest.parent)
    if lead_s > CLOCK_TOLERANCE_S:
        raise HybridmapError(
            f"{newest}: it was changed {lead_s:.0f} s after now, so the clocks of machines or of the disk differ; set"
            f" them right, then 'touch {newest}' and what was made from it."
        )


def _file_clock(folder: Path) -> float:
    """The time in s by the clock that gives files theirs; that of this machine where none may be written."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            return os.fstat(probe.fileno()).st_mtime
    except OSError:
        return time.time()
