"""Heat in the soil: what conduction must keep, whatever the climate."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hybridmap.covariates.land_model.assumptions import read_assumptions
from hybridmap.covariates.land_model.soil_temperature import DEPTH_M, YEAR_S, soil_temperature

FROSTLESS = arrays(np.float64, (3, 12), elements=st.floats(0.0, 40.0))


@given(FROSTLESS, st.floats(1e-7, 1e-6))
def test_the_mean_of_the_year_stays_and_waves_decay(air: np.ndarray, diffusivity: float) -> None:
    soil = soil_temperature(air, read_assumptions({"thermal_diffusivity": diffusivity}))
    np.testing.assert_allclose(soil.mean(axis=2), np.broadcast_to(air.mean(axis=1)[:, None], (3, 20)), atol=1e-9)
    assert (np.diff(soil.std(axis=2), axis=1) <= 1e-9).all()


@given(FROSTLESS, FROSTLESS)
def test_waves_add(one: np.ndarray, other: np.ndarray) -> None:
    both = soil_temperature(one + other, read_assumptions({}))
    np.testing.assert_allclose(
        both, soil_temperature(one, read_assumptions({})) + soil_temperature(other, read_assumptions({})), atol=1e-9
    )


def test_one_wave_is_the_solution_of_the_heat_equation() -> None:
    diffusivity, month = 4e-7, np.arange(12)
    air = 20.0 + 8.0 * np.cos(2 * np.pi * month / 12)
    damping = np.sqrt(diffusivity * YEAR_S / np.pi)
    depth = DEPTH_M[:, None]
    exact = 20.0 + 8.0 * np.exp(-depth / damping) * np.cos(2 * np.pi * month / 12 - depth / damping)
    soil = soil_temperature(air[None], read_assumptions({"thermal_diffusivity": diffusivity}))
    np.testing.assert_allclose(soil[0], exact, atol=1e-9)


def test_snow_keeps_the_soil_warmer_than_the_air_and_only_in_frost() -> None:
    air = np.array([[-20.0, -10.0, -2.0, 3.0, 8.0, 12.0, 15.0, 13.0, 8.0, 2.0, -6.0, -15.0]])
    bare, under_snow = (soil_temperature(air, read_assumptions({"snow_factor": f})) for f in (1.0, 0.4))
    np.testing.assert_allclose(bare.mean(axis=2), air.mean(), atol=1e-9)
    np.testing.assert_allclose(under_snow.mean(axis=2), np.where(air < 0, 0.4 * air, air).mean(), atol=1e-9)
