"""How figures and styles draw a map: declared with the map, and carried by the attributes of its array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

Group = Literal["", "quantity", "parameter", "diagnostic", "interval", "trust", "scenario"]
PREFIX = "figure_"
"""Begins the name of each attribute that says how a map is drawn."""


@dataclass(frozen=True)
class Portrayal:
    """How a map is drawn.

    Attributes
    ----------
    group : str
        What it is to a figure, ``""`` for none: one of the ``quantity`` or ``parameter`` maps, a ``diagnostic`` of the
        process model, an ``interval`` of another map, whether to ``trust`` the model there, a ``scenario``.
    label : str
        Title beside others; a map without one is in no figure.
    colours : str
        Colour map, by matplotlib's name.
    symmetric : bool
        Whether colours are centred on zero.
    rank : int
        Place within the group; maps of one rank go by their names.
    subject : str
        Map that an interval or a change belongs to.
    role : {"", "lower", "upper", "sd"}
        What an interval map is to its subject.

    Examples
    --------
    >>> drawn = Portrayal("scenario", "Change of SOC with mat +2", "BrBG", symmetric=True)
    >>> drawn.attributes()["figure_colours"]
    'BrBG'
    >>> Portrayal.of(drawn.attributes()) == drawn
    True
    """

    group: Group = ""
    label: str = ""
    colours: str = "viridis"
    symmetric: bool = False
    rank: int = 0
    subject: str = ""
    role: Literal["", "lower", "upper", "sd"] = ""

    def attributes(self) -> dict[str, str | int]:
        """Attributes of an array, of what differs from the default; numbers and text alone, so that NetCDF has them."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
        return {PREFIX + name: int(value) if isinstance(value, bool) else value for name, value in values.items()}

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> Portrayal:
        """As the attributes of an array, or an entry of the list of maps, say."""
        names = [f.name for f in fields(cls) if PREFIX + f.name in attributes]
        values = {name: attributes[PREFIX + name] for name in names}
        return cls(**{**values, "symmetric": bool(values.get("symmetric", False))})
