"""Pixels that were read, and what is taken of them at places: the nearest, or a mean over a window of four."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridmap.covariates.pixel_locator import Places

TIE = 1e-6
"""Pixels by which a point on the border of two belongs to the later one, so that rounding does not decide."""
ROUNDING = 1e-7
"""Pixels by which a window may miss the next pixel and still begin there, so that equal grids keep their pixels."""
BORDER = 2
"""Unknown pixels around those that were read, so that the two under a window beyond are both unknown."""
Field = NDArray[np.float32]
Numbers = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True)
class Pixels:
    """Pixels under a block.

    Attributes
    ----------
    values : array, shape (line, column), float32
        NaN where unknown.
    line, column : int
        Of the first, in the numbers of :class:`Places`.
    shift : float
        Columns that are added to places to meet them, where columns are counted around the Earth.
    turn : int
        Columns after which the raster begins again; 0 where it does not.
    """

    values: Field
    line: int
    column: int
    shift: float = 0.0
    turn: int = 0

    @cached_property
    def is_known(self) -> NDArray[np.bool_]:
        """Pixels that have a value."""
        return np.isfinite(self.values)

    @cached_property
    def are_all_known(self) -> bool:
        """Whether every pixel has a value."""
        return bool(self.is_known.all())

    @cached_property
    def zeroed(self) -> Field:
        """Values, 0 where unknown."""
        return self.values if self.are_all_known else np.where(self.is_known, self.values, np.float32(0.0))

    @cached_property
    def with_border(self) -> Field:
        """Values with unknown ones around."""
        return bordered(self.values, np.nan)

    def hold(self, places: Places, across: float, along: float) -> bool:
        """Whether cells lie on these pixels.

        Parameters
        ----------
        places : Places
            Their centres.
        across, along : float
            Columns and lines to both sides of each, to which a pixel more is added.

        Returns
        -------
        bool
            False where a place is unknown.
        """
        lines, columns = self.values.shape
        column, line = places.column, places.line
        first, last = column.min() + self.shift - self.column, column.max() + self.shift - self.column
        top, bottom = line.min() - self.line, line.max() - self.line
        is_inside = first - across > 1 and last + across < columns - 1
        return bool(is_inside and top - along > 1 and bottom + along < lines - 1)


def bordered(values: Field, fill: float) -> Field:
    """Values with :data:`BORDER` more at each side."""
    return np.pad(values, BORDER, constant_values=fill)


def positions(numbers: Numbers, first: int, size: int) -> Index:
    """Positions in a bordered array; what lies beyond falls on the border.

    Parameters
    ----------
    numbers : array
        Whole numbers of pixels on an axis, or NaN.
    first : int
        Number of the first pixel within the border.
    size : int
        Pixels with the border.

    Returns
    -------
    array of int
        Of the shape of the numbers.
    """
    # NaN goes to the first of the border, as maximum and minimum of fmax and fmin pass over it.
    within = np.fmin(np.fmax(numbers - (first - BORDER), 0.0), size - 1.0)
    return within.astype(np.intp)


def nearest(pixels: Pixels, places: Places) -> Field:
    """Pixels at places."""
    values = pixels.with_border
    lines = positions(np.floor(places.line + TIE), pixels.line, values.shape[0])
    columns = positions(np.floor(places.column + (pixels.shift + TIE)), pixels.column, values.shape[1])
    lines *= values.shape[1]
    lines += columns
    return np.asarray(values.ravel().take(lines))


def bilinear(pixels: Pixels, places: Places, whole: bool) -> tuple[Field, Any]:
    """Means over windows of a pixel.

    Parameters
    ----------
    pixels : Pixels
        All under the windows.
    places : Places
        Centres of the windows.
    whole : bool
        Whether every window lies on known pixels.

    Returns
    -------
    tuple of array and (array or None)
        Weighted sum of the values, and of the weights of known pixels; None where they are 1.
    """
    stride = pixels.values.shape[1]
    if whole:
        line, down = _low(places.line, -0.5 - pixels.line)
        column, right = _low(places.column, pixels.shift - 0.5 - pixels.column)
        index = (line * stride + column).astype(np.intp)
        return four(pixels.values.ravel(), index, stride, down, right), None
    stride += 2 * BORDER
    first, down = pair(places.line, 1.0, pixels.line, pixels.values.shape[0] + 2 * BORDER)
    left, right = pair(places.column + pixels.shift, 1.0, pixels.column, stride)
    index = first * stride + left
    total = four(bordered(pixels.zeroed, 0.0).ravel(), index, stride, down, right)
    return total, four(bordered(pixels.is_known.astype("float32"), 0.0).ravel(), index, stride, down, right)


def _low(place: Numbers, offset: float) -> tuple[Numbers, Field]:
    """First of the two pixels under a window of one on an axis, and the share of the second."""
    low = place + (offset + ROUNDING)
    pixel = np.floor(low)
    low -= pixel
    low -= ROUNDING
    np.maximum(low, 0.0, out=low)
    return pixel, low.astype("float32")


def pair(place: Numbers, size: Any, first: int, count: int) -> tuple[Index, Field]:
    """First of the two pixels under a window on an axis of a bordered array, and the share of the second.

    Parameters
    ----------
    place, size : array
        Centre of the window, and its size, at most 1, in pixels.
    first : int
        Number of the first pixel within the border.
    count : int
        Pixels with the border.

    Returns
    -------
    tuple of array
        Position of the first, and the share of the window that lies on the second.
    """
    low = place - 0.5 * size
    pixel = np.floor(low + ROUNDING)
    low -= pixel
    np.maximum(low, 0.0, out=low)
    if np.ndim(size):
        low += size
        low -= 1.0
        low /= size
        np.clip(low, 0.0, 1.0, out=low)
    share = low.astype("float32")
    # Where a place is unknown, the pixels are those of the border.
    share[np.isnan(share)] = 0.0
    return positions(pixel, first, count - 1), share


def four(flat: Field, index: Index, stride: int, down: Field, right: Field) -> Field:
    """Weighted sum of a pixel, its neighbour to the right, and the two below.

    Parameters
    ----------
    flat : array
        Lines of pixels one after the other.
    index : array
        Position of the upper left pixel.
    stride : int
        Pixels of a line.
    down, right : array
        Weights of the lower and the right pixels.

    Returns
    -------
    array, float32
        Of the shape of the index.
    """
    # Sums of products, not differences: where few pixels are known, differences would leave little of the digits.
    left = np.float32(1.0) - right
    upper = flat.take(index) * left
    upper += flat[1:].take(index) * right
    lower = flat[stride:].take(index) * left
    lower += flat[stride + 1 :].take(index) * right
    upper *= np.float32(1.0) - down
    lower *= down
    upper += lower
    return upper
