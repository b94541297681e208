"""Which rows a region file keeps, by values of columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from unicodedata import normalize

import pandas as pd

from hybridmap.observations.tables.missing_codes import BLANKS, label


def rows_that_match(rows: pd.DataFrame, values: Mapping[str, Sequence[object]]) -> pd.Series:
    """Rows whose every column of `values` has one of its values; * and ? as in file names."""
    matching = pd.Series(True, index=rows.index)
    for column, choices in values.items():
        matching &= matches(rows[column], choices)
    return matching


def matches(cells: pd.Series, values: Sequence[object]) -> pd.Series:
    """Cells that equal one of `values`, as text; * and ? as in file names."""
    words = filter_words(cells)
    patterns = _patterns(cells, values)
    hits = [word for word in words.unique() if any(fnmatchcase(word, pattern) for pattern in patterns)]
    return words.isin(hits)


def in_other_capitals(cells: pd.Series, values: Sequence[object]) -> list[str]:
    """Words that none of `values` matches, but would in other capitals.

    Examples
    --------
    >>> import pandas as pd
    >>> in_other_capitals(pd.Series(["Forest", "forest", "bog"]), ["forest"])
    ['Forest']
    """
    patterns = _patterns(cells, values)
    words = [word for word in filter_words(cells).unique() if not any(fnmatchcase(word, p) for p in patterns)]
    lower = [pattern.casefold() for pattern in patterns]
    return [word for word in words if any(fnmatchcase(word.casefold(), pattern) for pattern in lower)]


def filter_words(cells: pd.Series) -> pd.Series:
    """Cells as the text that a filter sees: stripped, whole numbers without a point, typed booleans in lower case.

    Examples
    --------
    >>> import pandas as pd
    >>> filter_words(pd.Series([" a", None, 3.0])).tolist(), filter_words(pd.Series([True])).tolist()
    (['a', '', '3'], ['true'])
    """
    words = label(cells)
    return words.str.lower() if _are_truths(cells) else words


def _patterns(cells: pd.Series, values: Sequence[object]) -> list[str]:
    """Values of a filter as text; in lower case where the cells are typed booleans, which have no spelling."""
    patterns = [re.sub(BLANKS, " ", normalize("NFC", str(value))).removesuffix(".0") for value in values]
    return [pattern.lower() for pattern in patterns] if _are_truths(cells) else patterns


def _are_truths(cells: pd.Series) -> bool:
    return pd.api.types.is_bool_dtype(cells) or pd.api.types.infer_dtype(cells, skipna=True) == "boolean"
