"""The common schema of soil observations: one row a measured layer, units in the names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hybridmap.errors import HybridmapError
from hybridmap.observations.units import unit_factor
from hybridmap.quantities import QUANTITIES, Quantity
from hybridmap.units import DENSITY, factor_between


@dataclass(frozen=True)
class Field:
    """One column of the common schema.

    Attributes
    ----------
    name : str
        Column name, with its unit.
    quantity : str
        Key of :data:`hybridmap.observations.units.UNITS`; "text" and "year" are read without a unit, "own" is in
        `unit`.
    description : str
        One line for the docs.
    unit : str
        Of a field of a quantity that the region declares.
    """

    name: str
    quantity: str
    description: str
    unit: str = ""


FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        Field("site_id", "text", "identifier of the place, unique within the source"),
        Field("revisit_id", "text", "identifier of the place that other tables share, so that revisits stay together"),
        Field("licence", "text", "licence of the row"),
        Field("lon", "angle", "longitude, WGS84"),
        Field("lat", "angle", "latitude, WGS84"),
        Field("year", "year", "year of sampling, read from a year or a date"),
        Field("top_cm", "depth", "upper limit of the layer below the mineral surface"),
        Field("bottom_cm", "depth", "lower limit of the layer"),
        Field("horizon", "text", "designation of the horizon; organic ones lie above the mineral surface"),
        Field("oc_g_kg", "content", "organic carbon of the fine earth"),
        Field("tc_g_kg", "content", "total carbon, where organic carbon was not measured"),
        Field("ic_g_kg", "content", "inorganic carbon, to subtract from total carbon"),
        Field("ph", "acidity", "pH in water; below 6.5 there is no inorganic carbon"),
        Field("bd_fine_g_cm3", "density", "bulk density of the fine earth"),
        Field("bd_whole_g_cm3", "density", "bulk density of the whole soil, stones included"),
        Field("bd_fine_whole_g_cm3", "density", "mass of the fine earth per volume of the whole soil, stones included"),
        Field("cf_vol", "share", "coarse fragments, share of the volume"),
        Field("cf_mass", "share", "coarse fragments, share of the mass"),
        Field("clay_pct", "percentage", "clay of the fine earth"),
        Field("silt_pct", "percentage", "silt of the fine earth"),
        Field("sand_pct", "percentage", "sand of the fine earth"),
        Field("landcover", "text", "land cover, words of the source"),
        Field("soc_density_kg_m3", "carbon_density", "organic carbon per volume of soil, if the table has it"),
        Field("soc_stock_kg_m2", "stock", "organic carbon of the layer per area, if the table has it"),
        Field("poc_g_kg", "content", "particulate organic carbon"),
        Field("moc_g_kg", "content", "mineral-associated organic carbon"),
        Field("poc_share", "share", "particulate carbon as a share of organic carbon, if the table has no content"),
        Field("moc_share", "share", "mineral-associated carbon as a share of organic carbon"),
        Field("mbc_g_kg", "content", "microbial biomass carbon"),
        Field("poc_kg_m3", "carbon_density", "particulate organic carbon per volume of soil, if the table has it"),
        Field("moc_kg_m3", "carbon_density", "mineral-associated carbon per volume of soil, if the table has it"),
        Field("mbc_kg_m3", "carbon_density", "microbial biomass carbon per volume of soil, if the table has it"),
        Field("bd_method", "text", "how bulk density was measured; the column, where several are tried in turn"),
        Field("frac_method", "text", "how the fractions were measured"),
        Field("mbc_method", "text", "how microbial biomass was measured"),
    )
}
"""What a region file may map a column of its table to."""

REQUIRED = ("site_id", "lon", "lat", "top_cm", "bottom_cm")

LAYER_TEXT = (
    "site_id",
    "source",
    "licence",
    "revisit_id",
    "oc_flag",
    "landcover",
    "bd_method",
    "frac_method",
    "mbc_method",
)
PROPERTIES = (
    "lon",
    "lat",
    "year",
    "top_cm",
    "bottom_cm",
    "bd_fine_g_cm3",
    "bd_fine_whole_g_cm3",
    "cf_vol",
    "cf_mass",
    "clay_pct",
    "silt_pct",
    "sand_pct",
)
"""Numbers of a layer beside its quantities."""
OF_SITES = ("weight", "group_id", "row", "col", "x", "y")
"""Further columns of the tables of sites and samples."""


@dataclass(frozen=True)
class Schema:
    """The common schema with the quantities of a region.

    Attributes
    ----------
    quantities : mapping of str to Quantity
        By name.

    Raises
    ------
    HybridmapError
        If a quantity has the name of a field of the schema, or of its column.
    """

    quantities: Mapping[str, Quantity] = field(default_factory=lambda: QUANTITIES)

    def __post_init__(self) -> None:
        """Refuse names that are taken."""
        for name, quantity in self.quantities.items():
            words = {name, quantity.column} if name not in QUANTITIES else set()
            if names := sorted(words & {*FIELDS, *LAYER_TEXT, *PROPERTIES, *OF_SITES}):
                raise HybridmapError(
                    f"quantity '{name}': '{names[0]}' is a field of the schema already; choose another name."
                )

    @property
    def fields(self) -> dict[str, Field]:
        """Every field that a table may have, by name: its own, and those of the region's quantities."""
        declared = [quantity for name, quantity in self.quantities.items() if name not in QUANTITIES]
        columns = [Field(q.column, "own", q.title, q.unit) for q in declared]
        contents = [Field(q.content, "content", f"content of {q.title}") for q in declared if q.content]
        return {**FIELDS, **{entry.name: entry for entry in (*columns, *contents)}}

    @property
    def densities(self) -> dict[str, Quantity]:
        """Quantities that a content and bulk density make, by the field of the content."""
        return {quantity.content: quantity for quantity in self.quantities.values() if quantity.content}

    @property
    def columns(self) -> list[str]:
        """Column of each quantity."""
        return [quantity.column for quantity in self.quantities.values()]

    @property
    def measured(self) -> tuple[str, ...]:
        """Fields of quantities; a layer without any of these says nothing."""
        return (*self.densities, *self.columns)

    @property
    def layer_numbers(self) -> tuple[str, ...]:
        """Numbers of ``observations/{source}.parquet``, NaN where missing."""
        return (*PROPERTIES, *self.measured)

    @property
    def layer_columns(self) -> tuple[str, ...]:
        """Columns of ``observations/{source}.parquet``; text is "" where missing."""
        return (*LAYER_TEXT, *self.layer_numbers, "source_row")


SCHEMA = Schema()
"""That of a region which declares no quantity."""


def field_factor(field: Field, unit: str | None, origin: str) -> float:
    """What one `unit` of a column is worth in the unit of a field.

    Parameters
    ----------
    field : Field
        With a unit; no text.
    unit : str or None
        As written in the region file.
    origin : str
        File and column, for the error.

    Returns
    -------
    float

    Raises
    ------
    HybridmapError
        If the unit is missing, or none of the field.
    """
    if field.quantity != "own":
        return unit_factor(field.quantity, unit, origin)
    if unit is None:
        raise HybridmapError(f"{origin}: needs a 'unit', as {field.unit}.")
    try:
        return factor_between(unit, field.unit)
    except HybridmapError as error:
        raise HybridmapError(f"{origin}: {error}") from None


def density_factor(quantity: Quantity) -> float:
    """What 1 kg m-3 is worth in the unit of a quantity that is a density.

    Examples
    --------
    >>> density_factor(QUANTITIES["soc"])
    1.0
    """
    return 1.0 if quantity.unit == DENSITY else factor_between(DENSITY, quantity.unit)
