"""Parts of the test sites that are scored by themselves: below the tail, by land cover, source and depth."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
TAIL = 0.95
"""Share of the sites below the tail of the observations."""
FEWEST = 20
"""Sites of a class; smaller classes are put together."""
SMALL_CLASSES, UNKNOWN = "other", "unknown"
DEPTHS = {"0-10 cm": 10.0, "10-30 cm": 30.0, "30-60 cm": 60.0, "60-100 cm": 100.0, "below 100 cm": np.inf}
"""Depth class → the depth below which its midpoints lie [cm]."""
CLASSES = ("landcover", "source", "depth")
"""Strata that consist of classes; "all" and "below_tail" are single."""


def depth_class(top_cm: pd.Series, bottom_cm: pd.Series) -> pd.Series:
    """Depth class of each sample by the middle of its interval.

    Parameters
    ----------
    top_cm, bottom_cm : Series
        Interval [cm].

    Returns
    -------
    Series of str
        A key of :data:`DEPTHS`, or "unknown".

    Examples
    --------
    >>> depth_class(pd.Series([0.0, 5.0]), pd.Series([20.0, 15.0])).tolist()
    ['10-30 cm', '10-30 cm']
    """
    middle = (top_cm + bottom_cm) / 2.0
    names = pd.Series(UNKNOWN, index=middle.index)
    for name, end in reversed(DEPTHS.items()):
        names[middle < end] = name
    return names


def site_classes(samples: pd.DataFrame) -> pd.DataFrame:
    """Those of ``landcover``, ``source`` and ``depth`` that samples have, indexed by ``site_id``."""
    classes = samples[[c for c in ("site_id", "landcover", "source") if c in samples]].set_index("site_id")
    if not {"top_cm", "bottom_cm"} <= set(samples):
        return classes
    return classes.assign(depth=depth_class(samples["top_cm"], samples["bottom_cm"]).set_axis(classes.index))


def strata(sites: pd.DataFrame, observed: Array) -> dict[tuple[str, str], Mask]:
    """Strata of test sites.

    Parameters
    ----------
    sites : DataFrame
        Those of ``landcover``, ``source`` and ``depth`` that are known of the sites.
    observed : array, shape (site,)
        Observations.

    Returns
    -------
    dict of (str, str) to array of bool, shape (site,)
        (stratum, class) → its sites; ("all", "") and ("below_tail", "") come first. A stratum with a single class is
        left out.
    """
    parts = {("all", ""): np.ones(len(observed), dtype=bool)}
    if len(observed):
        parts["below_tail", ""] = observed <= np.quantile(observed, TAIL)
    for stratum in CLASSES:
        if stratum not in sites:
            continue
        names = class_names(sites[stratum])
        if names.nunique() > 1:
            parts |= {(stratum, name): (names == name).to_numpy() for name in _in_order(stratum, names)}
    return parts


def class_names(labels: pd.Series) -> pd.Series:
    """Class of each site; an empty label is "unknown", and classes of few sites are "other"."""
    names = labels.fillna("").astype(str).str.strip().replace("", UNKNOWN)
    counts = names.map(names.value_counts())
    return names.where(counts >= FEWEST, SMALL_CLASSES)


def _in_order(stratum: str, names: pd.Series) -> list[str]:
    """Depths from the top, other classes from the largest."""
    counts = names.value_counts().sort_index(kind="stable").sort_values(ascending=False, kind="stable")
    return (
        [name for name in (*DEPTHS, SMALL_CLASSES, UNKNOWN) if name in counts]
        if stratum == "depth"
        else list(counts.index)
    )
