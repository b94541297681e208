"""What is measured and modelled: one entry a quantity, with everything that other rooms must know of it."""

from __future__ import annotations

from dataclasses import dataclass


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
    """

    name: str
    column: str
    unit: str
    title: str
    label: str
    colours: str = "YlOrBr"


QUANTITIES: dict[str, Quantity] = {
    quantity.name: quantity
    for quantity in (
        Quantity("soc", "soc_density_kg_m3", "kg m-3", "soil organic carbon density", "SOC"),
        Quantity("poc", "poc_kg_m3", "kg m-3", "particulate organic carbon", "POC"),
        Quantity("moc", "moc_kg_m3", "kg m-3", "mineral-associated organic carbon", "MOC"),
        Quantity("mbc", "mbc_kg_m3", "kg m-3", "microbial biomass carbon", "MBC"),
    )
}
"""Every quantity by its name, in the order of tables and figures."""
