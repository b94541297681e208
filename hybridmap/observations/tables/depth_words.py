"""Depths written as a range in words, as ``0-20 cm``."""

from __future__ import annotations

import re

import pandas as pd

from hybridmap.errors import HybridmapError
from hybridmap.observations.tables.years import MONTHS

LIMIT = r"([-\u2212]?\d{{1,5}}(?:[.,]\d{{1,6}})?)\s*(?:{unit})?"
DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff0d~"
RANGE = rf"\s*{{limit}}\s*(?:[{DASHES}]|to|bis|until|a|à)\s*{{limit}}\s*"
SPELLINGS = {"cm": "cm", "m": "m", "mm": "mm", "inch": 'inch(?:es)?|in|"'}
"""Unit of the column → how it may stand behind a number."""
DATE = re.compile(
    r"(?i)\d{4}[-/]\d\d[-/]\d\d.*|\d{1,2}[/.]\d{1,2}[/.](?:\d{2,4})?|[34]\d{4}"
    rf"|\d{{1,2}}[-. ]{{1,2}}(?:{MONTHS}).*|(?:{MONTHS})[a-z]*[-. ]{{1,2}}\d{{1,4}}"
)
"""Words that a spreadsheet made of a range, or the number of that day."""


def limits(words: pd.Series, position: str, unit: str | None, origin: str) -> pd.Series:
    """First or second number of ranges in words, with a decimal point; "" where empty.

    Parameters
    ----------
    words : Series of str
        Stripped cells.
    position : str
        "first" or "second".
    unit : str or None
        Of the column; another one in a cell is refused.
    origin : str
        File and column, for the error.

    Returns
    -------
    Series of str

    Raises
    ------
    HybridmapError
        For a cell that is no range, or a date that a spreadsheet made of one.

    Examples
    --------
    >>> limits(pd.Series(["0–2,5 cm", "2.5 to 7.5"]), "second", "cm", "t.csv: column 'depth'").tolist()
    ['2.5', '7.5']
    """
    limit = LIMIT.format(unit=SPELLINGS.get(str(unit), "cm"))
    pairs = words.str.extract(rf"(?i)^{RANGE.format(limit=limit)}$")
    wrong = (pairs[0].isna() & (words != "")).to_numpy(dtype=bool)
    if wrong.any():
        word = str(words[wrong].iloc[0])
        is_date = DATE.fullmatch(word) is not None
        hint = "it looks like a date that a spreadsheet made of a range" if is_date else "correct the table"
        quoted = word if len(word) <= 60 else word[:60] + "…"
        raise HybridmapError(
            f"{origin}: row {words.index[wrong][0]} holds '{quoted}', expected a range such as '0-20 cm'; {hint}"
            f" ({int(wrong.sum())} such rows in all)."
        )
    numbers = pairs.apply(lambda column: column.str.replace(",", ".", regex=False).str.replace("\u2212", "-"))
    _check_order(numbers.dropna(), origin)
    limits: pd.Series = numbers[0 if position == "first" else 1].fillna("").astype("string")
    return limits


def _check_order(numbers: pd.DataFrame, origin: str) -> None:
    """Raise HybridmapError if every range ends above its beginning."""
    values = numbers.astype(float)
    if len(values) and (values[0] > values[1]).all():
        raise HybridmapError(
            f"{origin}: row {values.index[0]}: every range is upside down; exchange 'pick: first' and 'pick: second' of"
            " the two depths."
        )
