"""The twelve forcings as a whole: of one schema with history files, in range, and CLM5 takes them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from climates import BIOMES, climate
from history_files import history

from hybridmap.covariates.clm5_forcing import read_clm5_forcing
from hybridmap.covariates.land_model.assumptions import Assumptions, assumptions_table, read_assumptions
from hybridmap.covariates.land_model.forcing import bedrock_layer, forcing_of
from hybridmap.errors import HybridmapError
from hybridmap.process import get_process

MODEL = get_process("clm5")


def soc(**assumed: Any) -> np.ndarray:
    """Density by biome and layer [kg m-3]."""
    forcing = forcing_of(climate(), read_assumptions(assumed))
    tensors = {name: torch.tensor(np.array(values)) for name, values in forcing.items()}
    return np.asarray(MODEL({}, tensors)["soc"]) / 1000.0


def test_both_ways_meet_in_one_schema(tmp_path: Path) -> None:
    history().to_netcdf(tmp_path / "h0.nc", engine="netcdf4")
    sites = np.zeros(len(BIOMES)), np.full(len(BIOMES), 41.0)
    from_history, from_climate = read_clm5_forcing([tmp_path / "h0.nc"], *sites), forcing_of(climate(), Assumptions())
    assert set(from_history) == set(from_climate) == {v.name for v in MODEL.forcing}
    sizes = {"site": len(BIOMES), "layer": 20, "month": 12}
    for variable in MODEL.forcing:
        values = from_climate[variable.name]
        assert values.shape == from_history[variable.name].shape == tuple(sizes[d] for d in variable.dims)
        low, high = variable.valid_range or (-np.inf, np.inf)
        assert low <= values.min(), variable.name
        assert values.max() <= high, variable.name


def test_soc_is_plausible_from_tundra_to_tropics() -> None:
    density = soc()
    assert np.isfinite(density).all()
    assert (density[:, :3] > 1).all()
    assert (density[:, :3] < 100).all()
    assert (np.diff(density, axis=1) < 1e-6).all()
    assert density[BIOMES.index("desert"), 0] == density[:, 0].min()


def test_every_assumption_moves_the_forcing() -> None:
    plain = forcing_of(
        climate(landcover=np.array([np.nan, 1, 5, 10, 12, 8, 9, 2]), bedrock=np.full(8, 0.1)), Assumptions()
    )
    other = {
        "thaw_depth": "wave", "frozen_water": "as_thawed", "litter_season": "temperature", "sand": 60.0, "clay": 30.0,
        "oxygen_scalar": 0.8, "least_water_scalar": 0.1, "wood_share_open": 0.1, "litter_share_cropland": 0.6,
        "snow_melt": 0.3,
    }  # fmt: skip
    for entry in assumptions_table():
        value = other.get(entry.key, 1.0 if entry.key == "warming" else 0.0)
        if not value:
            low, high = entry.limits
            value = min(max(1.25 * float(entry.default), low), high)
        changed = forcing_of(
            climate(landcover=np.array([np.nan, 1, 5, 10, 12, 8, 9, 2]), bedrock=np.full(8, 0.1)),
            read_assumptions({entry.key: value}),
        )
        assert any(not np.allclose(changed[n], plain[n], rtol=1e-9, atol=0) for n in plain), entry.key


def test_scenarios_change_the_inputs() -> None:
    plain, warm = (forcing_of(climate(), read_assumptions({"warming": w})) for w in (0.0, 2.0))
    frostless = BIOMES.index("rainforest")
    np.testing.assert_allclose(
        warm["soil_temperature"][frostless], plain["soil_temperature"][frostless] + 2.0, atol=1e-9
    )
    assert soc(warming=2.0)[frostless, 0] < soc()[frostless, 0]
    np.testing.assert_allclose(soc(npp_factor=0.5), 0.5 * soc(), rtol=1e-9)


def test_bedrock_is_the_layer_that_holds_it() -> None:
    assert bedrock_layer(np.array([np.nan, 30.0, 0.5, 0.0, 8.0]), 0.4).tolist() == [20, 20, 6, 5, 19]


def months(**changes: float) -> np.ndarray:
    return np.full((8, 12), 20.0) * changes.get("times", 1.0) + changes.get("plus", 0.0)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"air_temperature": months(plus=273.15)}, "looks like Kelvin; add 'offset: -273.15'"),
        ({"air_temperature": months()[:, :11]}, "temperature: expected twelve months a cell"),
        ({"air_temperature": months(plus=60.0)}, "temperature: runs from 80 to 80, expected -90 to 60 degC"),
        ({"precipitation": months(times=0.001)}, "looks like metres or a rate"),
        ({"precipitation": months(times=-1.0)}, "precipitation: runs from -20 to -20, expected 0 to 5000 mm month-1"),
        ({"npp": np.full(8, -5.0)}, "npp: runs from -5 to -5, expected 0 to 5000"),
        ({"npp": np.full(8, 0.6)}, "looks like kilograms; add 'scale: 1000'"),
        ({"sand": np.full(8, 0.43), "clay": np.full(8, 0.18)}, "looks like shares of 1; add 'scale: 100'"),
        ({"landcover": np.full(8, 210.0)}, r"landcover: runs from 210 to 210, expected 0 to 17 \(IGBP classes\)"),
    ],
)
def test_wrong_climates_are_one_sentence(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(HybridmapError, match=says) as error:
        climate(**changes)
    assert "\n" not in str(error.value)
