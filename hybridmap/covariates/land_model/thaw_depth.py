"""How deep the ground thaws in a year."""

from __future__ import annotations

import numpy as np

from hybridmap.covariates.land_model.assumptions import Assumptions
from hybridmap.covariates.land_model.climate import MONTH_DAYS, Array
from hybridmap.covariates.land_model.soil_temperature import DEPTH_M

NEVER_FROZEN_M = 41.998
"""What CLM gives a column without frozen ground: its lowest node."""


def thaw_depth(soil_temperature: Array, air_temperature: Array, assumptions: Assumptions) -> Array:
    """Depth down to which every layer thaws in some month.

    Parameters
    ----------
    soil_temperature : array, shape (cell, layer, 12)
        degC.
    air_temperature : array, shape (cell, 12)
        degC; its degrees above zero limit the depth by Stefan's equation if `assumptions` say so.
    assumptions : Assumptions
        ``thaw_depth`` and ``stefan_factor``.

    Returns
    -------
    array, shape (cell,)
        Metres, linear between nodes: 0 where the first layer never thaws, 41.998 where every layer does.
    """
    warmest = soil_temperature.max(axis=2)
    frozen = warmest <= 0.0
    first = np.where(frozen.any(axis=1), frozen.argmax(axis=1), 1)
    row, above = np.arange(len(warmest)), np.maximum(first - 1, 0)
    upper, lower = warmest[row, above], warmest[row, first]
    share = np.clip(upper / np.where(upper > lower, upper - lower, 1.0), 0.0, 1.0)
    depth = DEPTH_M[above] + share * (DEPTH_M[first] - DEPTH_M[above])
    depth = np.where(frozen[:, 0], 0.0, depth)
    if assumptions.thaw_depth == "stefan":
        degree_days = np.maximum(air_temperature, 0.0) @ MONTH_DAYS
        depth = np.minimum(depth, assumptions.stefan_factor * np.sqrt(degree_days))
    return np.where(frozen.any(axis=1), depth, NEVER_FROZEN_M)
