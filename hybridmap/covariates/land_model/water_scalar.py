"""Limitation of decomposition by water, from the bucket, the texture and the frost of each layer."""

from __future__ import annotations

import numpy as np

from hybridmap.covariates.land_model.assumptions import Assumptions
from hybridmap.covariates.land_model.climate import Array, Climate
from hybridmap.covariates.land_model.water_balance import potential_evaporation, rain_and_melt, soil_water

FIELD_CAPACITY, WILTING_POINT = -0.033, -1.5
"""Water potential [MPa]."""
MPA_PER_MM = 9.80665e-6
FROST_MPA = 1.22
"""Fall of the potential a degree below 0 degC: heat of fusion over absolute temperature (Niu & Yang 2006)."""


def retention(sand: Array, clay: Array) -> tuple[Array, Array, Array]:
    """Porosity [1], potential at saturation [MPa] and exponent of Campbell's curve (Cosby et al. 1984, as in CLM)."""
    saturated = -10.0 * 10.0 ** (1.88 - 0.0131 * sand) * MPA_PER_MM
    return 0.489 - 0.00126 * sand, saturated, 2.91 + 0.159 * clay


def water_scalar(climate: Climate, soil_temperature: Array, assumptions: Assumptions) -> Array:
    """Water scalar of CLM5 by layer and month.

    The bucket between wilting point and field capacity gives the water content, Campbell's curve its potential, and the
    scalar falls with the logarithm of the potential from 1 (wet) to 0 (dry) as in CLM (Andren & Paustian 1987).

    Parameters
    ----------
    climate : Climate
        Cells with texture.
    soil_temperature : array, shape (cell, layer, 12)
        degC.
    assumptions : Assumptions
        Depth of the bucket, limits of the potential, frost.

    Returns
    -------
    array, shape (cell, layer, 12)
    """
    porosity, saturated, exponent = retention(climate.sand, climate.clay)
    wet, dry = (porosity * np.minimum(p / saturated, 1e9) ** (-1.0 / exponent) for p in (FIELD_CAPACITY, WILTING_POINT))
    capacity = 1000.0 * assumptions.root_depth * (wet - dry)
    supply = rain_and_melt(climate.air_temperature, climate.precipitation, assumptions.snow_melt)
    stored = soil_water(supply, potential_evaporation(climate.air_temperature, climate.latitude), capacity)
    content = dry[:, None] + (wet - dry)[:, None] * stored / capacity[:, None]
    potential = saturated[:, None] * (content / porosity[:, None]) ** -exponent[:, None]
    potential = np.broadcast_to(potential[:, None, :], soil_temperature.shape)
    if assumptions.frozen_water == "potential":
        potential = np.minimum(potential, FROST_MPA * np.minimum(soil_temperature, 0.0))
    span = np.log(assumptions.dry_potential / assumptions.wet_potential)
    scalar = np.log(assumptions.dry_potential / np.minimum(potential, assumptions.wet_potential)) / span
    return np.asarray(np.clip(scalar, assumptions.least_water_scalar, 1.0))
