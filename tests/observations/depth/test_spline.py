"""Equal-area splines against check values, the published matrices and closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridmap.observations.depth.segments import Segments, disjoint_segments
from hybridmap.observations.depth.spline import Spline, fit_spline

CHECK = ([0, 10, 30, 60], [10, 30, 60, 100], [30.0, 20.0, 10.0, 5.0])


def spline(tops: list[float], bottoms: list[float], values: list[float], smoothing: float) -> Spline:
    arrays = (np.array(column, float) for column in (tops, bottoms, values))
    return fit_spline(disjoint_segments(Segments(np.zeros(len(tops), int), *arrays, 1)), smoothing)


def test_spline_check_values() -> None:
    fitted = spline(*CHECK, 0.1)
    expected = [29.6731802957, 20.1664740703, 10.1080358239, 5.0523098101]
    assert fitted.mean == pytest.approx(expected, rel=1e-10)
    at = fitted.at(np.array([0, 0, 2]), np.array([0.0, 10.0, 50.0]))
    assert at == pytest.approx([31.03492906, 26.94968276, 8.55386467], rel=1e-8)
    means = [fitted.means(0, depth)[0] for depth in (20, 30, 100)]
    assert means == pytest.approx([26.4422188654, 23.3353761454, 12.0539475148], rel=1e-10)


def dense(top: np.ndarray, bottom: np.ndarray, y: np.ndarray, smoothing: float) -> np.ndarray:
    """Means of the spline by the matrices of the paper, as they stand there."""
    n, d, g = len(y), bottom - top, top[1:] - bottom[:-1]
    r = np.diag(2 * (d[1:] + d[:-1]) + 6 * g) + np.diag(d[1:-1], 1) + np.diag(d[1:-1], -1)
    q = np.eye(n - 1, n, 1) - np.eye(n - 1, n)
    return np.linalg.solve(np.eye(n) + 6 * n * smoothing * q.T @ np.linalg.inv(r) @ q, y)


@given(
    st.lists(st.tuples(st.floats(0.5, 30), st.floats(0, 10), st.floats(0.1, 100)), min_size=2, max_size=9),
    st.sampled_from([0.0, 0.01, 0.1, 1.0, 10.0]),
)
def test_spline_solves_the_published_system(layers: list[tuple[float, float, float]], smoothing: float) -> None:
    thick, gaps, y = (np.array(column) for column in zip(*layers, strict=True))
    top = np.cumsum(np.concatenate([[0.0], (thick + gaps)[:-1]]))
    bottom = top + thick
    fitted = spline(top.tolist(), bottom.tolist(), y.tolist(), smoothing)
    np.testing.assert_allclose(fitted.mean, dense(top, bottom, y, smoothing), rtol=1e-8, atol=1e-8)
    # Without smoothing every layer keeps its mean; with any, value and slope are continuous where layers meet.
    if smoothing == 0.0:
        np.testing.assert_allclose([fitted.means(a, b)[0] for a, b in zip(top, bottom, strict=True)], y, rtol=1e-6)
    meet = np.flatnonzero(gaps[:-1] < 1e-12)
    np.testing.assert_allclose(fitted.at(meet, bottom[meet]), fitted.alpha[meet + 1], rtol=1e-6, atol=1e-6)


def test_gaps_between_layers_are_linear() -> None:
    fitted = spline([0, 14], [10, 24], [10.0, 20.0], 0.0)
    assert fitted.means(10, 14)[0] == pytest.approx(
        (fitted.at(np.array([0]), np.array([10.0]))[0] + fitted.alpha[1]) / 2
    )
