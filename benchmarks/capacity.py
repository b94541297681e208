"""Is the learned capacity of minerals one that others measured, and when does MOC exceed it?

    HYBRIDMAP_SHARED=../shared python benchmarks/capacity.py results/europe_open/experiments/all_neural [--figure PNG]

For every experiment with maps of `q_max` and `moc_saturation`: agreement with the half-degree maps of Georgiou et al.
(2022; MOC, and MOC at capacity, of 0 to 30 cm), which nothing was trained on, and rank correlation of `q_max` with the
aluminium and iron oxides of the Baltic Soil Survey. Then the process by itself, on parameters drawn from their ranges:
where the relaxed form exceeds the capacity, and what the constrained one does there.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
import torch
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.stats import spearmanr

from hybridmap.grid.store import grid_of
from hybridmap.grid.verified_store import open_verified
from hybridmap.plot import style
from hybridmap.plot.style import plt
from hybridmap.process import get_process

Array = NDArray[np.float64]
SHARED = Path(os.environ.get("HYBRIDMAP_SHARED", "../shared"))
CAPACITY = SHARED / "data/moc_synthesis/moc_mocmax_0p5deg.tif"
OXIDES = SHARED / "data/baltic_soil_survey/baltic_soil_survey_top.csv"
LAYER_M = 0.3
"""Depth of the published maps [m], to densities."""
DRAWS = 20_000


def at(values: Array, store: Path, lon: Array, lat: Array) -> Array:
    """Values of a map at places [degrees]; NaN outside it."""
    grid = grid_of(open_verified(store))
    x, y = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True).transform(lon, lat)
    column = np.floor((np.asarray(x) - grid.west) / grid.resolution).astype(int)
    row = np.floor((grid.north - np.asarray(y)) / grid.resolution).astype(int)
    is_on_map = (row >= 0) & (row < grid.height) & (column >= 0) & (column < grid.width)
    out = np.full(len(row), np.nan)
    out[is_on_map] = values[row[is_on_map], column[is_on_map]]
    return out


def cells_of_half_a_degree(values: Array, store: Path) -> tuple[Array, Array]:
    """Means of a map in the cells of the published one, and these (two bands: MOC and its capacity [kg m-3])."""
    grid = grid_of(open_verified(store))
    row, column = np.nonzero(np.isfinite(values))
    x, y = grid.west + (column + 0.5) * grid.resolution, grid.north - (row + 0.5) * grid.resolution
    lon, lat = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(x, y)
    with rasterio.open(CAPACITY) as file:
        published = file.read([1, 3], masked=True).filled(np.nan) / LAYER_M
        cell_row, cell_column = rasterio.transform.rowcol(file.transform, lon, lat)
    code = np.asarray(cell_row) * published.shape[2] + np.asarray(cell_column)
    codes, place = np.unique(code.astype(int), return_inverse=True)
    mean = np.bincount(place, values[row, column]) / np.bincount(place)
    flat = published.reshape(2, -1)[:, codes]
    is_known = np.isfinite(flat).all(axis=0) & (flat[1] > 0)
    return mean[is_known], flat[:, is_known]


def agreement(learned: Array, published: Array) -> dict[str, float]:
    """n, r, slope, bias and RMSE."""
    error = learned - published
    return {
        "cells": len(learned), "mean": learned.mean(), "published": published.mean(),
        "r": np.corrcoef(learned, published)[0, 1], "slope": np.polyfit(published, learned, 1)[0],
        "bias": error.mean(), "RMSE": np.sqrt((error**2).mean()),
    }  # fmt: skip


def outside_check(experiment: Path) -> list[dict[str, object]]:
    """Rows of one experiment."""
    store = experiment / "maps.zarr"
    root = open_verified(store)
    rows: list[dict[str, object]] = []
    for name, published_of in (
        ("q_max", lambda p: p[1]),
        ("moc", lambda p: p[0]),
        ("moc_saturation", lambda p: p[0] / p[1]),
    ):
        values = np.asarray(root[name][:], dtype=float)
        learned, published = cells_of_half_a_degree(values, store)
        rows.append({"experiment": experiment.name, "map": name, **agreement(learned, published_of(published))})
    oxides = pd.read_csv(OXIDES)
    at_sites = at(np.asarray(root["q_max"][:], dtype=float), store, oxides["lon"].to_numpy(), oxides["lat"].to_numpy())
    for column in ("Al2O3_pct", "Fe2O3_pct"):
        is_known = np.isfinite(at_sites) & oxides[column].notna().to_numpy()
        rank = spearmanr(at_sites[is_known], oxides[column][is_known]).statistic
        rows.append({"experiment": experiment.name, "map": f"q_max, {column}", "cells": is_known.sum(), "r": rank})
    return rows


def drawn_soils(seed: int = 0) -> pd.DataFrame:
    """MOC over capacity of both forms for parameters drawn over their ranges, in plausible climates."""
    random = np.random.default_rng(seed)
    process = {form: get_process("five_pool", formulation=form) for form in ("relaxed", "constrained")}
    values = {}
    for p in process["relaxed"].parameters:
        share = random.uniform(0, 1, DRAWS)
        is_log = p.scale == "log"
        values[p.name] = torch.tensor(
            p.lower * (p.upper / p.lower) ** share if is_log else p.lower + share * (p.upper - p.lower)
        )
    values["a_m"] = torch.zeros(DRAWS, dtype=torch.float64)
    forcing = {
        "npp": torch.tensor(random.uniform(50, 1200, DRAWS)),
        "mat": torch.tensor(random.uniform(-2, 22, DRAWS)),
        "depth": torch.tensor(0.2, dtype=torch.float64),
    }
    out = {form: model(values, forcing) for form, model in process.items()}
    table = {f"saturation_{form}": o["moc_saturation"].numpy() for form, o in out.items()}
    table |= {name: out["relaxed"][name].numpy() for name in ("margin_uptake", "margin_poc", "doc")}
    return pd.DataFrame({**table, "npp": forcing["npp"].numpy(), "mat": forcing["mat"].numpy()})


def saturation_figure(soils: pd.DataFrame, path: Path) -> None:
    """MOC over its capacity against the margin of uptake, for both forms."""
    figure, axes = plt.subplots(1, 2, figsize=(9.6, 3.8), sharey=True)
    for panel, form in zip(axes, ("relaxed", "constrained"), strict=True):
        over = soils[f"saturation_{form}"]
        is_bad = (over > 1) | (over < 0)
        for selected, colour, label in ((~is_bad, style.ACCENT, "possible"), (is_bad, style.WARNING, "impossible")):
            panel.scatter(
                soils["margin_uptake"][selected], over[selected].clip(-2, 3), s=3, color=colour, label=label, lw=0
            )
        panel.axhline(1, color=style.INK, linewidth=0.8)
        panel.axvline(0, color=style.INK, linewidth=0.8, linestyle=":")
        panel.set_xscale("symlog", linthresh=0.1)
        panel.set(title=f"{form}: {is_bad.mean():.0%} impossible", xlabel="margin of uptake, V$_U$B/U $-$ 1")
    axes[0].set_ylabel("MOC / Q$_{max}$ (cut at $-$2 and 3)")
    axes[0].legend(loc="lower right", markerscale=3)
    figure.tight_layout()
    style.save(figure, path)


def main() -> None:
    """Print the tables, and draw the figure if it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiments", nargs="*", type=Path, help="folders of experiments with maps")
    parser.add_argument("--figure", type=Path, help="PNG of MOC over capacity by margin")
    args = parser.parse_args()
    rows = [row for experiment in args.experiments for row in outside_check(experiment)]
    if rows:
        print(pd.DataFrame(rows).round(2).to_string(index=False, na_rep=""))
    soils = drawn_soils()
    over = soils["saturation_relaxed"] > 1
    beyond = soils["saturation_relaxed"] < 0
    print(f"\n{DRAWS} soils with parameters drawn over their ranges, relaxed: MOC/Qmax above 1 at {over.mean():.1%},")
    print(f"below 0 at {beyond.mean():.1%}; DOC is negative at {(soils['doc'][over] < 0).mean():.0%} of those above 1,")
    print(f"the margin of uptake at {(soils['margin_uptake'][over] < 0).mean():.0%}.")
    constrained = soils["saturation_constrained"]
    impossible = constrained[over | beyond]
    print(f"constrained: {constrained.min():.3f} to {constrained.max():.4f}.")
    print(f"the impossible ones: {impossible.min():.2f} to {impossible.max():.2f}, median {impossible.median():.2f}.")
    for name in ("npp", "mat"):
        medians = [soils[name][part].median() for part in (over, ~over)]
        print(f"median {name}: {medians[0]:.0f} where above 1, {medians[1]:.0f} elsewhere")
    if args.figure:
        saturation_figure(soils, args.figure)


if __name__ == "__main__":
    main()
