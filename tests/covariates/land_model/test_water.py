"""The water of the soil and what it does to decomposition."""

import numpy as np
from climates import BIOMES, climate
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from hybridmap.covariates.land_model.assumptions import read_assumptions
from hybridmap.covariates.land_model.forcing import forcing_of
from hybridmap.covariates.land_model.water_balance import potential_evaporation, rain_and_melt, soil_water

MONTHS = arrays(np.float64, (2, 12), elements=st.floats(0.0, 400.0))


def test_potential_evaporation_as_thornthwaite_has_it() -> None:
    """A year of 10 degC: index 34.3, exponent 1.04; the months differ by day length and days alone."""
    index = 12 * 2.0**1.514
    exponent = 6.75e-7 * index**3 - 7.71e-5 * index**2 + 1.792e-2 * index + 0.49239
    equator = potential_evaporation(np.full((1, 12), 10.0), np.zeros(1))
    assert_allclose(equator[0], 16 * (100 / index) ** exponent * np.array([31, 28, *[30.4] * 10]) / 30, rtol=0.025)
    assert (potential_evaporation(np.full((1, 12), -5.0), np.full(1, 60.0)) == 0).all()


@given(MONTHS, MONTHS, st.floats(20.0, 500.0))
def test_the_bucket_is_never_overfull_and_its_year_closes(
    supply: np.ndarray, evaporation: np.ndarray, capacity: float
) -> None:
    size = np.full(2, capacity)
    water = soil_water(supply, evaporation, size)
    assert (water >= 0).all()
    assert (water <= capacity * (1 + 1e-12)).all()
    assert (soil_water(supply + 10.0, evaporation, size) >= water - 1e-9).all()


@given(arrays(np.float64, (2, 12), elements=st.floats(-30.0, 30.0)), MONTHS)
def test_snow_neither_makes_nor_loses_water(air: np.ndarray, rain: np.ndarray) -> None:
    supply = rain_and_melt(air, rain, 20.0)
    assert (supply >= 0).all()
    total = supply.sum(axis=1)
    assert (total <= 2 * rain.sum(axis=1) + 1e-9).all()
    frostless = (air >= 0).all(axis=1)
    assert_allclose(supply[frostless], rain[frostless])


def test_snow_of_one_winter_melts_in_spring() -> None:
    air = np.array([[-9.0, -8, -3, 4, 9, 14, 16, 15, 10, 5, -2, -7]])
    supply = rain_and_melt(air, np.full((1, 12), 30.0), 3.0)
    assert_allclose(supply.sum(), 360.0)
    assert (supply[0, [0, 1, 2, 10, 11]] == 0).all()
    assert supply[0, 3] == 6 * 30.0


def test_wet_climates_have_a_higher_scalar_and_drier_scenarios_a_lower_one() -> None:
    water = forcing_of(climate(), read_assumptions({}))["w_scalar"].mean(axis=(1, 2))
    of = dict(zip(BIOMES, water, strict=True))
    assert of["desert"] < 0.25 < of["steppe"] < of["temperate"] < of["rainforest"] <= 1
    drier = forcing_of(climate(), read_assumptions({"precipitation_factor": 0.8}))["w_scalar"].mean(axis=(1, 2))
    assert (drier <= water + 1e-12).all()
    assert drier[BIOMES.index("savanna")] < water[BIOMES.index("savanna")] - 0.01


def test_frost_dries_a_layer_and_can_be_switched_off() -> None:
    cold = forcing_of(climate(), read_assumptions({}))
    frozen = cold["soil_temperature"] < 271.0
    assert frozen.any()
    assert_allclose(cold["w_scalar"][frozen], 0.05)
    moist = forcing_of(climate(), read_assumptions({"frozen_water": "as_thawed"}))["w_scalar"]
    assert (moist[frozen] > 0.05).all()
    assert_allclose(moist[~(cold["soil_temperature"] < 273.15)], cold["w_scalar"][cold["soil_temperature"] >= 273.15])
