"""Figures of quality control: what was dropped, where, and what it did to the distributions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from hybridmap.grid.region_grid import RegionGrid
from hybridmap.plot import style
from hybridmap.plot.style import plt

QUANTITIES = {
    "oc_g_kg": ("organic carbon [g kg$^{-1}$]", True),
    "bd_fine_g_cm3": ("bulk density [g cm$^{-3}$]", False),
    "cf_vol": ("coarse fragments [volume share]", False),
    "soc_density_kg_m3": ("SOC density [kg m$^{-3}$]", True),
}
"""Column → label, and whether its axis is logarithmic."""


def quality_figure(ladder: pd.DataFrame, path: Path) -> None:
    """Write what quality control dropped: counts by source and rule."""
    counts = ladder[ladder["dropped"] > 0].pivot_table(
        index=["stage", "rule", "unit"], columns="source", values="dropped", aggfunc="sum", sort=False
    )
    figure, axes = plt.subplots(figsize=(8.5, 0.27 * max(len(counts), 1) + 1.3))
    left = np.zeros(len(counts))
    for colour, source in zip(style.SERIES * 4, counts.columns, strict=False):
        width = counts[source].fillna(0).to_numpy(float)
        axes.barh(np.arange(len(counts)), width, left=left, color=colour, label=str(source), height=0.7)
        left += width
    for i, total in enumerate(left):
        axes.text(total, i, f" {total:.0f}", va="center", fontsize=7)
    labels = [f"{rule} ({unit.removeprefix('values of ')})" for _, rule, unit in counts.index]
    axes.set_yticks(np.arange(len(counts)), labels, fontsize=7)
    axes.set(xlabel="dropped", title="Quality control")
    if len(counts):
        axes.invert_yaxis()
        axes.set_xlim(0, float(left.max()) * 1.1)
        axes.legend(fontsize=7)
    style.save(figure, path)


def dropped_map(
    dropped: pd.DataFrame,
    kept: tuple[np.ndarray, np.ndarray],
    grid: RegionGrid,
    boundaries: gpd.GeoSeries | None,
    path: Path,
) -> None:
    """Write a map of dropped rows and values, coloured by rule, over the sites that were kept.

    Parameters
    ----------
    dropped : DataFrame
        ``lon``, ``lat``, ``rule``.
    kept : pair of array
        ``x`` and ``y`` of the sites in the grid's CRS.
    """
    figure, axes = plt.subplots(figsize=(7.5, 7.5 * grid.height / grid.width * 0.85 + 0.4))
    if boundaries is not None and len(boundaries):
        boundaries.plot(ax=axes, color="#30343860", linewidth=0.35)
    axes.scatter(*kept, s=3, color="#c9d1d6", linewidths=0, label=f"kept ({len(kept[0])} sites)")
    known = dropped.dropna(subset=["lon", "lat"])
    x, y = grid.to_grid(known["lon"].to_numpy(float), known["lat"].to_numpy(float))
    west, south, east, north = grid.bounds
    inside = (x >= west) & (x <= east) & (y >= south) & (y <= north)
    rules = known["rule"].where(inside).value_counts()
    for colour, (rule, count) in zip(style.SERIES, rules.items(), strict=False):
        hit = inside & (known["rule"] == rule).to_numpy()
        axes.scatter(x[hit], y[hit], s=7, color=colour, linewidths=0, label=f"{rule} ({count})")
    axes.set(xlim=(west, east), ylim=(south, north), xticks=[], yticks=[], xlabel="", ylabel="")
    axes.set_title(f"Dropped by quality control ({int((~inside).sum())} more outside the map)")
    axes.set_aspect("equal")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=2)
    style.save(figure, path)


def distributions_figure(before: pd.DataFrame, after: pd.DataFrame, path: Path) -> None:
    """Write histograms of layers as read and of sites as used, for the columns of :data:`QUANTITIES`."""
    shown = [q for q in QUANTITIES if after[q].notna().any()]
    figure, axes = plt.subplots(1, len(shown), figsize=(3.3 * len(shown), 2.7), squeeze=False)
    for place, quantity in zip(axes.flat, shown, strict=True):
        label, logarithmic = QUANTITIES[quantity]
        tables: Mapping[str, pd.DataFrame] = {"layers as read": before, "sites as used": after}
        values = {name: table[quantity].dropna().to_numpy(float) for name, table in tables.items()}
        values = {name: v[v > 0] if logarithmic else v for name, v in values.items()}
        everything = np.concatenate(list(values.values()))
        low, high = np.quantile(everything, (0.001, 0.999))
        edges = np.geomspace(low, high, 41) if logarithmic else np.linspace(low, high, 41)
        for colour, (name, v) in zip(style.SERIES, values.items(), strict=False):
            weights = np.full(len(v), 1.0 / max(len(v), 1))
            place.hist(v.clip(low, high), edges, weights=weights, color=colour, alpha=0.5, label=f"{name} ({len(v)})")
        place.set(xlabel=label, yticks=[], xscale="log" if logarithmic else "linear")
        place.legend(fontsize=6)
    figure.tight_layout()
    style.save(figure, path)
