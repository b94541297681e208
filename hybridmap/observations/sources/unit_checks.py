"""Signs that a column has another unit, or coordinates another meaning, than the region file says."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from hybridmap.config import Column
from hybridmap.errors import HybridmapError

FEWEST = 20
"""A table with fewer values is not judged."""

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

SHARES = {"cf_vol": "fraction", "cf_mass": "fraction", "clay_pct": "pct", "silt_pct": "pct", "sand_pct": "pct"}


def check_units(path: Path, table: pd.DataFrame, columns: dict[str, Column]) -> None:
    """Raise HybridmapError for a column whose typical value no soil has in the unit that was given.

    Parameters
    ----------
    path : Path
        For the sentence.
    table : DataFrame
        In the units of the common schema, with ``top_cm`` and ``bottom_cm``.
    columns : dict
        Map of fields to columns; a column with ``trust_unit`` is not judged.
    """
    _check_depths(path, table, columns)
    top = table[(table["top_cm"] >= 0) & (table["top_cm"] < 30)]
    for field, (low, high, otherwise) in TYPICAL.items():
        if field not in columns or columns[field].trust_unit or field not in top:
            continue
        values = top[field][top[field] > 0].dropna()
        if len(values) >= FEWEST and not low <= values.median() <= high:
            raise HybridmapError(
                f"{_column(path, columns[field])} for '{field}': half of the topsoil lies around {values.median():.4g}"
                f" in the unit of the schema, which no soil has; the column looks like {otherwise}. Correct 'unit',"
                " or set 'trust_unit: true' if it is right."
            )
    for field, unit in SHARES.items():
        if field not in columns or columns[field].trust_unit or field not in table:
            continue
        values, whole = table[field].dropna(), 1.0 if unit == "fraction" else 100.0
        if len(values) >= FEWEST and (values > whole * 1.2).mean() > 0.2:
            raise HybridmapError(
                f"{_column(path, columns[field])} for '{field}': values reach {values.max() / whole:.0f} times the"
                " whole; the column looks like percent, not a fraction. Correct 'unit'."
            )
        if len(values) >= FEWEST and unit == "pct" and 0 < values.quantile(0.9) <= 1.0:
            raise HybridmapError(
                f"{_column(path, columns[field])} for '{field}': values end at {values.max():.3g} %; the column looks"
                " like a fraction, not percent. Correct 'unit', or set 'trust_unit: true' if it is right."
            )


def _check_depths(path: Path, table: pd.DataFrame, columns: dict[str, Column]) -> None:
    column = columns.get("bottom_cm")
    bottoms = table["bottom_cm"].dropna()
    if column is None or column.trust_unit or len(bottoms) < FEWEST:
        return
    if bottoms.quantile(0.9) <= 3.0 or bottoms.median() > 1000.0:
        unit = "m, not cm" if bottoms.median() < 10 else "mm, not cm"
        raise HybridmapError(
            f"{_column(path, column)} for 'bottom_cm': half of the layers end at {bottoms.median():.4g} cm; the column"
            f" looks like {unit}. Correct 'unit', or set 'trust_unit: true' if it is right."
        )


def check_degrees(path: Path, table: pd.DataFrame, columns: dict[str, Column]) -> None:
    """Raise HybridmapError for coordinates that are metres, or swapped."""
    known = table.dropna(subset=["lon", "lat"])
    if known.empty:
        return
    beyond = (known["lon"].abs() > 360) | (known["lat"].abs() > 360)
    if beyond.mean() > 0.5:
        first = known[beyond].iloc[0]
        raise HybridmapError(
            f"{path}: row {first['source_row']:.0f} has coordinates ({first['lon']:g}, {first['lat']:g}),"
            " expected degrees of WGS84; name their projection with 'crs', as crs: EPSG:3035."
        )
    swapped = (known["lat"].abs() > 90) & (known["lon"].abs() <= 90)
    if swapped.mean() > 0.05:
        raise _swapped(path, columns, int(known.loc[swapped, "source_row"].iloc[0]))


def check_swapped(path: Path, table: pd.DataFrame, columns: dict[str, Column], box: tuple[float, ...]) -> None:
    """Raise HybridmapError if the sites would lie in the region's box (west, south, east, north) only when swapped."""
    west, south, east, north = box
    known = table.dropna(subset=["lon", "lat"])
    straight = known["lon"].between(west, east) & known["lat"].between(south, north)
    crossed = known["lat"].between(west, east) & known["lon"].between(south, north)
    if len(known) and crossed.mean() > 0.5 and straight.mean() < 0.05:
        raise _swapped(path, columns, int(known["source_row"].iloc[0]))


def _swapped(path: Path, columns: dict[str, Column], row: int) -> HybridmapError:
    return HybridmapError(
        f"{path}: longitude ('{columns['lon'].column}') and latitude ('{columns['lat'].column}') look swapped, first in"
        f" row {row}; exchange them under 'columns'."
    )


def _column(path: Path, column: Column) -> str:
    return f"{path}: column '{column.column}'" if column.column else f"{path}: the constant"
