"""The published experiments run, find what is known to be there, and end in tables."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from hybridmap.encoders.kan import KAN
from hybridmap.evaluate.metrics import nse
from hybridmap.testing.clm5_sites import make_clm5_sites
from studies import clm5_recovery, respiration, studies
from studies.__main__ import main
from studies.clm5_recovery import FOUR, Fold, _true_positions, _with_fixed, make_case
from studies.published_start import start_as_published


def test_relationships_are_as_published():
    case = make_case(FOUR, 3, n=200)
    positions, edges = case.truth.positions, case.truth.edges
    np.testing.assert_allclose([positions.min(0), positions.max(0)], [[0.2] * 4, [0.8] * 4])
    np.testing.assert_allclose(edges.sum(1), positions)
    assert ((edges != 0).any(0).sum(0) == 2).all()
    chosen = np.random.default_rng(3).permutation(10)[:2]
    assert set(np.flatnonzero((edges[:, :, 0] != 0).any(0))) == set(chosen)
    soc = case.data.targets["soc_profile"].numpy()
    assert np.isfinite(soc).sum() == np.isfinite(case.sites.depth).sum() >= 600
    assert 100 < np.nanmedian(soc) < 50_000


def test_synthetic_sites_are_repeatable_and_plausible():
    a, b = make_clm5_sites(50, 1), make_clm5_sites(50, 1)
    assert all(np.array_equal(a.forcing[k], b.forcing[k]) for k in a.forcing)
    kelvin = a.forcing["soil_temperature"]
    assert 260 < kelvin.min() < kelvin.max() < 315
    swing = np.ptp(kelvin, axis=2)
    assert (np.diff(swing, axis=1) <= 1e-9).all()  # the seasons fade with depth


@pytest.mark.slow
@pytest.mark.nightly
def test_respiration_is_recovered_at_the_noise_ceiling():
    (scores,) = respiration.STUDIES["respiration_linear"].run("kan_relu", [0])
    assert scores["r2"] == pytest.approx(scores["ceiling"], abs=0.003)
    assert scores["latent_r2"] > 0.99
    assert scores["q10"] == pytest.approx(1.5, rel=0.03)
    assert scores["kl"] < 0.05


@pytest.mark.slow
def test_clm5_parameters_are_recovered():
    """A black box of as much skill has a KL of 0.3; few sites and steps do for the KAN to be told from it."""
    settings = clm5_recovery.ROWS["kan"].settings | {"epochs": 12}
    (scores,) = clm5_recovery.run_folds(settings, [Fold(0, 0)], sites=150)
    assert scores["latent_r2"] > 0.95
    assert scores["pooled_r2"] > scores["latent_r2"]
    assert scores["kl_floor"] < 0.02 < scores["kl"] < 0.2
    assert scores["soc_r2"] > 0.995


def test_true_functions_are_known_everywhere():
    case = make_case(FOUR, 1, n=100)
    np.testing.assert_allclose(_true_positions(case, case.sites.covariates), case.truth.positions, atol=1e-12)


def test_the_pooled_score_counts_parameters_that_never_change():
    """17 constants add nothing to the errors, and next to nothing to the spread: one R2 over all is not the mean."""
    true = np.array([[0.2, 0.5, 0.5, 0.5], [0.8, 0.5, 0.51, 0.49]])
    predicted = true.copy()
    predicted[:, 2] = predicted[::-1, 2]
    pooled = nse(_with_fixed(predicted), _with_fixed(true))
    assert pooled == pytest.approx(1 - 2e-4 / (0.18 + 1e-4), rel=1e-3)
    assert nse(predicted[:, 2], true[:, 2]) == pytest.approx(-3.0)


def test_the_published_start_is_ten_times_as_steep_as_ours():
    torch.manual_seed(0)
    kan = KAN(10, 4, affine=True)
    ours = kan.layers[0].base_weight.std().item()
    start_as_published(kan)
    assert kan.layers[0].base_weight.abs().max() <= 10**-0.5
    assert kan.layers[0].base_weight.std().item() == pytest.approx(3**-0.5 * 10**-0.5, rel=0.15)
    assert kan.layers[0].base_weight.std().item() > 4 * ours
    assert kan.layers[0].coefficients.abs().max() < 0.005


def test_each_fourth_half_hour_trains_and_all_of_the_test_year_test():
    table = respiration.make_neustift("linear").table
    thin = respiration._thinned(table, 4)
    counts, before = thin["part"].value_counts(), table["part"].value_counts()
    assert counts["test"] == before["test"] == 17_568
    assert counts["train"] == pytest.approx(before["train"] / 4, abs=1)


def test_tables_hold_every_row_that_was_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    record = {"study": "clm5_recovery", "row": "kan", "seeds": [0, 1]}
    scores = [{"soc_r2": 0.99, "latent_r2": 0.98, "kl": 0.01}, {"soc_r2": 0.97, "latent_r2": 0.96, "kl": 0.03}]
    (tmp_path / "kan.json").write_text(json.dumps(record | {"scores": scores}))
    assert main(["--tables", str(tmp_path / "kan.json"), "--out", str(tmp_path / "t.md")]) == 0
    table = (tmp_path / "t.md").read_text()
    assert "0.980 ± 0.014 (0.999)" in table
    assert "1-layer KAN, hard sigmoid" in table
    assert "– (0.989)" in table  # published for a score that was not measured
    assert main(["--name", "clm5_recovry", "--row", "kan", "--out", str(tmp_path / "x")]) == 1
    assert "no study 'clm5_recovry' (did you mean 'clm5_recovery'?)." in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_every_row_says_what_it_needs():
    for study in studies().values():
        for row in study.rows.values():
            assert row.title
            assert set(row.published) <= set(study.scores)
