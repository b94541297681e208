"""Temperature of the soil by layer and month: what conduction leaves of the year of the air, under its snow."""

from __future__ import annotations

import numpy as np

from hybridmap.covariates.land_model.assumptions import Assumptions
from hybridmap.covariates.land_model.climate import Array
from hybridmap.process.clm5.vertical import LAYERS, NODE_DEPTH

YEAR_S = 365.0 * 86400.0
DEPTH_M = NODE_DEPTH[:LAYERS].numpy()


def surface_temperature(air_temperature: Array, snow_factor: float) -> Array:
    """Monthly temperature of the soil's surface [degC]: that of the air, nearer to 0 degC where there is frost."""
    return np.where(air_temperature < 0.0, snow_factor * air_temperature, air_temperature)


def soil_temperature(air_temperature: Array, assumptions: Assumptions) -> Array:
    """Conduct the year of the surface into the soil.

    The twelve months are waves of one to six periods a year. In a uniform half-space each decays with depth z as
    exp(-z / d) and lags by z / d, where d = (diffusivity · period / π)^½, and the mean stays (Carslaw & Jaeger 1959,
    section 2.6).

    Parameters
    ----------
    air_temperature : array, shape (cell, 12)
        degC.
    assumptions : Assumptions
        Diffusivity and snow.

    Returns
    -------
    array, shape (cell, 20, 12)
        degC at the nodes of the layers.
    """
    surface = surface_temperature(air_temperature, assumptions.snow_factor)
    waves = np.fft.rfft(surface, axis=1)
    damping_depth = np.sqrt(assumptions.thermal_diffusivity * YEAR_S / (np.pi * np.arange(1, 7)))
    passed = np.concatenate([np.ones((LAYERS, 1)), np.exp(-(1.0 + 1.0j) * DEPTH_M[:, None] / damping_depth)], axis=1)
    return np.asarray(np.fft.irfft(waves[:, None, :] * passed, 12, axis=2))
