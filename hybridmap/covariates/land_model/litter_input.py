"""Litter of the year by pool and month: all of NPP, since at steady state as much dies as grows."""

from __future__ import annotations

import numpy as np

from hybridmap.covariates.land_model.assumptions import Assumptions
from hybridmap.covariates.land_model.climate import Array

FOREST, SAVANNA, CROPLAND = (1, 2, 3, 4, 5), (8, 9), (12,)
"""Classes of IGBP."""


def wood_share(landcover: Array, assumptions: Assumptions) -> Array:
    """Share of litter that is coarse wood, shape (cell,)."""
    shares = np.full(landcover.shape, assumptions.wood_share_open)
    shares[np.isin(landcover, FOREST)] = assumptions.wood_share_forest
    shares[np.isin(landcover, SAVANNA)] = assumptions.wood_share_savanna
    shares[np.isnan(landcover)] = assumptions.wood_share_unknown
    return shares


def month_shares(air_temperature: Array, season: str) -> Array:
    """Share of the litter of the year in each month, shape (cell, 12); sums to 1."""
    warmth = np.maximum(air_temperature, 0.0)
    total = warmth.sum(axis=1, keepdims=True)
    even = np.full_like(air_temperature, 1.0 / 12.0)
    return np.where(total > 0.0, warmth / np.where(total > 0.0, total, 1.0), even) if season == "temperature" else even


def litter_inputs(npp: Array, landcover: Array, air_temperature: Array, assumptions: Assumptions) -> dict[str, Array]:
    """Carbon that enters the four pools of litter.

    Parameters
    ----------
    npp : array, shape (cell,)
        g m-2 yr-1.
    landcover : array, shape (cell,)
        Class of IGBP, NaN where unknown.
    air_temperature : array, shape (cell, 12)
        degC.
    assumptions : Assumptions
        Shares.

    Returns
    -------
    dict of str to array, shape (cell, 12)
        g m-2 month-1; all pools and months together are NPP, but for harvests.
    """
    litter = npp * np.where(np.isin(landcover, CROPLAND), assumptions.litter_share_cropland, 1.0)
    wood = wood_share(landcover, assumptions)
    metabolic, lignin = assumptions.metabolic_share, assumptions.lignin_share
    pools = {
        "input_cwd": wood,
        "input_litter1": (1.0 - wood) * metabolic,
        "input_litter2": (1.0 - wood) * (1.0 - metabolic - lignin),
        "input_litter3": (1.0 - wood) * lignin,
    }
    months = month_shares(air_temperature, assumptions.litter_season)
    return {name: (litter * share)[:, None] * months for name, share in pools.items()}
