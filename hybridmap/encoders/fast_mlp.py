"""A trained perceptron made ready to predict: affine map and activation in one step, in half the bits on request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from hybridmap.encoders.interface import FastEncoder

FUSED: dict[type[nn.Module], tuple[str, str]] = {
    nn.GELU: ("gelu", "none"),
    nn.ReLU: ("relu", ""),
    nn.Sigmoid: ("sigmoid", ""),
    nn.Tanh: ("tanh", ""),
    nn.SiLU: ("swish", ""),
    nn.LeakyReLU: ("leaky_relu", ""),
}
"""Name of each activation in oneDNN, and which of its formulas."""


class AffineStep(NamedTuple):
    """One hidden layer: weight (unit, input), bias (unit,) and the activation after them."""

    weight: Tensor
    bias: Tensor
    activation: nn.Module


class FastMLP(FastEncoder):
    """A trained multi-layer perceptron for prediction alone.

    Each activation is applied while the products of its layer are still in the cache, where torch has oneDNN.

    Parameters
    ----------
    steps : sequence of AffineStep
        Hidden layers without a member axis, in `dtype`.
    weight, bias : Tensor, shape (output, unit) and (output,)
        Of the last layer.
    dtype : torch.dtype
        Of weights and activations between float32 inputs and outputs.
    """

    def __init__(self, steps: Sequence[AffineStep], weight: Tensor, bias: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.steps, self.dtype = list(steps), dtype
        self.weight, self.bias = weight.to(dtype), bias.to(dtype)
        self.step = _fused if weight.device.type == "cpu" and can_fuse(dtype) else _plain
        self._last = threading.local()  # tiles of a small map run side by side in threads

    def trunk(self, features: Tensor) -> Tensor:
        """Standardised covariates (site, feature) to the last hidden layer (site, unit), in `dtype`."""
        out = features.to(self.dtype).contiguous()
        for weight, bias, activation in self.steps:
            out = self.step(out, weight, bias, activation)
        return out

    def forward(self, covariates: Tensor) -> Tensor:
        """Standardised covariates (site, feature) to raw parameters (site, parameter), float32."""
        hidden = self._last.hidden = self.trunk(covariates)
        return functional.linear(hidden, self.weight, self.bias).float()

    @property
    def hidden(self) -> Tensor:
        """Last hidden layer (site, unit) of this thread's last call."""
        units: Tensor = self._last.hidden
        return units


@cache
def can_fuse(dtype: torch.dtype) -> bool:
    """Whether torch and this processor do an affine map and its activation in one step; the values are the same."""
    has_onednn: Callable[[], bool] = torch.backends.mkldnn.is_available
    if not has_onednn() or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    x = torch.ones(2, 2, dtype=dtype)
    try:
        _fused(x, x, x[0], nn.ReLU())
    except RuntimeError:  # as for bfloat16 on processors without instructions for it
        return False
    return True


def _plain(x: Tensor, weight: Tensor, bias: Tensor, activation: nn.Module) -> Tensor:
    out: Tensor = activation(functional.linear(x, weight, bias))
    return out


def _fused(x: Tensor, weight: Tensor, bias: Tensor, activation: nn.Module) -> Tensor:
    name, formula = FUSED[type(activation)]
    scalars = [activation.negative_slope] if isinstance(activation, nn.LeakyReLU) else []
    step: Callable[..., Tensor] = torch.ops.mkldnn._linear_pointwise
    return step(x, weight, bias, name, scalars, formula)
