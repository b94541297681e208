"""Whether a table is like what a model was trained with: its range, and units that were probably mixed up."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Ranges = Mapping[str, tuple[float, float]]
"""Lowest and highest value of each layer in training, in its unit."""
ENOUGH = 0.9
"""Share of the rows that is out of range, and in it once converted, where units were mixed up."""
MARGIN = 0.1
"""How far beyond the range, over its width, a converted value may lie."""
CONVERSIONS = (
    ("in kelvin, not degrees Celsius", "subtract 273.15", 1.0, -273.15),
    ("in degrees Celsius, not kelvin", "add 273.15", 1.0, 273.15),
    ("in percent, not a share of 1, or 100 times too large", "divide by 100", 0.01, 0.0),
    ("a share of 1, not percent, or 100 times too small", "multiply by 100", 100.0, 0.0),
    ("1000 times too large", "divide by 1000", 0.001, 0.0),
    ("1000 times too small", "multiply by 1000", 1000.0, 0.0),
    ("10 times too large", "divide by 10", 0.1, 0.0),
    ("10 times too small", "multiply by 10", 10.0, 0.0),
)
"""What a column may be, the cure, and factor and offset that bring it into the unit of training."""


class TableWarning(UserWarning):
    """A table that is unlike what the model was trained with."""


def range_doubts(columns: Mapping[str, NDArray[np.float32]], ranges: Ranges, units: Mapping[str, str]) -> list[str]:
    """What is doubtful of a table, a sentence a column.

    Parameters
    ----------
    columns : mapping of str to array, shape (row,)
        Layers by name, in the units of training as far as the user knows.
    ranges : mapping of str to (float, float)
        Of training; a layer that is not there is not judged.
    units : mapping of str to str
        Of training, where known.

    Returns
    -------
    list of str

    Examples
    --------
    >>> range_doubts({"mat": np.float32([281.0, 285.0])}, {"mat": (2.0, 14.0)}, {"mat": "degC"})
    ['mat: all of 2 rows lie outside 2 to 14 degC, the range of training; probably in kelvin, not degrees Celsius: \
subtract 273.15']
    """
    doubts = []
    for name, values in columns.items():
        values = values[np.isfinite(values)]
        if name not in ranges or not values.size:
            continue
        outside = _outside(values, ranges[name], 1e-5)
        if count := int(outside.sum()):
            low, high = ranges[name]
            unit = "" if units.get(name, "1") == "1" else f" {units[name]}"
            rows = f"all of {len(values)}" if count == len(values) else f"{count} of {len(values)}"
            guess = _probable_unit(values, ranges[name])
            worst = f"as far as {values[np.abs(values - 0.5 * (low + high)).argmax()]:.4g}"
            doubts.append(
                f"{name}: {rows} rows lie outside {low:.4g} to {high:.4g}{unit}, the range of training"
                + (f"; probably {guess}" if guess else f", {worst}: the model extrapolates there")
            )
    return doubts


def _outside(values: NDArray[np.float32], ends: tuple[float, float], margin: float) -> NDArray[np.bool_]:
    slack = margin * (ends[1] - ends[0]) + 1e-6 * max(map(abs, ends))
    return np.asarray((values < ends[0] - slack) | (values > ends[1] + slack))


def _probable_unit(values: NDArray[np.float32], ends: tuple[float, float]) -> str:
    if _outside(values, ends, MARGIN).mean() < ENOUGH:
        return ""
    for words, cure, factor, offset in CONVERSIONS:
        if 1.0 - _outside(factor * values + offset, ends, MARGIN).mean() >= ENOUGH:
            return f"{words}: {cure}"
    return ""
