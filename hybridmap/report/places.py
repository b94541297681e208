"""What lies over the maps of the explorer: sites with their folds, borders, and degrees to find one's way by."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pyproj import Transformer
from shapely import get_coordinates, get_parts
from shapely.ops import linemerge, unary_union

from hybridmap.grid.region_grid import RegionGrid
from hybridmap.plot.maps import MapFrame
from hybridmap.report.packed_maps import FINEST, packed
from hybridmap.report.results import Results

NODES = 17
"""Rows and columns of places whose degrees are known; between them the page draws straight lines."""
TENTHS = 10
"""Borders are in tenths of a cell."""
MOST_POINTS = 30_000
COLUMNS = ("row", "col", "value", "year", "top_cm", "bottom_cm")


def degrees(grid: RegionGrid) -> dict[str, Any]:
    """Longitude and latitude of nodes over the grid, row by row.

    Parameters
    ----------
    grid : RegionGrid
        Of the region.

    Returns
    -------
    dict
        ``nodes`` along each edge, ``lon`` and ``lat`` (node * node); None where the projection has no degrees.
    """
    x = grid.west + np.linspace(0, grid.width, NODES) * grid.resolution
    y = grid.north - np.linspace(0, grid.height, NODES) * grid.resolution
    columns, rows = np.meshgrid(x, y)
    lon, lat = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(columns, rows)
    return {"nodes": NODES, "lon": _rounded(lon), "lat": _rounded(lat)}


def _rounded(values: Any) -> list[float | None]:
    flat = np.asarray(values, dtype="float64").reshape(-1)
    return [round(float(v), 4) if np.isfinite(v) else None for v in flat]


def borders(frame: MapFrame) -> list[list[int]]:
    """Borders of the region as lines of column and row in tenths of a cell, simplified to what a cell shows.

    Parameters
    ----------
    frame : MapFrame
        What maps are drawn in.

    Returns
    -------
    list of list of int
        Each ``[column, row, column, row ...]``.
    """
    if frame.lines is None or not len(frame.lines):
        return []
    grid = frame.grid
    merged = unary_union(frame.lines.to_numpy())
    merged = linemerge(merged) if merged.geom_type == "MultiLineString" else merged
    tolerance = 0.4 * grid.resolution
    lines = _lines(merged, tolerance)
    while sum(map(len, lines)) > MOST_POINTS:
        tolerance *= 2.0
        lines = _lines(merged, tolerance)
    return [np.rint((line - (grid.west, grid.north)) * (TENTHS / grid.resolution, -TENTHS / grid.resolution))
            .astype(int).reshape(-1).tolist() for line in lines]  # fmt: skip


def _lines(merged: Any, tolerance: float) -> list[Any]:
    parts = get_parts(merged.simplify(tolerance))
    lines = [get_coordinates(part) for part in parts if part.geom_type == "LineString" and part.length > tolerance]
    return lines


class Sites(NamedTuple):
    """Samples for the page: what each column is, and its packed text."""

    facts: dict[str, Any]
    texts: list[str]


def site_table(results: Results) -> Sites:
    """Samples as columns of packed numbers, each in the cell that it lies in.

    Parameters
    ----------
    results : Results
        Of the region.

    Returns
    -------
    Sites
        Facts: ``label`` and ``unit`` of the main quantity, names of the ``sources``, and of each column which of the
        texts it is.
    """
    quantity = next(iter(results.config.all_quantities.values()))
    samples = results.samples
    table = samples[["row", "col", "year", "top_cm", "bottom_cm"]].assign(value=samples[quantity.column])
    columns: dict[str, pd.Series] = {name: table[name] for name in COLUMNS}
    sources = list(dict.fromkeys(samples["source"]))
    columns["source"] = samples["source"].map({name: i for i, name in enumerate(sources)})
    for split in results.config.splits:
        of_site = results.splits[results.splits["scheme"] == split.name].drop_duplicates("site_id")
        columns[f"fold {split.name}"] = samples["site_id"].map(of_site.set_index("site_id")["fold"])
    facts: dict[str, Any] = {}
    texts: list[str] = []
    for name, values in columns.items():
        numbers = packed(values.to_numpy("float64", na_value=np.nan), FINEST)
        facts[name] = {"text": len(texts), **numbers.facts()}
        texts.append(numbers.text)
    about = {"n": len(samples), "label": quantity.label, "unit": quantity.unit, "sources": sources,
             "schemes": [split.name for split in results.config.splits], "columns": facts}  # fmt: skip
    return Sites(about, texts)
