"""Intervals: repeatable draws, and conformal ones that hold what they promise on new blocks."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from hybridmap.config import Experiment
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.interval_table import interval_table
from hybridmap.evaluate.intervals import calibrate
from hybridmap.model.draws import conformal_factor, dropout_draws, ensemble_draws, interval
from hybridmap.model.specification import build_model
from hybridmap.quantities import QUANTITIES
from hybridmap.train import load_members, load_model, save_model

SPEC = {
    "process": {"name": "five_pool", "options": {"formulation": "constrained"}},
    "neural": ["cue", "q_max"],
    "shared": ["km_p"],
    "fixed": {},
    "bounds": {},
    "constraint": "sigmoid",
    "encoder": {"name": "mlp", "hidden": [8, 8], "dropout": 0.2},
    "covariates": ["a", "b"],
    "forcing": ["npp", "mat"],
    "forcing_constants": {"depth": 0.2},
    "targets": ["soc"],
}
COVARIATES = torch.randn(7, 2, generator=torch.Generator().manual_seed(0))
FORCING = {"npp": torch.full((7,), 500.0), "mat": torch.full((7,), 9.0)}


def model_of(seed, **changes):
    torch.manual_seed(seed)
    return build_model(SPEC | changes).eval()


def test_an_ensemble_is_its_members(tmp_path):
    models = [model_of(k) for k in range(3)]
    save_model(models, SPEC, tmp_path)
    draws = ensemble_draws(load_members(tmp_path), COVARIATES, FORCING)
    for k, one in enumerate(models):
        for name, value in one(COVARIATES, FORCING).items():
            torch.testing.assert_close(draws[name][k], value)
    first = load_model(tmp_path)(COVARIATES, FORCING)["soc"]
    assert torch.equal(first, models[0](COVARIATES, FORCING)["soc"])
    found = interval(draws["parameter.cue"], 0.9)
    assert (found.lower <= found.centre).all()
    assert (found.centre <= found.upper).all()
    save_model(models[:1], SPEC, tmp_path)
    assert load_members(tmp_path) is None


def test_dropout_draws_are_repeatable_and_leave_the_model_as_it_was():
    model = model_of(0)
    before = model(COVARIATES, FORCING)["soc"]
    draws = dropout_draws(model, COVARIATES, FORCING, 20)
    assert torch.equal(draws["soc"], dropout_draws(model, COVARIATES, FORCING, 20)["soc"])
    assert (draws["parameter.cue"].std(0) > 0).all()
    assert torch.equal(
        draws["soc"][:, :3], dropout_draws(model, COVARIATES[:3], {k: v[:3] for k, v in FORCING.items()}, 20)["soc"]
    )
    assert torch.equal(before, model(COVARIATES, FORCING)["soc"])
    plain = model_of(0, encoder={"name": "mlp", "hidden": [8], "dropout": 0.0})
    with pytest.raises(HybridmapError, match="mc_dropout needs an encoder with dropout"):
        dropout_draws(plain, COVARIATES, FORCING)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_conformal_holds_its_level_on_new_blocks(level):
    """Sites of a block share most of their error; new blocks are held as often as promised, on average."""
    random = np.random.default_rng(0)
    held = []
    for _ in range(400):
        size = random.integers(1, 30, 41)
        block = np.repeat(np.arange(41), size)
        error = random.normal(size=41)[block] + 0.3 * random.normal(size=len(block))
        known = block < 40
        factor = conformal_factor(error[known], np.ones(known.sum()), block[known], level)
        held.append((np.abs(error[~known]) <= factor).mean())
    assert np.mean(held) == pytest.approx(level, abs=0.04)


def test_conformal_edge_cases():
    assert conformal_factor([1.0, np.nan, 3.0], [1, 1, 1], [0, 1, 2], 0.5) == 3.0
    assert conformal_factor([1.0, 2.0], [1, 1], [0, 1], 0.95) == np.inf
    assert np.isnan(conformal_factor([np.nan], [1.0], [0]))
    assert conformal_factor([2.0] * 20, [4.0] * 20, range(20), 0.9) == 0.5


def test_mc_dropout_without_dropout_is_refused_before_training():
    with pytest.raises(ValueError, match="'x': mc_dropout needs an encoder with dropout above 0"):
        Experiment(name="x", encoder={"name": "kan"}, uncertainty={"method": "mc_dropout"})
    Experiment(name="x", encoder={"name": "nam", "dropout": 0.1}, uncertainty={"method": "mc_dropout"})


def test_calibrated_intervals_use_other_folds_only():
    random = np.random.default_rng(1)
    n = 600
    table = pd.DataFrame(
        {
            "scheme": "block",
            "fold": np.arange(n) % 3,
            "part": "test",
            "observed.soc": random.normal(10, 2, n),
            "predicted.soc": 10.0,
            "sd.soc": 2.0,
            "parameter.cue": 0.3,
            "sd.parameter.cue": 0.01,
        }
    )
    table.loc[table["fold"] == 0, "observed.soc"] += 50.0
    experiment = Experiment(name="x", targets=["soc"], uncertainty={"method": "ensemble", "level": 0.8})
    sites = pd.DataFrame({"block": np.arange(n) // 3})
    out = calibrate(table, sites, experiment, {"soc": replace(QUANTITIES["soc"], least=-np.inf)})
    width = (out["conformal_upper.soc"] - out["conformal_lower.soc"]) / 2
    assert width[out["fold"] == 0].max() < 5 < width[out["fold"] == 1].min()  # fold 0 does not see its own errors
    cue = out["conformal_upper.parameter.cue"] - out["parameter.cue"]
    np.testing.assert_allclose(cue / 0.01, width / 2.0)
    scores = interval_table(out, sites, experiment)
    scores = scores[scores["stratum"] == "all"].set_index(["source", "fold"])
    assert scores.loc[("conformal", "0"), "coverage"] == 0
    assert scores.loc[("conformal", "pooled"), "n"] == n
