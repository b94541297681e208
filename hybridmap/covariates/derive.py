"""Covariates computed from other layers on the grid of the region: terrain, months, and productivity of a climate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridmap.errors import HybridmapError, nearest
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.tiles import Tile

Field = NDArray[np.float32]
Months = NDArray[np.float32]
"""Shape (month, row, column)."""

TERRAIN = ("slope", "aspect_north", "aspect_east")
PRODUCTIVITY = "productivity"
MONTHLY: dict[str, Callable[[Months], Field]] = {
    "mean": lambda x: x.mean(axis=0),
    "sum": lambda x: x.sum(axis=0),
    "seasonality": lambda x: x.std(axis=0, ddof=1),
    "range": lambda x: x.max(axis=0) - x.min(axis=0),
}
"""Statistics of the twelve months of one quantity; seasonality is their standard deviation."""


def check_function(name: str, inputs: str | Mapping[str, str], label: str) -> None:
    """Raise HybridmapError unless `name` is a function that takes such inputs.

    Parameters
    ----------
    name : str
        One of :data:`TERRAIN`, :data:`MONTHLY` or :data:`BIOCLIM`, or :data:`PRODUCTIVITY`.
    inputs : str or mapping of str to str
        Name of a layer, or argument → name.
    label : str
        Names the layer in the error.
    """
    choices = [*TERRAIN, *MONTHLY, *BIOCLIM, PRODUCTIVITY]
    if name not in choices:
        raise HybridmapError(f"{label}: no function '{name}'{nearest(name, choices)}; there are {choices}.")
    if name in BIOCLIM and (isinstance(inputs, str) or set(inputs) != {"tmin", "tmax", "prec"}):
        raise HybridmapError(f"{label}: {name} needs 'of' with tmin, tmax and prec, each a monthly layer.")
    if name == PRODUCTIVITY:
        if isinstance(inputs, str) or set(inputs) != {"temperature", "precipitation"}:
            raise HybridmapError(
                f"{label}: {name} needs 'of' with temperature [degC] and precipitation [mm yr-1], each a layer."
            )
        return
    if name not in BIOCLIM and not isinstance(inputs, str):
        raise HybridmapError(f"{label}: {name} needs 'of' with the name of one layer.")


def terrain(name: str, height: Field, grid: RegionGrid, row: int) -> Field:
    """Slope [degrees], or the northern or eastern share of the aspect (-1 to 1, 0 where flat).

    Parameters
    ----------
    name : str
        One of :data:`TERRAIN`.
    height : array, shape (row + 2, column + 2)
        Elevation [m] with one row and column more at each side, NaN beyond the data.
    grid : RegionGrid
        For the size of cells on the ground and the direction of north, which vary from cell to cell.
    row : int
        Row of the grid of the first inner row.

    Returns
    -------
    array, shape (row, column), float32
        NaN where the cell itself has no elevation, for the aspect.

    Notes
    -----
    Horn 1981 (doi 10.1109/PROC.1981.11918), third-order differences of the eight neighbours. A missing neighbour
    continues the slope from the opposite one.

    Examples
    --------
    >>> from pyproj import CRS
    >>> grid = RegionGrid(CRS("EPSG:3035"), 4e6, 3e6, 100.0, 1, 1)
    >>> rising_north = np.array([[100.0] * 3, [0.0] * 3, [-100.0] * 3])
    >>> [round(terrain(name, rising_north, grid, 0).item(), 2) for name in ("slope", "aspect_north")]
    [45.01, -1.0]
    """
    inner = height[1:-1, 1:-1]
    along, up = _rises(height)
    rows, columns = inner.shape
    east, north = _ground_gradient(along, up, grid.ground_steps(Tile(row, row + rows, 0, columns)))
    steepness = np.hypot(east, north)
    if name == "slope":
        return np.asarray(np.degrees(np.arctan(steepness)), dtype="float32")
    # The aspect looks downhill.
    downhill = -(north if name == "aspect_north" else east)
    share = np.divide(downhill, steepness, out=np.zeros_like(steepness), where=steepness > 1e-9)
    return np.where(np.isnan(inner), np.nan, share).astype("float32")


def _rises(height: Field) -> tuple[Any, Any]:
    """Rise of the inner cells from one cell to the next along rows (to the east) and columns (to the north)."""
    inner = height[1:-1, 1:-1]
    rows, columns = inner.shape
    raw = {
        (dy, dx): height[1 + dy : 1 + dy + rows, 1 + dx : 1 + dx + columns] for dy in (-1, 0, 1) for dx in (-1, 0, 1)
    }
    z = {}
    for (dy, dx), neighbour in raw.items():
        # Beyond an edge the ground goes on as on the other side of the cell.
        opposite = raw[-dy, -dx]
        beyond = np.where(np.isnan(opposite), inner, 2 * inner - opposite)
        z[dy, dx] = np.where(np.isnan(neighbour), beyond, neighbour)
    along = (z[-1, 1] + 2 * z[0, 1] + z[1, 1] - z[-1, -1] - 2 * z[0, -1] - z[1, -1]) / 8
    up = (z[-1, -1] + 2 * z[-1, 0] + z[-1, 1] - z[1, -1] - 2 * z[1, 0] - z[1, 1]) / 8
    return along, up


def _ground_gradient(along: Any, up: Any, steps: NDArray[np.float64]) -> tuple[Any, Any]:
    """Rise a metre on the ground towards true east and true north, of rises a cell of the grid."""
    along_east, along_north, up_east, up_north = steps
    area = along_east * up_north - along_north * up_east
    return (along * up_north - up * along_north) / area, (up * along_east - along * up_east) / area


def productivity(temperature: Field, precipitation: Field) -> Field:
    """Net primary production that a climate allows.

    Parameters
    ----------
    temperature : array
        Annual mean [degC].
    precipitation : array
        Of a year [mm].

    Returns
    -------
    array, float32
        Carbon [g m-2 yr-1].

    Raises
    ------
    HybridmapError
        If the values are in other units: above 60 degC, or below 0 mm.

    Notes
    -----
    Miami model (Lieth 1975, doi 10.1007/978-3-642-80913-2_12): the lower of what warmth and what water allow, dry
    matter, of which 0.45 is carbon. It knows no soil, no land use and no harvest.

    Examples
    --------
    >>> productivity(np.array([10.0, 25.0, 10.0]), np.array([800.0, 2000.0, 100.0])).round().tolist()
    [556.0, 992.0, 87.0]
    """
    if np.nanmax(temperature, initial=-np.inf) > 60:
        raise HybridmapError(
            f"productivity: a temperature of {np.nanmax(temperature):g}; it takes degC (of kelvin: 'offset: -273.15')."
        )
    if np.nanmin(precipitation, initial=np.inf) < 0:
        raise HybridmapError(
            f"productivity: a precipitation of {np.nanmin(precipitation):g}; it takes mm a year (declare its 'nodata')."
        )
    warmth = 3000.0 / (1.0 + np.exp(1.315 - 0.119 * temperature))
    water = 3000.0 * (1.0 - np.exp(-0.000664 * precipitation))
    return np.asarray(0.45 * np.minimum(warmth, water), dtype="float32")


def bioclim(name: str, tmin: Months, tmax: Months, prec: Months) -> Field:
    """One of the nineteen bioclimatic variables.

    Parameters
    ----------
    name : str
        ``bio1`` to ``bio19``.
    tmin, tmax : array, shape (12, row, column)
        Mean daily minimum and maximum [degC].
    prec : array, shape (12, row, column)
        Precipitation [mm].

    Returns
    -------
    array, shape (row, column), float32
        In degrees Celsius, millimetres or per cent; bio4 is 100 times a standard deviation.

    Notes
    -----
    O'Donnell & Ignizio 2012, USGS Data Series 691. Quarters are three months in a row, also across the turn of the
    year; standard deviations are those of a sample; bio15 has 1 mm added to the mean.

    Examples
    --------
    >>> tmin = np.arange(12.0).reshape(12, 1, 1)
    >>> prec = np.full((12, 1, 1), 50.0)
    >>> [bioclim(name, tmin, tmin + 10.0, prec).item() for name in ("bio1", "bio5", "bio7", "bio12", "bio16")]
    [10.5, 21.0, 21.0, 600.0, 150.0]
    """
    return np.asarray(BIOCLIM[name](tmin, tmax, prec), dtype="float32")


def _quarter_sums(x: Months) -> Any:
    """Sum of each month and the next two."""
    return x + np.roll(x, -1, axis=0) + np.roll(x, -2, axis=0)


def _in_month(values: Any, month: Any) -> Any:
    return np.take_along_axis(values, month[None], axis=0)[0]


def _mid_temperature(tmin: Months, tmax: Months) -> Any:
    return (tmin + tmax) / 2


BIOCLIM: dict[str, Callable[[Months, Months, Months], Any]] = {
    "bio1": lambda n, x, p: _mid_temperature(n, x).mean(0),
    "bio2": lambda n, x, p: (x - n).mean(0),
    "bio3": lambda n, x, p: 100 * (x - n).mean(0) / (x.max(0) - n.min(0)),
    "bio4": lambda n, x, p: 100 * _mid_temperature(n, x).std(0, ddof=1),
    "bio5": lambda n, x, p: x.max(0),
    "bio6": lambda n, x, p: n.min(0),
    "bio7": lambda n, x, p: x.max(0) - n.min(0),
    "bio8": lambda n, x, p: _in_month(_quarter_sums(_mid_temperature(n, x)) / 3, _quarter_sums(p).argmax(0)),
    "bio9": lambda n, x, p: _in_month(_quarter_sums(_mid_temperature(n, x)) / 3, _quarter_sums(p).argmin(0)),
    "bio10": lambda n, x, p: _quarter_sums(_mid_temperature(n, x)).max(0) / 3,
    "bio11": lambda n, x, p: _quarter_sums(_mid_temperature(n, x)).min(0) / 3,
    "bio12": lambda n, x, p: p.sum(0),
    "bio13": lambda n, x, p: p.max(0),
    "bio14": lambda n, x, p: p.min(0),
    "bio15": lambda n, x, p: 100 * p.std(0, ddof=1) / (1 + p.mean(0)),
    "bio16": lambda n, x, p: _quarter_sums(p).max(0),
    "bio17": lambda n, x, p: _quarter_sums(p).min(0),
    "bio18": lambda n, x, p: _in_month(_quarter_sums(p), _quarter_sums(_mid_temperature(n, x)).argmax(0)),
    "bio19": lambda n, x, p: _in_month(_quarter_sums(p), _quarter_sums(_mid_temperature(n, x)).argmin(0)),
}
