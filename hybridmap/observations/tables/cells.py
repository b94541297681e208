"""Cells of soil tables into numbers, years and text: detection limits, decimal commas, missing marks, braces."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.config import Column
from hybridmap.errors import HybridmapError

MISSING = {"", "na", "nan", "n.d.", "nd", "null", "none", "-", "n/a", "-999", "-9999", "-999.0", "-9999.0"}
BELOW_LOD = {"half": 0.5, "zero": 0.0, "keep_flag": 1.0, "drop": float("nan")}
"""What a value below the detection limit becomes, as a share of the limit."""
RANGE = r"(-?\d+(?:\.\d+)?)\s*(?:-|–|to)\s*(\d+(?:\.\d+)?)"
"""A range in words, as ``0-20 cm``."""


def text(raw: pd.DataFrame, column: Column) -> pd.Series:
    """Text of a column, "" where missing, joined by "|" with the columns under ``also``."""
    if column.value is not None:
        return pd.Series(str(column.value), index=raw.index)
    first = _clean(raw[str(column.column)])
    for name in column.otherwise:
        first = first.where(first != "", _clean(raw[name]))
    joined = first
    for name in column.also:
        joined = joined + "|" + _clean(raw[name])
    return joined.where(first == "", column.prefix + joined) if column.prefix else joined


def year(raw: pd.DataFrame, column: Column) -> pd.Series:
    """Year from a year, an ISO date, or day-month-year with two or four digits; NaN where it says none."""
    if column.value is not None:
        return pd.Series(float(column.value), index=raw.index)
    cells = _clean(raw[str(column.column)])
    four = cells.str.extract(r"((?:18|19|20)\d\d)", expand=False).astype(float)
    two = cells.str.extract(r"^\d{1,2}[-/.]\d{1,2}[-/.](\d\d)$", expand=False).astype(float)
    return four.where(four.notna(), two + np.where(two > 50, 1900, 2000))


def number(
    raw: pd.DataFrame, column: Column, rows: NDArray[np.int64], where: str, below_lod: str = "half"
) -> tuple[pd.Series, NDArray[np.bool_]]:
    """Numbers of a column in the table's unit, and which of them stand for "below the detection limit".

    Text such as ``<LOD`` or ``< 0.2`` becomes a share of the limit (:data:`BELOW_LOD`): by default half, so that the
    poorest soils stay in the data. A list in braces, ``{1:12.3,2:12.9}``, becomes its mean.

    Raises
    ------
    HybridmapError
        For a cell that is neither a number nor a known mark, or ``<LOD`` where the region file gives no
        ``detection_limit``.
    """
    if column.value is not None:
        return pd.Series(float(column.value), index=raw.index), np.zeros(len(raw), bool)
    share = BELOW_LOD[below_lod]
    values, below = _numbers(raw[str(column.column)], column, rows, where, share)
    for name in column.otherwise:
        more, under = _numbers(raw[name], column, rows, f"{where} (otherwise '{name}')", share)
        empty = values.isna().to_numpy() & ~below
        values, below = values.mask(empty, more), np.where(empty, under, below)
    if column.minus is not None:
        other = _numbers(raw[column.minus], column, rows, f"{where} (minus '{column.minus}')", share)[0]
        # A factor tells of a correction, which is none where it was not measured; a plain difference needs both.
        other = other if column.minus_factor == 1.0 else other.fillna(0.0)
        values = values - column.minus_factor * other
    if column.detection_limit is not None:
        low = (values <= 0).to_numpy() & ~below
        values, below = values.mask(low, column.detection_limit * share), below | low
    return values, below


def _clean(cells: pd.Series) -> pd.Series:
    if pd.api.types.is_float_dtype(cells):
        whole = (cells.dropna() % 1 == 0).all()
        cells = cells.astype("Int64") if whole else cells
    stripped = cells.astype("string").fillna("").str.strip()
    return stripped.mask(stripped.str.lower().isin(MISSING), "").astype(object)


def _numbers(
    cells: pd.Series, column: Column, rows: NDArray[np.int64], where: str, share: float
) -> tuple[pd.Series, NDArray[np.bool_]]:
    if pd.api.types.is_numeric_dtype(cells):
        return cells.astype(float), np.zeros(len(cells), bool)
    cleaned = _clean(cells).astype("string")
    if column.pick is not None:
        cleaned = _picked(cleaned, column.pick, rows, where)
    comma = cleaned.str.fullmatch(r"[<>]?\s*-?\d+,\d+").fillna(False)
    cleaned = cleaned.mask(comma, cleaned.str.replace(",", ".", regex=False))
    braces = cleaned.str.startswith("{").fillna(False)
    if braces.any():
        cleaned = cleaned.mask(braces, cleaned[braces].map(_mean_of_braces))
    values = pd.to_numeric(cleaned, errors="coerce").astype(float)
    below = cleaned.str.startswith("<").to_numpy(dtype=bool)
    if below.any():
        limits = pd.to_numeric(cleaned[below].str[1:].str.strip(), errors="coerce").astype(float)
        unstated = limits.isna()
        if unstated.any() and column.detection_limit is None:
            row = rows[below][unstated.to_numpy().argmax()]
            raise HybridmapError(
                f"{where}: row {row} is below a detection limit that the table does not state; add"
                " 'detection_limit' (in the unit of the column) to the region file."
            )
        filled = limits if column.detection_limit is None else limits.fillna(column.detection_limit)
        values[below] = filled * share
    wrong = (values.isna() & (cleaned != "")).to_numpy(dtype=bool) & ~below
    if wrong.any():
        at = int(wrong.argmax())
        raise HybridmapError(
            f"{where}: row {rows[at]} holds '{cleaned.iloc[at]}', expected a number"
            f" ({int(wrong.sum())} such rows in all); correct the table or drop the rows with 'exclude'."
        )
    return values, below


def _picked(cells: pd.Series, which: str, rows: NDArray[np.int64], where: str) -> pd.Series:
    """First or second number of ranges in words."""
    found = cells.str.extract(RANGE)[0 if which == "first" else 1]
    wrong = (found.isna() & (cells != "")).to_numpy(dtype=bool)
    if wrong.any():
        at = int(wrong.argmax())
        raise HybridmapError(
            f"{where}: row {rows[at]} holds '{cells.iloc[at]}', expected a range such as '0-20 cm'; correct the table."
        )
    return found.fillna("").astype("string")


def _mean_of_braces(cell: str) -> str:
    """Mean of a list of repeated measurements, ``{1:12.3,2:12.9}``; the cell itself if it is none."""
    try:
        return str(np.mean([float(item.rpartition(":")[2]) for item in cell.strip("{}").split(",")]))
    except ValueError:
        return cell
