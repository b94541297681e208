"""Which column of a table is likely which field, by its header and values: a draft for a person to correct."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.observations.tables.source_table import SourceTable

SPELLINGS = {
    "site_id": r"(point|site|profile?|pedon|plot|sample|station)?_?(id|code|no|nr|number)|site|profile?|pedon|plot",
    "lon": r"lon(g|gitude)?|.*_lon(g|gitude)?|lon(g|gitude)?_.*",
    "lat": r"lat(itude)?|.*_lat(itude)?|lat(itude)?_.*",
    "x": r"x|x_?coord(inate)?|coord(inate)?_?x|east(ing)?",
    "y": r"y|y_?coord(inate)?|coord(inate)?_?y|north(ing)?",
    "year": r"(.*_)?(year|date)(_.*)?",
    "top_cm": r"(depth_)?(top|upper|from|min)(_depth|_limit)?",
    "bottom_cm": r"(depth_)?(bottom|lower|to|max)(_depth|_limit)?",
    "depth": r"depth|depth_?(interval|range|class)|layer",
    "oc_g_kg": r"(s?oc|toc|c_?org|org_?c|organic_?c(arbon)?|soil_organic_carbon)",
    "bd_fine_g_cm3": r"bd|db|bulk_?dens(ity)?",
    "cf_vol": r"cf|(coarse|rock)_?(frag(ment)?s?)?|gravel|stones?|skeleton",
    "clay_pct": r"clay",
    "silt_pct": r"silt",
    "sand_pct": r"sand",
    "poc_g_kg": r"poc|pom_?c",
    "moc_g_kg": r"m(a)?oc|maom_?c",
    "mbc_g_kg": r"mbc|(microbial_)?biomass_?c(arbon)?|c_?mic",
    "landcover": r"land_?(cover|use)|lc\d?|lu",
}
"""Field, or a coordinate or a depth in words → how its column is spelled, in lower case, without its unit."""
UNITS = {
    "g/kg": r"g_?kg_?1?|g_per_kg",
    "mg/kg": r"mg_?kg_?1?|ppm",
    "pct": r"pct|perc(ent)?|per_cent|wt",
    "g/cm3": r"g_?cm_?3|g_?cc|t_?m_?3|mg_?m_?3",
    "kg/m3": r"kg_?m_?3",
    "cm": r"cm",
    "mm": r"mm",
    "m": r"m",
}
"""Unit → how the end of a column's name says it."""
CHOICES = {
    "cm": "cm or m",
    "kg": "g/kg or pct",
    "cm3": "g/cm3 or kg/m3",
    "pct": "pct or fraction",
    "vol": "pct or fraction",
}
"""End of a field's name → units to choose from."""
HAS_NO_UNIT = {"site_id", "lon", "lat", "x", "y", "year", "depth", "landcover"}
MAY_BE_TEXT = {*HAS_NO_UNIT, "top_cm", "bottom_cm"}


@dataclass(frozen=True)
class DraftColumn:
    """A column of the table that is likely a field.

    Attributes
    ----------
    name : str
        As the table has it.
    unit : str
        As its name says; empty where it says none.
    values : str
        What it holds, for a person: the lowest, middle and highest value.
    """

    name: str
    unit: str
    values: str


def draft_columns(table: SourceTable) -> dict[str, DraftColumn]:
    """Find likely columns.

    Parameters
    ----------
    table : SourceTable
        Opened.

    Returns
    -------
    dict of str to DraftColumn
        By field; the first column that is spelled so. ``x``, ``y`` and ``depth`` (in words) are among them. A column of
        numbers that holds none is left out.
    """
    drafts: dict[str, tuple[str, str]] = {}
    for name in table.columns:
        stem, unit = _split(name)
        for field, spelling in SPELLINGS.items():
            if field not in drafts and re.fullmatch(spelling, stem):
                drafts[field] = (name, "" if field in HAS_NO_UNIT else unit)
                break
    rows = table.read([name for name, _ in drafts.values()])
    drafted = {field: DraftColumn(name, unit, span(rows[name])) for field, (name, unit) in drafts.items()}
    return {field: column for field, column in drafted.items() if column.values or field in MAY_BE_TEXT}


def _split(name: str) -> tuple[str, str]:
    """Name of a column in lower case without its unit, and the unit.

    Examples
    --------
    >>> _split("SOC (g/kg)"), _split("Clay %"), _split("depth_top_cm"), _split("POINTID")
    (('soc', 'g/kg'), ('clay', 'pct'), ('depth_top', 'cm'), ('pointid', ''))
    """
    words = re.sub(r"[^a-z0-9]+", "_", name.lower().replace("%", " pct ")).strip("_")
    for unit, spelling in UNITS.items():
        if match := re.fullmatch(rf"(.+?)_(?:{spelling})", words):
            return match[1], unit
    return words, ""


def each_number(cells: pd.Series) -> NDArray[np.float64]:
    """Cells that look like numbers, with a decimal point or comma, NaN for others; for a glance, not for use."""
    words = cells.astype("string").str.strip().str.replace(",", ".", regex=False)
    return np.asarray(pd.to_numeric(words, errors="coerce").to_numpy(dtype="float64", na_value=np.nan))


def numbers(cells: pd.Series) -> NDArray[np.float64]:
    """Those of :func:`each_number` that are finite."""
    values = each_number(cells)
    return values[np.isfinite(values)]


def span(cells: pd.Series) -> str:
    """Lowest, middle and highest number of a column; empty where it holds none.

    Examples
    --------
    >>> span(pd.Series(["1,5", "2", "n.d.", "40"])), span(pd.Series(["forest", "crop"]))
    ('1.5 to 40, mostly near 2', '')
    """
    values = numbers(cells)
    if not len(values):
        return ""
    middle = float(np.median(values))
    return f"{values.min():.6g} to {values.max():.6g}, mostly near {middle:{'.3g' if abs(middle) < 1000 else '.0f'}}"
