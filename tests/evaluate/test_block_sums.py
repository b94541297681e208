"""Scores from sums over blocks are those of the sites, and resamples are what they say."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridmap.evaluate import metrics
from hybridmap.evaluate.block_sums import BlockSums, Pairs, pair_score, resampled_sums

DIRECT = {
    "pearson": metrics.pearson,
    "nse": metrics.nse,
    "kge": metrics.kge,
    "ccc": metrics.lin_ccc,
    "rmse": metrics.rmse,
}
VECTORS = {"pearson": "r", "nse": "nse", "kge": "kge", "ccc": "ccc", "rmse": "rmse"}


def sums_of(predicted, observed, block):
    pairs = Pairs(np.asarray(predicted, float), np.asarray(observed, float), np.asarray(block))
    return BlockSums.of(pairs, int(max(block)) + 1)


def test_sums_over_blocks_give_the_vectors(shared):
    for case in json.loads((shared / "vectors/metrics/dev.json").read_text())["regression"]:
        pairs = np.array([case["pred"], case["obs"]], dtype=float)
        predicted, observed = pairs[:, ~np.isnan(pairs).any(axis=0)]
        sums = sums_of(predicted, observed, np.arange(len(observed)) % 3)
        for name, key in VECTORS.items():
            value = pair_score(name, sums.sums.sum(axis=0, keepdims=True), sums.shift)[0]
            expected = case["expected"][key]
            if expected is None:
                assert np.isnan(value), (case["name"], name)
            else:
                # NSE and KGE of a large offset lose digits to the squares.
                assert value == pytest.approx(expected, rel=1e-6, abs=1e-9), (case["name"], name)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(6, 60), st.floats(-3, 3))
def test_every_resample_is_that_of_the_sites(seed, n, offset):
    random = np.random.default_rng(seed)
    block = np.arange(n) % 5
    observed = random.lognormal(1, 1, n) + offset
    predicted = 0.5 * observed + random.normal(size=n)
    sums = sums_of(predicted, observed, block)
    resampled = resampled_sums(sums.sums, 7, seed=3)
    draws = np.random.default_rng(3).integers(0, 5, size=(7, 5))
    for k, blocks in enumerate(draws):
        sites = np.concatenate([np.flatnonzero(block == b) for b in blocks])
        for name, score in DIRECT.items():
            value = pair_score(name, resampled[k : k + 1], sums.shift)[0]
            assert value == pytest.approx(score(predicted[sites], observed[sites]), rel=1e-6, abs=1e-8)


def test_resamples_are_repeatable_and_paired():
    random = np.random.default_rng(0)
    sums = random.normal(size=(30, 6))
    once, again = resampled_sums(sums, 250, 0), resampled_sums(sums, 250, 0)
    np.testing.assert_array_equal(once, again)
    beside = resampled_sums(np.hstack([sums, 2 * sums]), 250, 0)
    np.testing.assert_allclose(beside[:, 6:], 2 * beside[:, :6])
    assert not np.allclose(once, resampled_sums(sums, 250, 1))
    assert resampled_sums(sums, 0, 0).shape == (0, 6)


@pytest.mark.parametrize("value", [0.0, 3.0, 1e6])
def test_a_constant_prediction_has_no_correlation(value):
    sums = sums_of(np.full(40, value), np.random.default_rng(0).lognormal(2, 1, 40), np.arange(40) % 4)
    total = sums.sums.sum(axis=0, keepdims=True)
    assert pair_score("pearson", total, sums.shift)[0] == 0.0
    assert np.isnan(pair_score("nse", sums_of([1.0, 2.0], [3.0, 3.0], [0, 0]).sums, 3.0)[0])
