"""Accumulated effects, effects of classes and dependence of functions whose own are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridmap.diagnose.relationships.effects import accumulated_effect, class_effect, dependence


def correlated(n: int = 2000, seed: int = 0) -> np.ndarray:
    """Two inputs that go together, r 0.95, and one alone."""
    random = np.random.default_rng(seed)
    first = random.normal(size=n)
    return np.stack([first, 0.95 * first + 0.31 * random.normal(size=n), random.normal(size=n)], axis=1)


def additive(x: np.ndarray) -> np.ndarray:
    return np.stack([np.exp(x[:, 0]) + x[:, 1] ** 2, 3.0 * x[:, 2]], axis=1)


def test_effect_of_an_additive_function_is_its_term() -> None:
    x = correlated()
    for column, output, term in ((0, 0, np.exp), (1, 0, np.square), (2, 1, lambda v: 3.0 * v)):
        curve = accumulated_effect(additive, x, column)
        mine, true = curve.effect[:, output], term(curve.points)
        np.testing.assert_allclose(mine - mine[0], true - true[0], rtol=1e-9, atol=1e-9)
        assert curve.at_sites.mean(axis=0) == pytest.approx([0, 0], abs=1e-9)
    assert accumulated_effect(additive, x, 0).amplitude[1] == 0
    assert accumulated_effect(additive, x, 2).amplitude[1] == pytest.approx(3.0 * x[:, 2].std(), rel=0.02)


def test_no_site_is_moved_to_where_none_is() -> None:
    """Where two inputs are one, a function that is wild off their line shows nothing of it; dependence does."""
    x = correlated()
    x[:, 1] = x[:, 0]

    def wild(rows: np.ndarray) -> np.ndarray:
        return (rows[:, 0] + 100.0 * (np.abs(rows[:, 0] - rows[:, 1]) > 1.5))[:, None]

    curve = accumulated_effect(wild, x[np.abs(x[:, 0]) < 2], 0)
    assert curve.effect[-1, 0] - curve.effect[0, 0] == pytest.approx(np.ptp(curve.points))
    assert np.ptp(dependence(wild, x, 0, 9)[1]) > 20


@given(st.floats(-5, 5), st.floats(-5, 5), st.integers(2, 9))
def test_dependence_of_a_linear_function_is_a_line(slope: float, other: float, points: int) -> None:
    x = correlated(50)
    values, mean = dependence(lambda rows: (slope * rows[:, 0] + other * rows[:, 1])[:, None], x, 0, points)
    np.testing.assert_allclose(mean[:, 0], slope * values + other * x[:, 1].mean(), atol=1e-9)


@given(st.integers(0, 1000), st.integers(2, 30))
def test_intervals_hold_all_sites_of_any_values(seed: int, bins: int) -> None:
    random = np.random.default_rng(seed)
    x = random.integers(0, 5, size=(40, 2)).astype(float)
    x[0, 0], x[1, 0] = 0.0, 4.0
    curve = accumulated_effect(lambda rows: 2.0 * rows[:, :1] + rows[:, 1:], x, 0, bins)
    assert curve.sites.sum() == 40
    np.testing.assert_allclose(np.diff(curve.effect[:, 0]), 2.0 * np.diff(curve.points))


def test_zero_or_one_is_the_difference_of_the_two() -> None:
    x = np.array([[0.0], [0.0], [1.0]])
    curve = accumulated_effect(lambda rows: 6.0 * rows, x, 0)
    np.testing.assert_allclose(curve.effect[:, 0], [-2.0, 4.0])


def test_classes_have_the_mean_of_all_sites_in_that_class() -> None:
    x = np.array([[11.0, 1.0], [42.0, 3.0], [42.0, 5.0]])
    curve = class_effect(lambda rows: (7.0 * (rows[:, 0] == 42.0) + rows[:, 1])[:, None], x, 0)
    assert curve.points.tolist() == [11, 42]
    assert curve.sites.tolist() == [1, 2]
    np.testing.assert_allclose(np.diff(curve.effect[:, 0]), [7.0])
    assert curve.at_sites.mean() == pytest.approx(0)


def test_curve_ends_where_the_function_has_no_value() -> None:
    x = np.linspace(0, 1, 100)[:, None]
    curve = accumulated_effect(lambda rows: np.where(rows > 0.75, np.nan, rows), x, 0, 8)
    assert np.isnan(curve.effect[-1, 0])
    assert np.isfinite(curve.effect[0, 0])
