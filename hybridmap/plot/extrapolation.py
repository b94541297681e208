"""How errors grow away from the sites, and what held-out regions say of the threshold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from hybridmap.plot import style
from hybridmap.plot.style import plt

BINS = 10
"""Bins of distance that hold as many sites."""
AXES = {"distance_km": "distance to the fifth nearest place [km]", "dissimilarity": "dissimilarity to the sites"}
COLOURS = {"cross-validation": style.SERIES[0], "region": style.SERIES[1]}


def extrapolation_figure(
    sites: pd.DataFrame, regions: pd.DataFrame, summary: Mapping[str, Any], title: str, path: Path
) -> None:
    """Write errors against distance and dissimilarity, and the coverage of intervals in every held-out region.

    Parameters
    ----------
    sites : DataFrame
        Held-out sites: ``held_out``, ``block``, ``error``, ``distance_km``, ``dissimilarity``.
    regions : DataFrame
        Scores of each held-out region by ``part``.
    summary : mapping
        ``summary.json`` of ``hybridmap expected-error``.
    title : str
        Of the figure.
    path : Path
        PNG to write.
    """
    figure, axes = plt.subplots(1, 3, figsize=(11.0, 3.3))
    weights = 1.0 / sites.groupby(["held_out", "block"])["error"].transform("size")
    for panel, (column, label) in zip(axes, AXES.items(), strict=False):
        for name, members in sites.groupby("held_out", sort=False):
            x, y = _binned(members, weights[members.index], column)
            panel.plot(x, y, ".-", color=COLOURS[str(name)], label=_label(str(name)), linewidth=1.0)
        panel.axhline(summary["promised_error"], color=style.INK, linewidth=0.8, linestyle=":", label="promised")
        upper = summary["promised_error_upper"]
        panel.axhline(upper, color=style.WARNING, linewidth=0.8, label="most that is inside")
        scale = "log" if (sites[column] > 0).any() else "linear"  # without a neural parameter nothing is dissimilar
        panel.set(xlabel=label, ylabel="mean absolute error", xscale=scale, ylim=(0, None))
    axes[0].legend(fontsize=7, loc="lower right")
    _draw_regions(axes[2], regions, float(summary["level"]))
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    figure.tight_layout()
    style.save(figure, path)


def _label(held_out: str) -> str:
    return "region held out" if held_out == "region" else held_out


def _binned(rows: pd.DataFrame, weights: pd.Series, column: str) -> tuple[list[float], list[float]]:
    """Mean of a column and of the errors in bins of as much weight; each block counts once."""
    order = rows[column].sort_values(kind="stable").index
    place = weights[order].cumsum() / weights.sum()
    number = np.minimum((place.to_numpy() * BINS).astype(int), BINS - 1)
    x, y = [], []
    for k in np.unique(number):
        members = order[number == k]
        x.append(float(np.average(rows.loc[members, column], weights=weights[members])))
        y.append(float(np.average(rows.loc[members, "error"], weights=weights[members])))
    return x, y


def _draw_regions(panel: Axes, regions: pd.DataFrame, level: float) -> None:
    """Coverage inside and outside in each region; the size of a point is its number of blocks."""
    for part, colour in (("inside", style.ACCENT), ("outside", style.WARNING)):
        rows = regions[(regions["part"] == part) & (regions["n"] > 0)]
        size = 8.0 + 5.0 * rows["blocks"]
        panel.scatter(rows["region"].astype(str), rows["coverage"], s=size, color=colour, alpha=0.8, label=part)
    panel.axhline(level, color=style.INK, linewidth=0.8, linestyle=":")
    panel.set(xlabel="region held out", ylabel="held by its intervals", ylim=(0, 1.05))
    panel.legend(fontsize=7, loc="lower right")
