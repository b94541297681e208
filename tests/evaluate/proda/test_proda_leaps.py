"""Proposals without a gradient: each leaves the posterior as it is, and together they follow a bent ridge."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hybridmap.evaluate.proda import sampler
from hybridmap.evaluate.proda.annealing import anneal
from hybridmap.evaluate.proda.leaps import Difference, Leap, redraw
from hybridmap.evaluate.proda.sampler import ChainOptions, sample_sites
from tests.evaluate.proda.test_proda_sampler import PARAMETERS, SITES, linear_sites

emcee = pytest.importorskip("emcee")
pytest.importorskip("arviz_stats")


@pytest.mark.parametrize("kind", ["leap", "difference", "redraw"])
def test_a_proposal_leaves_the_prior_as_it_is(kind):
    random = np.random.RandomState(0)
    archive = 0.3 + 0.6 * random.standard_normal((2, 50, 3))
    proposal = {"leap": Leap(archive), "difference": Difference(archive), "redraw": redraw}[kind]
    sampled = emcee.EnsembleSampler(
        80, 3, lambda x: -0.5 * np.square(x).sum(1), moves=emcee.moves.MHMove(proposal), vectorize=True
    )
    start = emcee.State(random.standard_normal((80, 3)), random_state=random.get_state())
    sampled.run_mcmc(start, 400)
    draws = sampled.get_chain(flat=True)
    assert sampled.acceptance_fraction.mean() > 0.1
    assert np.abs(draws.mean(axis=0)).max() < 0.1
    assert np.abs(draws.std(axis=0) - 1.0).max() < 0.1


def test_annealed_particles_lie_near_the_posterior():
    residuals_of, mean, covariance = linear_sites()
    places = anneal(residuals_of, SITES, PARAMETERS, np.random.RandomState(0))
    spread = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    assert np.abs((places.mean(axis=1) - mean) / spread).max() < 0.6
    assert np.abs(np.log(places.std(axis=1) / spread)).max() < 0.6


def bent_ridge(sites):
    """Known is the sum of one quantile and the square of another, and nothing else."""
    assert (sites == 0).all()

    def residuals(positions):
        normal = torch.special.ndtri(positions)
        return (normal[:, :1] + normal[:, 1:2] ** 2 - 1.0) / 0.05

    return residuals


def test_chains_agree_on_a_bent_ridge_where_trajectories_alone_do_not(monkeypatch):
    options = ChainOptions(4, 100, 4, 1.0001, 0)
    mended = sample_sites(bent_ridge, 1, 2, options)
    for name, share in (("TRAJECTORIES", 1.0), ("LEAPS", 0.0), ("DIFFERENCES", 0.0), ("REDRAWS", 0.0)):
        monkeypatch.setattr(sampler, name, share)
    alone = sample_sites(bent_ridge, 1, 2, options)
    assert mended.r_hat.max() < 1.05 < alone.r_hat.max()
    grid = np.linspace(-4.0, 4.0, 2001)
    first, second = np.meshgrid(grid, grid)
    density = np.exp(-0.5 * (first**2 + second**2) - 0.5 * ((first + second**2 - 1.0) / 0.05) ** 2)
    normal = torch.special.ndtri(torch.from_numpy(mended.positions)).numpy()[0, ..., 0]
    assert normal.mean() == pytest.approx((first * density).sum() / density.sum(), abs=0.2)
