"""One file that stands for several: it changes when one of them does, and no other way."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from hybridmap.errors import HybridmapError
from hybridmap.files.sums import sum_of
from hybridmap.files.tables import write_bytes


def write_sum_list(files: Iterable[Path], texts: Iterable[str], out: Path) -> None:
    """Write texts and the sums of files into one file.

    Parameters
    ----------
    files : iterable of Path
        A line each: CRC-32, size in bytes, path.
    texts : iterable of str
        A line each, before them.
    out : Path
        What to write.

    Raises
    ------
    HybridmapError
        If a file is not there or cannot be read.
    """
    lines = list(texts)
    for path in files:
        try:
            size, total = sum_of(path)
        except OSError as error:
            raise HybridmapError(f"{path}: cannot be read ({error.strerror}); expected a file.") from None
        lines.append(f"{total} {size} {path}")
    write_bytes(os.fsencode("".join(f"{line}\n" for line in lines)), out)
