"""Figures of plausibility."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from hybridmap.plot import style
from hybridmap.plot.maps import Layer, MapFrame, draw
from hybridmap.plot.style import plt

HISTOGRAM = (0.0, 1.5)
TICKS = np.array([-10, -1, 0, 1, 10, 100, 1000])
LINES = ("-", "--", ":", "-.")
"""Style of the line of each margin."""


@dataclass(frozen=True)
class Filling:
    """How full a pool is that has a capacity, at sites or cells.

    Attributes
    ----------
    saturation : array
        The pool over its capacity, 1 where it is full.
    margins : mapping of str to array
        Margins that should be above 0, by name.
    """

    saturation: ArrayLike
    margins: Mapping[str, ArrayLike]


@dataclass(frozen=True)
class Captions:
    """Words of the figure: its title, what the pool over its capacity is called, and what the margins are."""

    title: str
    saturation: str
    margins: str


def saturation_figure(
    samples: Mapping[str, Filling],
    saturation: NDArray[np.float32] | None,
    frame: MapFrame,
    captions: Captions,
    path: Path,
) -> None:
    """Write the histogram of a pool over its capacity at sites and cells, its margins, and its map.

    Parameters
    ----------
    samples : mapping of str to Filling
        Of "sites" and "cells".
    saturation : array, shape (row, column), or None
        Map of the pool over its capacity, if there is one.
    frame : MapFrame
        Of the map.
    captions : Captions
        Words of the figure.
    path : Path
        PNG to write.
    """
    has_margins = any(filling.margins for filling in samples.values())
    widths = [1.0, *([1.0] if has_margins else []), *([1.5] if saturation is not None else [])]
    size = (3.9 * len(widths), 3.3)
    figure, panels = plt.subplots(1, len(widths), figsize=size, width_ratios=widths, squeeze=False)
    axes = list(panels[0])
    for colour, (label, filling) in zip(style.SERIES, samples.items(), strict=False):
        _draw_saturation(axes[0], _finite(filling.saturation), label, colour)
    axes[0].axvline(1.0, color=style.WARNING, linewidth=1.2)
    axes[0].set(xlabel=f"{captions.saturation} (1: capacity)", ylabel="share")
    axes[0].legend(fontsize=7, loc="upper right")
    axes[0].set_title(captions.title, loc="left")
    if has_margins:
        _draw_margins(axes[1], samples, captions.margins)
    if saturation is not None:
        draw(axes[-1], Layer(saturation, captions.saturation, "1", "RdYlBu_r", (0.0, 1.2)), frame)
    figure.tight_layout()
    style.save(figure, path)


def _draw_margins(axes: Axes, samples: Mapping[str, Filling], caption: str) -> None:
    for colour, (label, filling) in zip(style.SERIES, samples.items(), strict=False):
        for line, (margin, values) in zip(cycle(LINES), filling.margins.items(), strict=False):
            ordered = np.sort(_finite(values))
            share = np.linspace(0, 1, ordered.size)
            axes.plot(_signed_log(ordered), share, line, color=colour, linewidth=1, label=f"{margin} ({label})")
    axes.axvline(0.0, color=style.WARNING, linewidth=1.2)
    axes.set_xticks(_signed_log(TICKS), [f"{t:g}" for t in TICKS])
    axes.set(xlabel=caption, ylabel="cumulative share")
    axes.legend(fontsize=6, loc="upper right")


def _draw_saturation(axes: Axes, values: NDArray[np.float64], label: str, colour: str) -> None:
    over = float((values > 1).mean()) if values.size else float("nan")
    weights = np.full(values.size, 1.0 / max(values.size, 1))
    text = f"{label} (n {values.size}, {over:.1%} above 1)"
    edges = np.linspace(*HISTOGRAM, 46).tolist()
    axes.hist(values.clip(*HISTOGRAM), edges, weights=weights, histtype="stepfilled", alpha=0.45, color=colour,
              label=text)  # fmt: skip


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, float)
    finite: NDArray[np.float64] = array[np.isfinite(array)]
    return finite


def _signed_log(values: Any) -> Any:
    return np.sign(values) * np.log10(1.0 + np.abs(values))
