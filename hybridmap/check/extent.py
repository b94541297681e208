"""The region on the Earth: whether its bounds are meant as they stand, and whether folds fit into them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError

from hybridmap.config import Config, Split
from hybridmap.errors import HybridmapError, nearest
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.observations.build import site_columns
from hybridmap.observations.schema import SCHEMA
from hybridmap.samples.schemes import MOST_SQUARES, degree_squares

POINTS = 33
"""Points along an edge of the region that are looked at."""
LEAST_SHARE = 0.25
"""Of them on the Earth; the emptiest projection of a whole globe in use has two thirds."""
TOLERANCE = 1e-3
"""Share of the region's extent that a point may move by there and back."""


def check_extent(grid: RegionGrid) -> None:
    """Refuse a region most of which lies on no place of the Earth.

    Raises
    ------
    HybridmapError
        With the share that does.
    """
    share = float(np.isfinite(_places(grid)).all(axis=0).mean())
    if share < LEAST_SHARE:
        raise HybridmapError(
            f"only {100 * share:.0f} % of the bounds {list(grid.bounds)} are places on the Earth in {grid.crs.name};"
            " check that bounds are west, south, east, north in units of grid.crs."
        )


def split_checks(config: Config) -> Iterator[tuple[str, Callable[[], str]]]:
    """A check for every split by squares, distances or a column: its subject, and what it holds."""
    for split in config.splits:
        if split.kind in BLOCKS or split.buffer_km or split.column:
            yield f"split {split.name}", partial(_split, split, RegionGrid.of(config.grid))


def _split(split: Split, grid: RegionGrid) -> str:
    """Hold the size of blocks, and the buffer around test sites, to the size of the region."""
    west, south, east, north = grid.bounds
    diagonal_km = math.hypot(east - west, north - south) * grid.metres_per_unit() / 1000
    if split.buffer_km >= diagonal_km:
        raise HybridmapError(
            f"buffer_km {split.buffer_km:g} leaves no site for training: the region measures {diagonal_km:.0f} km from"
            " corner to corner; give a smaller one."
        )
    columns = site_columns(SCHEMA)
    if split.column and split.column not in columns:
        raise HybridmapError(f"no column '{split.column}'{nearest(split.column, columns)}; sites have {columns}.")
    if split.kind not in BLOCKS:
        return f"by {split.column}" if split.column else f"buffer of {split.buffer_km:g} km"
    key, count = BLOCKS[split.kind]
    blocks = count(split, grid)
    if blocks < split.folds:
        raise HybridmapError(
            f"{key} {getattr(split, key):g} makes {blocks:.0f} blocks of the region, which cannot fill {split.folds}"
            f" folds; use fewer folds or a smaller {key}."
        )
    if split.kind == "degree_block" and blocks > MOST_SQUARES:
        raise HybridmapError(
            f"{key} {getattr(split, key):g} makes {blocks:.1e} blocks of the region; at most {MOST_SQUARES:.0e} can be"
            f" dealt, so use a larger {key}."
        )
    return f"at most {blocks:.0f} blocks"


def _squares(split: Split, grid: RegionGrid) -> float:
    edge = split.size_km * 1000 / grid.metres_per_unit()
    west, south, east, north = (bound / edge for bound in grid.bounds)
    return (math.ceil(east) - math.floor(west)) * (math.ceil(north) - math.floor(south))


def _degree_squares(split: Split, grid: RegionGrid) -> float:
    lon, lat = _places(grid)
    inside = np.isfinite(lon) & np.isfinite(lat)
    columns, rows = degree_squares(lon[inside], lat[inside], split.size_degrees)[2:]
    return float(columns) * float(rows)


BLOCKS: dict[str, tuple[str, Callable[[Split, RegionGrid], float]]] = {
    "block": ("size_km", _squares),
    "degree_block": ("size_degrees", _degree_squares),
}
"""Kind of a split → the key of its size, and how many blocks the bounds of a region have at most."""


def _places(grid: RegionGrid) -> NDArray[np.float64]:
    """Longitude and latitude [degrees] of points all over the bounds, NaN off the Earth, shape (2, point)."""
    west, south, east, north = grid.bounds
    x, y = (a.ravel() for a in np.meshgrid(np.linspace(west, east, POINTS), np.linspace(south, north, POINTS)))
    to_degrees = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    try:
        lon, lat = (np.asarray(values, dtype=float) for values in to_degrees.transform(x, y))
        back_x, back_y = to_degrees.transform(lon, lat, direction="INVERSE")
    except ProjError as error:
        raise HybridmapError(f"grid.crs: {grid.crs.name} cannot be turned into degrees ({error}).") from None
    moved = np.hypot(back_x - x, back_y - y)
    with np.errstate(invalid="ignore"):
        on_earth = (moved <= TOLERANCE * max(east - west, north - south)) & (np.abs(lat) <= 90) & (np.abs(lon) <= 540)
    return np.where(on_earth, [lon, lat], np.nan)
