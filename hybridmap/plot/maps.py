"""Maps of pools and parameters, with the lines of the region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from shapely.geometry import box

from hybridmap.grid.mask import read_polygons
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.plot import style
from hybridmap.plot.style import plt

Field = NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """One map to draw: values (row, column), title, unit, colour map and limits (2nd to 98th percentile if None)."""

    values: Field
    title: str
    unit: str
    colours: str = style.PARAMETER
    limits: tuple[float, float] | None = None


def read_boundaries(path: Path | None, grid: RegionGrid) -> gpd.GeoSeries | None:
    """Outlines of polygons inside the grid, in its CRS."""
    if path is None:
        return None
    return read_polygons(path, grid).boundary.clip(box(*grid.bounds))


def draw(axes: Axes, layer: Layer, grid: RegionGrid, boundaries: gpd.GeoSeries | None) -> None:
    """Draw one map with its colour bar."""
    known = layer.values[np.isfinite(layer.values)]
    low, high = layer.limits or (np.quantile(known, (0.02, 0.98)) if known.size else (0.0, 1.0))
    if high <= low:
        high = low + max(abs(low) * 1e-3, 1e-9)
    west, south, east, north = grid.bounds
    colours = plt.get_cmap(layer.colours).with_extremes(bad=style.NO_DATA)
    image = axes.imshow(
        layer.values, extent=(west, east, south, north), cmap=colours, vmin=low, vmax=high, interpolation="nearest"
    )
    if boundaries is not None and len(boundaries):
        boundaries.plot(ax=axes, color="#30343880", linewidth=0.35)
    axes.set(xlim=(west, east), ylim=(south, north), xticks=[], yticks=[], xlabel="", ylabel="", title=layer.title)
    axes.set_aspect("equal")
    for spine in axes.spines.values():
        spine.set_visible(False)
    outside = bool((known < low).any()), bool((known > high).any())
    extend = {(True, True): "both", (True, False): "min", (False, True): "max"}.get(outside, "neither")
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.75, pad=0.015, extend=extend, aspect=25)
    bar.set_label(_unit(layer.unit))
    bar.locator = MaxNLocator(5)
    bar.update_ticks()
    bar.outline.set_visible(False)


def map_figure(
    layers: list[Layer], grid: RegionGrid, boundaries: gpd.GeoSeries | None, path: Path, columns: int = 3
) -> None:
    """Write a figure of one or more maps."""
    columns = min(columns, len(layers))
    rows = -(-len(layers) // columns)
    wide = {1: 7.0, 2: 4.6}.get(columns, 3.6)
    tall = wide * grid.height / grid.width * 0.82 + 0.35
    figure, axes = plt.subplots(rows, columns, figsize=(wide * columns, tall * rows), squeeze=False)
    for place, layer in zip(axes.flat, layers, strict=False):
        draw(place, layer, grid, boundaries)
    for place in list(axes.flat)[len(layers) :]:
        place.set_axis_off()
    figure.tight_layout()
    style.save(figure, path)


def truth_figure(
    learned: Mapping[str, Field], true: Mapping[str, Field], units: Mapping[str, str], path: Path
) -> dict[str, float]:
    """Write learned against true values of every quantity in both, and return the Pearson correlations."""
    names = [name for name in learned if name in true]
    columns = min(5, len(names))
    rows = -(-len(names) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.6 * columns, 2.6 * rows), squeeze=False)
    correlations: dict[str, float] = {}
    for place, name in zip(axes.flat, names, strict=False):
        both = np.isfinite(learned[name]) & np.isfinite(true[name])
        x, y = true[name][both], learned[name][both]
        constant = np.ptp(y) <= 1e-6 * max(abs(float(y.mean())), 1e-12) if y.size else True
        correlations[name] = float("nan") if constant else float(np.corrcoef(x, y)[0, 1])
        low, high = (float(v) for v in np.quantile(np.concatenate([x, y]), (0.001, 0.999)))
        place.hexbin(x, y, gridsize=40, mincnt=1, bins="log", cmap=style.COUNTS, extent=(low, high, low, high))
        place.plot([low, high], [low, high], color=style.WARNING, linewidth=0.8)
        place.set(
            xlim=(low, high), ylim=(low, high), title=name, xlabel=f"true [{_unit(units[name])}]", ylabel="learned"
        )
        place.text(0.04, 0.92, f"r = {correlations[name]:.2f}", transform=place.transAxes)
    for place in list(axes.flat)[len(names) :]:
        place.set_axis_off()
    figure.tight_layout()
    style.save(figure, path)
    return correlations


def sites_figure(
    x: Any, y: Any, fold: Any, grid: RegionGrid, boundaries: gpd.GeoSeries | None, titles: list[str], path: Path
) -> None:
    """Write a map of the sites for each split scheme, coloured by fold; `x`, `y` and `fold` are lists of arrays."""
    n = len(titles)
    figure, axes = plt.subplots(1, n, figsize=(5.2 * n, 5.2 * grid.height / grid.width + 0.4), squeeze=False)
    west, south, east, north = grid.bounds
    for place, xs, ys, folds, title in zip(axes.flat, x, y, fold, titles, strict=True):
        if boundaries is not None and len(boundaries):
            boundaries.plot(ax=place, color="#30343860", linewidth=0.35)
        place.scatter(
            xs, ys, c=folds, cmap="Set2" if max(folds) < 8 else "tab20", s=2.5 if len(xs) > 4000 else 7, linewidths=0
        )
        place.set(xlim=(west, east), ylim=(south, north), xticks=[], yticks=[], xlabel="", ylabel="", title=title)
        place.set_aspect("equal")
    figure.tight_layout()
    style.save(figure, path)


def _unit(unit: str) -> str:
    """A unit as printed: exponents raised, "-" for a ratio."""
    if unit in ("1", ""):
        return "–"
    for exponent in ("-1", "-2", "-3", "2", "3"):
        unit = unit.replace(f"m{exponent}", f"m$^{{{exponent}}}$").replace(f"yr{exponent}", f"yr$^{{{exponent}}}$")
        unit = unit.replace(f"kg{exponent}", f"kg$^{{{exponent}}}$")
    return unit
