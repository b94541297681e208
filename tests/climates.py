"""Eight climates from tundra to rainforest, which several tests share."""

from typing import Any

import numpy as np

from hybridmap.covariates.land_model.climate import Climate

BIOMES = ("tundra", "boreal", "temperate", "steppe", "desert", "mediterranean", "savanna", "rainforest")
MEAN_DEGC = np.array([-10.0, -1.0, 9.0, 8.0, 22.0, 15.0, 25.0, 26.0])
AMPLITUDE_K = np.array([18.0, 18.0, 9.0, 13.0, 9.0, 8.0, 3.0, 1.0])
YEARLY_MM = np.array([250.0, 500.0, 800.0, 350.0, 80.0, 600.0, 1000.0, 2500.0])
SUMMER_RAIN = np.array([0.5, 0.3, 0.0, 0.3, 0.0, -0.8, 0.9, 0.2])
SUMMER = np.cos(2 * np.pi * (np.arange(12) - 6.5) / 12)


def climate(**changes: Any) -> Climate:
    """One cell a biome."""
    unknown = np.full(len(BIOMES), np.nan)
    values: dict[str, Any] = {
        "air_temperature": MEAN_DEGC[:, None] + AMPLITUDE_K[:, None] * SUMMER,
        "precipitation": YEARLY_MM[:, None] / 12 * (1 + SUMMER_RAIN[:, None] * SUMMER),
        "npp": np.array([120.0, 350.0, 650.0, 300.0, 60.0, 500.0, 900.0, 1100.0]),
        "latitude": np.array([70.0, 60.0, 50.0, 45.0, 25.0, 38.0, 10.0, 0.0]),
        "landcover": np.array([7.0, 1.0, 5.0, 10.0, 16.0, 8.0, 9.0, 2.0]),
        "sand": unknown,
        "clay": unknown,
        "bedrock": unknown,
    }
    made = Climate(**{**values, **changes})
    made.check()
    return made
