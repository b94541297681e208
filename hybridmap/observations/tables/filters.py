"""Which rows a region file keeps, by values of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import pandas as pd


def rows_that_match(rows: pd.DataFrame, values: Mapping[str, Sequence[object]]) -> pd.Series:
    """Rows whose every column of `values` has one of its values; * and ? as in file names."""
    matching = pd.Series(True, index=rows.index)
    for column, choices in values.items():
        matching &= matches(rows[column], choices)
    return matching


def matches(cells: pd.Series, values: Sequence[object]) -> pd.Series:
    """Cells that equal one of `values`, as text; * and ? as in file names."""
    words = cells.astype("string").fillna("").str.strip().str.removesuffix(".0")
    patterns = [str(value).removesuffix(".0") for value in values]
    hits = [word for word in words.unique() if any(fnmatchcase(word, pattern) for pattern in patterns)]
    return words.isin(hits)
