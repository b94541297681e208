"""Typed configuration of quantities that a region adds to those of the package."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from pydantic import Field, field_validator, model_validator

from hybridmap.config.section import Name, Section, Unit
from hybridmap.errors import HybridmapError
from hybridmap.quantities import QUANTITIES, Quantity
from hybridmap.units import is_density, parse_unit


class DeclaredQuantity(Section):
    """A quantity of the soil that the region's tables measure or its models predict."""

    name: Name = Field(
        description="Name under columns and targets, of its map, and of the output of a process model that it is"
        " compared with."
    )
    unit: Unit = Field(description="Its unit, as kg m-3, g kg-1, permille, or 1; maps and scores have it.")
    title: str = Field("", description="In words, for maps and the report; the name if absent.")
    label: str = Field("", description="Short, for figures and tables; the name if absent.")
    range: tuple[float | None, float | None] = Field(
        (0.0, None),
        description="Least and most that a soil can have, in the unit; null for no end. Values outside are dropped and"
        " counted. A least below 0 says that it can be negative.",
    )
    colours: str = Field("YlOrBr", description="Colour map of its maps, by its name in matplotlib.")

    @field_validator("name")
    @classmethod
    def _new(cls, name: str) -> str:
        if name in QUANTITIES:
            raise ValueError(f"is a quantity of every region already ({QUANTITIES[name].title}); choose another name")
        return name

    @field_validator("unit")
    @classmethod
    def _known_unit(cls, unit: str) -> str:
        try:
            parse_unit(unit)
        except HybridmapError as error:
            raise ValueError(str(error).removesuffix(".")) from None
        return unit

    @model_validator(mode="after")
    def _rising(self) -> DeclaredQuantity:
        least, most = self._ends()
        if not least < most:
            raise ValueError(f"quantity '{self.name}': range ends at {most:g}, not above {least:g}; ends must increase")
        return self

    def _ends(self) -> tuple[float, float]:
        least, most = self.range
        return -math.inf if least is None else least, math.inf if most is None else most

    def quantity(self) -> Quantity:
        """The quantity with everything that other rooms must know of it."""
        least, most = self._ends()
        content = f"{self.name}_g_kg" if is_density(self.unit) else ""
        title, label = self.title or self.name.replace("_", " "), self.label or self.name
        column = "_".join(filter(None, (self.name, _suffix(self.unit))))
        return Quantity(self.name, column, self.unit, title, label, self.colours, content, bool(content), least, most)


def _suffix(unit: str) -> str:
    """A unit as the end of a column's name.

    Examples
    --------
    >>> [_suffix(unit) for unit in ("kg m-3", "‰", "1")]
    ['kg_m3', 'permille', '']
    """
    words = unit.strip().replace("‰", "permille").replace("%", "percent")
    return "" if words == "1" else re.sub(r"[^A-Za-z0-9]+", "_", re.sub(r"-(?=\d)", "", words)).strip("_")


def all_quantities(declared: Iterable[DeclaredQuantity]) -> dict[str, Quantity]:
    """The quantities of every region and those that this one declares, by name."""
    return {**QUANTITIES, **{entry.name: entry.quantity() for entry in declared}}
