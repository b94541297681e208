"""The grid of a drafted region: around the places of a table, in an equal-area CRS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from hybridmap.check.draft_columns import DraftColumn, each_number
from hybridmap.errors import HybridmapError
from hybridmap.observations.tables.source_table import SourceTable

EUROPE, UNITED_STATES = ((-25, 34, 45, 72), "EPSG:3035"), ((-125, 24, -66, 50), "EPSG:5070")
STEPS = (1.0, 2.0, 5.0)
CELLS = 400
"""About as many cells along the longer side, and no fewer than 100."""
BLOCKS = (6, 8, 10, 12, 16)
"""About as many blocks of a fold along the shorter side."""
PLACES, FILLED = 5, 24
"""Places of a block, and blocks with so many, from which on a little loss leaves intervals of areas (5 and 20)."""
CODES = (999.0, 9999.0, 99999.0, 999999.0, 9999999.0)
"""Sizes of coordinates that mean "not known"."""
Box = tuple[float, float, float, float]
"""West, south, east, north."""


class Extent(NamedTuple):
    """The grid, and folds that fit the places.

    Attributes
    ----------
    crs : str
        Of the grid, in metres.
    bounds : (west, south, east, north)
        In units of the CRS.
    resolution : float
        Edge of a cell in units of the CRS.
    block_km : float
        Edge of the blocks of a split.
    filled_blocks : int
        Blocks with enough places.
    """

    crs: str
    bounds: Box
    resolution: float
    block_km: float
    filled_blocks: int


def extent_of(table: SourceTable, columns: Mapping[str, DraftColumn], crs: str) -> tuple[Extent, list[str]]:
    """Grid around the places of a table.

    Parameters
    ----------
    table : SourceTable
        Opened.
    columns : mapping of str to DraftColumn
        Its likely columns by field.
    crs : str
        Of coordinates that are not degrees.

    Returns
    -------
    tuple of Extent and list of str
        The grid, and a sentence about rows that are no place.

    Raises
    ------
    HybridmapError
        If there are no coordinates, or they are not in the given system.
    """
    pair = ("x", "y") if crs else ("lon", "lat")
    if absent := [axis for axis in pair if axis not in columns]:
        advice = "" if crs else "; for coordinates in metres name their system, as --crs EPSG:5514"
        raise HybridmapError(
            f"{table.path}: no column looks like '{absent[0]}' among {', '.join(table.columns)}{advice}."
        )
    names = [columns[axis].name for axis in pair]
    rows = table.read([column.name for column in columns.values()])  # a row without a place is not an empty one
    places, note = _places(rows, names, table)
    if not crs and (np.abs(places[0]).max() > 360 or np.abs(places[1]).max() > 90):
        raise HybridmapError(
            f"{table.path}: '{names[0]}' and '{names[1]}' are no degrees; name their system, as --crs EPSG:5514."
        )
    box = (places[0].min(), places[1].min(), places[0].max(), places[1].max())
    degrees = box if not crs else _transformed(box, crs, "EPSG:4326")
    target = _equal_area(degrees)
    west, south, east, north = _transformed(degrees, "EPSG:4326", target)
    step = nice(max(east - west, north - south, 1000.0) / CELLS)
    margin = 2 * step
    bounds = (
        np.floor((west - margin) / step) * step,
        np.floor((south - margin) / step) * step,
        np.ceil((east + margin) / step) * step,
        np.ceil((north + margin) / step) * step,
    )
    return Extent(target, bounds, step, *_blocks(places, crs or "EPSG:4326", target, bounds)), note


def _blocks(places: NDArray[np.float64], crs: str, target: str, bounds: Box) -> tuple[float, int]:
    """Edge [km] of blocks, and how many of them have places enough.

    The largest that fill as many as intervals of areas need; where none do, a sixth of the shorter side.
    """
    x, y = Transformer.from_crs(CRS(crs), CRS(target), always_xy=True).transform(*np.unique(places, axis=1))
    west, south, east, north = bounds
    edges_km = [nice(min(east - west, north - south) / 1000.0 / number) for number in BLOCKS]
    counts = {edge: _filled(x, y, 1000.0 * edge) for edge in edges_km}
    edge_km = next((edge for edge, count in counts.items() if count >= FILLED), edges_km[0])
    return edge_km, counts[edge_km]


def _filled(x: NDArray[np.float64], y: NDArray[np.float64], edge: float) -> int:
    """Squares of the grid with so many places."""
    squares = np.stack([np.floor(x / edge), np.floor(y / edge)])
    return int((np.unique(squares, axis=1, return_counts=True)[1] >= PLACES).sum())


def _places(rows: pd.DataFrame, names: list[str], table: SourceTable) -> tuple[NDArray[np.float64], list[str]]:
    """Coordinates of the rows that have some, (2, row), and a sentence where others have none or lie at (0, 0)."""
    pairs = np.stack([each_number(rows[name]) for name in names])
    is_absent = (~np.isfinite(pairs) | np.isin(np.abs(pairs), CODES)).any(axis=0)
    is_origin = (pairs == 0).all(axis=0)
    places = pairs[:, ~is_absent & ~is_origin]
    if not places.size:
        raise HybridmapError(
            f"{table.path}: '{names[0]}' and '{names[1]}' hold no place, in {len(rows)} rows; expected numbers."
        )
    counts = {"without coordinates": int(is_absent.sum()), "at (0, 0)": int(is_origin.sum())}
    words = " and ".join(f"{count} rows {place}" for place, count in counts.items() if count)
    return places, [f"{table.path.name}: {words} are left out of the bounds of the grid"] if words else []


def _transformed(box: Box, source: str, target: str) -> Box:
    try:
        return Transformer.from_crs(CRS(source), CRS(target), always_xy=True).transform_bounds(*box)
    except CRSError as error:
        raise HybridmapError(
            f"--crs {source}: no coordinate reference system; expected one as EPSG:5514 ({error})."
        ) from None


def _equal_area(box: Box) -> str:
    """An equal-area CRS for degrees: that of Europe, of the United States, or one around the middle."""
    west, south, east, north = box
    for (left, lower, right, upper), name in (EUROPE, UNITED_STATES):
        if left <= west and lower <= south and east <= right and north <= upper:
            return name
    return f"+proj=laea +lat_0={(south + north) / 2:.1f} +lon_0={(west + east) / 2:.1f} +datum=WGS84 +units=m"


def nice(value: float) -> float:
    """The next of 1, 2 or 5 times a power of ten.

    Examples
    --------
    >>> nice(0.3), nice(740.0), nice(1000.0)
    (0.5, 1000.0, 1000.0)
    """
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (*STEPS, 10.0) if step * power >= value * (1 - 1e-9)))
