"""The position of a site as waves: smooth, the same everywhere on Earth, and part of every kind of model."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from hybridmap.config import Experiment
from hybridmap.encoders.position_waves import Waves
from hybridmap.errors import HybridmapError
from hybridmap.experiment.site_data import site_data
from hybridmap.model.members import stack
from hybridmap.model.specification import build_model
from hybridmap.options.position import PositionWaves
from hybridmap.quantities import QUANTITIES
from hybridmap.train import load_model, save_model

HYBRID = {"name": "five_pool", "options": {"formulation": "constrained"}}


def spec_of(process: dict[str, Any] | None, **encoder: Any) -> dict[str, Any]:
    return {
        "process": process, "neural": "all" if process else "none", "shared": "none", "fixed": {}, "bounds": {},
        "constraint": "sigmoid", "covariates": ["clay"], "forcing": ["npp", "mat"], "targets": ["soc"],
        "forcing_constants": {"depth": 0.2} if process else {},
        "encoder": {"name": "mlp", "hidden": [8], "dropout": 0.0, **encoder},
    }  # fmt: skip


def table(lon: Any, lat: Any) -> pd.DataFrame:
    return pd.DataFrame({"lon": lon, "lat": lat, "covariate.clay": 20.0, "forcing.npp": 500.0, "forcing.mat": 9.0})


@settings(deadline=None)
@given(st.floats(-180, 180), st.floats(-89, 89), st.floats(0, 360), st.floats(10, 1500))
def test_what_two_places_have_in_common_depends_on_their_distance_alone(
    lon: float, lat: float, azimuth: float, km: float
) -> None:
    end = Geod(a=6371e3, f=0).fwd(lon, lat, azimuth, 1000 * km)[:2]
    features = Waves(PositionWaves(count=4096, length_km=500.0))(torch.tensor([[lon, lat], end]))
    common = float((features[0] * features[1]).sum()) / 4096
    chord = 2 * 6371 * np.sin(km / 6371 / 2)
    assert common == pytest.approx(np.exp(-((chord / 500) ** 2) / 2), abs=0.06)


def test_there_is_no_seam_and_the_seed_decides() -> None:
    edges = torch.tensor([[-180.0, 10.0], [180.0, 10.0]])
    first, second = Waves(PositionWaves(count=16))(edges)
    torch.testing.assert_close(first, second, atol=1e-4, rtol=0)
    assert torch.equal(Waves(PositionWaves(seed=3)).directions, Waves(PositionWaves(seed=3)).directions)
    assert not torch.equal(Waves(PositionWaves(seed=3)).directions, Waves(PositionWaves(seed=4)).directions)


@pytest.mark.parametrize("process", [None, HYBRID])
def test_a_model_sees_the_place_is_stored_and_says_what_is_missing(process: Any, tmp_path: Any) -> None:
    torch.manual_seed(0)
    spec = spec_of(process, position_waves={"count": 8})
    model = build_model(spec)
    samples = table([8.0, 9.0, 60.0], [50.0, 50.0, 20.0])
    model.fit_inputs(model.encoder_inputs(*model.tensors(samples)))
    save_model(model, spec, tmp_path / "model")
    stored = load_model(tmp_path / "model")
    soc = stored.predict(samples)["soc"]
    np.testing.assert_array_equal(soc, model.eval().predict(samples)["soc"])
    assert abs(soc[0] - soc[1]) < abs(soc[0] - soc[2])
    blind = build_model(spec_of(process)).predict(samples)["soc"]
    assert blind[0] == blind[2]
    with pytest.raises(HybridmapError, match="no forcing 'lon'"):
        stored.predict(samples.drop(columns="lon"))


@pytest.mark.parametrize("process", [None, HYBRID])
def test_members_side_by_side_give_the_values_of_each(process: Any) -> None:
    models = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        models.append(build_model(spec_of(process, position_waves={"count": 8, "seed": seed})).eval())
    samples = table([8.0, 60.0], [50.0, 20.0]).assign(soc_density_kg_m3=1.0)
    data = site_data(samples, [QUANTITIES["soc"]]).rows(torch.tensor([[0, 1], [0, 1]]))
    together = stack(models)(data.covariates, data.forcing)["soc"]
    for model, values in zip(models, together, strict=True):
        np.testing.assert_allclose(values.detach(), model.predict(samples)["soc"], rtol=1e-5)


def test_a_wrong_number_is_refused() -> None:
    with pytest.raises(ValueError, match="length_km"):
        Experiment(name="x", encoder={"position_waves": {"length_km": 0}})
