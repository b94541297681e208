"""Codes that mean "not measured", in every spelling and type."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.observations.tables.text_header import INVISIBLE

WORDS = frozenset(["", "na", "nan", "n.d.", "nd", "null", "none", "-", "--", "n/a", "#n/a", "<na>", "nat"])
UNDECIDED = frozenset(["n.d.", "n.d", "nd", "nd."])
"""Words that mean "not determined" to some and "not detected" to others."""
LOWEST_INTEGERS = (-(2.0**15), -(2.0**31), -(2.0**63))
HUGE = 1e30
"""Beyond this lie the fill values of NetCDF, and the ends of floating point numbers."""
BLANKS = "[\\s\u00a0\u2009\u202f]+"
CLOSE = 1e-6
"""Numbers that agree to this share are one code: in single precision too."""


def plain_text(cells: pd.Series) -> pd.Series:
    """Cells as text without blanks around it or letters that nobody sees, "" where empty; whole numbers without point.

    Examples
    --------
    >>> plain_text(pd.Series([26.0, None, 30.0])).tolist()
    ['26', '', '30']
    """
    if pd.api.types.is_float_dtype(cells):
        numbers = cells.dropna()
        if (numbers.abs() < 2.0**63).all() and (numbers % 1 == 0).all():
            cells = cells.astype("Int64")
    words = cells.astype("string").fillna("")
    if not words.map(str.isascii).astype(bool).all():
        words = words.str.replace(INVISIBLE, "", regex=True).str.normalize("NFC")
    return words.str.strip()


def label(cells: pd.Series) -> pd.Series:
    """Cells as names that are compared: as :func:`plain_text`, any run of blanks as one, no ``.0`` at the end."""
    words = plain_text(cells).str.removesuffix(".0")
    return words.str.replace(BLANKS, " ", regex=True)


def missing_numbers(values: pd.Series, codes: Sequence[str | float] = ()) -> NDArray[np.bool_]:
    """Which numbers are codes: -999 and further nines, the ends of number types, and those of the user.

    Examples
    --------
    >>> missing_numbers(pd.Series([-9999.0, -999.9, -32768.0, -99.0, -1.0]), [-1]).tolist()
    [True, True, True, False, True]
    """
    numbers = values.to_numpy(float, na_value=np.nan)
    is_code = np.isin(numbers, LOWEST_INTEGERS) | (np.isfinite(numbers) & (np.abs(numbers) > HUGE))
    low = np.flatnonzero((numbers < -900) & (numbers > -1e7))
    is_code[low] |= only_nines(-numbers[low])
    return np.asarray(is_code, dtype=bool) | equal_numbers(values, codes)


def equal_numbers(values: pd.Series, codes: Sequence[str | float]) -> NDArray[np.bool_]:
    """Which numbers are one of `codes`, as numbers or in letters."""
    numbers, hits = values.to_numpy(float, na_value=np.nan), np.zeros(len(values), bool)
    for code in codes:
        if (number := _number(code)) is not None:
            hits |= np.isclose(numbers, number, rtol=CLOSE, atol=1e-12)
    return hits


def only_nines(numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the digits of numbers in double or single precision are nines alone, with at most three decimals."""
    whole = 10.0 ** (np.floor(np.log10(numbers)) + 1)
    exact = [whole - 10.0**-places for places in range(4)]
    hits = [np.isclose(numbers, code, rtol=1e-12) | (numbers == np.float32(code)) for code in exact]
    return np.asarray(np.any(hits, axis=0), dtype=bool)


def missing_words(
    words: pd.Series, codes: Sequence[str | float] = (), words_with_meaning: frozenset[str] = frozenset()
) -> pd.Series:
    """Which words mean "not measured", in any capitals.

    Parameters
    ----------
    words : Series of str
        Stripped cells.
    codes : sequence of str or float
        Those of the user, beside the usual ones.
    words_with_meaning : frozenset of str
        Usual ones that mean something else here.

    Returns
    -------
    Series of bool
    """
    usual = (WORDS - words_with_meaning) | {str(code).strip().lower().removesuffix(".0") for code in codes}
    lower = words.str.lower()
    hits = lower.isin(usual)
    candidates = lower[~hits & lower.str.startswith(("-9", "\u22129"))]
    if len(candidates):
        values = pd.to_numeric(candidates.str.replace("\u2212", "-", regex=False), errors="coerce")
        hits.loc[candidates.index] = missing_numbers(values, codes)
    return hits


def _number(code: str | float) -> float | None:
    try:
        return float(code)
    except ValueError:
        return None
