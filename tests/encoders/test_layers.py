"""Layers alone and stacked are the same network; dropout is fair and repeatable."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from hybridmap.encoders import KAN, MLP, NAM, LinearEncoder
from hybridmap.encoders.layers import Dropout, set_step


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


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


def test_building_a_network_does_not_load_the_compiler() -> None:
    """Which takes seconds of every command that opens a model."""
    code = (
        "import sys; from hybridmap.encoders.registry import build_encoder;"
        " build_encoder({'name': 'mlp'}, 9, 3); build_encoder({'name': 'linear'}, 9, 3);"
        " sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
