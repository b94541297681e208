"""Figures of plausibility."""

from __future__ import annotations

from collections.abc import Mapping
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
MARGINS = {"margin_uptake": "-", "margin_poc": "--"}
"""Margin → style of its line."""


def saturation_figure(
    samples: Mapping[str, Mapping[str, ArrayLike]],
    saturation: NDArray[np.float32] | None,
    frame: MapFrame,
    title: str,
    path: Path,
) -> None:
    """Write the histogram of MOC/Qmax at sites and cells, the feasibility margins, and the map of MOC/Qmax.

    Parameters
    ----------
    samples : mapping of str to mapping of str to array
        "sites" and "cells" → ``moc_saturation``, ``margin_uptake``, ``margin_poc``, dimensionless.
    saturation : array, shape (row, column), or None
        Map of MOC/Qmax, if there is one.
    frame : MapFrame
        Of the map.
    title : str
        Of the figure.
    path : Path
        PNG to write.
    """
    columns = 3 if saturation is not None else 2
    figure, axes = plt.subplots(1, columns, figsize=(3.9 * columns, 3.3), width_ratios=[1, 1, 1.5][:columns])
    for colour, (label, values) in zip(style.SERIES, samples.items(), strict=False):
        _draw_saturation(axes[0], _finite(values["moc_saturation"]), label, colour)
        for margin, line in MARGINS.items():
            ordered = np.sort(_finite(values[margin]))
            share = np.linspace(0, 1, ordered.size)
            axes[1].plot(_signed_log(ordered), share, line, color=colour, linewidth=1, label=f"{margin} ({label})")
    axes[0].axvline(1.0, color=style.WARNING, linewidth=1.2)
    axes[0].set(xlabel="MOC / Qmax (1: capacity)", ylabel="share")
    axes[0].legend(fontsize=7)
    axes[0].set_title(title, loc="left")
    axes[1].axvline(0.0, color=style.WARNING, linewidth=1.2)
    axes[1].set_xticks(_signed_log(TICKS), [f"{t:g}" for t in TICKS])
    axes[1].set(xlabel="margin of the leak-free steady state (below 0: none)", ylabel="cumulative share")
    axes[1].legend(fontsize=6)
    if saturation is not None:
        draw(axes[2], Layer(saturation, "MOC / Qmax", "1", "RdYlBu_r", (0.0, 1.2)), frame)
    figure.tight_layout()
    style.save(figure, path)


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
