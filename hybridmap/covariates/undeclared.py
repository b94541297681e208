"""Nodata values that a file uses and does not declare, judged from its pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridmap.covariates.known_pixels import ABSURD

LEAST = 0.001
"""Share of the pixels from which on a code is spoken of."""
SIZES = (99.0, 999.0, 9999.0, 99999.0, 999999.0, 255.0, 32767.0, 32768.0, 65535.0, 2147483647.0, 2147483648.0)
"""Sizes that fill values have beside the ends of the type of a file."""
MOST_STRAY, FEWEST_VALUES = 4, 10
"""Distinct numbers at most that may be codes which programs do not share, and least of all numbers to tell by."""
STRAY = 10.0
"""Such codes are further from the rest than this times its reach."""
UNMISTAKABLE = (9999.0, 99999.0, 999999.0)


def undeclared_code(pixels: NDArray[Any]) -> tuple[Any, float] | None:
    """A value that looks like nodata.

    Parameters
    ----------
    pixels : array
        Known pixels in the type of their file.

    Returns
    -------
    tuple of (number, float) or None
        The value in that type, and the share of pixels that have it.

    Notes
    -----
    Fill values of real numbers beyond any quantity always count. Others are the smallest or the largest of the pixels,
    a number that programs use for nodata, and further from the rest than the rest reaches from end to end; or any
    other number but 0, in many pixels, and ten times as far.

    Examples
    --------
    >>> undeclared_code(np.array([3, 5, 9, -9999], dtype="int16"))
    (np.int16(-9999), 0.25)
    >>> undeclared_code(np.arange(256, dtype="uint8")) is None
    True
    """
    values, counts = np.unique(pixels, return_counts=True)
    body = values[_leading(values) : values.size - _leading(values[::-1])]
    for end in (0, -1) if values.size else ():
        share = float(counts[end] / pixels.size)
        enough = share > LEAST or (values.dtype.kind == "f" and abs(float(values[end])) > ABSURD)
        if _is_code(values[end]) and enough and _is_apart(float(values[end]), body):
            return values[end], share
    return _stray(values, counts)


def _stray(values: NDArray[Any], counts: NDArray[np.int64]) -> tuple[Any, float] | None:
    """A few numbers, each in many pixels, far from all others: a code whatever it is; 0 alone means none of it."""
    for ascending in (True, False):
        sorted_values, sizes = (values, counts) if ascending else (values[::-1], counts[::-1])
        few = sorted_values[: MOST_STRAY + 1].astype("float64")
        if values.size < FEWEST_VALUES or not (few[:1] != 0).all():
            continue
        place = int(np.argmax(np.abs(np.diff(few)))) + 1
        reach = abs(float(sorted_values[-1]) - float(sorted_values[place]))
        is_far = abs(few[place] - few[place - 1]) > STRAY * reach
        is_many = sizes[:place].sum() > max(LEAST * counts.sum(), 2 * place - 1)
        if is_far and is_many and place <= MOST_STRAY and not (few[:place] == 0).any():
            return sorted_values[0], float(sizes[0] / counts.sum())
    return None


def _leading(values: NDArray[Any]) -> int:
    """How many of the first values are codes."""
    return next((k for k, value in enumerate(values) if not _is_code(value)), len(values))


def _is_code(value: Any) -> bool:
    """Whether programs use a number for nodata in files of its type."""
    dtype = np.dtype(type(value))
    if dtype.kind == "f":
        return abs(float(value)) in SIZES or abs(float(value)) > ABSURD
    limits = np.iinfo(dtype)
    low, high = int(limits.min), int(limits.max)
    ends = {low, low + 1, high, high - 1} - {0, 1}
    return int(value) in ends or abs(int(value)) in SIZES


def _is_apart(value: float, body: NDArray[Any]) -> bool:
    """Whether a value lies further from the others than they reach; beside a single one only sizes that say so."""
    if abs(value) > ABSURD:
        return True
    if body.size < 2:
        return body.size == 1 and (abs(value) in UNMISTAKABLE or abs(value) > 1e6)
    low, high = float(body[0]), float(body[-1])
    return min(abs(value - low), abs(value - high)) > high - low
