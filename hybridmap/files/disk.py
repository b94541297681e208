"""A full disk, as libraries report it."""

from __future__ import annotations

import errno


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
