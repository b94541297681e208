"""How figures look: one place for colours, labels and saving."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import matplotlib

if "IPython" not in sys.modules:  # a notebook has chosen how it shows figures
    matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from hybridmap.files.disk import room_for

CARBON = "YlOrBr"
"""Colour map of carbon densities."""
PARAMETER = "viridis"
"""Colour map of parameters."""
COUNTS = LinearSegmentedColormap.from_list("counts", ["#a9cde2", "#2f7fb5", "#08306b"])
"""Colour map of numbers of points; one point is visible."""
NO_DATA = "#e8ecef"
INK = "#2b2f33"
ACCENT = "#1f6f8b"
WARNING = "#b3472a"
SERIES = [
    "#1f6f8b",
    "#d98b2b",
    "#5a8f3d",
    "#8b4f9f",
    "#b3472a",
    "#6b7280",
    "#2f4858",
    "#c2a83e",
    "#7fa9b8",
    "#e3b27a",
    "#9cbd86",
    "#b79bc4",
]

__all__ = [
    "ACCENT",
    "CARBON",
    "COUNTS",
    "INK",
    "NO_DATA",
    "PARAMETER",
    "SERIES",
    "WARNING",
    "gathered",
    "marked",
    "plt",
    "save",
]

plt.rcParams.update(
    {
        "font.size": 9,
        "axes.edgecolor": "#8a9096",
        "axes.labelcolor": INK,
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.dpi": 130,
        "legend.frameon": False,
    }
)


_MARK: ContextVar[str] = ContextVar("mark", default="")
_GATHERED: ContextVar[dict[str, Figure] | None] = ContextVar("gathered", default=None)


@contextmanager
def marked(text: str) -> Iterator[None]:
    """Print `text` above every figure that is saved inside; an empty one prints nothing."""
    token = _MARK.set(text)
    try:
        yield
    finally:
        _MARK.reset(token)


@contextmanager
def gathered() -> Iterator[dict[str, Figure]]:
    """Keep figures that are saved inside, by the name of their file, and write none."""
    figures: dict[str, Figure] = {}
    token = _GATHERED.set(figures)
    try:
        yield figures
    finally:
        _GATHERED.reset(token)


def save(figure: Figure, path: Path) -> None:
    """Write `figure` as PNG under a temporary name, rename, and close it."""
    if mark := _MARK.get():
        figure.text(0.5, 1.01, mark, ha="center", va="bottom", color="white", weight="bold", backgroundcolor=WARNING)
    if (figures := _GATHERED.get()) is not None:
        figures[path.stem] = figure
        plt.close(figure)  # of pyplot; the figure itself stays whole
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    # No software version in the file: the same numbers give the same bytes.
    with room_for(path):
        figure.savefig(partial, format="png", bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    os.replace(partial, path)
