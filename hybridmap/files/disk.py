"""Where messages of a command go, and what a library means by them."""

from __future__ import annotations

import errno
import logging
import sys
from pathlib import Path


def start_log(file: Path | None) -> None:
    """Send messages to standard error, and to `file` if there is one."""
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(file, mode="w", encoding="utf-8"))
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=handlers, force=True)
    logging.captureWarnings(True)
    for noisy in ("rasterio", "fontTools", "matplotlib"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def disk_is_full(error: Exception) -> bool:
    """Whether a library says so by number, or only in words."""
    words = str(error)
    short = "No space left on device" in words or ("requested and" in words and words.endswith("written"))
    return short or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
