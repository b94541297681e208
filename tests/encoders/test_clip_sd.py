"""Covariates far outside the training part count as some standard deviations from its mean; classes do not."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hybridmap.config import Experiment
from hybridmap.encoders import MixedInputs
from hybridmap.model.specification import build_model
from hybridmap.options.position import PositionWaves
from hybridmap.train import load_model, save_model

HYBRID = {"name": "five_pool", "options": {"formulation": "constrained"}}


def spec_of(process: dict[str, Any] | None, **encoder: Any) -> dict[str, Any]:
    return {
        "process": process, "neural": "all" if process else "none", "shared": "none", "fixed": {}, "bounds": {},
        "constraint": "sigmoid", "covariates": ["clay"], "forcing": ["npp", "mat"], "targets": ["soc"],
        "forcing_constants": {"depth": 0.2} if process else {},
        "encoder": {"name": "mlp", "hidden": [8], "dropout": 0.0, **encoder},
    }  # fmt: skip


def table(clay: Any, npp: Any = 500.0) -> pd.DataFrame:
    return pd.DataFrame({"covariate.clay": clay, "forcing.npp": npp, "forcing.mat": 9.0})


@given(st.floats(-1e6, 1e6), st.floats(0.5, 20))
def test_numbers_end_at_the_limit_and_are_as_they_were_within(value: float, limit: float) -> None:
    inputs = MixedInputs(["clay", "soil", "x", "y"], {"soil": [3.0, 900.0]}, ["x", "y"], clip_sd=limit)
    plain = MixedInputs(["clay", "soil", "x", "y"], {"soil": [3.0, 900.0]}, ["x", "y"])
    plain.load_state_dict(inputs.state_dict())
    sites = torch.tensor([[value, 900.0, 170.0, 70.0]])
    clipped, whole = inputs.eval()(sites).detach(), plain.eval()(sites).detach()
    assert float(clipped[0, 0]) == pytest.approx(float(np.clip(np.float32(value), -limit, limit)), rel=1e-6)
    assert torch.equal(clipped[0, 1:], whole[0, 1:])


def test_the_place_is_not_clipped() -> None:
    inputs = MixedInputs(["clay"], {}, waves=PositionWaves(count=4), clip_sd=1.0)
    sites = torch.tensor([[0.0, 8.0, 50.0], [0.0, 30.0, 60.0]])
    features = inputs(sites)
    assert inputs.waves is not None
    assert torch.equal(features[:, 1:], inputs.waves(sites[:, 1:]))
    assert not torch.equal(features[0], features[1])


@pytest.mark.parametrize("process", [None, HYBRID])
def test_a_stored_model_says_the_same_of_all_that_lies_beyond(process: Any, tmp_path: Any) -> None:
    torch.manual_seed(0)
    spec = spec_of(process, clip_sd=2.0)
    model = build_model(spec)
    samples = table(np.linspace(10.0, 30.0, 20), np.linspace(300.0, 700.0, 20))
    model.fit_inputs(model.encoder_inputs(*model.tensors(samples)))
    save_model(model, spec, tmp_path / "model")
    stored = load_model(tmp_path / "model")
    soc = stored.predict(table([20.0, 200.0, 2000.0]))["soc"]
    assert soc[1] == soc[2] != soc[0]
    free = build_model(spec_of(process))
    free.load_state_dict(model.state_dict())
    within, beyond = table([12.0, 28.0], [400.0, 600.0]), table([200.0, 2000.0])
    np.testing.assert_array_equal(free.predict(within)["soc"], stored.predict(within)["soc"])
    assert len(set(free.predict(beyond)["soc"])) == 2


def test_the_default_leaves_a_specification_as_it_was() -> None:
    assert "clip_sd" not in Experiment(name="x").encoder.options()
    assert Experiment(name="x", encoder={"clip_sd": 5}).encoder.options()["clip_sd"] == 5.0


@pytest.mark.parametrize("limit", [0, -5, "far"])
def test_a_limit_that_is_none_is_refused(limit: Any) -> None:
    with pytest.raises(ValidationError, match="clip_sd"):
        Experiment(name="x", encoder={"clip_sd": limit})
