"""A disk that is full, or that may not be written to, as libraries report it."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hybridmap.errors import HybridmapError

FULL = "the disk is full; make room and run again."


def disk_is_full(error: Exception) -> bool:
    """Whether an error means a full disk or quota: by its number, or only in words.

    Examples
    --------
    >>> disk_is_full(RuntimeError("No space left on device (os error 28)"))
    True
    """
    text = str(error)
    is_short_write = "requested and" in text and text.endswith("written")  # GDAL
    return (
        "No space left on device" in text
        or is_short_write
        or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    )


@contextmanager
def room_for(path: Path) -> Iterator[None]:
    """Name the file that did not fit where libraries say only that the disk is full.

    Raises
    ------
    HybridmapError
        If the disk is full while the file is written.
    """
    try:
        yield
    except Exception as error:
        if not disk_is_full(error):
            raise
        raise HybridmapError(f"{path}: {FULL}") from error


def problem_of_disk(error: Exception) -> str:
    """What is wrong with the disk and what to do, for an error that means it; "" for any other.

    Examples
    --------
    >>> problem_of_disk(PermissionError(errno.EACCES, "Permission denied", "results"))
    'may not be read or written by you; change its permissions, or choose another folder.'
    >>> problem_of_disk(OSError(errno.EIO, "Input/output error"))
    ''
    """
    if disk_is_full(error):
        return FULL
    return next((advice for kind, advice in PROBLEMS.items() if kind.search(_described(error))), "")


def _described(error: Exception) -> str:
    return f"[Errno {getattr(error, 'errno', None)}] {error}"


PROBLEMS = {
    re.compile(rf"\[Errno {errno.EROFS}\]|Read-only file system"): "lies on a file system that is read-only; choose"
    " another folder.",
    re.compile(rf"\[Errno ({errno.EACCES}|{errno.EPERM})\]|Permission denied"): "may not be read or written by you;"
    " change its permissions, or choose another folder.",
    re.compile(rf"\[Errno {errno.ENAMETOOLONG}\]|File name too long"): "is a longer name than the file system takes;"
    " choose a shorter folder.",
    re.compile(rf"\[Errno ({errno.ENOTDIR}|{errno.EISDIR})\]"): "is a file where a folder is expected, or the other way"
    " round; move it away.",
}
"""What an error says → what is wrong with a file."""
