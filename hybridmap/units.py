"""Units by their meaning: whether a text is one, and what one unit is worth in another."""

from __future__ import annotations

import functools
import re
from typing import Any

from hybridmap.errors import HybridmapError

DENSITY = "kg m-3"
CONTENT = "g kg-1"
ELEMENT = re.compile(r"(?<=[gt]) ?\b(?:SOC|OC|C|N|P|S)\b(?=[ /]|$)")
"""An element behind a mass, as in g C m-2: it is no unit (C would be coulomb)."""
SPELLINGS = (
    (re.compile(r"‰|\bper[ -]?mil(?:le)?\b"), "permille"),
    (re.compile("%"), "percent"),
    (re.compile("[−⁻]"), "-"),
    (re.compile("²"), "2"),
    (re.compile("³"), "3"),
    (re.compile("¹"), "1"),
    (ELEMENT, ""),
    (re.compile(r"(?<=[A-Za-z])\^?(?=[-+]?\d)"), "**"),
)
"""What people write → what the library of units reads."""


def parse_unit(text: str) -> Any:
    """The unit that a text means.

    Parameters
    ----------
    text : str
        As ``kg m-3``, ``kg/m3``, ``permille`` or ``1``.

    Returns
    -------
    pint.Unit

    Raises
    ------
    HybridmapError
        If it means none.

    Examples
    --------
    >>> parse_unit("kg m-3") == parse_unit("kg/m3") == parse_unit("kg N m-3")
    True
    """
    try:
        return _unit(text)
    except Exception as error:  # pint raises errors of many kinds, of its parser and of Python's
        raise HybridmapError(
            f"unknown unit '{text}'; write it as kg m-3, g/kg, permille, or 1 for a number without unit."
        ) from error


@functools.cache
def _unit(text: str) -> Any:
    plain = text.strip()
    if not plain:
        raise ValueError("empty")
    for pattern, meaning in SPELLINGS:
        plain = pattern.sub(meaning, plain)
    return _registry().Unit("dimensionless" if plain == "1" else plain)


@functools.cache
def _registry() -> Any:
    import pint  # slow to import, and only needed where a region declares a quantity

    return pint.UnitRegistry()


def is_density(unit: str) -> bool:
    """Whether a unit is that of a mass per volume.

    Examples
    --------
    >>> is_density("g/dm3"), is_density("g kg-1"), is_density("permille")
    (True, False, False)
    """
    return bool(parse_unit(unit).is_compatible_with(parse_unit(DENSITY)))


def factor_between(unit: str, target: str) -> float:
    """What one `unit` is worth in `target`.

    Parameters
    ----------
    unit, target : str
        As for :func:`parse_unit`.

    Returns
    -------
    float

    Raises
    ------
    HybridmapError
        If one is no unit, they measure different things, or one begins at another zero.

    Examples
    --------
    >>> factor_between("g/m3", "kg m-3"), factor_between("percent", "permille")
    (0.001, 10.0)
    """
    source, goal = parse_unit(unit), parse_unit(target)
    if source == goal:
        return 1.0
    registry = _registry()
    if not source.is_compatible_with(goal):
        raise HybridmapError(f"unit '{unit}' is none of what is measured in '{target}'.")
    try:
        factor = float(registry.Quantity(1.0, source).to(goal).magnitude)
        zero = float(registry.Quantity(0.0, source).to(goal).magnitude)
    except registry.OffsetUnitCalculusError:
        zero, factor = 1.0, 1.0
    if zero != 0.0:
        raise HybridmapError(f"unit '{unit}' begins at another zero than '{target}'; convert the column.")
    return float(f"{factor:.12g}")


def same_unit(first: str, second: str) -> bool:
    """Whether two texts mean one unit.

    Examples
    --------
    >>> same_unit("kg m-3", "kg/m3"), same_unit("kg m-3", "g m-3"), same_unit("people", "kg")
    (True, False, False)
    """
    if first == second:
        return True
    try:
        return factor_between(first, second) == 1.0
    except HybridmapError:
        return False


def typeset(unit: str) -> str:
    """A unit as people print it, with raised exponents.

    Examples
    --------
    >>> typeset("kg m-3"), typeset("permille"), typeset("1")
    ('kg m⁻³', '‰', '')
    """
    if unit == "1":
        return ""
    raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    text = re.sub(r"(?<=[A-Za-z])-?\d+", lambda exponent: exponent.group().translate(raised), unit)
    return text.replace("permille", "‰").replace("percent", "%")
