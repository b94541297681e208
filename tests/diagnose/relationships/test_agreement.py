"""Agreement of trainings, and what the truth itself scores."""

import numpy as np
import pytest

from hybridmap.diagnose.relationships.agreement import (
    correlated_inputs,
    direction,
    divergence,
    divergence_floor,
    importance_of,
    rank_correlation,
    spread,
)
from hybridmap.diagnose.relationships.effects import accumulated_effect


def linear(rows: np.ndarray) -> np.ndarray:
    return (rows[:, :3] @ np.array([4.0, 2.0, 1.0]))[:, None]


def test_ranks_of_importances() -> None:
    same = np.array([[[3.0], [2.0], [1.0]], [[30.0], [20.0], [1.0]]])
    assert rank_correlation(same) == pytest.approx([1.0])
    assert rank_correlation(np.stack([same[0], same[0][::-1]])) == pytest.approx([-1.0])
    assert np.isnan(rank_correlation(same[:1])).all(), "a single training is compared with nothing"


def test_spread_between_trainings() -> None:
    effects = [np.full((4, 1), 1.0), np.full((4, 1), 3.0)]
    assert spread(effects) == pytest.approx([np.sqrt(2)])
    assert np.isnan(spread(effects[:1])).all()


def test_floor_is_small_for_the_truth_and_not_for_another_function() -> None:
    x = np.random.default_rng(0).normal(size=(400, 4))
    true = importance_of(linear, x, 4)
    floor = divergence_floor(linear, x, 4)
    assert 0 < floor[0] < 0.02
    assert divergence(true, true) == pytest.approx([0], abs=1e-5)
    wrong = importance_of(lambda rows: linear(rows[:, ::-1]), x, 4)
    assert divergence(true, wrong)[0] > 20 * floor[0]


def test_constant_input_has_no_importance() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3))
    x[:, 1] = 7.0
    assert importance_of(linear, x, 3)[1, 0] == 0


def test_inputs_that_go_together() -> None:
    random = np.random.default_rng(0)
    a = random.normal(size=500)
    names = correlated_inputs(np.stack([a, np.exp(-a), random.normal(size=500)], axis=1), ["a", "b", "c"])
    assert names == {"a": [{"input": "b", "r": -1.0}], "b": [{"input": "a", "r": -1.0}], "c": []}
    assert correlated_inputs(a[:, None], ["a"]) == {"a": []}


@pytest.mark.parametrize(("sign", "word"), [(1, "rises"), (-1, "falls")])
def test_direction(sign: int, word: str) -> None:
    x = np.linspace(-1, 1, 60)[:, None]
    assert direction(accumulated_effect(lambda rows: sign * rows**3, x, 0), 0) == word
    assert direction(accumulated_effect(lambda rows: rows**2, x, 0), 0) == "turns"
    assert direction(accumulated_effect(lambda rows: 0 * rows, x, 0), 0) == ""
