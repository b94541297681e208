"""Limits and choices of options, as types that configuration and Python users are both held to."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Range:
    """Limits of a number, for ``Annotated[float, Range(gt=0)]``; pydantic and :func:`check_options` read them.

    Attributes
    ----------
    gt, ge, lt, le : float or None
        The number is greater than, at least, less than, at most this.
    """

    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None

    def limits(self) -> dict[str, float]:
        """Limits that are set, by their names in pydantic and in :mod:`operator`."""
        return {name: limit for name, limit in vars(self).items() if limit is not None}

    def __get_pydantic_core_schema__(self, source: object, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Lay the limits on the schema of the number."""
        return {**handler(source), **self.limits()}


MOST = 10**9
"""Largest count that is meant as one: of epochs, sites in a step, units."""
Count = Annotated[int, Range(ge=1, le=MOST)]
LEAST, LARGEST = 1e-12, 1e9
"""Factors beyond these are slips, or overflow in single precision."""
Factor = Annotated[float, Range(ge=LEAST, le=LARGEST)]
WORDS = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}


def check_options(options: Any) -> None:
    """Hold a dataclass to the choices and ranges of its annotations, as pydantic does for a configuration.

    Raises
    ------
    ValueError
        For a value that is none of the choices, or outside its range.
    """
    hints = get_type_hints(type(options), include_extras=True)
    for field in fields(options):
        value = getattr(options, field.name)
        choices = _choices(hints[field.name])
        if choices and value not in choices:
            raise ValueError(f"no {field.name} '{value}'; there are {[c for c in choices if c is not None]}.")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{field.name} {value} must be a finite number.")
        for name, limit in _limits(hints[field.name]) if value is not None else ():
            if not getattr(operator, name)(value, limit):
                raise ValueError(f"{field.name} {value} must be {WORDS[name]} {limit:g}.")


def _choices(annotation: Any) -> tuple[Any, ...]:
    """Values that a Literal, or a union of Literals and None, allows; empty where other types are allowed too."""
    if annotation is NoneType:
        return (None,)
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    if get_origin(annotation) is Annotated:
        return ()
    members = [_choices(member) for member in get_args(annotation)]
    return tuple(choice for member in members for choice in member) if members and all(members) else ()


def _limits(annotation: Any) -> Iterator[tuple[str, float]]:
    """Limits of a number, also of one that may be absent."""
    if get_origin(annotation) is UnionType or get_origin(annotation) is Union:
        for member in get_args(annotation):
            yield from _limits(member)
    elif get_origin(annotation) is Annotated:
        for mark in get_args(annotation)[1:]:
            yield from mark.limits().items() if isinstance(mark, Range) else ()
