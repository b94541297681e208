"""The common schema of soil observations: one row a measured layer, units in the names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """One column of the common schema.

    Attributes
    ----------
    name : str
        Column name, with its unit.
    quantity : str
        Key of :data:`hybridmap.observations.units.UNITS`; "text" and "year" are read without a unit.
    description : str
        One line for the docs.
    """

    name: str
    quantity: str
    description: str


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
        Field("bd_method", "text", "how bulk density was measured; the column, where several are tried in turn"),
        Field("frac_method", "text", "how the fractions were measured"),
        Field("mbc_method", "text", "how microbial biomass was measured"),
    )
}
"""What a region file may map a column of its table to."""

REQUIRED = ("site_id", "lon", "lat", "top_cm", "bottom_cm")
MEASURED = ("oc_g_kg", "soc_density_kg_m3", "poc_g_kg", "moc_g_kg", "mbc_g_kg")
"""A layer without any of these says nothing about carbon."""

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
LAYER_NUMBERS = (
    "lon",
    "lat",
    "year",
    "top_cm",
    "bottom_cm",
    "oc_g_kg",
    "bd_fine_g_cm3",
    "bd_fine_whole_g_cm3",
    "cf_vol",
    "cf_mass",
    "clay_pct",
    "silt_pct",
    "sand_pct",
    "soc_density_kg_m3",
    "poc_g_kg",
    "moc_g_kg",
    "mbc_g_kg",
)
LAYER_COLUMNS = (*LAYER_TEXT, *LAYER_NUMBERS, "source_row")
"""Columns of ``observations/{source}.parquet``; text is "" and numbers are NaN where missing."""
