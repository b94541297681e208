"""Maps with a depth: the axis of a store, and each interval as a map of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

DEPTH, BOUNDS = "depth", "depth_bounds"
TIME, TIME_BOUNDS = "time", "time_bounds"
GRID_ARRAYS = ("x", "y", "spatial_ref", DEPTH, BOUNDS, TIME, TIME_BOUNDS)
"""Arrays of a store that are no maps."""
CM_PER_M = 100.0
STOCKS_CM = (30, 100)
"""Depths to which stocks from the surface down are reported everywhere: those of the IPCC and of most maps."""
DEPTH_WORDS = {
    "standard_name": "depth",
    "long_name": "middle of the interval below the surface",
    "units": "m",
    "positive": "down",
    "axis": "Z",
}
TIME_WORDS = {
    "standard_name": "time",
    "long_name": "middle of the years of the observations",
    "units": "days since 1970-01-01",
    "calendar": "proleptic_gregorian",
    "units_metadata": "leap_seconds: none",
    "axis": "T",
}


@dataclass(frozen=True)
class Interval:
    """An interval of soil.

    Attributes
    ----------
    top_cm, bottom_cm : float
        Its ends [cm].

    Examples
    --------
    >>> str(Interval(0, 5)), round(Interval(5, 15).thickness_m, 9)
    ('0-5cm', 0.1)
    """

    top_cm: float
    bottom_cm: float

    def __str__(self) -> str:
        return f"{self.top_cm:g}-{self.bottom_cm:g}cm"

    @property
    def attributes(self) -> dict[str, float]:
        """What a map says that is of this interval alone [cm]."""
        return {"depth_top_cm": _plain(self.top_cm), "depth_bottom_cm": _plain(self.bottom_cm)}

    @property
    def thickness_m(self) -> float:
        """Thickness [m]."""
        return (self.bottom_cm - self.top_cm) / CM_PER_M


def intervals_to(intervals: Sequence[Interval], bottom_cm: float) -> int:
    """How many of the first intervals make up the soil from the surface to a depth; 0 where they do not.

    Parameters
    ----------
    intervals : sequence of Interval
        From the surface down.
    bottom_cm : float
        The depth.

    Examples
    --------
    >>> layers = [Interval(0, 15), Interval(15, 30), Interval(30, 60)]
    >>> intervals_to(layers, 30), intervals_to(layers, 100), intervals_to(layers[1:], 30)
    (2, 0, 0)
    """
    reached = 0.0
    for count, interval in enumerate(intervals, start=1):
        if interval.top_cm != reached:
            return 0
        reached = interval.bottom_cm
        if reached == bottom_cm:
            return count
    return 0


def not_given(intervals: Sequence[Interval], bottom_cm: float) -> str:
    """Why maps of some intervals give no stock from the surface to a depth; "" where they do.

    Parameters
    ----------
    intervals : sequence of Interval
        From the surface down: those that are mapped, or the one that is modelled.
    bottom_cm : float
        The depth.

    Examples
    --------
    >>> not_given([Interval(0, 20)], 30)
    'not given: the model holds to 20 cm'
    >>> not_given([Interval(0, 100)], 30)
    'not given: no interval ends at 30 cm'
    """
    if intervals_to(intervals, bottom_cm):
        return ""
    if intervals[0].top_cm > 0:
        return f"not given: the model begins at {intervals[0].top_cm:g} cm"
    if intervals[-1].bottom_cm < bottom_cm:
        return f"not given: the model holds to {intervals[-1].bottom_cm:g} cm"
    if any(interval.bottom_cm == bottom_cm for interval in intervals):
        return "not given: the intervals above have gaps"
    return f"not given: no interval ends at {bottom_cm:g} cm"


def create_depth_axis(root: zarr.Group, intervals: Sequence[Interval]) -> None:
    """Write the CF coordinate ``depth`` [m] and its bounds into a store of maps.

    Parameters
    ----------
    root : zarr.Group
        The store.
    intervals : sequence of Interval
        From the surface down.
    """
    bounds = np.array([(i.top_cm, i.bottom_cm) for i in intervals]) / CM_PER_M
    _write_coordinate(root, DEPTH, BOUNDS, bounds, DEPTH_WORDS)


def write_interval(root: zarr.Group, interval: Interval) -> None:
    """Write the one interval of a store whose maps have no axis of depth: a coordinate without a dimension.

    Parameters
    ----------
    root : zarr.Group
        The store.
    interval : Interval
        Of all its maps.
    """
    bounds = np.array([interval.top_cm, interval.bottom_cm]) / CM_PER_M
    _write_coordinate(root, DEPTH, BOUNDS, bounds, DEPTH_WORDS)


def write_years(root: zarr.Group, first: int, last: int) -> None:
    """Write the years that maps stand for: the coordinate ``time`` in their middle, and its bounds.

    Parameters
    ----------
    root : zarr.Group
        The store.
    first, last : int
        Years; the last one counts whole.
    """
    ends = np.array([f"{first}-01-01", f"{last + 1}-01-01"], dtype="datetime64[D]").astype("float64")
    _write_coordinate(root, TIME, TIME_BOUNDS, ends, TIME_WORDS)


def _write_coordinate(
    root: zarr.Group, name: str, bounds_name: str, bounds: NDArray[np.float64], words: Mapping[str, str]
) -> None:
    """Write the middles of intervals and their ends, shape (interval, 2) or (2,)."""
    axes = (name,) * (bounds.ndim - 1)
    middle = root.create_array(name, shape=bounds.shape[:-1], dtype="float64", dimension_names=axes)
    middle[...] = bounds.mean(-1)
    middle.attrs.update({**words, "bounds": bounds_name})
    ends = root.create_array(bounds_name, shape=bounds.shape, dtype="float64", dimension_names=(*axes, "nv"))
    ends[:] = bounds
    # CF: bounds are of what they bound, and say nothing of their own, but GDAL and R look for a unit.
    ends.attrs.update({key: words[key] for key in ("units", "calendar") if key in words})


def intervals_of(root: zarr.Group) -> list[Interval]:
    """Intervals of a store; none where its maps have no depth."""
    if BOUNDS not in root or root[BOUNDS].ndim == 1:  # type: ignore[union-attr]
        return []
    bounds = np.asarray(root[BOUNDS]) * CM_PER_M
    return [Interval(*np.round(pair, 6).tolist()) for pair in bounds]


def _plain(number: float) -> float:
    """A whole number without a decimal point."""
    return int(number) if float(number).is_integer() else number


class IntervalMap:
    """One interval of an array (depth, row, column), used like an array (row, column).

    Parameters
    ----------
    array : zarr.Array
        With a depth.
    position : int
        Of the interval.
    interval : Interval
        Its depths.
    """

    def __init__(self, array: Any, position: int, interval: Interval) -> None:
        self._array, self._position, self.interval = array, position, interval
        self.shape: tuple[int, ...] = array.shape[1:]
        self.shards: tuple[int, ...] | None = array.shards[1:] if array.shards else None
        self.chunks: tuple[int, ...] = array.chunks[1:]
        self.dtype = array.dtype
        name = f"{array.attrs['long_name']}, {interval.top_cm:g}-{interval.bottom_cm:g} cm"
        self.attrs: Mapping[str, Any] = {**array.attrs, "long_name": name, **interval.attributes}

    def name_of(self, variable: str) -> str:
        """Name of the interval's map, ``soc_0-5cm``."""
        return f"{variable}_{self.interval}"

    def __getitem__(self, window: tuple[slice, slice]) -> Any:
        return self._array[(self._position, *window)]


def map_arrays(root: zarr.Group) -> dict[str, Any]:
    """Every map of a store as an array (row, column), by name; ``soc`` with a depth is ``soc_0-5cm`` and so on.

    Parameters
    ----------
    root : zarr.Group
        A store of maps.

    Returns
    -------
    dict of str to zarr.Array or IntervalMap
        In the order of their names, intervals from the surface down.
    """
    names = [name for name in sorted(root.array_keys()) if name not in GRID_ARRAYS]
    return {
        array.name_of(name) if isinstance(array, IntervalMap) else name: array
        for name in names
        for array in maps_of(root, name)
    }


def maps_of(root: zarr.Group, name: str) -> list[Any]:
    """The maps of one variable as arrays (row, column), from the surface down; one where it has no depth, or none."""
    return interval_maps(root[name], intervals_of(root)) if name in root else []


def interval_maps(array: Any, intervals: Sequence[Interval]) -> list[Any]:
    """An array (row, column) alone, or each interval of an array (depth, row, column)."""
    if array.ndim == 2:
        return [array]
    return [IntervalMap(array, position, interval) for position, interval in enumerate(intervals)]


def depth_attributes(intervals: Sequence[Interval]) -> dict[str, str | float]:
    """What a store says of its depths [m], by ACDD's names."""
    if not intervals:
        return {}
    return {
        "geospatial_vertical_min": min(interval.top_cm for interval in intervals) / CM_PER_M,
        "geospatial_vertical_max": max(interval.bottom_cm for interval in intervals) / CM_PER_M,
        "geospatial_vertical_units": "m",
        "geospatial_vertical_positive": "down",
    }
