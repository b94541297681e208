"""One zero of depth: the mineral surface, whether organic horizons above it are counted down, up or below zero."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from hybridmap.observations.quality.drop_counts import DropCounts

PEAT_CM = 40.0
"""Organic horizons at the surface that are as thick are a peat (WRB: Histosol), whose surface is its zero."""


def from_the_mineral_surface(layers: pd.DataFrame, organic: Sequence[str], drops: DropCounts) -> pd.DataFrame:
    """Leave out organic horizons above mineral ones, and count depths from the mineral surface.

    Three conventions are told apart: organic horizons that are counted downwards from the top of the litter (0-3, 3-8,
    and mineral soil from 8), upwards from the mineral surface (8-5, 5-0), or as negative depths. A profile of organic
    horizons alone, or of 40 cm of them, is a peat and stays as it is; so do organic horizons that lie between mineral
    ones.

    Parameters
    ----------
    layers : DataFrame
        ``site_id``, ``year``, ``top_cm``, ``bottom_cm``, ``horizon``.
    organic : sequence of str
        Patterns of organic horizons.
    drops : DropCounts
        Counts what is left out.

    Returns
    -------
    DataFrame
        The other layers, with depths below the mineral surface.
    """
    if "horizon" not in layers or (layers["horizon"] == "").all():
        return layers
    is_organic = _is_organic(layers["horizon"], organic)
    profile = layers.groupby(["site_id", "year"], sort=False, dropna=False).ngroup()
    is_above, shift = pd.Series(False, index=layers.index), pd.Series(0.0, index=layers.index)
    for _, rows in layers[profile.isin(profile[is_organic])].groupby(profile, sort=False):
        above, zero_cm = _above_the_surface(rows, is_organic[rows.index])
        is_above[rows.index], shift[rows.index] = above, zero_cm
    _count_shifts(layers, shift, ~is_above, drops)
    shifted = layers.assign(top_cm=layers["top_cm"] - shift, bottom_cm=layers["bottom_cm"] - shift)
    return drops.drop_rows(shifted, is_above, "organic_horizon", "organic horizon above the mineral surface")


def _is_organic(horizons: pd.Series, organic: Sequence[str]) -> pd.Series:
    patterns = [pattern.casefold() for pattern in organic]
    answers = {
        word: any(fnmatchcase(word.strip().casefold(), pattern) for pattern in patterns) for word in horizons.unique()
    }
    return horizons.map(answers).astype(bool)


def _above_the_surface(rows: pd.DataFrame, is_organic: pd.Series) -> tuple[pd.Series, float]:
    """Which layers of a profile lie above its mineral surface, and how deep that is in the table [cm]."""
    top, bottom = rows["top_cm"], rows["bottom_cm"]
    is_mineral = ~is_organic & (np.maximum(top, bottom) > 0)
    if not is_mineral.any():
        return is_organic & False, 0.0
    surface = float(np.minimum(top, bottom)[is_mineral].min())
    is_counted_down = is_organic & (top < bottom) & (top >= 0)
    is_on_top = is_counted_down & (bottom <= surface)
    thickness = float((bottom - top)[is_on_top].drop_duplicates().sum())
    if thickness >= PEAT_CM:
        return is_organic & False, 0.0
    is_buried = is_counted_down & (top > surface) & ~_overlaps(rows, is_mineral)
    zero_cm = float(bottom[is_on_top].max()) if is_on_top.any() else 0.0
    return is_organic & ~is_buried, zero_cm


def _overlaps(rows: pd.DataFrame, is_mineral: pd.Series) -> pd.Series:
    """Whether each layer shares some depth with a mineral one: then the two are counted from different zeros."""
    tops, bottoms = rows.loc[is_mineral, "top_cm"].to_numpy(), rows.loc[is_mineral, "bottom_cm"].to_numpy()
    top, bottom = rows["top_cm"].to_numpy()[:, None], rows["bottom_cm"].to_numpy()[:, None]
    return pd.Series(((top < bottoms) & (bottom > tops)).any(axis=1), index=rows.index)


def _count_shifts(layers: pd.DataFrame, shift: pd.Series, is_kept: pd.Series, drops: DropCounts) -> None:
    for source, rows in layers[(shift != 0) & is_kept].groupby("source"):
        reason = f"depths of {rows['site_id'].nunique()} sites are counted from the mineral surface, below the litter"
        drops.count(str(source), "mineral_surface", reason, len(rows), 0)
