"""Densities: fine earth from whole soil, carbon per volume, and layers onto one interval."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ROCK_DENSITY = 2.65
"""Density of coarse fragments [g cm-3]."""


def soc_density(oc_g_kg: Any, bd_fine_g_cm3: Any, cf_vol: Any) -> Any:
    """Carbon per volume of soil [kg m-3] = content [g kg-1] * fine-earth density [g cm-3] * (1 - fragments by volume).

    The factor is exactly 1; arrays, Series or numbers. Holds for SOC and for its fractions alike.
    """
    return oc_g_kg * bd_fine_g_cm3 * (1.0 - cf_vol)


def fragments_from_whole(bd_whole_g_cm3: Any, cf_mass: Any) -> tuple[Any, Any]:
    """Fine-earth bulk density [g cm-3] and volume share of fragments, from whole-soil density and mass share."""
    volume = bd_whole_g_cm3 * cf_mass / ROCK_DENSITY
    return bd_whole_g_cm3 * (1.0 - cf_mass) / (1.0 - volume), volume


def fragments_from_mass(bd_fine_g_cm3: Any, cf_mass: Any) -> Any:
    """Volume share of fragments from their mass share and the density of the fine earth [g cm-3]."""
    stones = cf_mass / ROCK_DENSITY
    return stones / (stones + (1.0 - cf_mass) / bd_fine_g_cm3)


def fine_earth(
    bd_fine: pd.Series, bd_whole: pd.Series, cf_vol: pd.Series, cf_mass: pd.Series
) -> tuple[pd.Series, pd.Series]:
    """Best fine-earth bulk density [g cm-3] and fragments by volume, from whatever was measured.

    A whole-soil density without any fragments stays unused: it says nothing certain about the fine earth.
    """
    fine_a, volume_a = fragments_from_whole(bd_whole, cf_mass)
    fine_b = (bd_whole - ROCK_DENSITY * cf_vol) / (1.0 - cf_vol)
    fine = bd_fine.fillna(fine_b.where(fine_b > 0)).fillna(fine_a)
    volume = cf_vol.fillna(volume_a).fillna(fragments_from_mass(fine, cf_mass))
    return fine, volume


def slice_interval(
    layers: pd.DataFrame, columns: list[str], top_cm: float, bottom_cm: float, min_coverage: float, max_gap_cm: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Thickness-weighted means of the layers of each site on one interval.

    Where layers of a site overlap (replicates, campaigns) the overlap counts once, with the mean of the layers there.

    Parameters
    ----------
    layers : DataFrame
        ``site_id``, ``top_cm``, ``bottom_cm`` and `columns`; no missing depths.
    columns : list of str
        Quantities per volume or per mass; each uses the layers where it is known.
    top_cm, bottom_cm : float
        The interval.
    min_coverage : float
        Share of the interval that the layers of a site must cover, else NaN.
    max_gap_cm : float
        Widest gap allowed between layers inside the interval, else NaN.

    Returns
    -------
    means, coverage : DataFrame
        Indexed by ``site_id`` (sorted), one column a quantity; coverage in [0, 1].
    """
    top = layers["top_cm"].to_numpy(float).clip(top_cm, bottom_cm)
    bottom = layers["bottom_cm"].to_numpy(float).clip(top_cm, bottom_cm)
    edges = np.unique(np.concatenate([top, bottom, [top_cm, bottom_cm]]))
    width = np.diff(edges)
    inside = (top[:, None] <= edges[:-1]) & (bottom[:, None] >= edges[1:])
    site, names = pd.factorize(layers["site_id"], sort=True)
    means, coverage = {}, {}
    for column in columns:
        values = layers[column].to_numpy(float)
        known = np.isfinite(values)
        count = _sum_by(site[known], inside[known].astype(float), len(names))
        total = _sum_by(site[known], inside[known] * values[known, None], len(names))
        covered = count > 0
        mean_at = np.divide(total, count, out=np.zeros_like(total), where=covered)
        thickness = covered @ width
        share = thickness / (bottom_cm - top_cm)
        enough = (share >= min_coverage - 1e-9) & (_widest_gap(covered, width) <= max_gap_cm + 1e-9)
        mean = np.divide(mean_at @ width, thickness, out=np.full(len(names), np.nan), where=thickness > 0)
        means[column], coverage[column] = np.where(enough, mean, np.nan), share
    index = pd.Index(names, name="site_id")
    return pd.DataFrame(means, index=index), pd.DataFrame(coverage, index=index)


def _sum_by(group: NDArray[np.intp], rows: NDArray[np.float64], groups: int) -> NDArray[np.float64]:
    sums = np.zeros((groups, rows.shape[1]))
    np.add.at(sums, group, rows)
    return sums


def _widest_gap(covered: NDArray[np.bool_], width: NDArray[np.float64]) -> NDArray[np.float64]:
    """Widest uncovered stretch between two covered ones, per site."""
    widest, run = np.zeros(len(covered)), np.zeros(len(covered))
    begun = np.zeros(len(covered), bool)
    for k in range(covered.shape[1]):
        here = covered[:, k]
        widest = np.where(here & begun, np.maximum(widest, run), widest)
        run = np.where(here, 0.0, run + width[k])
        begun |= here
    return widest
