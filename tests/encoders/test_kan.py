"""The KAN: straight outside its grids, the same curves on new grids, edges that add up and can be pruned."""

import pytest
import torch

from hybridmap.encoders import KAN, NAM


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


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


def test_additive_edges_add_up():
    x = torch.randn(20, 4)
    nam = NAM(4, 2)
    total = sum(nam.edge(i, 1, x[:, i]) for i in range(4)) + nam.head.bias[1]
    torch.testing.assert_close(nam(x)[:, 1], total)
    kan = KAN(4, 2, base="silu")
    torch.testing.assert_close(kan(x), kan.edges(x)[0].sum(1) + kan.layers[0].bias)
    grid = torch.linspace(-1, 1, 5)
    torch.testing.assert_close(kan.edge(2, 1, grid)[1], kan.edges(grid[:, None].expand(5, 4))[0][:, 2, 1].detach())


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
