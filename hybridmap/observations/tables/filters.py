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
    words = filter_words(cells)
    patterns = [pattern_of(value) for value in values]
    if pd.api.types.is_bool_dtype(cells):  # typed, so without a spelling of their own
        patterns = [pattern.lower() for pattern in patterns]
    hits = [word for word in words.unique() if any(fnmatchcase(word, pattern) for pattern in patterns)]
    return words.isin(hits)


def filter_words(cells: pd.Series) -> pd.Series:
    """Cells as the text that a filter sees: stripped, whole numbers without a point, typed booleans in lower case.

    Examples
    --------
    >>> import pandas as pd
    >>> filter_words(pd.Series([" a", None, 3.0])).tolist(), filter_words(pd.Series([True])).tolist()
    (['a', '', '3'], ['true'])
    """
    words = cells.astype("string").fillna("").str.strip().str.removesuffix(".0")
    return words.str.lower() if pd.api.types.is_bool_dtype(cells) else words


def pattern_of(value: object) -> str:
    """A value of a filter as text."""
    return str(value).removesuffix(".0")
