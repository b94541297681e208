"""Fields of the common schema that follow from others; what is measured and yet not used is counted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from hybridmap.config import Column, ObservationSource
from hybridmap.observations.density import fine_earth, fragments_per_whole
from hybridmap.observations.quality.drop_counts import DropCounts
from hybridmap.observations.schema import FIELDS
from hybridmap.observations.sources.cumulative_stocks import STOCK, stocks_of_layers
from hybridmap.observations.sources.horizons import from_the_mineral_surface
from hybridmap.observations.tables import cells

NO_NUMBERS = frozenset(name for name, field in FIELDS.items() if field.quantity in ("text", "year"))
ACID_PH = 6.5
"""Soil below this pH holds no carbonate."""
PH_RANGE = (0.0, 14.0)


def derive_fields(
    layers: pd.DataFrame, source: ObservationSource, columns: Mapping[str, Column], path: Path, drops: DropCounts
) -> pd.DataFrame:
    """Derive depths, carbon and densities of layers from what their table has.

    Parameters
    ----------
    layers : DataFrame
        All fields that are mapped, in the units of the schema.
    source : ObservationSource
        Which horizons are organic.
    columns : mapping of str to Column
        Where fields come from, for the errors.
    path : Path
        The table, for the errors.
    drops : DropCounts
        Counts what is left out or not used.

    Returns
    -------
    DataFrame
        As `layers`, without organic horizons above the mineral surface.
    """
    layers = from_the_mineral_surface(layers, source.organic_horizons, drops)
    if "tc_g_kg" in layers:
        layers = _organic_from_total(layers, drops)
    if STOCK in layers:
        layers = _density_from_stock(stocks_of_layers(layers, path, str(columns[STOCK].column), drops), drops)
    for share, content in (("poc_share", "poc_g_kg"), ("moc_share", "moc_g_kg")):
        if share in layers:
            layers = _content_from_share(layers, share, content, drops)
    if {"bd_whole_g_cm3", "bd_fine_whole_g_cm3", "cf_mass"} & set(columns):
        layers = _fine_earth(layers, drops)
    return layers


def _with_missing(layers: pd.DataFrame, *fields: str) -> pd.DataFrame:
    """Add those of `fields` that are not mapped, empty."""
    return layers.assign(**{field: np.nan for field in fields if field not in layers})


def _organic_from_total(layers: pd.DataFrame, drops: DropCounts) -> pd.DataFrame:
    """Organic carbon as total less inorganic carbon, which is none in acid soil."""
    layers = _with_missing(layers, "oc_g_kg", "ic_g_kg", "ph")
    is_impossible = layers["ph"].notna() & ~layers["ph"].between(*PH_RANGE)
    layers = drops.drop_values(layers, is_impossible, ["ph"], "ph", "pH outside {:g} to {:g}".format(*PH_RANGE))
    total, is_open = layers["tc_g_kg"], layers["oc_g_kg"].isna() & (layers["oc_flag"] != "lod")
    is_acid = is_open & total.notna() & layers["ic_g_kg"].isna() & (layers["ph"] < ACID_PH)
    inorganic = layers["ic_g_kg"].mask(is_acid, 0.0)
    is_unknown = is_open & inorganic.isna()
    is_more = is_open & (inorganic > total)
    if is_acid.any():
        reason = f"inorganic carbon not measured, and none in acid soil (pH below {ACID_PH:g})"
        drops.count(str(layers["source"].iloc[0]), "acid_soil", reason, int(is_acid.sum()), 0, "values of tc_g_kg")
    reason = f"inorganic carbon not measured, and pH not below {ACID_PH:g} or unknown: organic carbon stays unknown"
    layers = drops.drop_values(layers, is_unknown, ["tc_g_kg"], "inorganic_carbon", reason)
    layers = drops.drop_values(layers, is_more, ["tc_g_kg"], "inorganic_carbon", "more inorganic than total carbon")
    return layers.assign(oc_g_kg=layers["oc_g_kg"].where(~is_open, layers["tc_g_kg"] - inorganic))


def _density_from_stock(layers: pd.DataFrame, drops: DropCounts) -> pd.DataFrame:
    layers = _with_missing(layers, "soc_density_kg_m3")
    is_hidden = layers["soc_density_kg_m3"].notna()
    layers = drops.drop_values(layers, is_hidden, [STOCK], "not_used", "the density of the same layer goes before")
    thickness_m = (layers["bottom_cm"] - layers["top_cm"]) / 100.0
    density = layers[STOCK] / thickness_m.where(thickness_m > 0)
    return layers.assign(soc_density_kg_m3=layers["soc_density_kg_m3"].fillna(density))


def _content_from_share(layers: pd.DataFrame, share: str, content: str, drops: DropCounts) -> pd.DataFrame:
    layers = _with_missing(layers, content, "oc_g_kg")
    layers = drops.drop_values(layers, layers[content].notna(), [share], "not_used", f"{content} goes before")
    is_lost = layers["oc_g_kg"].isna()
    layers = drops.drop_values(layers, is_lost, [share], "not_used", "a share of organic carbon, which is unknown")
    return layers.assign(**{content: layers[content].fillna(layers[share] * layers["oc_g_kg"])})


def _fine_earth(layers: pd.DataFrame, drops: DropCounts) -> pd.DataFrame:
    """Fine-earth density and fragments by volume from those of the whole soil and by mass."""
    fields = ("bd_fine_g_cm3", "bd_whole_g_cm3", "bd_fine_whole_g_cm3", "cf_vol", "cf_mass")
    layers = _with_missing(layers, *fields)
    stones = fragments_per_whole(layers["bd_fine_whole_g_cm3"], layers["cf_mass"].where(layers["cf_mass"] < 1.0))
    reason = "fine earth per whole soil and stones by mass do not fit into the whole"
    layers = drops.drop_values(layers, stones >= 1.0, ["bd_fine_whole_g_cm3"], "not_used", reason)
    bd_fine, cf_vol = fine_earth(layers)
    has_fine = layers["bd_fine_g_cm3"].notna() | layers["bd_fine_whole_g_cm3"].notna()
    is_hidden = layers["bd_fine_g_cm3"].notna() | (layers["bd_fine_whole_g_cm3"].notna() & layers["cf_vol"].notna())
    is_unknown = ~has_fine & bd_fine.isna()
    is_converted = layers["bd_fine_g_cm3"].isna() & bd_fine.notna()
    if "bd_method" in layers:
        method = layers["bd_method"].where(~is_converted, "whole soil less fragments")
        layers = layers.assign(bd_method=method)
    whole = ["bd_whole_g_cm3"]
    layers = drops.drop_values(layers, is_hidden, whole, "not_used", "the density of the fine earth goes before")
    reason = "coarse fragments unknown, so the whole-soil density says nothing certain about the fine earth"
    layers = drops.drop_values(layers, is_unknown, whole, "not_used", reason)
    has_volume = layers["cf_vol"].notna()
    layers = drops.drop_values(layers, has_volume, ["cf_mass"], "not_used", "the share of the volume goes before")
    return layers.assign(bd_fine_g_cm3=bd_fine, cf_vol=cf_vol)


def count_unfinished_differences(
    rows: pd.DataFrame, columns: Mapping[str, Column], source: str, drops: DropCounts
) -> None:
    """Count values that stay missing because the column to subtract is empty.

    Parameters
    ----------
    rows : DataFrame
        Cells of the table.
    columns : mapping of str to Column
        Where fields come from.
    source : str
        Name of the source.
    drops : DropCounts
        Gets a line for each such field.
    """
    for field, column in columns.items():
        if column.minus is None or column.minus_factor != 1.0 or field in NO_NUMBERS:
            continue
        is_filled = cells.text(rows, Column(column=column.column, otherwise=column.otherwise)) != ""
        is_lost = is_filled & (cells.text(rows, Column(column=column.minus)) == "")
        if is_lost.any():
            reason = f"'{column.minus}' under 'minus' is empty"
            drops.count(source, "minus", reason, int(is_filled.sum()), int(is_lost.sum()), f"values of {field}")
