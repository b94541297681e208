"""Encoders made ready to predict: affine map, normalisation and activation in one step, in half the bits on request."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from hybridmap.encoders import MLP
from hybridmap.encoders.layers import BatchNorm, Dropout
from hybridmap.errors import HybridmapError
from hybridmap.model.hybrid import Model

FUSED: dict[type[nn.Module], tuple[str, str]] = {
    nn.GELU: ("gelu", "none"),
    nn.ReLU: ("relu", ""),
    nn.Sigmoid: ("sigmoid", ""),
    nn.Tanh: ("tanh", ""),
    nn.SiLU: ("swish", ""),
    nn.LeakyReLU: ("leaky_relu", ""),
}
"""Name of each activation in oneDNN, and which of its formulas."""


class FastMLP(nn.Module):
    """A trained multi-layer perceptron for prediction alone.

    Normalisation and shortcuts are folded into the weights, and each activation is applied while the products of its
    layer are still in the cache, where torch has oneDNN.

    Parameters
    ----------
    encoder : MLP
        Trained, without a member axis.
    dtype : torch.dtype
        Of weights and activations between float32 inputs and outputs.
    """

    def __init__(self, encoder: MLP, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.dtype = dtype
        self.steps: list[tuple[Tensor, Tensor, nn.Module]] = []
        layer: Any
        for layer in encoder.hidden:
            weight, bias = layer.linear.weight.detach(), layer.linear.bias.detach()
            if layer.residual:
                weight = weight + torch.eye(len(weight))
            activation: nn.Module = nn.Identity()
            for step in layer.after:
                if isinstance(step, BatchNorm):
                    scale = step.weight.detach() * torch.rsqrt(step.variance + 1e-5)
                    weight, bias = weight * scale[:, None], (bias - step.mean) * scale + step.bias.detach()
                elif not isinstance(step, Dropout):
                    activation = step
            self.steps.append((weight.to(dtype).contiguous(), bias.to(dtype), activation))
        self.weight, self.bias = encoder.head.weight.detach().to(dtype), encoder.head.bias.detach().to(dtype)
        self.step = _fused if can_fuse(dtype) else _plain
        self._last = threading.local()  # tiles of a small map run side by side in threads

    def trunk(self, features: Tensor) -> Tensor:
        """Standardised covariates (site, feature) to the last hidden layer (site, unit), in `dtype`."""
        out = features.to(self.dtype).contiguous()
        for weight, bias, activation in self.steps:
            out = self.step(out, weight, bias, activation)
        return out

    def forward(self, features: Tensor) -> Tensor:
        """Standardised covariates (site, feature) to raw parameters (site, parameter), float32."""
        hidden = self._last.hidden = self.trunk(features)
        return functional.linear(hidden, self.weight, self.bias).float()

    @property
    def hidden(self) -> Tensor:
        """Last hidden layer (site, unit) of this thread's last call."""
        hidden: Tensor = self._last.hidden
        return hidden


@cache
def can_fuse(dtype: torch.dtype) -> bool:
    """Whether torch and this processor do an affine map and its activation in one step; the result is the same."""
    backend: Any = torch.backends.mkldnn  # its types are not declared
    if not backend.is_available() or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
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


def make_fast(model: Model, precision: str = "float32") -> Model:
    """Return `model` with an encoder for prediction, changed in place.

    Parameters
    ----------
    model : HybridModel or NetworkModel
        In evaluation mode.
    precision : {"float32", "bfloat16"}
        Of the encoder; bounds and process model keep theirs.

    Raises
    ------
    HybridmapError
        If the encoder is no multi-layer perceptron and the precision is not float32.
    """
    if isinstance(model.encoder, MLP):
        model.encoder = FastMLP(model.encoder, getattr(torch, precision))
    elif precision != "float32":
        raise HybridmapError(
            f"predict.precision: {precision} is for encoders of kind mlp, not {type(model.encoder).__name__}; use"
            " float32."
        )
    return model
