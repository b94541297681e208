"""The encoder made fast: the same numbers in fewer steps."""

import numpy as np
import pytest
import torch

from hybridmap.encoders import MLP, fast_mlp


@pytest.mark.parametrize("activation", ["gelu", "relu", "sigmoid", "tanh", "silu", "leaky_relu"])
def test_the_encoder_for_prediction_equals_the_trained_one(activation: str) -> None:
    torch.manual_seed(0)
    encoder = MLP(7, 3, [16, 16, 8], activation, dropout=0.2, batch_norm=True, residual=True)
    encoder(torch.randn(300, 7))  # running statistics of the normalisation
    encoder.eval()
    x = torch.randn(100, 7)
    with torch.no_grad():
        expected = encoder(x)
        np.testing.assert_allclose(encoder.fast(torch.float32)(x), expected, atol=2e-5)
        plain = encoder.fast(torch.float32)
        plain.step = fast_mlp._plain
        np.testing.assert_allclose(plain(x), expected, atol=2e-5)
        half = encoder.fast(torch.bfloat16)(x)
    assert half.dtype == torch.float32
    assert 0 < (half - expected).abs().max() < 0.05
