"""Figures inside the page, as small as they go, until the page would be too large to mail."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

BUDGET_BYTES = 3_900_000
"""Of the text of all embedded figures."""
WIDEST = 1700
"""Pixels."""
QUALITY = 75


class Figures:
    """Figures of a report; those that do not fit stay files.

    Parameters
    ----------
    folder : Path
        Of the PNG files.
    first : sequence of str
        Names of files that are embedded before all others.
    budget : int
        Bytes that their text may have.
    """

    def __init__(self, folder: Path, first: Sequence[str] = (), budget: int = BUDGET_BYTES) -> None:
        self.folder = folder
        self._texts: dict[str, str] = {}
        self._size: dict[str, tuple[int, int]] = {}
        files = sorted(folder.glob("*.png"), key=lambda path: (_rank(path.name, first), path.name))
        for path in files:
            text, self._size[path.name] = _encoded(path)
            if len(text) <= budget:
                budget -= len(text)
                self._texts[path.name] = text

    def has(self, name: str) -> bool:
        """Whether there is such a figure."""
        return name in self._size

    def source(self, name: str) -> str:
        """Address of the embedded figure; empty where it is a file beside the page alone."""
        return self._texts.get(name, "")

    def size(self, name: str) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._size[name]


def _rank(name: str, first: Sequence[str]) -> int:
    """Place in the order of embedding."""
    return first.index(name) if name in first else len(first)


def _encoded(path: Path) -> tuple[str, tuple[int, int]]:
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    if image.width > WIDEST:
        image = image.resize((WIDEST, round(image.height * WIDEST / image.width)), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    image.save(content, "WEBP", quality=QUALITY, method=2)
    return "data:image/webp;base64," + base64.b64encode(content.getvalue()).decode("ascii"), image.size
