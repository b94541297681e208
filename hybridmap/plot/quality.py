"""Figures of quality control: what was dropped, where, and what it did to the distributions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.plot import style
from hybridmap.plot.maps import MapFrame
from hybridmap.plot.style import plt

Coordinates = NDArray[np.float64]
COLUMNS = {
    "oc_g_kg": ("organic carbon [g kg$^{-1}$]", True),
    "bd_fine_g_cm3": ("bulk density [g cm$^{-3}$]", False),
    "cf_vol": ("coarse fragments [volume share]", False),
    "soc_density_kg_m3": ("SOC density [kg m$^{-3}$]", True),
}
"""Column → label, and whether its axis is logarithmic."""


def quality_figure(ladder: pd.DataFrame, path: Path) -> None:
    """Write what quality control dropped: counts by source and rule.

    Parameters
    ----------
    ladder : DataFrame
        ``stage, rule, unit, source, dropped``.
    path : Path
        PNG to write.
    """
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
        axes.legend(fontsize=7, loc="upper right")
    style.save(figure, path)


def dropped_map(dropped: pd.DataFrame, x: Coordinates, y: Coordinates, frame: MapFrame, path: Path) -> None:
    """Write a map of dropped rows and values, coloured by rule, over the sites that were kept.

    Parameters
    ----------
    dropped : DataFrame
        ``lon``, ``lat`` [degree], ``rule``.
    x, y : array, shape (site,)
        Coordinates of the sites that were kept, in the CRS of the grid.
    frame : MapFrame
        What they are drawn in.
    path : Path
        PNG to write.
    """
    figure, axes = plt.subplots(figsize=(7.5, 7.5 * frame.grid.height / frame.grid.width * 0.85 + 0.4))
    frame.draw_lines(axes)
    axes.scatter(x, y, s=3, color="#c9d1d6", linewidths=0, label=f"kept ({len(x)} sites)")
    located = dropped.dropna(subset=["lon", "lat"])
    at_x, at_y = frame.grid.to_grid(located["lon"].to_numpy(float), located["lat"].to_numpy(float))
    west, south, east, north = frame.grid.bounds
    inside = (at_x >= west) & (at_x <= east) & (at_y >= south) & (at_y <= north)
    rules = located["rule"].where(inside).value_counts()
    for colour, (rule, count) in zip(style.SERIES, rules.items(), strict=False):
        hit = inside & (located["rule"] == rule).to_numpy()
        axes.scatter(at_x[hit], at_y[hit], s=7, color=colour, linewidths=0, label=f"{rule} ({count})")
    frame.set_axes(axes, f"Dropped by quality control ({int((~inside).sum())} more outside the map)")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=2)
    style.save(figure, path)


def distributions_figure(layers: pd.DataFrame, sites: pd.DataFrame, path: Path) -> None:
    """Write histograms of layers as read and of sites as used.

    Parameters
    ----------
    layers, sites : DataFrame
        With the columns of :data:`COLUMNS`.
    path : Path
        PNG to write.
    """
    columns = [column for column in COLUMNS if sites[column].notna().any()]
    figure, axes = plt.subplots(1, len(columns), figsize=(3.3 * len(columns), 2.7), squeeze=False)
    for panel, column in zip(axes.flat, columns, strict=True):
        label, is_logarithmic = COLUMNS[column]
        tables: Mapping[str, pd.DataFrame] = {"layers as read": layers, "sites as used": sites}
        values = {name: table[column].dropna().to_numpy(float) for name, table in tables.items()}
        values = {name: v[v > 0] if is_logarithmic else v for name, v in values.items()}
        low, high = np.quantile(np.concatenate(list(values.values())), (0.001, 0.999))
        edges = np.geomspace(low, high, 41) if is_logarithmic else np.linspace(low, high, 41)
        for colour, (name, v) in zip(style.SERIES, values.items(), strict=False):
            weights = np.full(len(v), 1.0 / max(len(v), 1))
            panel.hist(v.clip(low, high), edges, weights=weights, color=colour, alpha=0.5, label=f"{name} ({len(v)})")
        panel.set(xlabel=label, yticks=[], xscale="log" if is_logarithmic else "linear")
        panel.legend(fontsize=6, loc="upper right")
    figure.tight_layout()
    style.save(figure, path)
