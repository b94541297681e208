"""Signs that a column has another unit than the region file says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from hybridmap.config import Column
from hybridmap.errors import HybridmapError

FEWEST = 20
"""A table with fewer values is not judged."""
TOPSOIL_CM = 30.0

TYPICAL: dict[str, tuple[float, float, str]] = {
    "oc_g_kg": (2.0, 700.0, "percent, not g/kg, or the reverse"),
    "bd_fine_g_cm3": (0.05, 2.65, "kg/m3, not g/cm3"),
    "bd_whole_g_cm3": (0.05, 2.65, "kg/m3, not g/cm3"),
    "poc_g_kg": (0.2, 300.0, "percent or mg/kg"),
    "moc_g_kg": (0.5, 300.0, "percent or mg/kg"),
    "mbc_g_kg": (0.01, 5.0, "ug/g (mg/kg), not g/kg"),
    "soc_density_kg_m3": (0.5, 200.0, "g/m3, not kg/m3"),
    "soc_stock_kg_m2": (0.02, 200.0, "Mg/ha, not kg/m2"),
}
"""Field → range in which the median of topsoil (down to 30 cm) lies, and what it usually is otherwise."""

WHOLES = {"cf_vol": 1.0, "cf_mass": 1.0, "clay_pct": 100.0, "silt_pct": 100.0, "sand_pct": 100.0}
"""Field that is a share → what all of it is, in the unit of the schema."""


def check_units(path: Path, table: pd.DataFrame, columns: Mapping[str, Column]) -> None:
    """Raise HybridmapError for a column whose typical value no soil has in the unit that was given.

    Parameters
    ----------
    path : Path
        For the sentence.
    table : DataFrame
        In the units of the common schema, with ``top_cm`` and ``bottom_cm``.
    columns : mapping of str to Column
        Map of fields to columns; a column with ``trust_unit`` is not judged.
    """
    judged = {name for name, column in columns.items() if name in table and not column.trust_unit}
    topsoil = table[(table["top_cm"] >= 0) & (table["top_cm"] < TOPSOIL_CM)]
    # Depths first: where they are wrong, other values may only look so.
    for field in (name for name in ("bottom_cm", *TYPICAL, *WHOLES) if name in judged):
        column = columns[field].column
        origin = f"{path}: column '{column}'" if column else f"{path}: the constant"
        if field == "bottom_cm":
            _check_depth(origin, table[field].dropna())
        elif field in TYPICAL:
            _check_median(origin, field, topsoil[field][topsoil[field] > 0].dropna())
        else:
            _check_share(origin, field, table[field].dropna())


def _check_median(origin: str, field: str, values: pd.Series) -> None:
    low, high, likely = TYPICAL[field]
    if len(values) >= FEWEST and not low <= values.median() <= high:
        raise HybridmapError(
            f"{origin} for '{field}': half of the topsoil lies around {values.median():.4g}"
            f" in the unit of the schema, which no soil has; the column looks like {likely}. Correct 'unit',"
            " or set 'trust_unit: true' if it is right."
        )


def _check_share(origin: str, field: str, values: pd.Series) -> None:
    whole = WHOLES[field]
    if len(values) < FEWEST:
        return
    if (values > whole * 1.2).mean() > 0.2:
        raise HybridmapError(
            f"{origin} for '{field}': values reach {values.max() / whole:.0f} times the whole; the column looks like"
            " percent, not a fraction. Correct 'unit'."
        )
    if whole == 100.0 and 0 < values.quantile(0.9) <= 1.0:
        raise HybridmapError(
            f"{origin} for '{field}': values end at {values.max():.3g} %; the column looks like a fraction, not"
            " percent. Correct 'unit', or set 'trust_unit: true' if it is right."
        )


def _check_depth(origin: str, bottoms: pd.Series) -> None:
    if len(bottoms) >= FEWEST and (bottoms.quantile(0.9) <= 3.0 or bottoms.median() > 1000.0):
        unit = "m, not cm" if bottoms.median() < 10 else "mm, not cm"
        raise HybridmapError(
            f"{origin} for 'bottom_cm': half of the layers end at {bottoms.median():.4g} cm; the column"
            f" looks like {unit}. Correct 'unit', or set 'trust_unit: true' if it is right."
        )
