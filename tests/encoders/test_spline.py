"""Sums of splines against SciPy, and their gradients."""

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline

from hybridmap.encoders.spline import spline_sum


def spline_case(degree, members=2, sites=40, inputs=3, outputs=4, intervals=7):
    g = torch.Generator().manual_seed(degree)
    lower = -1.0 - torch.rand(members, inputs, generator=g, dtype=torch.float64)
    step = 0.3 + 0.1 * torch.rand(members, inputs, generator=g, dtype=torch.float64)
    x = lower[:, None] + step[:, None] * intervals * torch.rand(
        members, sites, inputs, generator=g, dtype=torch.float64
    )
    c = torch.randn(members, outputs, inputs, intervals + degree, generator=g, dtype=torch.float64)
    return x, c, lower, step, intervals, degree


def test_splines_equal_scipy():
    for degree in (1, 2, 3):
        x, c, lower, step, intervals, _ = spline_case(degree)
        ours = spline_sum(x, c, lower, step, intervals, degree)
        expected = np.zeros(ours.shape)
        for m in range(x.shape[0]):
            for i in range(x.shape[2]):
                knots = lower[m, i].item() + step[m, i].item() * np.arange(-degree, intervals + degree + 1)
                expected[m] += BSpline(knots, c[m, :, i].numpy().T, degree)(x[m, :, i].numpy())
        np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_spline_gradients(degree):
    x, c, lower, step, intervals, _ = spline_case(degree, sites=5)
    x = (x + 0.7 * torch.randn_like(x)).requires_grad_()  # some outside the grid
    assert torch.autograd.gradcheck(
        lambda a, b: spline_sum(a, b, lower, step, intervals, degree), (x, c.requires_grad_())
    )
