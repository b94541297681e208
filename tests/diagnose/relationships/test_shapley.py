"""Shapley values by walks: what they add up to, and the exact ones."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hybridmap.diagnose.relationships.shapley import shapley_walks
from hybridmap.evaluate.importance import shapley_values


def product(rows: np.ndarray) -> np.ndarray:
    return np.stack([rows[:, 0] * rows[:, 1] + rows[:, 2] ** 2, rows[:, 3]], axis=1)


@given(st.integers(0, 500), st.integers(1, 4))
def test_values_add_up_to_the_output_less_the_base(seed: int, walks: int) -> None:
    random = np.random.default_rng(seed)
    x, background = random.normal(size=(5, 4)), random.normal(size=(30, 4))
    values, base = shapley_walks(product, x, background, 3, walks, seed)
    np.testing.assert_allclose(values.sum(axis=1), product(x) - base, atol=1e-9)
    assert not values[:, :, 1].any(), "the fourth column is no input: it stays as it is at the sample"


def test_walks_find_the_exact_values() -> None:
    random = np.random.default_rng(1)
    x, background = random.normal(size=(20, 4)), random.normal(size=(20, 4))
    values, _ = shapley_walks(product, x, background, 4, 400)
    exact, _ = shapley_values(lambda rows: product(rows)[:, 0], x, background)
    spread = np.sqrt(((values[:, :, 0] - exact) ** 2).mean())
    assert spread < 0.1 * exact.std()
