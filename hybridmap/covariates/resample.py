"""Pixels to cells: means over the area of a cell, the nearest pixel, or the class of the largest area.

A mean is taken over the area of the cell, or over a window of the size of a pixel where that is larger (which is
bilinear interpolation at the centre). The window of a cell follows from that cell and the pixels under it
alone, so that a value does not depend on what else is warped with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from hybridmap.covariates.pixel_locator import Block, Places

FINEST = 16
"""Parts of a side of a rotated cell; where there are more pixels, squares of pixels are averaged first."""
MOST_SAMPLES = 32
"""Samples of classes along a side of a cell."""
ALIGNED = 1e-4
"""Pixels by which the sides of aligned cells may deviate from rows and columns of pixels."""
TIE = 1e-6
"""Pixels by which a point on the border of two belongs to the later one, so that rounding does not decide."""
ROUNDING = 1e-7
"""Pixels by which a window may miss the next pixel and still begin there, so that equal grids keep their pixels."""
BORDER = 2
"""Unknown pixels around those of a block, so that the two under a window beyond it are both unknown."""
AT_ONCE = 4_000_000
"""Samples of classes that are sorted at a time."""
Field = NDArray[np.float32]
Numbers = NDArray[np.float64]
Choice = NDArray[np.bool_] | None
"""Some cells of a block, shape (row, column), or all."""


@dataclass(frozen=True)
class Pixels:
    """Pixels under a block.

    Attributes
    ----------
    values : array, shape (line, column), float32
        NaN where unknown.
    line, column : int
        Of the first, in the numbers of :class:`Places`.
    """

    values: Field
    line: int
    column: int


@dataclass(frozen=True)
class Cells:
    """Where the cells of a block lie on pixels.

    Attributes
    ----------
    block : Block
        The cells.
    shift : float
        Columns that are added to meet the raster, where it goes around the Earth.
    centre : Places
        Pixels under the centres, shape (row, column).
    east, south : Places
        Pixels from one side of the cell to the other along a row and along a column of the grid, shape (row, column).
    """

    block: Block
    shift: float
    centre: Places
    east: Places
    south: Places

    @classmethod
    def of(cls, block: Block) -> Cells:
        """Cells of a block."""
        rows, columns = (np.arange(r.start, r.stop, dtype=np.float64) for r in (block.rows, block.columns))
        middle = block.lattice(rows + 0.5, columns + 0.5)
        corners = block.lattice(np.append(rows, block.rows.stop), np.append(columns, block.columns.stop))
        # Only in a block that no polynomial stands for may longitudes jump.
        period = block.locator.period if block.nodes is None else None
        north, west = (
            Places(corners.column[:-1], corners.line[:-1]),
            Places(corners.column[:, :-1], corners.line[:, :-1]),
        )
        east = Places(_turn(np.diff(north.column, axis=1), period), np.diff(north.line, axis=1))
        south = Places(_turn(np.diff(west.column, axis=0), period), np.diff(west.line, axis=0))
        return cls(block, 0.0, middle, east, south)

    @property
    def extent(self) -> tuple[Numbers, Numbers]:
        """Columns and lines under each cell, shape (row, column)."""
        across = abs(self.east.column) + abs(self.south.column)
        return across, abs(self.east.line) + abs(self.south.line)

    @property
    def is_aligned(self) -> bool:
        """Whether rows and columns of cells run along those of pixels."""
        slant = np.stack([self.east.line, self.south.column])
        bent = np.stack([np.ptp(self.centre.column, axis=0).max(), np.ptp(self.centre.line, axis=1).max()])
        return bool((abs(slant) < ALIGNED).all() and (bent < ALIGNED).all())

    def within(self, pixels: Pixels) -> bool:
        """Whether no cell, widened by a pixel, reaches beyond some pixels."""
        across, along = self.extent
        column, line = self.centre.column + self.shift - pixels.column, self.centre.line - pixels.line
        lines, columns = pixels.values.shape
        inside = (
            (column - across > 1) & (column + across < columns - 1) & (line - along > 1) & (line + along < lines - 1)
        )
        return bool(inside.all())

    def points(self, down: float, across: float, selected: Choice = None) -> Places:
        """Pixels under a place in some cells, or all.

        Parameters
        ----------
        down, across : float
            The place, in shares of a cell from its north-west corner.
        selected : array of bool, shape (row, column), or None
            The cells; None for all.

        Returns
        -------
        Places
            Of shape (cell,), or (row, column) of all cells.
        """
        rows = np.arange(self.block.rows.start, self.block.rows.stop, dtype=np.float64) + down
        columns = np.arange(self.block.columns.start, self.block.columns.stop, dtype=np.float64) + across
        if self.block.nodes is not None or selected is None:
            places = self.block.lattice(rows, columns)
            columns_of, lines_of = (n if selected is None else n[selected] for n in (places.column, places.line))
            return Places(columns_of + self.shift, lines_of)
        i, j = np.nonzero(selected)
        places = self.block.locator.exact(rows[i], columns[j], self.block.middle)
        return Places(places.column + self.shift, places.line)


def _turn(difference: Numbers, period: float | None) -> Numbers:
    """Differences of columns the short way around the Earth."""
    return difference if period is None else (difference + 0.5 * period) % period - 0.5 * period


def resampled(pixels: Pixels, cells: Cells, kind: str, min_share: float) -> Field:
    """Values of cells.

    Parameters
    ----------
    pixels : Pixels
        All under the cells, and one more at each side where the raster has them.
    cells : Cells
        Where the cells lie.
    kind : str
        ``continuous``, ``average``, ``categorical`` or ``mode``.
    min_share : float
        Least share of known pixels for a value.

    Returns
    -------
    array, shape (row, column), float32
        NaN where unknown.
    """
    if np.isnan(pixels.values).all():
        return np.full(cells.centre.line.shape, np.nan, dtype="float32")
    if kind == "categorical":
        return _nearest(pixels, Places(cells.centre.column + cells.shift, cells.centre.line))
    if kind == "mode":
        return _mode(pixels, cells, min_share)
    wide = kind == "continuous"
    is_whole = cells.within(pixels) and not np.isnan(pixels.values).any()
    sums = _aligned_sums(pixels, cells, wide) if cells.is_aligned else _sums(pixels, cells, wide, is_whole)
    total, weight = sums
    if is_whole:
        return np.asarray(total, dtype="float32")
    unknown = weight < max(min_share - 1e-6, 1e-6)
    if wide:
        # As the pixel at the centre decides where a pixel is larger, coasts stay where the raster has them.
        across, along = cells.extent
        centre = _nearest(pixels, Places(cells.centre.column + cells.shift, cells.centre.line))
        unknown |= np.isnan(centre) & (across <= 1.0 + ALIGNED) & (along <= 1.0 + ALIGNED)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(unknown, np.nan, total / weight).astype("float32")


def _bordered(values: Field, fill: float = np.nan) -> Field:
    return np.pad(values, BORDER, constant_values=fill)


def _inside(numbers: Numbers, first: int, size: int) -> NDArray[np.intp]:
    """Positions in a bordered array; what lies beyond falls on the border."""
    return np.clip(np.nan_to_num(numbers, nan=-1e9) - (first - BORDER), 0, size - 1).astype(np.intp)


def _nearest(pixels: Pixels, places: Places) -> Field:
    """Pixels at places."""
    values = _bordered(pixels.values)
    lines = _inside(np.floor(places.line + TIE), pixels.line, values.shape[0])
    columns = _inside(np.floor(places.column + TIE), pixels.column, values.shape[1])
    return np.asarray(values[lines, columns])


def _mode(pixels: Pixels, cells: Cells, min_share: float) -> Field:
    """Class of the largest area of each cell, the smallest of those with the same."""
    across, along = cells.extent
    finest = np.nan_to_num(np.maximum(across, along), nan=1.0)
    samples = np.clip(2 * np.ceil(finest - ALIGNED), 1, MOST_SAMPLES).astype(int)
    out = np.full(samples.shape, np.nan, dtype="float32")
    for count in np.unique(samples):
        flat = np.flatnonzero(samples == count)
        for part in np.array_split(flat, -(-flat.size * count**2 // AT_ONCE)):
            selected = np.zeros(samples.shape, dtype=np.bool_)
            selected.flat[part] = True
            offsets = (np.arange(count) + 0.5) / count
            drawn_classes = [
                _nearest(pixels, cells.points(down, east, selected)) for down in offsets for east in offsets
            ]
            out[selected] = _most_frequent(np.stack(drawn_classes), min_share)
    return out


def _most_frequent(drawn_classes: Field, min_share: float) -> Field:
    """Most frequent value along the first axis; NaN where too few are known."""
    drawn_classes = np.sort(drawn_classes, axis=0)
    best, longest = drawn_classes[0].copy(), np.zeros(drawn_classes.shape[1], dtype=int)
    run = np.zeros_like(longest)
    for k, values in enumerate(drawn_classes):
        run = np.where(values == drawn_classes[max(k - 1, 0)], run + 1, np.where(np.isnan(values), 0, 1))
        better = run > longest
        best[better], longest[better] = values[better], run[better]
    share = np.isfinite(drawn_classes).mean(axis=0)
    return np.where((share > 0) & (share >= min_share - 1e-6), best, np.nan).astype("float32")


def _aligned_sums(pixels: Pixels, cells: Cells, wide: bool) -> tuple[Numbers, Numbers]:
    """Sum of values and of weights of known pixels where cells run along pixels, shape (row, column)."""
    across, along = (np.maximum(size, 1.0) if wide else size for size in cells.extent)
    columns = _overlaps(cells.centre.column[0] + cells.shift, across[0], pixels.column, pixels.values.shape[1])
    lines = _overlaps(cells.centre.line[:, 0], along[:, 0], pixels.line, pixels.values.shape[0])
    is_known = np.isfinite(pixels.values)
    values = np.where(is_known, pixels.values, np.float32(0.0)).astype("float64")
    weight = _applied(lines, is_known.astype("float64"), columns) if not is_known.all() else None
    if weight is None:
        weight = np.outer(lines.sum(axis=1), columns.sum(axis=1))
    return _applied(lines, values, columns), weight


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


def _sums(pixels: Pixels, cells: Cells, wide: bool, is_whole: bool) -> tuple[Numbers, Numbers]:
    """Sum of values and of weights of known pixels over parts of cells, shape (row, column)."""
    shape = cells.centre.line.shape
    total, weight = np.zeros(shape), np.zeros(shape)
    for selected, step, parts in _groups(cells):
        sums = _group_sums(pixels, cells, selected, _Parts(step, *parts, wide, is_whole))
        if selected is None:
            return sums
        total[selected], weight[selected] = sums
    return total, weight


def _groups(cells: Cells) -> Iterator[tuple[Choice, int, tuple[int, int]]]:
    """Cells with the same squares of pixels and the same number of parts down and across."""
    across = np.maximum(abs(cells.east.column), abs(cells.east.line))
    down = np.maximum(abs(cells.south.column), abs(cells.south.line))
    finest = np.maximum(across, down)
    if (finest <= 1.0).all():
        yield None, 1, (1, 1)
        return
    finest = np.nan_to_num(finest, nan=1.0)
    step = 2 ** np.clip(np.ceil(np.log2(np.maximum(finest, 1.0) / FINEST)), 0, 12).astype(int)
    parts = [np.clip(np.ceil(np.nan_to_num(s, nan=1.0) / step - 1e-3), 1, FINEST).astype(int) for s in (down, across)]
    key = (step * (FINEST + 1) + parts[0]) * (FINEST + 1) + parts[1]
    is_single = key.min() == key.max()
    for cell_key in [int(key[0, 0])] if is_single else np.unique(key).tolist():
        rest, number = divmod(cell_key, FINEST + 1)
        yield None if is_single else key == cell_key, rest // (FINEST + 1), (rest % (FINEST + 1), number)


@dataclass(frozen=True)
class _Parts:
    """How cells are cut.

    Attributes
    ----------
    step : int
        Edge of the squares of pixels that are averaged first.
    down, across : int
        Parts of a cell.
    wide : bool
        Whether windows are at least as large as a pixel.
    is_whole : bool
        Whether every pixel under the cells is known.
    """

    step: int
    down: int
    across: int
    wide: bool
    is_whole: bool


def _group_sums(pixels: Pixels, cells: Cells, selected: Choice, parts: _Parts) -> tuple[Numbers, Numbers]:
    """As :func:`_sums`, of cells that are cut into the same parts."""
    values, known_share, line, column = _coarser(pixels, parts.step)
    width = _part_size(cells.east.column, cells.south.column, selected, parts)
    height = _part_size(cells.east.line, cells.south.line, selected, parts)
    total: Any = 0.0
    weight: Any = 0.0
    stride = values.shape[1]
    flat, flat_known = values.ravel(), known_share.ravel()
    for i in range(parts.down):
        for j in range(parts.across):
            at = cells.points((i + 0.5) / parts.down, (j + 0.5) / parts.across, selected)
            first_line, second = _pair(at.line / parts.step, height, line, values.shape[0])
            first_column, right = _pair(at.column / parts.step, width, column, stride)
            index = first_line * stride + first_column
            total = total + _four(flat, index, stride, second, right)
            weight = weight + (1.0 if parts.is_whole else _four(flat_known, index, stride, second, right))
    count = parts.down * parts.across
    return total / np.float32(count), weight / count


def _part_size(east: Numbers, south: Numbers, selected: Choice, parts: _Parts) -> Any:
    """Pixels from side to side of a part of a cell, no more than one."""
    if selected is not None:
        east, south = east[selected], south[selected]
    east, south = abs(east) / parts.step, abs(south) / parts.step
    narrow = east + south <= 1.0
    if parts.wide and narrow.all():
        return 1.0
    size = np.clip(east / parts.across + south / parts.down, 1e-6, 1.0)
    return np.nan_to_num(np.where(narrow, 1.0, size) if parts.wide else size, nan=1.0)


def _pair(place: Numbers, size: Any, first: int, count: int) -> tuple[NDArray[np.intp], Field]:
    """First of the two pixels under a window on an axis of a bordered array, and the share of the second."""
    low = place - 0.5 * size
    pixel = np.floor(low + ROUNDING)
    share = np.maximum(low - pixel, 0.0)
    if np.ndim(size):
        share = np.clip((share + size - 1.0) / size, 0.0, 1.0)
    return _inside(pixel, first, count - 1), np.asarray(np.nan_to_num(share, copy=False), dtype="float32")


def _four(flat: Field, index: NDArray[np.intp], stride: int, down: Field, right: Field) -> Field:
    """Weighted sum of a pixel, its neighbour to the right, and the two below."""
    # Sums of products, not differences: where few pixels are known, differences would leave little of the digits.
    left = 1.0 - right
    upper = flat.take(index) * left
    upper += flat.take(index + 1) * right
    lower = flat.take(index + stride) * left
    lower += flat.take(index + (stride + 1)) * right
    upper *= 1.0 - down
    lower *= down
    upper += lower
    return upper


def _coarser(pixels: Pixels, step: int) -> tuple[Field, Field, int, int]:
    """Values (0 where unknown) and share that is known of squares of pixels, bordered; line and column of the first.

    Squares begin at multiples of `step`, so that they do not depend on what was read.
    """
    is_known = np.isfinite(pixels.values)
    values, share = np.where(is_known, pixels.values, np.float32(0.0)), is_known.astype("float32")
    line, column = pixels.line // step, pixels.column // step
    if step > 1:
        lead = pixels.line - line * step, pixels.column - column * step
        values, share = (_square_means(array, lead, step) for array in (values, share))
    return _bordered(values, 0.0), _bordered(share, 0.0), line, column


def _square_means(values: Field, lead: tuple[int, int], step: int) -> Field:
    """Means over squares, of which the first reach some lines and columns beyond the array; 0 counts there."""
    trail = [-(b + size) % step for b, size in zip(lead, values.shape, strict=True)]
    padded = np.pad(values, list(zip(lead, trail, strict=True)))
    squares = padded.reshape(padded.shape[0] // step, step, padded.shape[1] // step, step)
    return np.asarray(squares.mean(axis=(1, 3), dtype="float32"))
