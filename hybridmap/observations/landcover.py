"""Which land covers are cultivated: by words, what negates them, and the codes of LUCAS."""

from __future__ import annotations

import re

import pandas as pd

CULTIVATED = (
    *("crop", "crops", "cropped", "cropland", "croplands", "cropping", "arable", "cultivated", "cultivation"),
    *("tilled", "tillage", "ploughed", "plowed", "ploughland", "cornfield", "acker", "ackerland"),
    *("wheat", "barley", "rye", "oat", "oats", "maize", "corn", "rice", "triticale", "sorghum", "millet", "spelt"),
    *("cereal", "cereals", "potato", "potatoes", "sugarbeet", "beet", "beets", "sunflower", "sunflowers", "rape"),
    *("rapeseed", "canola", "soy", "soya", "soybean", "soybeans", "cotton", "flax", "linseed", "hemp", "tobacco"),
    *("pulses", "peas", "beans", "lentils", "chickpeas", "vegetables", "tomatoes", "hops", "lucerne", "alfalfa"),
)
"""Whole words that say so, in any case."""
NEGATIONS = (
    *("non", "no", "not", "never", "without", "except", "un", "ex", "former", "formerly", "previously", "abandoned"),
    *("old", "wild", "outside"),
)
"""A word before one of :data:`CULTIVATED` that turns it into the opposite."""
BETWEEN = ("under", "longer", "ever", "yet", "recently", "currently", "used", "for", "as", "a", "any")
"""Words that may stand between the two; others end a negation: "non-irrigated arable land" is arable."""
LUCAS_CODE = re.compile(r"B[0-9X][0-9](?:[a-z]|\b)", re.IGNORECASE)
"""Cropland in the land covers of LUCAS."""

_CROP = rf"\b(?:{'|'.join(CULTIVATED)})\b(?![ -]?grass)"
_NEGATED = re.compile(rf"\b(?:{'|'.join(NEGATIONS)})\b\W+(?:(?:{'|'.join(BETWEEN)})\W+)*{_CROP}|{_CROP}\W+abandoned\b")
_CROP_WORD = re.compile(_CROP)


def is_cultivated(landcover: str) -> bool:
    """Whether a land cover, in words or as a code of LUCAS, is cultivated.

    Examples
    --------
    >>> [is_cultivated(cover) for cover in ("Common wheat", "B16", "Non-irrigated arable land")]
    [True, True, True]
    >>> [is_cultivated(cover) for cover in ("Uncultivated heath", "never cropped", "Wheatear habitat", "E20")]
    [False, False, False, False]
    """
    if LUCAS_CODE.match(landcover.strip()):
        return True
    return bool(_CROP_WORD.search(_NEGATED.sub(" ", landcover.lower().replace("_", " "))))


def are_cultivated(landcovers: pd.Series) -> pd.Series:
    """:func:`is_cultivated` of each, shape (layer,); each spelling is looked at once."""
    answers = {cover: is_cultivated(str(cover)) for cover in landcovers.unique()}
    return landcovers.map(answers).astype(bool)
