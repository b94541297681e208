"""Years of sampling from years and dates."""

from __future__ import annotations

import logging
from datetime import date

import numpy as np
import pandas as pd

from hybridmap.errors import HybridmapError

LOG = logging.getLogger("hybridmap")
FIRST_YEAR = 1850
"""No soil of these tables was sampled earlier."""
MONTHS = "jan|feb|mar|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez"
PATTERNS = {
    "year": r"^(\d{4})(?:\.0+)?$",
    "year first": r"^(\d{4})[-/.](?:\d{1,2}|\?\?)(?:$|[-/.T ].*)",
    "year last": r"^(?:\d{1,2}|\?\?)[-/. ](?:(?:\d{1,2}|\?\?)[-/. ])?(\d{4})(?:$|[T ,].*)",
    "month in letters": rf"(?i)^(?:\d{{1,2}}[-. ]+)?(?:{MONTHS})[a-z]*[-. ,]+(?:\d{{1,2}},? +)?(\d{{4}}|\d\d)$",
    "two digits": r"^\d{1,2}[-/.]\d{1,2}[-/.](\d\d)$",
    "eight digits, year first": r"^(\d{4})(?:0\d|1[0-2])(?:[0-2]\d|3[01])$",
    "eight digits, year last": r"^(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])(\d{4})$",
    "years": r"^(\d{4})\s*(?:-|–|/|to)\s*\d{4}$",
}
"""Ways of writing a date; the first that gives a possible year holds."""
NUMBER = r"\d+(?:\.\d+)?"
DAY_ZERO = (
    r"^(?:1900[-/.]0?1[-/.]00?|(?:0?1[-/.]00?|00?[-/.]0?1)[-/.]1900|"
    r"1899[-/.]12[-/.]3[01]|3[01][-/.]12[-/.]1899)(?:$|[T ].*)"
)
"""What spreadsheets show of a cell that holds 0: no date."""


def years(words: pd.Series, origin: str) -> pd.Series:
    """Year of each word; NaN where it says none, which is said.

    Parameters
    ----------
    words : Series of str, indexed by the row in the file
        Stripped cells, "" where missing.
    origin : str
        File and column, for the error.

    Returns
    -------
    Series of float

    Raises
    ------
    HybridmapError
        For a year that cannot be, and for a number that is no year, as the day number of a spreadsheet.

    Examples
    --------
    >>> years(pd.Series(["2009", "1998-05-??", "06-07-18", "01-JUL-98", ""]), "t.csv: column 'date'").tolist()
    [2009.0, 1998.0, 2018.0, 1998.0, nan]
    """
    today = date.today().year
    values, impossible = pd.Series(float("nan"), index=words.index), pd.Series(False, index=words.index)
    for pattern in PATTERNS.values():
        year = words.str.extract(pattern, expand=False).astype(float)
        century = np.where(year + 2000 > today, 1900, 2000)
        year = year.where(year >= 100, year + century)
        is_possible = year.between(FIRST_YEAR, today)
        impossible |= year.notna() & ~is_possible
        values = values.fillna(year.where(is_possible))
    is_zero = words.str.contains(DAY_ZERO)
    values, impossible = values.mask(is_zero), impossible | is_zero
    unread = values.isna() & (words != "")
    wrong = unread & (impossible | words.str.fullmatch(NUMBER).astype(bool))
    if wrong.any():
        word = words[wrong].iloc[0]
        is_serial = len(word.split(".")[0]) == 5
        hint = "a day number of a spreadsheet? save the column as dates" if is_serial else "correct it"
        if is_zero[wrong].iloc[0]:
            hint = "what spreadsheets show of a cell that holds 0; correct it"
        raise HybridmapError(
            f"{origin}: row {words.index[wrong][0]} holds '{word}', expected a year from {FIRST_YEAR} to {today} or a"
            f" date ({int(wrong.sum())} such rows in all; {hint}, or name it under 'missing')."
        )
    if unread.any():
        first = words[unread].iloc[0]
        LOG.warning("%s: %d cells say no year, as '%s' in row %s", origin, unread.sum(), first, words.index[unread][0])
    return values
