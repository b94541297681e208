"""Decimal and thousands signs of a column of text, told from the column as a whole."""

from __future__ import annotations

import re
from typing import NamedTuple

import pandas as pd

POINT, COMMA = ".", ","
APART = "'’\u00a0\u202f\u2009"
"""Signs inside a number that can only part thousands."""
AMBIGUOUS = r"[-+]?[1-9]\d{{0,2}}{sign}\d{{3}}"
GROUPS = r"[-+]?\d{{1,3}}(?:{sign}\d{{3}})+(?:{decimal}\d*)?"
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:inf|Inf|INF)", re.ASCII)
"""Digits of other scripts are none: what turns words into numbers drops or refuses them."""


class NumberSigns(NamedTuple):
    """Signs of numbers; None where nothing is stated.

    Attributes
    ----------
    decimal : str or None
        "." or ",".
    thousands : str or None
        ",", ".", " ", "'", or "" for none.
    """

    decimal: str | None = None
    thousands: str | None = None


class Context(NamedTuple):
    """What else is known of a column.

    Attributes
    ----------
    comma_is_quoted : bool
        Whether a comma separates the cells of the file, so that one inside a cell was quoted on purpose.
    most : float
        The largest number that can be, in the unit of the column.
    numbers_are_stored : bool
        Whether numbers stand among the words as a workbook stores them, with a decimal point.
    """

    comma_is_quoted: bool = False
    most: float = float("inf")
    numbers_are_stored: bool = False


class AmbiguousNumberError(ValueError):
    """A number that means two things; `word` is the first."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


def parse(words: pd.Series, stated: NumberSigns, context: Context) -> pd.Series:
    """Numbers of words; NaN where a word is no number.

    Parameters
    ----------
    words : Series of str
        Stripped cells, no missing ones.
    stated : NumberSigns
        What the region file says.
    context : Context
        What else is known of the column.

    Returns
    -------
    Series of float

    Raises
    ------
    AmbiguousNumberError
        For a word such as ``1,684`` under nothing that tells whether the comma parts thousands or decimals.

    Examples
    --------
    >>> parse(pd.Series(["1.684", "670,52"]), NumberSigns(), Context()).tolist()
    [1684.0, 670.52]
    >>> parse(pd.Series(["1,684", "67"]), NumberSigns(thousands=","), Context()).tolist()
    [1684.0, 67.0]
    """
    if are_plain(words, stated):
        return pd.to_numeric(words).astype(float)
    words = words.str.replace("\u2212", "-", regex=False)
    words = words.str.replace(rf"(?<=\d)[{APART}](?=\d{{3}}(?!\d))", "", regex=True)
    signs = _column_signs(words, stated, context)
    # None: both signs stand for decimals, each in words that mean one thing.
    words = words.str.replace(COMMA, POINT, regex=False) if signs is None else _plain(words, signs)
    words = words.where(words.str.fullmatch(NUMBER).astype(bool))
    return pd.to_numeric(words, errors="coerce").astype(float)


def are_plain(words: pd.Series, stated: NumberSigns) -> bool:
    """Whether all words are numbers with one point at most, which then can only be that of decimals."""
    return stated.decimal != COMMA and stated.thousands != POINT and bool(words.str.fullmatch(NUMBER).all())


def _column_signs(words: pd.Series, stated: NumberSigns, context: Context) -> NumberSigns | None:
    """Signs of a column: as stated, else as words show that can be read in one way only; None if both are decimal."""
    if stated.decimal is not None or stated.thousands not in (None, "", " ", "'"):
        decimal = stated.decimal or (POINT if stated.thousands == COMMA else COMMA)
        opposite = POINT if decimal == COMMA else COMMA
        return NumberSigns(decimal, opposite if stated.thousands is None else stated.thousands)
    ambiguous = {sign: words[words.str.fullmatch(AMBIGUOUS.format(sign=re.escape(sign)))] for sign in (COMMA, POINT)}
    roles = {sign: _roles(words, sign) for sign in (COMMA, POINT)}
    _add_what_is_known(roles, ambiguous, stated, context)
    for sign, role in roles.items():
        if len(role) > 1:
            raise AmbiguousNumberError(str(words[words.str.contains(sign, regex=False)].iloc[0]))
    is_decimal = [sign for sign in (COMMA, POINT) if "decimal" in roles[sign]]
    if len(is_decimal) == 2:
        for hits in ambiguous.values():
            if len(hits) and stated.thousands != "":
                raise AmbiguousNumberError(str(hits.iloc[0]))
        return None
    if is_decimal:
        return NumberSigns(is_decimal[0], stated.thousands or (POINT if is_decimal[0] == COMMA else COMMA))
    return _without_decimals(roles, ambiguous[COMMA], stated, context)


def _add_what_is_known(
    roles: dict[str, set[str]], ambiguous: dict[str, pd.Series], stated: NumberSigns, context: Context
) -> None:
    """Add to `roles` what ambiguous words mean by the region file, or by the kind of the file."""
    for sign, hits in ambiguous.items():
        if len(hits) and (stated.thousands == "" or (context.numbers_are_stored and sign == POINT)):
            roles[sign].add("decimal")
    is_open = stated.thousands is None and context.most >= 1000 and not roles[COMMA]
    if context.numbers_are_stored and is_open and len(ambiguous[COMMA]):
        raise AmbiguousNumberError(str(ambiguous[COMMA].iloc[0]))


def _without_decimals(
    roles: dict[str, set[str]], with_comma: pd.Series, stated: NumberSigns, context: Context
) -> NumberSigns:
    """Signs of a column without a number that has decimals for certain."""
    if "thousands" in roles[POINT]:
        return NumberSigns(COMMA, POINT)
    if len(with_comma) and context.most < 1000:  # as thousands it could not be
        return NumberSigns(COMMA, "")
    if len(with_comma) and not context.comma_is_quoted and "thousands" not in roles[COMMA]:
        raise AmbiguousNumberError(str(with_comma.iloc[0]))
    return NumberSigns(POINT, stated.thousands or COMMA)


def _roles(words: pd.Series, sign: str) -> set[str]:
    """What a sign is for certain, "decimal" or "thousands", in any of the words."""
    other_sign = COMMA if sign == POINT else POINT
    signed = words[words.str.contains(sign, regex=False)]
    signed = signed[signed.str.fullmatch(r"[-+]?(?=.*\d)[\d.,' ]*(?:[eE][-+]?\d+)?|[-+]?(?:inf|Inf|INF)")]
    last = signed.str.rfind(sign) > signed.str.rfind(other_sign)
    has_other, count = signed.str.contains(other_sign, regex=False), signed.str.count(re.escape(sign))
    ambiguous = signed.str.fullmatch(AMBIGUOUS.format(sign=re.escape(sign)))
    is_thousands = (count > 1) | (has_other & ~last)
    is_decimal = (count == 1) & ((has_other & last) | (~has_other & ~ambiguous))
    return {role for role, hits in (("thousands", is_thousands), ("decimal", is_decimal)) if hits.any()}


def _plain(words: pd.Series, signs: NumberSigns) -> pd.Series:
    """Words with a decimal point and nothing between thousands; a word that is written otherwise stays, and is none."""
    if signs.thousands:
        sign = r"[ \u00a0\u202f\u2009]" if signs.thousands == " " else re.escape(signs.thousands)
        grouped = words.str.fullmatch(GROUPS.format(sign=sign, decimal=re.escape(str(signs.decimal)))).astype(bool)
        words = words.mask(grouped, words.str.replace(sign, "", regex=True))
    if signs.decimal == COMMA:
        has_point = words.str.contains(POINT, regex=False).astype(bool)
        words = words.where(has_point, words.str.replace(COMMA, POINT, regex=False)).mask(has_point, "?")
    return words
