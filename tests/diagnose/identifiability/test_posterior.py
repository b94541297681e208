"""What observations determine of smooth fields."""

import numpy as np
import pytest

from hybridmap.diagnose.identifiability.posterior import RANGE_SD, posterior, waves
from hybridmap.diagnose.identifiability.sensitivity import Sensitivity


def seen(rows: list[list[float]], sites: int, names: tuple[str, ...] = ("a", "b"), neural: int = 2) -> Sensitivity:
    """The same derivatives at every site."""
    every = np.tile(rows, (sites, 1))
    site = np.repeat(np.arange(sites), len(rows))
    return Sensitivity(names, neural, every, site, np.full(len(every), "soc"))


def test_what_nothing_depends_on_stays_as_wide_as_the_prior() -> None:
    result = posterior(seen([[50.0, 0.0]], 200), waves(np.random.default_rng(0).normal(size=(200, 3))))
    assert result.sd[:, 0].max() < 0.1
    assert result.sd[:, 1].mean() == pytest.approx(RANGE_SD, rel=0.1)


def test_of_a_ratio_neither_part_is_determined_but_their_difference() -> None:
    result = posterior(seen([[50.0, -50.0]], 200), waves(np.random.default_rng(0).normal(size=(200, 3))))
    apart = result.covariance[:, 0, 0] + result.covariance[:, 1, 1] - 2 * result.covariance[:, 0, 1]
    assert result.sd.min() > 0.15
    assert np.sqrt(apart).max() < 0.1


def test_a_global_parameter_has_one_posterior() -> None:
    jacobian = seen([[20.0, 20.0]], 60, neural=1)
    sd = posterior(jacobian, waves(np.random.default_rng(0).normal(size=(60, 2)))).sd
    assert np.ptp(sd[:, 1]) == pytest.approx(0, abs=1e-12)
    assert (sd > 0).all()


def test_more_observations_never_widen_it() -> None:
    basis = waves(np.random.default_rng(0).normal(size=(80, 2)))
    few, many = (posterior(seen([[3.0, 1.0]] * times, 80), basis).sd for times in (1, 4))
    assert (many <= few + 1e-12).all()


def test_waves_ignore_a_constant_feature() -> None:
    features = np.random.default_rng(0).normal(size=(50, 2))
    with_constant = np.concatenate([features, np.full((50, 1), 7.0)], axis=1)
    np.testing.assert_allclose(waves(features), waves(with_constant))
    assert (waves(features) ** 2).sum(axis=1).mean() == pytest.approx(1.0, rel=0.2)
