"""Encoders against SciPy and the check vectors; alone and stacked they are the same network."""

import json

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline

from hybridmap.encoders import KAN, MLP, NAM, LinearEncoder
from hybridmap.encoders.edge_scores import edge_scores, roughness, sparsity
from hybridmap.encoders.layers import Dropout, set_step
from hybridmap.encoders.spline import spline_sum


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


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


def test_straight_line_outside_the_grid():
    kan = KAN(2, 3, margin=0.5, base="zero").double()
    kan.refresh_grid(torch.rand(50, 2, dtype=torch.float64))
    layer = kan.layers[0]
    low = layer.lower
    high = low + layer.intervals * layer.step
    ladder = torch.stack([high + k for k in (1.0, 2.0, 3.0)])
    y = kan(ladder)
    torch.testing.assert_close(y[2] - y[1], y[1] - y[0])
    assert (y[1] - y[0]).abs().max() > 0
    near = kan(torch.stack([high - 1e-7, high + 1e-7]))
    torch.testing.assert_close(near[0], near[1], rtol=0, atol=1e-5)
    assert kan.outside(ladder).tolist() == [2, 2, 2]
    assert kan.outside(torch.stack([low + 0.1, high - 0.1])).tolist() == [0, 0]


def test_grid_refresh_keeps_the_curves():
    kan = KAN(3, 2).double()
    layer = kan.layers[0]
    x = torch.rand(200, 3, dtype=torch.float64) * 2 - 1
    with torch.no_grad():
        layer.coefficients.copy_(torch.arange(33.0) * torch.randn(2, 3, 1))  # straight lines
    before = kan(x)
    kan.refresh_grid(x[:150])
    torch.testing.assert_close(kan(x), before, rtol=1e-8, atol=1e-8)
    assert layer.data_range()[0].allclose(x[:150].amin(0))


def test_stacked_layers_equal_single_ones():
    x = torch.randn(3, 9, 4)
    builds = [
        lambda: MLP(4, 2, hidden=[8, 8], dropout=0.2, residual=True),
        lambda: MLP(4, 2, hidden=[5], dropout=0.0, batch_norm=True),
        lambda: LinearEncoder(4, 2),
        lambda: NAM(4, 2, units=6, dropout=0.1),
        lambda: KAN(4, 2, hidden=[5], base="silu", affine=True),
    ]
    for build in builds:
        singles = [build() for _ in range(3)]
        stacked = build()
        for name, tensor in [*stacked.named_parameters(), *stacked.named_buffers()]:
            tensor.data = torch.stack([one.state_dict()[name] for one in singles])
        for one in [stacked, *singles]:
            set_step(one, 5)
        together = stacked(x)
        for k, one in enumerate(singles):
            torch.testing.assert_close(together[k], one(x[k]), rtol=1e-5, atol=1e-6)


def test_dropout_is_fair_and_repeatable():
    layer = Dropout(0.3)
    a = layer.mask(4000, 60, torch.float64)
    assert a.unique().tolist() == [0.0, pytest.approx(1 / 0.7)]
    assert abs((a == 0).double().mean() - 0.3) < 4 * (0.21 / a.numel()) ** 0.5
    assert torch.equal(a, layer.mask(4000, 60, torch.float64))
    assert torch.equal(a[:100], layer.mask(100, 60, torch.float64))
    layer.step = 1
    b = layer.mask(4000, 60, torch.float64)
    assert abs(np.corrcoef(a.flatten(), b.flatten())[0, 1]) < 5 / a.numel() ** 0.5
    between = np.corrcoef(a.T) - np.eye(60)
    assert between.std() == pytest.approx(4000**-0.5, rel=0.1)
    with pytest.raises(ValueError, match="dropout 1"):
        Dropout(1.0)


def test_additive_edges_add_up():
    x = torch.randn(20, 4)
    nam = NAM(4, 2)
    total = sum(nam.edge(i, 1, x[:, i]) for i in range(4)) + nam.head.bias[1]
    torch.testing.assert_close(nam(x)[:, 1], total)
    kan = KAN(4, 2, base="silu")
    torch.testing.assert_close(kan(x), kan.edges(x)[0].sum(1) + kan.layers[0].bias)
    grid = torch.linspace(-1, 1, 5)
    torch.testing.assert_close(kan.edge(2, 1, grid)[1], kan.edges(grid[:, None].expand(5, 4))[0][:, 2, 1].detach())


def test_edge_scores_and_penalties_equal_the_vectors(shared):
    case = json.loads((shared / "vectors/metrics/dev.json").read_text())["kan"]
    a, b, c = torch.tensor(case["x"], dtype=torch.float64).T
    # The curves that the vectors name: x^2, sin(x); 0.5x, abs(x); 0.1x, 0; then 2x and -x^2/4.
    first = torch.stack(
        [
            torch.stack([a**2, torch.sin(a)], -1),
            torch.stack([0.5 * b, b.abs()], -1),
            torch.stack([0.1 * c, torch.zeros_like(c)], -1),
        ],
        dim=-2,
    )
    middle = first.sum(-2)
    second = torch.stack([2 * middle[:, 0], -(middle[:, 1] ** 2) / 4], -1)[..., None]
    scores = edge_scores([first, second])
    np.testing.assert_allclose(scores[0], case["edge_scores_layer1"], rtol=1e-9)
    np.testing.assert_allclose(scores[1][:, 0], np.ravel(case["edge_scores_layer2"]), rtol=1e-9)
    entropy, l1 = sparsity(scores)
    assert float(entropy) == pytest.approx(case["entropy"], rel=1e-9)
    assert float(l1) == pytest.approx(case["l1"], rel=1e-9)
    coefficients = torch.tensor(case["spline_coef"], dtype=torch.float64)[None]
    assert float(roughness(coefficients)) == pytest.approx(sum(case["second_difference_sum"]), rel=1e-9)


def test_pruned_edges_are_gone():
    kan = KAN(3, 2, base="zero")
    with torch.no_grad():
        kan.layers[0].coefficients[:, 1] = 0.0
    x = torch.randn(100, 3)
    kan(x)
    share = kan.importance()
    torch.testing.assert_close(share.sum(0), torch.ones(2))
    assert share[1].max() == 0
    assert kan.prune(1e-6) == 4
    assert not kan.layers[0].alive[1].any()
    with pytest.raises(ValueError, match="seen no inputs"):
        KAN(3, 2).importance()


@pytest.mark.parametrize(
    ("options", "message"), [({"base": "relu"}, "base"), ({"degree": 5}, "degree"), ({"intervals": 0}, "intervals")]
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        KAN(2, 2, **options)
