"""The shapes of cells on the pixels of a raster: their centres and sides, and where a cell is bent or torn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridmap.covariates.pixel_locator import Block, Places

ALIGNED = 1e-4
"""Pixels by which the sides of aligned cells may deviate from rows and columns of pixels."""
BENT = 0.3
"""Share of its size by which a cell may deviate from a parallelogram."""
MOST_TURN = 1 / 8
"""Share of the way around the Earth that a cell may reach."""
LOOKS = 9
"""Cells a side of a smooth block that are looked at for all."""
SLACK = 1.05
"""Factor by which others may be larger."""
ROUNDING = 1e-6
"""Pixels by which a cell may deviate that is smaller than that."""
Numbers = NDArray[np.float64]
Choice = NDArray[np.bool_] | None
"""Some cells of a block, shape (row, column), or all."""


@dataclass(frozen=True)
class Shapes:
    """Cells as parallelograms.

    Attributes
    ----------
    centre : Places
        Pixels under the centres, shape (row, column).
    east, south : Places
        Pixels from one end to the other of the northern and of the western side, shape (row, column).
    deviation : array, shape (row, column), or None
        How far each is from a parallelogram; beyond 1 none stands for it. None where all are near.
    """

    centre: Places
    east: Places
    south: Places
    deviation: Numbers | None

    @property
    def extent(self) -> tuple[Numbers, Numbers]:
        """Columns and lines under each cell, shape (row, column)."""
        across = abs(self.east.column) + abs(self.south.column)
        return across, abs(self.east.line) + abs(self.south.line)


@dataclass(frozen=True)
class Cells:
    """Cells of a block on the pixels of a raster; each value is worked out when it is first asked for."""

    block: Block

    @cached_property
    def centre(self) -> Places:
        """Pixels under the centres, shape (row, column)."""
        return self.block.lattice(_numbers(self.block.rows) + 0.5, _numbers(self.block.columns) + 0.5)

    @cached_property
    def shapes(self) -> Shapes:
        """Shapes of all cells; a bent one is a point."""
        looked = self.block.series is None or self._is_doubtful
        shapes = _shapes(self.block, _numbers(self.block.rows), _numbers(self.block.columns), self.centre, looked)
        if shapes.deviation is not None:
            for sides in (shapes.east, shapes.south):
                sides.column[shapes.deviation > 1.0] = sides.line[shapes.deviation > 1.0] = 0.0
        return shapes

    @cached_property
    def spread_shapes(self) -> Shapes:
        """Shapes of cells spread over the block, among them those at its edges; of all if it is not smooth."""
        if self.block.series is None:
            return self.shapes
        rows, columns = _spread_cells(self.block.rows), _spread_cells(self.block.columns)
        return _shapes(self.block, rows, columns, self.block.lattice(rows + 0.5, columns + 0.5), looked=True)

    @property
    def _is_doubtful(self) -> bool:
        """Whether cells between those that were looked at may be bent."""
        return self.spread_shapes.deviation is not None and bool((self.spread_shapes.deviation > 0.5).any())

    @cached_property
    def is_bent(self) -> Choice:
        """Cells that no parallelogram stands for: near a pole, over the edge of a projection, or partly beyond it."""
        if not self._is_doubtful or self.shapes.deviation is None:
            return None
        is_bent = self.shapes.deviation > 1.0
        return is_bent if is_bent.any() else None

    @cached_property
    def most(self) -> tuple[float, float]:
        """Columns and lines that no cell exceeds, without bent ones."""
        sizes, slack = (self.shapes.extent, 1.0) if self._is_doubtful else (self.spread_shapes.extent, SLACK)
        across, along = (slack * float(np.nan_to_num(size, nan=0.0).max()) for size in sizes)
        return across, along

    @cached_property
    def is_aligned(self) -> bool:
        """Whether rows and columns of cells run along those of pixels."""
        if self.block.series is None:
            return False
        spread = self.spread_shapes
        slant = max(abs(spread.east.line).max(), abs(spread.south.column).max())
        off = max(np.ptp(spread.centre.column, axis=0).max(), np.ptp(spread.centre.line, axis=1).max())
        return bool(max(slant, off) < ALIGNED)

    def axes(self) -> tuple[tuple[Numbers, Numbers], tuple[Numbers, Numbers]]:
        """Of aligned cells: centres and sizes along a row, shape (column,), then along a column, shape (row,)."""
        block = self.block
        rows, columns = _numbers(block.rows), _numbers(block.columns)
        first = _shapes(block, rows[:1], columns, block.lattice(rows[:1] + 0.5, columns + 0.5), looked=False)
        left = _shapes(block, rows, columns[:1], block.lattice(rows + 0.5, columns[:1] + 0.5), looked=False)
        return (first.centre.column[0], first.extent[0][0]), (left.centre.line[:, 0], left.extent[1][:, 0])

    def points(self, down: float, across: Numbers, selected: Choice = None) -> Places:
        """Pixels under places in some cells, or all.

        Parameters
        ----------
        down : float
            The places, in shares of a cell from its northern side.
        across : array, shape (place,)
            The same from its western side.
        selected : array of bool, shape (row, column), or None
            The cells; None for all.

        Returns
        -------
        Places
            Of shape (place, cell), or (place, row, column) of all cells.
        """
        if down == 0.5 and across.tolist() == [0.5]:
            return _choice(self.centre.column[None], self.centre.line[None], selected)
        rows, columns = _numbers(self.block.rows) + down, _numbers(self.block.columns) + across[:, None]
        if self.block.series is not None or selected is None:
            places = self.block.lattice(rows, columns.ravel())
            shape = len(rows), *columns.shape
            in_order = (np.moveaxis(values.reshape(shape), 1, 0) for values in (places.column, places.line))
            return _choice(next(in_order), next(in_order), selected)
        i, j = np.nonzero(selected)
        across_selected = columns[:, j]
        down_selected = np.broadcast_to(rows[i], across_selected.shape)
        return self.block.locator.exact(down_selected, across_selected, self.block.middle)


def _choice(column: Numbers, line: Numbers, selected: Choice) -> Places:
    return Places(column, line) if selected is None else Places(column[:, selected], line[:, selected])


def _numbers(cells: range) -> Numbers:
    return np.arange(cells.start, cells.stop, dtype=np.float64)


def _spread_cells(cells: range) -> Numbers:
    """At most :data:`LOOKS` cells from the first to the last."""
    picks = np.linspace(0, len(cells) - 1, min(LOOKS, len(cells))).round()
    return np.asarray(cells.start + picks, dtype=np.float64)


def _shapes(block: Block, rows: Numbers, columns: Numbers, centre: Places, looked: bool) -> Shapes:
    """Shapes of the cells in some rows and columns, with their deviation if that is to be looked at."""
    # Only in a block that no series stands for may longitudes jump.
    period = block.locator.period if block.series is None else None
    (down, *vertical), (across, *horizontal) = _edges(rows), _edges(columns)
    corners = block.lattice(down, across)
    column = _Sides.of([[corners.column[i][:, j] for j in horizontal] for i in vertical], period)
    line = _Sides.of([[corners.line[i][:, j] for j in horizontal] for i in vertical], None)
    deviation = None
    if looked:
        deviation = np.fmax(column.deviation(centre.column), line.deviation(centre.line))
        if block.locator.period is not None:
            turn = abs(column.east) + abs(column.south)
            deviation = np.fmax(deviation, turn / (MOST_TURN * block.locator.period))
    return Shapes(centre, Places(column.east, line.east), Places(column.south, line.south), deviation)


def _edges(cells: Numbers) -> tuple[Numbers, Any, Any]:
    """Edges of cells, and where the first and the second of each are among them."""
    edges = np.unique(np.concatenate([cells, cells + 1.0]))
    if len(edges) == len(cells) + 1:
        return edges, slice(-1), slice(1, None)
    first = np.searchsorted(edges, cells)
    return edges, first, first + 1


@dataclass(frozen=True)
class _Sides:
    """How one coordinate changes along the sides of cells, shape (row, column).

    Attributes
    ----------
    first : array
        At the north-west corner.
    east, south : array
        Along the northern and along the western side.
    twist : array
        Difference between opposite sides.
    period : float or None
        After which the coordinate begins again.
    """

    first: Numbers
    east: Numbers
    south: Numbers
    twist: tuple[Numbers, Numbers]
    period: float | None

    @classmethod
    def of(cls, corners: list[list[Numbers]], period: float | None) -> _Sides:
        (north_west, north_east), (south_west, south_east) = corners
        sides = [north_east - north_west, south_east - south_west, south_west - north_west, south_east - north_east]
        north, south, west, east = (_short(side, period) for side in sides)
        twist = north - south, west - east
        return cls(north_west, north, west, twist, period)

    def deviation(self, centre: Numbers) -> Numbers:
        """Size of the deviation from a parallelogram, where 1 is too much; infinite where a corner has no place."""
        off_centre = _short(centre - self.first - 0.5 * (self.east + self.south), self.period)
        off = np.maximum(abs(off_centre), np.maximum(abs(self.twist[0]), abs(self.twist[1])))
        deviation = off / (BENT * (abs(self.east) + abs(self.south)) + ROUNDING)
        return np.where(np.isfinite(centre) & ~np.isfinite(deviation), np.inf, deviation)


def _short(difference: Numbers, period: float | None) -> Numbers:
    """Differences of columns the short way around the Earth."""
    return difference if period is None else (difference + 0.5 * period) % period - 0.5 * period
