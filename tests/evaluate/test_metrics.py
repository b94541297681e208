"""Scores against 40-digit vectors and their defining identities."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridmap.evaluate import metrics


@pytest.fixture(scope="module")
def vectors(shared):
    return json.loads((shared / "vectors/metrics/dev.json").read_text())


def array(values):
    return np.array([np.nan if v is None else v for v in values], float)


def test_regression_scores(vectors):
    for case in vectors["regression"]:
        p, o, expected = array(case["pred"]), array(case["obs"]), case["expected"]
        components = metrics.kge_components(p, o)
        ours = {
            "r": components.r, "alpha": components.alpha, "beta": components.beta,
            "kge": metrics.kge(p, o), "kge_2012": metrics.kge(p, o, "2012"),
            "kge_bias_sd": metrics.kge(p, o, "bias_sd"),
            "nse": metrics.nse(p, o), "r2_pearson": metrics.pearson(p, o) ** 2, "rmse": metrics.rmse(p, o),
            "mae": metrics.mae(p, o), "bias": metrics.bias(p, o), "ccc": metrics.lin_ccc(p, o),
        }  # fmt: skip
        for name, value in ours.items():
            if expected[name] is None:
                assert np.isnan(value), (case["name"], name)
            else:
                # A constant's mean and spread carry rounding of their own: an absolute floor of 1e-14 of the scale.
                floor = 1e-14 * max(1.0, float(np.nanmax(np.abs(o))))
                assert value == pytest.approx(expected[name], rel=1e-9, abs=floor), (case["name"], name)


def test_intervals_and_importance(vectors):
    case = vectors["kl"]
    assert metrics.kl_importance(case["true"], case["pred"]) == pytest.approx(case["kl_eps1e6"], rel=1e-9)
    assert metrics.coverage([0, 0, 0], [1, 1, 1], [0, 0.5, 2]) == pytest.approx(2 / 3)


def test_interval_scores_equal_the_vectors(vectors):
    case = vectors["interval"]
    low, high, seen = case["lower"], case["upper"], case["obs"]
    assert metrics.coverage(low, high, seen) == pytest.approx(case["picp"], rel=1e-12)
    assert metrics.interval_width(low, high) == pytest.approx(case["mpiw"], rel=1e-12)
    assert metrics.interval_score(low, high, seen, case["nominal"]) == pytest.approx(case["interval_score"], rel=1e-9)
    ends = [-np.inf, 0.0, np.nan], [np.inf, 1.0, 1.0]
    assert metrics.coverage(*ends, [5.0, 2.0, 0.5]) == 0.5  # an infinite interval counts, a missing one does not
    assert metrics.interval_width(*ends) == np.inf
    assert metrics.pinball(low, seen, 0.05) == pytest.approx(case["pinball_05"], rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31), st.integers(3, 50))
def test_identities(seed, n):
    """NSE decomposes into alpha, r and bias, and scores do not depend on the order of the sites."""
    rng = np.random.default_rng(seed)
    o, p = rng.lognormal(2, 1, n), rng.lognormal(2, 1, n)
    c = metrics.kge_components(p, o)
    expected = 2 * c.alpha * c.r - c.alpha**2 - ((p.mean() - o.mean()) / o.std()) ** 2
    assert metrics.nse(p, o) == pytest.approx(expected, rel=1e-8, abs=1e-10)
    order = rng.permutation(n)
    assert metrics.kge(p[order], o[order]) == pytest.approx(metrics.kge(p, o), rel=1e-10)


def test_undefined_scores_are_nan():
    for score in (metrics.kge, metrics.nse, metrics.rmse, metrics.bias, metrics.lin_ccc, metrics.pearson):
        assert np.isnan(score([], []))
    assert np.isnan(metrics.kge([1.0, 2.0], [3.0, 3.0]))
    with pytest.raises(ValueError, match="one shape"):
        metrics.kge([1.0], [1.0, 2.0])
