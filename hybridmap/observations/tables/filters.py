"""Which rows a region file keeps: by values of columns, by identifier, by place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import pandas as pd


def selected(
    rows: pd.DataFrame, where: Mapping[str, Sequence[object]], exclude: Mapping[str, Sequence[object]]
) -> pd.Series:
    """Rows whose columns have one of the values in `where` and none of those in `exclude`; * and ? as in file names."""
    chosen = pd.Series(True, index=rows.index)
    for rules, wanted in ((where, True), (exclude, False)):
        for column, values in rules.items():
            chosen &= matches(rows[column], values) == wanted
    return chosen


def matches(cells: pd.Series, values: Sequence[object]) -> pd.Series:
    """Cells that equal one of `values`, as text."""
    text = cells.astype("string").fillna("").str.strip().str.removesuffix(".0")
    patterns = [str(value).removesuffix(".0") for value in values]
    hits = [word for word in text.unique() if any(fnmatchcase(word, pattern) for pattern in patterns)]
    return text.isin(hits)
