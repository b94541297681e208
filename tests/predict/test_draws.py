"""Draws of predictions, and the interval between their quantiles."""

import numpy as np
import torch

from hybridmap.model.draws import interval
from hybridmap.predict.draws import central_interval


def test_quantiles_of_draws() -> None:
    draws = torch.randn(7, 500)
    expected = interval(draws, 0.8)
    lower, upper = central_interval(list(draws), 0.8)
    np.testing.assert_allclose(lower, expected.lower, atol=1e-5)
    np.testing.assert_allclose(upper, expected.upper, atol=1e-5)
