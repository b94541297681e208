"""What is measured and modelled: one entry a quantity, with everything that other rooms must know of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Quantity:
    """One quantity of the soil.

    Attributes
    ----------
    name : str
        Name in configurations, tables of scores and maps; the output of a process model that it is compared with.
    column : str
        Column of the samples, with its unit.
    unit : str
        UDUNITS-style unit of that column and of the output.
    title, label : str
        In words, and short for figures and tables.
    colours : str
        Colour map of its maps.
    content : str
        Field of its content in the fine earth [g kg-1], which bulk density makes a density; empty where it is none.
    has_stock : bool
        Whether the stock of the layer is mapped and summed up over polygons; only of a density.
    least, most : float
        What a soil can have, in `unit`; a measured value outside is dropped and counted.

    Examples
    --------
    >>> QUANTITIES["soc"].unit, QUANTITIES["soc"].is_signed
    ('kg m-3', False)
    """

    name: str
    column: str
    unit: str
    title: str
    label: str
    colours: str = "YlOrBr"
    content: str = ""
    has_stock: bool = False
    least: float = 0.0
    most: float = math.inf

    @property
    def is_signed(self) -> bool:
        """Whether values below zero make sense."""
        return self.least < 0.0

    @property
    def range_text(self) -> str:
        """The range in words, with its unit."""
        unit = "" if self.unit == "1" else f" {self.unit}"
        if math.isinf(self.most):
            return f"below {self.least:g}{unit}"
        return f"outside {self.least:g} to {self.most:g}{unit}"

    def facts(self) -> dict[str, Any]:
        """Plain values from which :meth:`of_facts` makes the quantity again; infinity is left out."""
        return {name: value for name, value in vars(self).items() if value != math.inf}

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> Quantity:
        """The quantity of :meth:`facts`."""
        return cls(**facts)


QUANTITIES: dict[str, Quantity] = {
    quantity.name: quantity
    for quantity in (
        Quantity(
            "soc",
            "soc_density_kg_m3",
            "kg m-3",
            "soil organic carbon density",
            "SOC",
            content="oc_g_kg",
            has_stock=True,
        ),
        Quantity("poc", "poc_kg_m3", "kg m-3", "particulate organic carbon", "POC", content="poc_g_kg"),
        Quantity("moc", "moc_kg_m3", "kg m-3", "mineral-associated organic carbon", "MOC", content="moc_g_kg"),
        Quantity("mbc", "mbc_kg_m3", "kg m-3", "microbial biomass carbon", "MBC", content="mbc_g_kg"),
    )
}
"""The quantities of every region by name, in the order of tables and figures; a region file may declare more."""


def stock_name(quantity: str) -> str:
    """Name of the map of the stock of a quantity that is a density.

    Examples
    --------
    >>> stock_name("soc")
    'soc_stock'
    """
    return f"{quantity}_stock"
