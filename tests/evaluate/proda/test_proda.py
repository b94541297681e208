"""Sites calibrated one by one, and both peers on the same sites and folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from hybridmap.encoders.registry import build_encoder
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.proda.calibration import calibrate
from hybridmap.evaluate.proda.findings import (
    agreement_table,
    bias_table,
    costs,
    eligibility,
    held_out_of,
    score_table,
)
from hybridmap.evaluate.proda.likelihood import SiteLikelihood
from hybridmap.evaluate.proda.peers import HYBRID, PRODA, Peers, compare_peers
from hybridmap.evaluate.proda.sampler import ChainOptions
from hybridmap.evaluate.proda.sentence import sentence_of
from hybridmap.experiment.fold_predictions import parts_of_folds
from hybridmap.model import HybridModel, Roles
from hybridmap.process import Parameter, ProcessModel, Variable
from hybridmap.quantities import QUANTITIES
from hybridmap.train import LossOptions, SiteData, TrainingOptions

pytest.importorskip("emcee")
pytest.importorskip("arviz_stats")

SITES = 48
DEPTHS = (0.1, 0.3, 0.6)
CHAINS = ChainOptions(chains=4, draws=100, rounds=5, r_hat=1.05, seed=0)


class Profile(ProcessModel):
    """Carbon that falls off with depth, in three layers: surface times exp(-depth / scale)."""

    name = "profile"
    parameters = (
        Parameter("surface", 30.0, 3.0, 300.0, "kg m-3", "at the surface", scale="log"),
        Parameter("scale", 0.4, 0.1, 1.0, "m", "depth of the fall"),
    )
    forcing = (Variable("warmth", ("site",), "1", "a factor"),)
    outputs = (Variable("soc", ("site", "layer"), "kg m-3", "carbon"),)
    layer_interfaces = (0.0, 0.2, 0.4, 0.8)
    traces = (Variable("total", ("site",), "kg m-2", "of the column"), Variable("given", ("site",), "1", "forcing"))

    def __call__(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        surface, scale = (parameters[n].expand(len(forcing["warmth"])) for n in ("surface", "scale"))
        depth = torch.tensor(DEPTHS, dtype=surface.dtype)
        return {"soc": (surface * forcing["warmth"])[:, None] * torch.exp(-depth / scale[:, None])}

    def trace(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        soc = self(parameters, forcing)["soc"]
        return {"total": soc @ torch.tensor([0.2, 0.2, 0.4], dtype=soc.dtype), "given": forcing["warmth"]}


ENCODER = {"name": "mlp", "hidden": [16], "activation": "gelu", "dropout": 0.0}


def build(seed: int = 0) -> HybridModel:
    torch.manual_seed(seed)
    return HybridModel(
        Profile(),
        Roles(neural=["surface", "scale"]),
        build_encoder(ENCODER, 2, 2),
        covariate_names=["a", "b"],
        target_names=["soc"],
        root_beta=0.966,
    )


def profiles(sites: int, noise: float = 0.1) -> tuple[SiteData, np.ndarray, np.ndarray]:
    """Layers of sites, the site of each, and true positions (site, parameter), which follow two covariates."""
    random = np.random.default_rng(4)
    covariates = random.uniform(-1, 1, (sites, 2))
    true = np.stack([0.5 + 0.3 * covariates[:, 0], 0.5 + 0.3 * covariates[:, 1]], axis=1)
    site = np.repeat(np.arange(sites), 3)
    column = torch.from_numpy(site)
    top, bottom = (torch.tensor(ends).repeat(sites) for ends in ((0.0, 0.2, 0.4), (0.2, 0.4, 0.8)))
    warmth = torch.from_numpy(random.uniform(0.8, 1.2, sites)).float()[column]
    forcing = {"warmth": warmth, "layer_top": top, "layer_bottom": bottom}
    data = SiteData(torch.from_numpy(covariates).float()[column], forcing, {"soc": torch.ones(3 * sites)}, column)
    soc = SiteLikelihood(build(), data, site, 1.0).outputs(true)["predicted"].ravel()
    observed = soc * np.exp(random.normal(0.0, noise, soc.shape))
    return replace(data, targets={"soc": torch.from_numpy(observed).float()}), site, true


@pytest.fixture(scope="module")
def compared():
    data, site, true = profiles(SITES)
    fold = np.arange(SITES) % 4
    training = TrainingOptions(max_epochs=200, patience=200, batch_size=64, learning_rate=0.01, loss=LossOptions("mae"))
    peers = Peers(build, ENCODER, training, [0], data, site, parts_of_folds(fold, 4), 0.1)
    return compare_peers(peers, CHAINS), site, fold, true


def test_each_layer_is_compared_with_the_process_of_its_own_site():
    data, site, true = profiles(5, noise=0.0)
    likelihood = SiteLikelihood(build(), data, site, 0.1)
    sites = np.array([3, 0, 3])
    residuals = likelihood.residuals(sites)
    assert torch.allclose(residuals(torch.from_numpy(true[sites])), torch.zeros(3, 3).double(), atol=1e-4)
    assert residuals(torch.from_numpy(true[[0, 0, 3]]))[0].abs().max() > 0.5


def test_a_layer_that_was_not_observed_says_nothing():
    data, site, true = profiles(4)
    soc = data.targets["soc"].clone()
    soc[[1, 5]] = torch.tensor([float("nan"), 0.0])
    likelihood = SiteLikelihood(build(), replace(data, targets={"soc": soc}), site, 0.1)
    assert likelihood.counts.tolist() == [2, 2, 3, 3]
    residuals = likelihood.residuals(np.arange(4))(torch.from_numpy(true))
    assert residuals[0, 1] == 0
    assert residuals[1, 2] == 0


def test_the_calibration_is_near_the_truth_within_its_own_spread(compared):
    result, _, _, true = compared
    calibration = result.calibration
    assert calibration.eligible.mean() > 0.9
    error = (calibration.mean - true)[calibration.eligible] / calibration.sd[calibration.eligible]
    assert np.sqrt((error**2).mean()) == pytest.approx(1.0, abs=0.3)


def test_both_predict_held_out_sites_and_the_components_of_both_agree(compared):
    result, _, _, true = compared
    for peer in (HYBRID, PRODA):
        positions = result.held_out[peer].positions
        tested = np.isfinite(positions[:, 0])
        assert tested.sum() == result.calibration.eligible.sum()
        r = [np.corrcoef(positions[tested, k], true[tested, k])[0, 1] for k in range(2)]
        assert min(r) > 0.9
    agreement = agreement_table(result).set_index("name")
    assert agreement.loc["total", "r"] > 0.9
    assert np.isnan(agreement.loc["given", "r"])
    assert agreement.loc["surface", "contraction"] > 0.5


def test_a_site_that_did_not_converge_is_counted_and_never_used(compared):
    data, site, _ = profiles(SITES)
    fold = np.arange(SITES) % 4
    training = TrainingOptions(max_epochs=2, patience=2, batch_size=64, loss=LossOptions("mae"))
    peers = Peers(build, ENCODER, training, [0], data, site, parts_of_folds(fold, 4), 0.1)
    result = compare_peers(peers, ChainOptions(4, 110, 1, 1.04, 0))
    counted = eligibility(result, 1.04)
    assert 0 < counted["not_converged"] < counted["sites"] == SITES
    assert counted["eligible"] + counted["not_converged"] + counted["no_fit"] == SITES
    for peer in (HYBRID, PRODA):
        is_predicted = np.isfinite(result.held_out[peer].positions[:, 0])
        assert np.array_equal(is_predicted, result.calibration.eligible)


def test_no_site_that_converges_is_one_sentence():
    data, site, _ = profiles(6)
    with pytest.raises(HybridmapError, match=r"converged at none of 6 sites in 20 steps: .* raise proda.rounds"):
        calibrate(SiteLikelihood(build(), data, site, 0.1), ChainOptions(4, 20, 1, 1.0001, 0))


def test_no_site_that_the_process_fits_is_another():
    data, site, _ = profiles(6)
    upside_down = replace(data, targets={"soc": torch.tensor([5.0, 20.0, 90.0]).repeat(6)})
    with pytest.raises(HybridmapError, match="the process fits the profile of none"):
        calibrate(SiteLikelihood(build(), upside_down, site, 1.0), CHAINS)


def test_folds_that_are_left_with_too_few_sites_are_named():
    data, site, _ = profiles(8)
    peers = Peers(build, ENCODER, TrainingOptions(), [0], data, site, parts_of_folds(np.arange(8) % 4, 4), 0.1)
    with pytest.raises(HybridmapError, match=r"fold 0 has \d of them to .*use fewer folds"):
        compare_peers(peers, CHAINS)


def test_tables_pair_both_at_the_same_rows(compared):
    result, site, fold, _ = compared
    places = np.stack([site, np.tile(np.arange(3), SITES)], axis=1)
    block = (site // 2).astype(str)
    labels = pd.DataFrame({"site_id": np.arange(len(site)), "fold": fold[site], "block": block, "area": block})
    labels["cell"] = site.astype(str)
    peers = {main: held_out_of(result, places, labels, main) for main in (HYBRID, PRODA)}
    bias = bias_table(peers, QUANTITIES["soc"], "random").query("by == 'all'").set_index("experiment")
    assert bias.loc[HYBRID, "against"] == PRODA
    assert bias.loc[HYBRID, "mae_difference"] == pytest.approx(-bias.loc[PRODA, "mae_difference"])
    assert bias.loc[HYBRID, "mae_difference_low"] == pytest.approx(-bias.loc[PRODA, "mae_difference_high"])
    scores = score_table(peers[HYBRID], QUANTITIES["soc"], "random")
    cost = costs(result, 4)
    assert cost["ratio_one_model"] > cost["ratio_all_folds"]
    counted = eligibility(result, 1.05)
    text = sentence_of(counted, cost, bias.reset_index(), scores, agreement_table(result))
    assert text.startswith(f"{counted['eligible']} of {SITES} sites are eligible")
    assert "components correlate with" in text
