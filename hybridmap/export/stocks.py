"""Maps that totals are made of: a stock, its draws, and the interval of its density."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from hybridmap.covariates.excluded_cells import EXCLUDED
from hybridmap.errors import HybridmapError
from hybridmap.export.area_intervals import StockErrors
from hybridmap.grid.depth_axis import (
    STOCKS_CM,
    Interval,
    IntervalMap,
    interval_maps,
    intervals_of,
    intervals_to,
    maps_of,
)
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import grid_of, read_map
from hybridmap.grid.verified_store import open_verified
from hybridmap.quantities import stock_name

DRAWS, CHANGE = "draws", "change_"
Array = NDArray[np.float64]
Window = tuple[slice, slice]


@dataclass(frozen=True)
class Stocks:
    """Maps that totals are made of.

    Attributes
    ----------
    quantity : str
        Whose stock it is.
    interval : Interval or None
        Of soil; None where the maps have no depth.
    grid : RegionGrid
        Of the maps.
    stock : sequence of array
        The stock, or those of several intervals that are added up.
    draws : sequence of sequence of array
        Of each draw the same.
    applicable : array or None
        Where the model applies.
    excluded : array or None
        Class by which cells are left out, if any are.
    errors : StockErrors or None
        What held-out blocks taught.
    ends : sequence of (lower, upper, thickness)
        Maps of the interval of the density, of each interval that is added up, and its thickness [m].
    scenario, not_learned : str
        Of a change its scenario, and the parameters that the data did not teach.
    """

    quantity: str
    interval: Interval | None
    grid: RegionGrid
    stock: Sequence[Any]
    draws: Sequence[Sequence[Any]]
    applicable: Any
    errors: StockErrors | None
    ends: Sequence[tuple[Any, Any, float]]
    scenario: str = ""
    not_learned: str = ""
    excluded: Any = None

    @property
    def has_area_intervals(self) -> bool:
        """Whether held-out blocks say how wrong a total is."""
        return self.errors is not None and bool(self.ends) and np.isfinite(self.errors.errors.factor)

    @property
    def source(self) -> str:
        """Where the ends of a total come from, in words."""
        if self.errors is not None and not self.ends:
            return (
                f"none: the maps have no {self.quantity}_lower and {self.quantity}_upper; add {self.quantity} to"
                " predict.interval_of"
            )
        if self.errors is not None and not self.has_area_intervals:
            return f"none: {self.errors.errors.note}"
        if self.errors is not None:
            return f"means of {self.errors.errors.blocks} held-out blocks"
        return f"{len(self.draws)} draws of the model" if self.draws else "none"

    def half_width(self, window: Window) -> Array:
        """Half width of the interval of the stock [kg m-2] in a window, (row, column); 0 where there is none.

        Errors at several depths of a cell count as one error.
        """
        assert self.errors is not None
        factor = 0.5 * self.errors.unit_kg_m3
        widths = [(read_map(up, window) - read_map(low, window)) * (factor * metres) for low, up, metres in self.ends]
        return np.nan_to_num(np.asarray(sum(widths[1:], widths[0])))


def open_stocks(store: Path, quantities: Sequence[str], errors: Mapping[str, StockErrors]) -> list[Stocks]:
    """Stocks that are mapped.

    Parameters
    ----------
    store : Path
        ``maps.zarr``.
    quantities : sequence of str
        Those that have a stock.
    errors : mapping of str to StockErrors
        What held-out blocks taught of each quantity.

    Returns
    -------
    list of Stocks
        Of each quantity, or of each of its intervals and of all together.

    Raises
    ------
    HybridmapError
        If no stock is mapped.
    """
    root = open_verified(store)
    names = {quantity: stock_name(quantity) for quantity in quantities}
    mapped = {quantity: name for quantity, name in names.items() if name in root}
    if not mapped:
        text = " or ".join(f"'{name}'" for name in names.values())
        raise HybridmapError(f"{store}: no map {text}, which totals are made of; add it to predict.maps.")
    return [
        Stocks(
            quantity, interval, grid_of(root), maps_of(root, name)[part],
            [draw[part] for draw in _draws(root, name)], root.get("applicable"), errors.get(quantity),
            _ends(root, quantity, errors.get(quantity))[part], excluded=root.get(EXCLUDED),
        )
        for quantity, name in mapped.items()
        for interval, part in _selections(root)
    ]  # fmt: skip


def open_changes(root: zarr.Group, quantities: Sequence[str]) -> list[Stocks]:
    """Changes of stocks under scenarios that are mapped, as :func:`open_stocks` has the stocks; (change,)."""
    group: Any = root.get(DRAWS)
    keys = [] if group is None else sorted(group.array_keys())
    intervals, opened = intervals_of(root), []
    for quantity in quantities:
        ending = f"_{stock_name(quantity)}"
        for key in keys:
            if not (key.startswith(CHANGE) and key.endswith(ending)):
                continue
            scenario = key.removeprefix(CHANGE).removesuffix(ending)
            not_learned = str(group[key].attrs.get("not_learned", ""))
            opened += [
                Stocks(
                    quantity, interval, grid_of(root), interval_maps(group[key], intervals)[part],
                    [draw[part] for draw in _draws(root, key)], root.get("applicable"), None, (), scenario, not_learned,
                )
                for interval, part in _selections(root)
            ]  # fmt: skip
    return opened


def _selections(root: zarr.Group) -> list[tuple[Interval | None, slice]]:
    """Intervals of soil that are summed up: each, those to 30 and 100 cm, all that touch; or one without a depth."""
    intervals = intervals_of(root)
    if not intervals:
        return [(None, slice(None))]
    selections: list[tuple[Interval | None, slice]] = [(i, slice(k, k + 1)) for k, i in enumerate(intervals)]
    for bottom in STOCKS_CM:
        count = intervals_to(intervals, bottom)
        if 1 < count < len(intervals):
            selections.append((Interval(0, bottom), slice(0, count)))
    if len(intervals) > 1 and all(a.bottom_cm == b.top_cm for a, b in pairwise(intervals)):
        selections.append((Interval(intervals[0].top_cm, intervals[-1].bottom_cm), slice(None)))
    return selections


def _ends(root: zarr.Group, quantity: str, errors: StockErrors | None) -> list[tuple[Any, Any, float]]:
    """Maps of the interval of a density, from the surface down, with the thickness [m] of each; or none."""
    if errors is None:
        return []
    pairs = zip(maps_of(root, f"{quantity}_lower"), maps_of(root, f"{quantity}_upper"), strict=True)
    return [
        (lower, upper, lower.interval.thickness_m if isinstance(lower, IntervalMap) else errors.thickness_m)
        for lower, upper in pairs
    ]


def _draws(root: zarr.Group, stock: str) -> list[list[Any]]:
    """Of each draw of a stock its maps, from the surface down."""
    group: Any = root.get(DRAWS)
    keys = [] if group is None else sorted(group.array_keys())
    intervals = intervals_of(root)
    return [interval_maps(group[key], intervals) for key in keys if key.startswith(f"{stock}_")]


def added(maps: Sequence[Any], window: Window) -> Array:
    """Sum of maps in a window (row, column), NaN where one has no value."""
    first, *further = (read_map(array, window) for array in maps)
    return np.asarray(sum(further, first))
