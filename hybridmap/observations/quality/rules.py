"""Quality control of layers: a table of rules, each with its reason in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pandera.pandas as pa

from hybridmap.config import Limits
from hybridmap.observations.bulk_density import OM_PER_OC
from hybridmap.observations.density import ROCK_DENSITY, measured_or_without_stones
from hybridmap.observations.quality.drop_counts import DropCounts
from hybridmap.observations.quality.duplicates import poorer_duplicates
from hybridmap.observations.schema import SCHEMA, Schema
from hybridmap.quantities import QUANTITIES

TEXTURE = ["sand_pct", "silt_pct", "clay_pct"]
DENSITY_FIELDS = ["bd_fine_g_cm3", "bd_fine_whole_g_cm3", "cf_vol", "cf_mass"]
MINERAL_OC_G_KG = 120.0
"""Most organic carbon of a mineral soil [g kg-1]."""


@dataclass(frozen=True)
class Rule:
    """One check of a layer.

    Attributes
    ----------
    name, reason : str
        For the table of drops.
    check : pandera.Check
        True where sound: of `column`, if that is one column and the check a built-in one, else of the whole table.
    column : str
        Empty: the row is dropped. Else the values of these columns (separated by blanks) become missing.
    """

    name: str
    reason: str
    check: pa.Check
    column: str = ""

    def broken(self, table: pd.DataFrame) -> pd.Series:
        """Rows of `table` that break the rule; a missing value breaks none."""
        # Built-in checks of pandera look at one column.
        if self.check.statistics:
            cells = table[self.column]
            sound: pd.Series = self.check(cells).check_output | cells.isna()
        else:
            sound = self.check(table).check_output
        return ~sound.reindex(table.index).fillna(True).astype(bool)


def layer_rules(limits: Limits, schema: Schema = SCHEMA) -> list[Rule]:
    """Rules for layers as measured, in the order in which they are applied."""
    measured = list(schema.measured)
    return [
        *_position_rules(limits),
        *_soil_rules(limits),
        *_fraction_rules(limits),
        *_carbon_density_rules(limits),
        *range_rules(schema),
        Rule("replicate", "the same layer and values twice", pa.Check(lambda t: ~_replicates(t, measured))),
        Rule(
            "duplicate",
            "the same place, depth, year and values in another source that measured as much or more",
            pa.Check(lambda t: ~poorer_duplicates(t, schema)),
        ),
        Rule("nothing_measured", "no measured quantity left", pa.Check(lambda t: t[measured].notna().any(axis=1))),
    ]


def _position_rules(limits: Limits) -> list[Rule]:
    thinnest = limits.min_thickness_cm
    return [
        Rule("coordinates", "longitude or latitude missing, impossible, or (0, 0)", pa.Check(_on_earth)),
        Rule(
            "depth",
            f"depth missing, infinite, upside down, above the surface, or thinner than {thinnest:g} cm",
            pa.Check(
                lambda t: (t["top_cm"] >= 0) & (t["bottom_cm"] - t["top_cm"] >= thinnest) & np.isfinite(t["bottom_cm"])
            ),
        ),
    ]


def _soil_rules(limits: Limits) -> list[Rule]:
    densest, tolerance = limits.max_bulk_density_g_cm3, limits.texture_sum_tolerance_pct
    return [
        Rule(
            "organic_carbon",
            f"organic carbon outside 0 to {limits.max_oc_g_kg:g} g/kg",
            pa.Check(lambda t: _carbon_in_range(t, limits.max_oc_g_kg)),
            "oc_g_kg",
        ),
        Rule(
            "bulk_density",
            f"bulk density outside {limits.min_bulk_density_g_cm3:g} to {densest:g} g/cm3"
            f" (mineral soil: from {limits.min_mineral_bulk_density_g_cm3:g})",
            pa.Check(lambda t: ~_bulk_density_out(t, limits)),
            "bd_fine_g_cm3 bd_fine_whole_g_cm3",
        ),
        Rule(
            "bulk_density_solid",
            "bulk density above that of the solid matter",
            pa.Check(lambda t: ~(t["bd_fine_g_cm3"] > _solid_density(t))),
            "bd_fine_g_cm3 bd_fine_whole_g_cm3",
        ),
        Rule(
            "bulk_density_whole",
            f"fine earth per volume of soil not above 0, or above {densest:g} g/cm3 or that of the solid matter",
            pa.Check(lambda t: ~_fine_per_whole_out(t, densest)),
            "bd_fine_whole_g_cm3",
        ),
        Rule(
            "coarse_fragments",
            f"coarse fragments outside 0 to {limits.max_coarse_fragments:g}",
            pa.Check.in_range(0.0, limits.max_coarse_fragments, include_max=False),
            "cf_vol",
        ),
        Rule(
            "coarse_fragments",
            "coarse fragments by mass outside 0 to 1",
            pa.Check.in_range(0.0, 1.0, include_max=False),
            "cf_mass",
        ),
        Rule(
            "texture",
            f"sand, silt and clay do not sum to 100 +- {tolerance:g} %",
            pa.Check(lambda t: ~((t[TEXTURE].sum(axis=1, skipna=False) - 100.0).abs() > tolerance)),
            " ".join(TEXTURE),
        ),
    ]


def _fraction_rules(limits: Limits) -> list[Rule]:
    low, high = limits.fraction_recovery
    share = limits.max_mbc_share_of_oc
    return [
        Rule("poc", "particulate carbon not above 0", pa.Check.greater_than(0.0), "poc_g_kg"),
        Rule("moc", "mineral-associated carbon not above 0", pa.Check.greater_than(0.0), "moc_g_kg"),
        Rule(
            "mbc",
            f"microbial carbon not above 0, or more than {share:g} of organic carbon",
            pa.Check(lambda t: ~((t["mbc_g_kg"] <= 0) | (t["mbc_g_kg"] > share * t["oc_g_kg"]))),
            "mbc_g_kg",
        ),
        Rule(
            "recovery",
            f"POC + MOC outside {low:g} to {high:g} of organic carbon",
            pa.Check(lambda t: _recovery(t).between(low, high) | _recovery(t).isna()),
            "poc_g_kg moc_g_kg",
        ),
        *(
            Rule(
                "recovery",
                f"{name} above {high:g} of organic carbon",
                pa.Check(lambda t, field=field: ~(t[field] > high * t["oc_g_kg"])),
                field,
            )
            for field, name in (("poc_g_kg", "POC"), ("moc_g_kg", "MOC"))
        ),
    ]


def _carbon_density_rules(limits: Limits) -> list[Rule]:
    densest = limits.max_soc_density_kg_m3
    sound = pa.Check.in_range(0.0, densest, include_min=False)
    return [Rule("soc_density", f"SOC density outside 0 to {densest:g} kg/m3", sound, "soc_density_kg_m3")]


def range_rules(schema: Schema) -> list[Rule]:
    """Range of each quantity that the region declares."""
    quantities = [quantity for name, quantity in schema.quantities.items() if name not in QUANTITIES]
    return [Rule(q.name, f"{q.title} {q.range_text}", pa.Check.in_range(q.least, q.most), q.column) for q in quantities]


def apply_rules(table: pd.DataFrame, rules: Iterable[Rule], drops: DropCounts) -> pd.DataFrame:
    """Apply rules in order.

    Parameters
    ----------
    table : DataFrame
        Layers of the common schema.
    rules : iterable of Rule
        Each sees what the ones above it left.
    drops : DropCounts
        Counts what each drops.

    Returns
    -------
    DataFrame
        The rows that remain.
    """
    for rule in rules:
        broken = rule.broken(table)
        if rule.column:
            table = drops.drop_values(table, broken, rule.column.split(), rule.name, rule.reason)
        else:
            table = drops.drop_rows(table, broken, rule.name, rule.reason)
    return table


def renormalise_texture(table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with sand, silt and clay scaled to sum to 100 % where all three are known."""
    total = table[TEXTURE].sum(axis=1, skipna=False)
    return table.assign(**{name: table[name].where(total.isna(), table[name] / total * 100.0) for name in TEXTURE})


def _on_earth(t: pd.DataFrame) -> pd.Series:
    return t["lon"].between(-180, 180) & t["lat"].between(-90, 90) & ~((t["lon"] == 0) & (t["lat"] == 0))


def _carbon_in_range(t: pd.DataFrame, most: float) -> pd.Series:
    """Above 0, or 0 where that stands for "below the detection limit"."""
    low = (t["oc_g_kg"] < 0) | ((t["oc_g_kg"] == 0) & (t["oc_flag"] != "lod"))
    return ~(low | (t["oc_g_kg"] > most))


def _solid_density(t: pd.DataFrame) -> pd.Series:
    """Rock [g cm-3] less the organic matter in it."""
    return ROCK_DENSITY * (1.0 - OM_PER_OC * t["oc_g_kg"].fillna(0) / 1000.0)


def _bulk_density_out(t: pd.DataFrame, limits: Limits) -> pd.Series:
    bd, mineral = measured_or_without_stones(t), t["oc_g_kg"] <= MINERAL_OC_G_KG
    low = np.where(mineral, limits.min_mineral_bulk_density_g_cm3, limits.min_bulk_density_g_cm3)
    return (bd < low) | (bd > limits.max_bulk_density_g_cm3)


def _fine_per_whole_out(t: pd.DataFrame, densest: float) -> pd.Series:
    per_whole = t["bd_fine_whole_g_cm3"]
    return (per_whole <= 0) | (per_whole > densest) | (per_whole > _solid_density(t))


def _recovery(t: pd.DataFrame) -> pd.Series:
    return (t["poc_g_kg"] + t["moc_g_kg"]) / t["oc_g_kg"]


def _replicates(t: pd.DataFrame, measured: list[str]) -> pd.Series:
    """Rows of one source and site that agree in depth, year and every value to 1e-6."""
    values = t[[*measured, *DENSITY_FIELDS]].round(6)
    keys = pd.concat([t[["source", "site_id", "year", "top_cm", "bottom_cm"]], values], axis=1)
    return keys.duplicated(keep="first")
