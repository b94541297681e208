"""Maps of pools and parameters, with the lines of the region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from shapely.geometry import box

from hybridmap.grid.mask import read_polygons
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.plot import style
from hybridmap.plot.style import plt
from hybridmap.predict.colours import FOLDS, class_colours

Field = NDArray[np.float32]
Extent = tuple[float, float, float, float]
MOST_NUMBERS = 50
"""Places whose rank is written beside them."""


MARKERS = "os^D"
"""Shapes of the sites of folds, so that colours alone need not tell them apart."""


@dataclass(frozen=True)
class Layer:
    """One map to draw.

    Attributes
    ----------
    values : array, shape (row, column)
        NaN where there is no data.
    title, unit : str
        Above the map, and of its values.
    colours : str
        Colour map.
    limits : pair of float, optional
        Ends of the colours, in the unit; the 2nd and 98th percentile if absent.
    is_hatched : bool
        Whether lines are drawn over it: its values are not what observations say.
    classes : mapping of int to str
        What its values mean, where they are classes.
    """

    values: Field
    title: str
    unit: str
    colours: str = style.PARAMETER
    limits: tuple[float, float] | None = None
    is_hatched: bool = False
    classes: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MapFrame:
    """What every map of a region is drawn in: its grid, and lines to find one's way by, if there are some."""

    grid: RegionGrid
    lines: gpd.GeoSeries | None = None

    @classmethod
    def read(cls, grid: RegionGrid, boundaries: Path | None) -> MapFrame:
        """With the outlines of the polygons of a file, where they lie on the grid."""
        if boundaries is None:
            return cls(grid)
        return cls(grid, read_polygons(boundaries, grid).boundary.clip(box(*grid.bounds)))

    def draw_lines(self, axes: Axes, colour: str = "#30343860") -> None:
        """Draw the lines."""
        if self.lines is not None and len(self.lines):
            self.lines.plot(ax=axes, color=colour, linewidth=0.35)

    def set_axes(self, axes: Axes, title: str = "") -> None:
        """Set the limits of the axes to those of the grid, without ticks."""
        west, south, east, north = self.grid.bounds
        axes.set(xlim=(west, east), ylim=(south, north), xticks=[], yticks=[], xlabel="", ylabel="", title=title)
        axes.set_aspect("equal")


def draw(axes: Axes, layer: Layer, frame: MapFrame) -> None:
    """Draw one map with its colour bar.

    Parameters
    ----------
    axes : Axes
        To draw in.
    layer : Layer
        The map.
    frame : MapFrame
        What it is drawn in.
    """
    west, south, east, north = frame.grid.bounds
    extent = (west, east, south, north)
    draw_values = _draw_classes if layer.classes else _draw_ramp
    draw_values(axes, layer, extent)
    if layer.is_hatched:
        _hatch(axes, layer.values, extent)
    frame.draw_lines(axes, "#30343880")
    frame.set_axes(axes, layer.title)
    _draw_scale_bar(axes, frame.grid)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_ramp(axes: Axes, layer: Layer, extent: Extent) -> None:
    """Values as colours between two ends, and the bar that says which."""
    valid = layer.values[np.isfinite(layer.values)]
    low, high = layer.limits or (np.quantile(valid, (0.02, 0.98)) if valid.size else (0.0, 1.0))
    if high <= low:
        high = low + max(abs(low) * 1e-3, 1e-9)
    colours = plt.get_cmap(layer.colours).with_extremes(bad=style.NO_DATA)
    image = axes.imshow(layer.values, extent=extent, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
    outside = bool((valid < low).any()), bool((valid > high).any())
    extend = {(True, True): "both", (True, False): "min", (False, True): "max"}.get(outside, "neither")
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.75, pad=0.015, extend=extend, aspect=25)
    bar.set_label(_unit(layer.unit))
    bar.locator = MaxNLocator(5)
    bar.update_ticks()
    bar.outline.set_visible(False)


def _draw_classes(axes: Axes, layer: Layer, extent: Extent) -> None:
    """A colour a class, and what it means below."""
    codes = list(layer.classes)
    colours = class_colours(len(codes))
    palette = ListedColormap(colours).with_extremes(bad=style.NO_DATA)
    place = np.full(layer.values.shape, np.nan)
    for number, code in enumerate(codes):
        place[layer.values == code] = number
    axes.imshow(place, extent=extent, cmap=palette, vmin=-0.5, vmax=len(codes) - 0.5, interpolation="nearest")
    patches = [Patch(color=colour, label=text) for colour, text in zip(colours, layer.classes.values(), strict=True)]
    axes.legend(handles=patches, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=len(codes), fontsize=8)


def _draw_scale_bar(axes: Axes, grid: RegionGrid) -> None:
    """A round length, about a fifth of the map wide, in its lower left corner."""
    west, south, east, north = grid.bounds
    metres = grid.metres_per_unit() * (np.cos(np.radians((south + north) / 2)) if grid.crs.is_geographic else 1.0)
    fifth = 0.22 * (east - west) * metres
    power = 10.0 ** np.floor(np.log10(fifth))
    length = max(step * power for step in (1, 2, 5) if step * power <= fifth)
    x, y = west + 0.02 * (east - west), south + 0.025 * (north - south)
    axes.plot([x, x + length / metres], [y, y], color=style.INK, linewidth=2.0, solid_capstyle="butt")
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    axes.annotate(text, (x, y), xytext=(0, 2), textcoords="offset points", fontsize=6.5, color=style.INK)


def _hatch(axes: Axes, values: Field, extent: tuple[float, float, float, float]) -> None:
    """Lines over all cells that have a value."""
    with plt.rc_context({"hatch.linewidth": 0.6, "hatch.color": "#ffffffb0"}):
        axes.contourf(
            np.isfinite(values), levels=[0.5, 1.5], colors="none", hatches=["////"], extent=extent, origin="upper"
        )


def map_figure(layers: list[Layer], frame: MapFrame, path: Path, columns: int = 3) -> None:
    """Write a figure of one or more maps.

    Parameters
    ----------
    layers : list of Layer
        The maps, in order.
    frame : MapFrame
        What they are drawn in.
    path : Path
        PNG to write.
    columns : int
        Maps side by side at most.
    """
    columns = min(columns, len(layers))
    rows = -(-len(layers) // columns)
    width = {1: 7.0, 2: 4.6}.get(columns, 3.6)
    height = width * frame.grid.height / frame.grid.width * 0.82 + 0.35
    figure, axes = plt.subplots(rows, columns, figsize=(width * columns, height * rows), squeeze=False)
    for panel, layer in zip(axes.flat, layers, strict=False):
        draw(panel, layer, frame)
    _hide_rest(axes, len(layers))
    figure.tight_layout()
    style.save(figure, path)


def truth_figure(
    learned: Mapping[str, Field], true: Mapping[str, Field], units: Mapping[str, str], path: Path
) -> dict[str, float]:
    """Write learned against true values of every quantity in both.

    Parameters
    ----------
    learned, true : mapping of str to array, shape (row, column)
        Maps by name; NaN where there is no data.
    units : mapping of str to str
        Unit of each.
    path : Path
        PNG to write.

    Returns
    -------
    dict of str to float
        Pearson correlation of each; NaN where what was learned is one number.
    """
    names = [name for name in learned if name in true]
    columns = min(5, len(names))
    rows = -(-len(names) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.6 * columns, 2.6 * rows), squeeze=False)
    correlations: dict[str, float] = {}
    for panel, name in zip(axes.flat, names, strict=False):
        valid = np.isfinite(learned[name]) & np.isfinite(true[name])
        x, y = true[name][valid], learned[name][valid]
        correlations[name] = _correlation(x, y)
        low, high = (float(v) for v in np.quantile(np.concatenate([x, y]), (0.001, 0.999)))
        panel.hexbin(x, y, gridsize=40, mincnt=1, bins="log", cmap=style.COUNTS, extent=(low, high, low, high))
        panel.plot([low, high], [low, high], color=style.WARNING, linewidth=0.8)
        panel.set(
            xlim=(low, high), ylim=(low, high), title=name, xlabel=f"true [{_unit(units[name])}]", ylabel="learned"
        )
        panel.text(
            0.04, 0.97, _agreement(x, y, correlations[name]), transform=panel.transAxes, va="top", fontsize=7,
            bbox={"facecolor": "#ffffffc0", "edgecolor": "none", "pad": 1},
        )  # fmt: skip
    _hide_rest(axes, len(names))
    figure.tight_layout()
    style.save(figure, path)
    return correlations


@dataclass(frozen=True)
class SiteFolds:
    """Sites of one split scheme: title, coordinates in the CRS of the grid, and the fold of each (site,)."""

    title: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    fold: NDArray[np.int64]


def sites_figure(schemes: Sequence[SiteFolds], frame: MapFrame, path: Path) -> None:
    """Write a map of the sites for each split scheme, coloured by fold.

    Parameters
    ----------
    schemes : sequence of SiteFolds
        The sites of each.
    frame : MapFrame
        What they are drawn in.
    path : Path
        PNG to write.
    """
    count = len(schemes)
    height = 5.2 * frame.grid.height / frame.grid.width + 0.4
    figure, axes = plt.subplots(1, count, figsize=(5.2 * count, height), squeeze=False)
    for panel, sites in zip(axes.flat, schemes, strict=True):
        frame.draw_lines(panel)
        size = 2.5 if len(sites.x) > 4000 else 9
        for fold in np.unique(sites.fold):
            of_fold, colour = sites.fold == fold, FOLDS[fold % len(FOLDS)]
            marker = MARKERS[fold % len(MARKERS)]
            panel.scatter(sites.x[of_fold], sites.y[of_fold], c=colour, marker=marker, s=size, linewidths=0)
        frame.set_axes(panel, sites.title)
    figure.tight_layout()
    style.save(figure, path)


def places_figure(cells: pd.DataFrame, ranked: pd.DataFrame, frame: MapFrame, path: Path) -> None:
    """Write a map of places in their order over the expected width of the interval.

    Parameters
    ----------
    cells : DataFrame
        ``x``, ``y`` and ``width`` of cells that stand for the map.
    ranked : DataFrame
        ``x``, ``y`` and ``rank`` of the places.
    frame : MapFrame
        What they are drawn in.
    path : Path
        PNG to write.
    """
    height = 7.0 * frame.grid.height / frame.grid.width + 0.4
    figure, axes = plt.subplots(figsize=(7.0, height))
    frame.draw_lines(axes)
    low, high = np.quantile(cells["width"], (0.02, 0.98))
    dots = axes.scatter(cells["x"], cells["y"], c=cells["width"], cmap=style.PARAMETER, s=6, vmin=low, vmax=high, lw=0)
    axes.scatter(ranked["x"], ranked["y"], s=26, facecolors="white", edgecolors=style.WARNING, linewidths=1.2)
    for place in ranked.head(MOST_NUMBERS).itertuples():
        axes.annotate(str(place.rank), (place.x, place.y), xytext=(4, 4), textcoords="offset points", fontsize=7)
    figure.colorbar(dots, ax=axes, shrink=0.75, pad=0.015).set_label("expected width of the interval")
    frame.set_axes(axes, "Where to sample next, in order")
    figure.tight_layout()
    style.save(figure, path)


def _hide_rest(axes: NDArray[Any], count: int) -> None:
    """Leave the panels after the first `count` blank."""
    for panel in list(axes.flat)[count:]:
        panel.set_axis_off()


def _correlation(x: Field, y: Field) -> float:
    """Of true and learned values; NaN where those learned do not vary."""
    is_constant = np.ptp(y) <= 1e-6 * max(abs(float(y.mean())), 1e-12) if y.size else True
    return float("nan") if is_constant else float(np.corrcoef(x, y)[0, 1])


def _agreement(true: Field, learned: Field, correlation: float) -> str:
    """Correlation, slope of learned on true values, mean and root mean square error, as printed."""
    if not true.size:
        return "no cells"
    error = learned.astype(float) - true.astype(float)
    varies = np.ptp(true) > 0
    slope = float(np.polyfit(true.astype(float), learned.astype(float), 1)[0]) if varies else float("nan")
    bias, rmse = float(error.mean()), float(np.sqrt((error**2).mean()))
    return f"r {correlation:.2f}, slope {slope:.2f}\nbias {bias:.3g}\nRMSE {rmse:.3g}"


def _unit(unit: str) -> str:
    """A unit as printed: exponents raised, "-" for a ratio."""
    if unit in ("1", ""):
        return "–"
    for exponent in ("-1", "-2", "-3", "2", "3"):
        unit = unit.replace(f"m{exponent}", f"m$^{{{exponent}}}$").replace(f"yr{exponent}", f"yr$^{{{exponent}}}$")
        unit = unit.replace(f"kg{exponent}", f"kg$^{{{exponent}}}$")
    return unit
