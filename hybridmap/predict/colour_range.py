"""One range of colours for what is comparable, between round numbers: in styles of QGIS, figures and the explorer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hybridmap.files.reading import read_parquet
from hybridmap.grid.depth_axis import Interval
from hybridmap.predict.colours import ENDS
from hybridmap.predict.portrayal import Portrayal
from hybridmap.quantities import Quantity

Limits = tuple[float, float]
COLOUR_LIMITS = "colour_limits"
"""Entry of the list of maps: ends of the colours, in the unit of the map."""
MOST_STEPS = 25
CLOSE = 1e-9
"""Part of a step that is rounding error."""
MOST_OBSERVED, LEAST_OBSERVED = 0.95, 0.05
"""Quantiles of the observations of a quantity between which its colours lie; one that has no negative begins at 0."""


def variable_of(entry: Mapping[str, Any]) -> str:
    """Name of what a map shows, without the depth of which it is.

    Examples
    --------
    >>> variable_of({"name": "soc_0-5cm", "depth_top_cm": 0, "depth_bottom_cm": 5}), variable_of({"name": "soc_lower"})
    ('soc', 'soc_lower')
    """
    name = str(entry["name"])
    if "depth_top_cm" not in entry:
        return name
    return name.removesuffix(f"_{Interval(float(entry['depth_top_cm']), float(entry['depth_bottom_cm']))}")


def scale_name(entry: Mapping[str, Any]) -> str:
    """Name of the scale of a map: maps of one name have the same colours over the same range.

    Examples
    --------
    >>> scale_name({"name": "soc", "units": "kg m-3", "figure_group": "quantity", "figure_subject": "soc"})
    'quantity soc'
    >>> drawn = {"figure_group": "interval", "figure_subject": "soc", "figure_role": "upper"}
    >>> scale_name({"name": "soc_upper", "units": "kg m-3", **drawn})
    'quantity soc'
    """
    portrayal = Portrayal.of(entry)
    if portrayal.subject and (portrayal.group == "quantity" or portrayal.role in ENDS):
        return quantity_scale(portrayal.subject)
    if portrayal.group == "scenario":
        return f"change {portrayal.subject}"
    return f"{variable_of(entry)} {entry['units']}"


def quantity_scale(quantity: str) -> str:
    """Name of the scale of a quantity and the ends of its intervals."""
    return f"quantity {quantity}"


def observed_limits(samples: Path, quantities: Iterable[Quantity]) -> dict[str, Limits]:
    """Ends of the colours of every quantity that was measured, by the name of its scale.

    Parameters
    ----------
    samples : Path
        ``samples.parquet``.
    quantities : iterable of Quantity
        Of the region.
    """
    limits = {}
    for quantity in quantities:
        values = read_parquet(samples, columns=[quantity.column])[quantity.column].dropna()
        if len(values):
            low = float(values.quantile(LEAST_OBSERVED)) if quantity.is_signed else 0.0
            limits[quantity_scale(quantity.name)] = low, float(values.quantile(MOST_OBSERVED))
    return limits


def joined(limits: Limits, further: Limits) -> Limits:
    """A range that holds two.

    Examples
    --------
    >>> joined((0.0, 2.0), (1.0, 3.0))
    (0.0, 3.0)
    """
    return min(limits[0], further[0]), max(limits[1], further[1])


def rounded(limits: Limits, is_symmetric: bool = False) -> Limits:
    """A range between round numbers that holds `limits`, or reaches as far on both sides of zero.

    Examples
    --------
    >>> rounded((0.0, 44.8)), rounded((-0.4, 1.23), is_symmetric=True), rounded((3.0, 3.0))
    ((0.0, 46.0), (-1.3, 1.3), (2.5, 3.5))
    """
    low, high = limits
    if is_symmetric:
        high = max(abs(low), abs(high))
        low = -high
    if not high > low:
        low, high = low - 0.5, low + 0.5
    step = round_step(high - low)
    decimals = max(0, 1 - math.floor(math.log10(step)))
    ends = math.floor(low / step + CLOSE) * step, math.ceil(high / step - CLOSE) * step
    return round(ends[0], decimals), round(ends[1], decimals)


def round_step(span: float) -> float:
    """Distance of round numbers, of which a span has 10 to 25.

    Examples
    --------
    >>> round_step(30.9), round_step(400.0)
    (2.0, 20.0)
    """
    power = 10.0 ** math.floor(math.log10(span))
    return next(power * part for part in (0.05, 0.1, 0.2, 0.5) if span / (power * part) <= MOST_STEPS)
