"""Where the messages of a command go."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

CHATTY = ("rasterio", "fontTools", "matplotlib")
"""Libraries of which only warnings are shown."""


def start_log(file: Path | None) -> None:
    """Send messages to standard error, and to `file` if there is one."""
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(file, mode="w", encoding="utf-8"))
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=handlers, force=True)
    logging.captureWarnings(True)
    for library in CHATTY:
        logging.getLogger(library).setLevel(logging.WARNING)
