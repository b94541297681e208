"""How deep the ground thaws."""

import numpy as np
import pytest
from climates import climate

from hybridmap.covariates.land_model.assumptions import read_assumptions
from hybridmap.covariates.land_model.soil_temperature import DEPTH_M, soil_temperature
from hybridmap.covariates.land_model.thaw_depth import NEVER_FROZEN_M, thaw_depth

WAVE = read_assumptions({"thaw_depth": "wave"})
AIR = np.zeros((1, 12))


def of_profile(warmest: np.ndarray) -> float:
    return float(thaw_depth(np.repeat(warmest[None, :, None], 12, axis=2), AIR, WAVE)[0])


def test_zero_is_crossed_between_two_nodes() -> None:
    profile = np.where(np.arange(20) < 7, 3.0, -1.0)
    assert of_profile(profile) == pytest.approx(DEPTH_M[6] + 0.75 * (DEPTH_M[7] - DEPTH_M[6]))
    assert of_profile(np.full(20, -2.0)) == 0.0
    assert of_profile(np.full(20, 2.0)) == NEVER_FROZEN_M


def test_a_thawed_layer_under_frozen_ground_does_not_count() -> None:
    profile = np.where(np.arange(20) == 4, -2.0, 2.0)
    assert of_profile(profile) == pytest.approx(0.5 * (DEPTH_M[3] + DEPTH_M[4]))


def test_warming_thaws_deeper_and_stefan_never_deeper_than_the_wave() -> None:
    depths = {}
    for law in ("wave", "stefan"):
        for warming in (-2.0, 0.0, 2.0):
            air = climate().air_temperature[:1] + warming
            assumed = read_assumptions({"thaw_depth": law})
            depths[law, warming] = float(thaw_depth(soil_temperature(air, assumed), air, assumed)[0])
        assert 0 < depths[law, -2.0] < depths[law, 0.0] < depths[law, 2.0]
    assert depths["stefan", 0.0] < depths["wave", 0.0]
    assert 0.3 < depths["stefan", 0.0] < 1.5
