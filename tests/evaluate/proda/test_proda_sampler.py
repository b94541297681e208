"""Chains against posteriors that are known in closed form, and what is said where they do not agree."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hybridmap.errors import HybridmapError
from hybridmap.evaluate.proda import sampler
from hybridmap.evaluate.proda.linearised import linearise, positions_of
from hybridmap.evaluate.proda.sampler import ChainOptions, rank_r_hat, sample_sites

pytest.importorskip("emcee")
pytest.importorskip("arviz_stats")

SITES, PARAMETERS, OBSERVATIONS = 6, 4, 3
OPTIONS = ChainOptions(chains=4, draws=300, rounds=5, r_hat=1.02, seed=3)


def linear_sites():
    """Residuals that are linear in normal quantiles, and the mean and covariance of the posterior of each site."""
    random = np.random.default_rng(0)
    slope = torch.from_numpy(random.normal(0.0, 2.0, (SITES, OBSERVATIONS, PARAMETERS)))
    observed = torch.from_numpy(random.normal(0.0, 2.0, (SITES, OBSERVATIONS)))
    precision = slope.transpose(1, 2) @ slope + torch.eye(PARAMETERS, dtype=torch.float64)
    covariance = torch.linalg.inv(precision)
    mean = (covariance @ (slope.transpose(1, 2) @ observed[..., None]))[..., 0]

    def residuals_of(sites):
        of_run, target = slope[torch.from_numpy(sites)], observed[torch.from_numpy(sites)]
        return lambda positions: (of_run @ torch.special.ndtri(positions)[..., None])[..., 0] - target

    return residuals_of, mean.numpy(), covariance.numpy()


def test_the_linearised_posterior_of_a_linear_process_is_exact():
    residuals_of, mean, covariance = linear_sites()
    random = np.random.default_rng(1)
    normals, misfit = linearise(residuals_of(np.arange(SITES)), random.normal(size=(SITES, PARAMETERS)))
    again, other = linearise(residuals_of(np.arange(SITES)), random.normal(size=(SITES, PARAMETERS)))
    assert np.allclose(normals.centre, again.centre, atol=1e-5)
    assert np.allclose(misfit, other)
    assert np.allclose(normals.centre, mean, atol=1e-6)
    assert np.allclose(normals.factor @ normals.factor.transpose(0, 2, 1), covariance, atol=1e-6)


def test_chains_have_the_mean_and_covariance_of_the_posterior():
    residuals_of, mean, covariance = linear_sites()
    chains = sample_sites(residuals_of, SITES, PARAMETERS, OPTIONS)
    assert (chains.r_hat < OPTIONS.r_hat).all()
    draws = torch.special.ndtri(torch.from_numpy(chains.positions)).numpy().reshape(SITES, -1, PARAMETERS)
    spread = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    assert np.abs((draws.mean(axis=1) - mean) / spread).max() < 0.25
    assert np.abs(draws.std(axis=1) / spread - 1).max() < 0.15


def test_a_curved_posterior_is_sampled_right_where_its_normal_distribution_is_wrong():
    """The square of one quantile is observed: two modes, of equal weight by symmetry."""

    def residuals_of(sites):
        return lambda positions: (torch.special.ndtri(positions) ** 2 - 1.0) / 0.5

    draws = sample_sites(residuals_of, 1, 1, ChainOptions(16, 60, 3, 1.0001, 0)).positions.ravel()
    grid = np.linspace(-4, 4, 4001)
    density = np.exp(-0.5 * grid**2 - 0.5 * ((grid**2 - 1) / 0.5) ** 2)
    second_moment = (grid**2 * density).sum() / density.sum()
    normal = torch.special.ndtri(torch.from_numpy(draws)).numpy()
    assert (normal**2).mean() == pytest.approx(second_moment, rel=0.15)
    assert (normal > 0).mean() == pytest.approx(0.5, abs=0.3)


def test_the_same_seed_gives_the_same_chains_and_another_others():
    residuals_of, *_ = linear_sites()
    runs = [
        sample_sites(residuals_of, SITES, PARAMETERS, ChainOptions(3, 40, 2, 1.01, seed)).positions
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_a_site_that_has_converged_takes_no_more_steps():
    residuals_of, *_ = linear_sites()
    chains = sample_sites(residuals_of, SITES, PARAMETERS, ChainOptions(4, 60, 6, 1.03, 0))
    assert len(set(chains.steps)) > 1
    assert (chains.r_hat.max(axis=1) < 1.03).all()
    alone = sample_sites(residuals_of, SITES, PARAMETERS, ChainOptions(4, 60, 1, 1.03, 0))
    is_done = chains.steps == 60
    assert np.array_equal(chains.positions[is_done], alone.positions[is_done])


def test_r_hat_tells_chains_that_agree_from_chains_that_do_not():
    random = np.random.default_rng(0)
    draws = random.normal(size=(2, 4, 200, 3))
    draws[1, 0, :, 2] += 2.0
    r_hat = rank_r_hat(draws)
    assert (r_hat[0] < 1.05).all()
    assert r_hat[1, 2] > 1.2
    assert (r_hat[1, :2] < 1.05).all()


def test_positions_stay_in_the_range():
    values = positions_of(torch.tensor([-30.0, 0.0, 30.0], dtype=torch.float64))
    assert values.tolist() == [pytest.approx(0.0, abs=1e-12), 0.5, 1.0]


def test_a_library_that_is_missing_is_named_with_the_command_that_brings_it():
    with pytest.raises(HybridmapError, match=r"PRODA needs no-such: pip install 'hybridmap\[proda\]'"):
        sampler._library("no_such")
