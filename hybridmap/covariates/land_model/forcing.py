"""The twelve forcings of the CLM5 matrix from climate, productivity and ground."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hybridmap.covariates.land_model.assumptions import Assumptions
from hybridmap.covariates.land_model.climate import Array, Climate
from hybridmap.covariates.land_model.litter_input import litter_inputs
from hybridmap.covariates.land_model.soil_temperature import soil_temperature
from hybridmap.covariates.land_model.thaw_depth import thaw_depth
from hybridmap.covariates.land_model.water_scalar import water_scalar
from hybridmap.process.clm5.vertical import INTERFACE, LAYERS

ZERO_DEGC = 273.15


def forcing_of(climate: Climate, assumptions: Assumptions) -> dict[str, Array]:
    """Make the forcing of cells.

    Parameters
    ----------
    climate : Climate
        Complete cells.
    assumptions : Assumptions
        All that the climate does not say, and the scenario.

    Returns
    -------
    dict of str to array
        Shape (cell, month) or (cell, layer, month), in the units of the model, as
        :func:`hybridmap.covariates.clm5_forcing.read_clm5_forcing` gives it from history files.
    """
    year = climate.changed(assumptions)
    year = replace(year, **_texture(year, assumptions))
    temperature = soil_temperature(year.air_temperature, assumptions)
    thawed = _each_month(thaw_depth(temperature, year.air_temperature, assumptions))
    return {
        **litter_inputs(year.npp, year.landcover, year.air_temperature, assumptions),
        "altmax_lastyear": thawed,
        "altmax": thawed,
        "nbedrock": _each_month(bedrock_layer(year.bedrock, assumptions.least_soil_depth)),
        "o_scalar": np.full_like(temperature, assumptions.oxygen_scalar),
        "n_scalar": np.full_like(temperature, assumptions.nitrogen_scalar),
        "soil_temperature": temperature + ZERO_DEGC,
        "w_scalar": water_scalar(year, temperature, assumptions),
        "sand": np.broadcast_to(year.sand[:, None, None], temperature.shape),
    }


def bedrock_layer(bedrock: Array, least_soil_depth: float) -> Array:
    """Index of the layer that bedrock lies in [m]; 20, below the column, where it is unknown or deeper."""
    depth = np.maximum(np.nan_to_num(bedrock, nan=np.inf), least_soil_depth)
    return np.minimum(np.searchsorted(INTERFACE.numpy(), depth), LAYERS).astype(float)


def _each_month(values: Array) -> Array:
    return np.repeat(values[:, None], 12, axis=1)


def _texture(climate: Climate, assumptions: Assumptions) -> dict[str, Array]:
    is_known = np.isfinite(climate.sand) & np.isfinite(climate.clay)
    return {
        "sand": np.where(is_known, climate.sand, assumptions.sand),
        "clay": np.where(is_known, climate.clay, assumptions.clay),
    }
