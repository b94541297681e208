"""Intervals of the totals of polygons, from what held-out blocks taught about the errors of areas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from hybridmap.errors import HybridmapError
from hybridmap.evaluate.area_errors import AreaErrors
from hybridmap.evaluate.spatial_covariance import places_of
from hybridmap.files.reading import read_state
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.quantities import Quantity
from hybridmap.units import factor_between

Array = NDArray[np.float64]
DENSITY = "kg m-3"
MOST_CELLS = 400
"""Cells that stand for a polygon."""


@dataclass(frozen=True)
class StockErrors:
    """Errors of the stock of one quantity.

    Attributes
    ----------
    errors : AreaErrors
        Of means over areas.
    unit_kg_m3 : float
        What the unit of the density is worth.
    thickness_m : float
        Of soil, where maps have no depth.
    least : float
        What a stock can be: 0, or minus infinity.
    """

    errors: AreaErrors
    unit_kg_m3: float
    thickness_m: float
    least: float


def read_stock_errors(
    calibration: Path | None, quantities: Mapping[str, Quantity], thickness_m: float
) -> dict[str, StockErrors]:
    """Read what held-out blocks taught.

    Parameters
    ----------
    calibration : Path or None
        ``conformal.json`` of the evaluation.
    quantities : mapping of str to Quantity
        What the region measures, by name.
    thickness_m : float
        Of the soil that is modelled.

    Returns
    -------
    dict of str to StockErrors
        By quantity, of those that have a stock; none where the file is of an earlier version.

    Raises
    ------
    HybridmapError
        If the file is something else.
    """
    if calibration is None:
        return {}
    try:
        areas = read_state(calibration).get("areas", {})
        errors = {name: AreaErrors.from_facts(facts) for name, facts in areas.items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise HybridmapError(f"{calibration}: not a conformal.json of 'hybridmap evaluate' ({error}).") from None
    return {
        name: StockErrors(
            errors[name], factor_between(quantity.unit, DENSITY), thickness_m, -np.inf if quantity.is_signed else 0.0
        )
        for name, quantity in quantities.items()
        if quantity.has_stock and name in errors
    }


class AreaSums(NamedTuple):
    """What an interval of a total needs of its polygon.

    Attributes
    ----------
    weight : float
        Sum of cell weights: area times half width, so that it is in the unit of the total.
    squares : float
        Sum of their squares.
    places : array, shape (place, 3)
        Cells that stand for the polygon [km].
    weights : array, shape (place,)
        Theirs.
    """

    weight: float
    squares: float
    places: Array
    weights: Array

    def interval(self, errors: AreaErrors) -> tuple[float, float]:
        """Ends of the error of the total, in its unit; NaN for a polygon without cells."""
        if not self.weight > 0:
            return np.nan, np.nan
        lower, upper = errors.interval(self.places, self.weights, self.squares / self.weight**2)
        return lower * self.weight, upper * self.weight


class AreaCells:
    """Sums over the cells of every polygon, and a sample of them that is the same whatever the tiles.

    Parameters
    ----------
    polygons : int
        How many.
    grid : RegionGrid
        Of the maps.
    """

    def __init__(self, polygons: int, grid: RegionGrid) -> None:
        self._grid = grid
        self._sums = np.zeros((polygons, 2))
        self._cells: list[NDArray[np.int64]] = [np.empty(0, np.int64)] * polygons
        self._weights: list[Array] = [np.empty(0)] * polygons

    def add(self, polygon: int, cells: NDArray[np.int64], weights: Array) -> None:
        """Count some cells to a polygon.

        Parameters
        ----------
        polygon : int
            Its number.
        cells : array of int, shape (cell,)
            Numbers on the grid, row by row.
        weights : array, shape (cell,)
            Area times half width.
        """
        is_counted = weights > 0
        cells, weights = cells[is_counted], weights[is_counted]
        self._sums[polygon] += weights.sum(), (weights**2).sum()
        cells = np.concatenate([self._cells[polygon], cells])
        weights = np.concatenate([self._weights[polygon], weights])
        if len(cells) > MOST_CELLS:
            kept_cells = np.argpartition(_scattered(cells), MOST_CELLS)[:MOST_CELLS]
            cells, weights = cells[kept_cells], weights[kept_cells]
        self._cells[polygon], self._weights[polygon] = cells, weights

    def sums(self, polygon: int) -> AreaSums:
        """What the interval of a polygon needs."""
        order = np.argsort(self._cells[polygon])
        row, col = np.divmod(self._cells[polygon][order], self._grid.width)
        to_degrees = Transformer.from_crs(self._grid.crs, "EPSG:4326", always_xy=True)
        lon, lat = to_degrees.transform(self._grid.x[col], self._grid.y[row])
        weight, squares = self._sums[polygon].tolist()
        return AreaSums(weight, squares, places_of(lon, lat), self._weights[polygon][order])


def _scattered(numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Numbers in an order that looks random and depends on nothing else (splitmix64)."""
    with np.errstate(over="ignore"):
        z: Any = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))
