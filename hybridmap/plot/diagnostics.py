"""Figures of plausibility."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import ArrayLike

from hybridmap.grid.region_grid import RegionGrid
from hybridmap.plot import style
from hybridmap.plot.maps import Layer, draw
from hybridmap.plot.style import plt

HISTOGRAM = (0.0, 1.5)


def saturation_figure(
    places: Mapping[str, Mapping[str, ArrayLike]],
    layer: np.ndarray | None,
    grid: RegionGrid | None,
    boundaries: gpd.GeoSeries | None,
    title: str,
    path: Path,
) -> None:
    """Write the histogram of MOC/Qmax at sites and cells, the feasibility margins, and the map of MOC/Qmax.

    Parameters
    ----------
    places : mapping of str to mapping of str to array
        "sites" and "cells" → ``moc_saturation``, ``margin_uptake``, ``margin_poc``.
    layer : array or None
        Map of MOC/Qmax, with its `grid`.
    """
    columns = 3 if layer is not None else 2
    figure, axes = plt.subplots(1, columns, figsize=(3.9 * columns, 3.3), width_ratios=[1, 1, 1.5][:columns])
    edges = np.linspace(*HISTOGRAM, 46)
    for colour, (where, values) in zip(style.SERIES, places.items(), strict=False):
        known = np.asarray(values["moc_saturation"], float)
        known = known[np.isfinite(known)]
        over = float((known > 1).mean()) if known.size else float("nan")
        label = f"{where} (n {known.size}, {over:.1%} above 1)"
        weights = np.full(known.size, 1.0 / max(known.size, 1))
        axes[0].hist(known.clip(*HISTOGRAM), edges, weights=weights, histtype="stepfilled", alpha=0.45, color=colour,
                     label=label)  # fmt: skip
        for style_, margin in (("-", "margin_uptake"), ("--", "margin_poc")):
            m = np.sort(np.asarray(values[margin], float))
            m = m[np.isfinite(m)]
            axes[1].plot(_signed_log(m), np.linspace(0, 1, m.size), style_, color=colour, linewidth=1,
                         label=f"{margin} ({where})")  # fmt: skip
    axes[0].axvline(1.0, color=style.WARNING, linewidth=1.2)
    axes[0].set(xlabel="MOC / Qmax (1: capacity)", ylabel="share")
    axes[0].legend(fontsize=7)
    axes[0].set_title(title, loc="left")
    axes[1].axvline(0.0, color=style.WARNING, linewidth=1.2)
    ticks = np.array([-10, -1, 0, 1, 10, 100, 1000])
    axes[1].set_xticks(_signed_log(ticks), [f"{t:g}" for t in ticks])
    axes[1].set(xlabel="margin of the leak-free steady state (below 0: none)", ylabel="cumulative share")
    axes[1].legend(fontsize=6)
    if layer is not None and grid is not None:
        draw(axes[2], Layer(layer, "MOC / Qmax", "1", "RdYlBu_r", (0.0, 1.2)), grid, boundaries)
    figure.tight_layout()
    style.save(figure, path)


def _signed_log(values: Any) -> Any:
    return np.sign(values) * np.log10(1.0 + np.abs(values))
