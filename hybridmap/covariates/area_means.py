"""Sums of pixels over the areas of cells: along rows and columns of pixels, or over parts of turned cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from hybridmap.covariates.cells import Cells, Choice
from hybridmap.covariates.pixels import ROUNDING, Field, Pixels, bilinear, bordered, four, pair

FINEST = 16
"""Parts of a side of a cell; where there are more pixels, rectangles of pixels are averaged first."""
MOST_PARTS = 4096
"""Parts of a side at the most, where the way around the Earth has no larger divisor."""
AT_ONCE = 100_000
"""Parts of cells that are worked out at a time."""
LOG_STEPS, PARTS = 32, MOST_PARTS + 1
"""Beyond the logarithms of steps, and beyond parts."""
Numbers = NDArray[np.float64]
Sums = tuple[Any, Any]
"""Sums of values and of weights of known pixels, shape (row, column); weights are None where all are 1."""


def area_sums(pixels: Pixels, cells: Cells, wide: bool) -> Sums:
    """Sums over the area of each cell.

    Parameters
    ----------
    pixels : Pixels
        All under the cells, and one more at each side where the raster has them.
    cells : Cells
        Where the cells lie.
    wide : bool
        Whether windows are at least as large as a pixel.

    Returns
    -------
    tuple of array and (array or None)
        Weighted sums of values and of weights of known pixels, shape (row, column); None where all weights are 1.
    """
    across, along = cells.most
    if cells.is_aligned:
        return _aligned_sums(pixels, cells, wide)
    is_whole = pixels.are_all_known and pixels.hold(cells.centre, across, along)
    if wide and across <= 1.0 and along <= 1.0:
        return bilinear(pixels, cells.centre, is_whole)
    shape = cells.centre.line.shape
    total, weight = np.zeros(shape, dtype="float32"), np.zeros(shape, dtype="float32")
    for selected, parts in _groups(cells, pixels.turn):
        sums = _part_sums(pixels, cells, selected, _Windows(*parts, wide, is_whole))
        if selected is None:
            return sums
        total[selected], weight[selected] = sums[0], 1.0 if sums[1] is None else sums[1]
    return total, weight


def _aligned_sums(pixels: Pixels, cells: Cells, wide: bool) -> Sums:
    """Sums where cells run along pixels."""
    (column, across), (line, along) = cells.axes()
    if wide:
        across, along = np.maximum(across, 1.0), np.maximum(along, 1.0)
    column = column + pixels.shift
    lines, columns = _pixel_numbers(line, along, pixels.line), _pixel_numbers(column, across, pixels.column)
    if lines is not None and columns is not None:
        return _copied(pixels, lines, columns)
    right = _overlaps(column, across, pixels.column, pixels.values.shape[1])
    left = _overlaps(line, along, pixels.line, pixels.values.shape[0])
    total = _applied(left, pixels.zeroed.astype("float64"), right)
    if pixels.are_all_known:
        return total, np.outer(left.sum(axis=1), right.sum(axis=1))
    return total, _applied(left, pixels.is_known.astype("float64"), right)


def _pixel_numbers(centre: Numbers, size: Numbers, first: int) -> NDArray[np.intp] | None:
    """Which pixel of an axis each cell is; None where cells are no pixels."""
    low = centre - 0.5 - first
    pixel = np.round(low)
    is_same = max(abs(low - pixel).max(), abs(size - 1.0).max()) < ROUNDING
    return pixel.astype(np.intp) if is_same else None


def _copied(pixels: Pixels, lines: NDArray[np.intp], columns: NDArray[np.intp]) -> Sums:
    """Sums where every cell is a pixel."""
    rows, width = pixels.values.shape
    inside = np.logical_and.outer((lines >= 0) & (lines < rows), (columns >= 0) & (columns < width))
    picks = np.ix_(np.clip(lines, 0, rows - 1), np.clip(columns, 0, width - 1))
    is_known = pixels.is_known[picks] & inside
    return pixels.zeroed[picks], None if is_known.all() else is_known.astype("float32")


def _applied(lines: csr_array, values: Numbers, columns: csr_array) -> Numbers:
    return np.asarray((columns @ (lines @ values).T).T)


def _overlaps(centre: Numbers, size: Numbers, first: int, count: int) -> csr_array:
    """Share of a window that each pixel of an axis covers, shape (cell, pixel)."""
    low = centre - 0.5 * size - first
    most = int(np.ceil(size.max())) + 1
    pixel = np.floor(low)[:, None] + np.arange(most)
    covered = np.minimum(pixel + 1, (low + size)[:, None]) - np.maximum(pixel, low[:, None])
    share = np.clip(covered, 0.0, 1.0) / size[:, None]
    valid = (pixel >= 0) & (pixel < count) & (share > 1e-9)
    cell = np.broadcast_to(np.arange(len(centre))[:, None], pixel.shape)
    return csr_array((share[valid], (cell[valid], pixel[valid].astype(int))), shape=(len(centre), count))


@dataclass(frozen=True)
class _Windows:
    """How cells are cut into windows.

    Attributes
    ----------
    step : tuple of int
        Lines and columns of the rectangles of pixels that are averaged first.
    parts : tuple of int
        Parts of a cell down and across.
    wide : bool
        Whether windows are at least as large as a pixel.
    is_whole : bool
        Whether every pixel under the cells is known.
    """

    step: tuple[int, int]
    parts: tuple[int, int]
    wide: bool
    is_whole: bool


def _groups(cells: Cells, turn: int) -> Iterator[tuple[Choice, tuple[tuple[int, int], tuple[int, int]]]]:
    """Cells with the same rectangles of pixels (lines, columns) and the same number of parts (down, across)."""
    shapes, most = cells.shapes, max(cells.most)
    if most <= 1.0:
        yield None, ((1, 1), (1, 1))
        return
    down = [_finite(side) for side in (shapes.south.line, shapes.south.column)]
    across = [_finite(side) for side in (shapes.east.line, shapes.east.column)]
    steps = [_step(np.maximum(d, a)) for d, a in zip(down, across, strict=True)]
    steps[1] = np.minimum(steps[1], _divisor(turn))
    parts = [
        np.clip(np.ceil(np.maximum(side[0] / steps[0], side[1] / steps[1]) - 1e-3), 1, MOST_PARTS).astype(int)
        for side in (down, across)
    ]
    # One number each of which the four can be had again.
    key = np.zeros(parts[0].shape, dtype=np.int64)
    for values, base in ((np.log2(steps[0]), 1), (np.log2(steps[1]), LOG_STEPS), (parts[0], PARTS), (parts[1], PARTS)):
        key = key * base + values.astype(np.int64)
    for number in np.unique(key).tolist():
        rest, across_parts = divmod(number, PARTS)
        logs, down_parts = divmod(rest, PARTS)
        selected = key == number
        steps_of = 1 << logs // LOG_STEPS, 1 << logs % LOG_STEPS
        yield None if selected.all() else selected, (steps_of, (down_parts, across_parts))


def _finite(side: Numbers) -> Numbers:
    return np.nan_to_num(abs(side), nan=1.0)


def _step(size: Numbers) -> NDArray[np.int64]:
    """The power of two of which a size has no more than :data:`FINEST`."""
    power = np.ceil(np.log2(np.maximum(size, 1.0) / FINEST) - 1e-9)
    return np.asarray(2 ** np.clip(power, 0, 30).astype(int))


def _divisor(turn: int) -> int:
    """Largest power of two that divides the way around the Earth: rectangles lie the same after each turn."""
    return turn & -turn if turn else 1 << 30


def _part_sums(pixels: Pixels, cells: Cells, selected: Choice, windows: _Windows) -> Sums:
    """Sums over the parts of some cells."""
    values, known_share, line, column = _coarser(pixels, windows.step)
    shapes = cells.shapes
    height = _part_size(shapes.east.line, shapes.south.line, selected, windows, windows.step[0])
    width = _part_size(shapes.east.column, shapes.south.column, selected, windows, windows.step[1])
    total: Any = np.float32(0.0)
    weight: Any = np.float32(0.0)
    stride = values.shape[1]
    flat, flat_known = values.ravel(), known_share.ravel()
    down, across = windows.parts
    places = shapes.centre.line.size if selected is None else np.count_nonzero(selected)
    offsets = np.array_split((np.arange(across) + 0.5) / across, min(across, -(-across * places // AT_ONCE)))
    for i, shares in product(range(down), offsets):
        at = cells.points((i + 0.5) / down, shares, selected)
        first_line, second = pair(at.line / windows.step[0], height, line, values.shape[0])
        first_column, right = pair((at.column + pixels.shift) / windows.step[1], width, column, stride)
        index = first_line * stride + first_column
        for part in four(flat, index, stride, second, right):
            total = total + part
        if not windows.is_whole:
            for part in four(flat_known, index, stride, second, right):
                weight = weight + part
    count = np.float32(down * across)
    return total / count, None if windows.is_whole else weight / count


def _part_size(east: Numbers, south: Numbers, selected: Choice, windows: _Windows, step: int) -> Any:
    """Pixels from side to side of a part of a cell along one axis, no more than one."""
    if selected is not None:
        east, south = east[selected], south[selected]
    east, south = abs(east) / step, abs(south) / step
    narrow = east + south <= 1.0
    if windows.wide and narrow.all():
        return 1.0
    size = np.clip(east / windows.parts[1] + south / windows.parts[0], 1e-6, 1.0)
    return np.nan_to_num(np.where(narrow, 1.0, size) if windows.wide else size, nan=1.0)


def _coarser(pixels: Pixels, step: tuple[int, int]) -> tuple[Field, Field, int, int]:
    """Values (0 where unknown) and share that is known of rectangles of pixels, bordered; line and column of the first.

    Rectangles begin at multiples of `step`, so that they do not depend on what was read.
    """
    values, share = pixels.zeroed, pixels.is_known.astype("float32")
    line, column = pixels.line // step[0], pixels.column // step[1]
    if step != (1, 1):
        lead = pixels.line - line * step[0], pixels.column - column * step[1]
        values, share = (_rectangle_means(array, lead, step) for array in (values, share))
    return bordered(values, 0.0), bordered(share, 0.0), line, column


def _rectangle_means(values: Field, lead: tuple[int, int], step: tuple[int, int]) -> Field:
    """Means over rectangles, of which the first reach some lines and columns beyond the array; 0 counts there."""
    trail = [-(b + size) % n for b, size, n in zip(lead, values.shape, step, strict=True)]
    padded = np.pad(values, list(zip(lead, trail, strict=True)))
    shape = padded.shape[0] // step[0], step[0], padded.shape[1] // step[1], step[1]
    return np.asarray(padded.reshape(shape).mean(axis=(1, 3), dtype="float32"))
