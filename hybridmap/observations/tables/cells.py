"""Cells of soil tables into numbers, years and text: detection limits, decimal commas, missing marks, braces."""

from __future__ import annotations

from dataclasses import dataclass

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
DECIMAL_COMMA = r"[<>]?\s*-?\d+,\d+"


def text(rows: pd.DataFrame, column: Column) -> pd.Series:
    """Text of a column, "" where missing, joined by "|" with the columns under ``also``.

    Examples
    --------
    >>> import pandas as pd
    >>> from hybridmap.config import Column
    >>> table = pd.DataFrame({"plot": [" A1 ", "n.d."], "year": [2009, 2018]})
    >>> text(table, Column(column="plot", also=["year"])).tolist()
    ['A1|2009', '|2018']
    """
    if column.value is not None:
        return pd.Series(str(column.value), index=rows.index)
    words = _clean(rows[str(column.column)])
    for name in column.otherwise:
        words = words.where(words != "", _clean(rows[name]))
    joined = words
    for name in column.also:
        joined = joined + "|" + _clean(rows[name])
    return joined.where(words == "", column.prefix + joined) if column.prefix else joined


def year(rows: pd.DataFrame, column: Column) -> pd.Series:
    """Year from a year, an ISO date, or day-month-year with two or four digits; NaN where it says none.

    Examples
    --------
    >>> import pandas as pd
    >>> from hybridmap.config import Column
    >>> dates = pd.DataFrame({"date": ["2009", "1998-05-??", "06-07-18", "06/07/98", "unknown"]})
    >>> year(dates, Column(column="date")).tolist()
    [2009.0, 1998.0, 2018.0, 1998.0, nan]
    """
    if column.value is not None:
        return pd.Series(float(column.value), index=rows.index)
    cells = _clean(rows[str(column.column)])
    four = cells.str.extract(r"((?:18|19|20)\d\d)", expand=False).astype(float)
    two = cells.str.extract(r"^\d{1,2}[-/.]\d{1,2}[-/.](\d\d)$", expand=False).astype(float)
    return four.where(four.notna(), two + np.where(two > 50, 1900, 2000))


@dataclass(frozen=True)
class Numbers:
    """Numbers of a column, in the unit of the table.

    Attributes
    ----------
    values : Series of float, shape (row,)
        NaN where missing.
    below_limit : array of bool, shape (row,)
        Values that stand for "below the detection limit".
    """

    values: pd.Series
    below_limit: NDArray[np.bool_]


def number(rows: pd.DataFrame, column: Column, origin: str, below_lod: str = "half") -> Numbers:
    """Numbers of a column in the table's unit, and which of them stand for "below the detection limit".

    Text such as ``<LOD`` or ``< 0.2`` becomes a share of the limit: by default half, so that the poorest soils stay
    among the rows. A list in braces, ``{1:12.3,2:12.9}``, becomes its mean.

    Parameters
    ----------
    rows : DataFrame
        Cells of the table, indexed by the row in the file.
    column : Column
        Which columns, and the detection limit.
    origin : str
        File and column, for the error.
    below_lod : str
        Key of :data:`BELOW_LOD`.

    Returns
    -------
    Numbers

    Raises
    ------
    HybridmapError
        For a cell that is neither a number nor a known mark, or ``<LOD`` where the region file gives no
        ``detection_limit``.

    Examples
    --------
    >>> import pandas as pd
    >>> from hybridmap.config import Column
    >>> table = pd.DataFrame({"oc": ["12.5", "12,5", "<LOD", "< 0.4", "{1:10.0,2:11.0}", "NA"]})
    >>> carbon = number(table, Column(column="oc", detection_limit=2.0), "t.csv: column 'oc'")
    >>> carbon.values.tolist()
    [12.5, 12.5, 1.0, 0.2, 10.5, nan]
    >>> carbon.below_limit.tolist()
    [False, False, True, True, False, False]
    """
    if column.value is not None:
        return Numbers(pd.Series(float(column.value), index=rows.index), np.zeros(len(rows), bool))
    share = BELOW_LOD[below_lod]
    numbers = _numbers(rows[str(column.column)], column, origin, share)
    values, below = numbers.values, numbers.below_limit
    for name in column.otherwise:
        substitutes = _numbers(rows[name], column, f"{origin} (otherwise '{name}')", share)
        empty = values.isna().to_numpy() & ~below
        values, below = values.mask(empty, substitutes.values), np.where(empty, substitutes.below_limit, below)
    if column.minus is not None:
        values = values - _subtrahend(rows[column.minus], column, f"{origin} (minus '{column.minus}')", share)
    if column.detection_limit is not None:
        low = (values <= 0).to_numpy() & ~below
        values, below = values.mask(low, column.detection_limit * share), below | low
    return Numbers(values, below)


def _subtrahend(cells: pd.Series, column: Column, origin: str, share: float) -> pd.Series:
    """What is subtracted: a correction (with a factor) is none where not measured, a plain difference needs both."""
    values = _numbers(cells, column, origin, share).values
    return column.minus_factor * (values if column.minus_factor == 1.0 else values.fillna(0.0))


def plain_text(cells: pd.Series) -> pd.Series:
    """Cells as stripped text, "" where empty; numbers without a decimal point where all are whole.

    Examples
    --------
    >>> import pandas as pd
    >>> plain_text(pd.Series([26.0, None, 30.0])).tolist()
    ['26', '', '30']
    """
    if pd.api.types.is_float_dtype(cells) and (cells.dropna() % 1 == 0).all():
        cells = cells.astype("Int64")
    return cells.astype("string").fillna("").str.strip()


def _clean(cells: pd.Series) -> pd.Series:
    """Text of cells, "" where a mark says that the value is missing."""
    words = plain_text(cells)
    return words.mask(words.str.lower().isin(MISSING), "").astype(object)


def _numbers(cells: pd.Series, column: Column, origin: str, share: float) -> Numbers:
    if pd.api.types.is_numeric_dtype(cells):
        return Numbers(cells.astype(float), np.zeros(len(cells), bool))
    words = _clean(cells).astype("string")
    if column.pick is not None:
        words = _number_of_range(words, column.pick, origin)
    comma = words.str.fullmatch(DECIMAL_COMMA).fillna(False)
    words = words.mask(comma, words.str.replace(",", ".", regex=False))
    braces = words.str.startswith("{").fillna(False)
    if braces.any():
        words = words.mask(braces, words[braces].map(_mean_of_braces))
    values = pd.to_numeric(words, errors="coerce").astype(float)
    below = words.str.startswith("<").to_numpy(dtype=bool)
    if below.any():
        values[below] = share * _limits(words[below], column, origin)
    wrong = (values.isna() & (words != "")).to_numpy(dtype=bool) & ~below
    if wrong.any():
        raise HybridmapError(
            f"{origin}: row {words.index[wrong][0]} holds '{words[wrong].iloc[0]}', expected a number"
            f" ({int(wrong.sum())} such rows in all); correct the table or drop the rows with 'exclude'."
        )
    return Numbers(values, below)


def _limits(words: pd.Series, column: Column, origin: str) -> pd.Series:
    """Detection limits of cells such as ``< 0.2`` and ``<LOD``; the latter take that of the column."""
    limits = pd.to_numeric(words.str[1:].str.strip(), errors="coerce").astype(float)
    unstated = limits.isna()
    if unstated.any() and column.detection_limit is None:
        raise HybridmapError(
            f"{origin}: row {words.index[unstated][0]} is below a detection limit that the table does not state; add"
            " 'detection_limit' (in the unit of the column) to the region file."
        )
    return limits if column.detection_limit is None else limits.fillna(column.detection_limit)


def _number_of_range(words: pd.Series, position: str, origin: str) -> pd.Series:
    """First or second number of ranges in words."""
    numbers = words.str.extract(RANGE)[0 if position == "first" else 1]
    wrong = (numbers.isna() & (words != "")).to_numpy(dtype=bool)
    if wrong.any():
        raise HybridmapError(
            f"{origin}: row {words.index[wrong][0]} holds '{words[wrong].iloc[0]}', expected a range such as '0-20 cm';"
            " correct the table."
        )
    return numbers.fillna("").astype("string")


def _mean_of_braces(cell: str) -> str:
    """Mean of a list of repeated measurements, ``{1:12.3,2:12.9}``; the cell itself if it is none."""
    try:
        return str(np.mean([float(entry.rpartition(":")[2]) for entry in cell.strip("{}").split(",")]))
    except ValueError:
        return cell
