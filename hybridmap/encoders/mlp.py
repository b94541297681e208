"""Multi-layer perceptron from covariates to raw parameters."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hybridmap.encoders.fast_mlp import AffineStep, FastMLP
from hybridmap.encoders.interface import Encoder
from hybridmap.encoders.layers import BatchNorm, Dropout, Linear, activation_class
from hybridmap.options.encoder import Activation, DroppedShare, Widths

LEAK = 0.3
"""Slope of the leaky ReLU below zero, as BINN's."""


class MLP(Encoder):
    """Multi-layer perceptron, the default: a fully connected network.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Numbers of covariates and of raw parameters.
    hidden : sequence of int
        Units of the hidden layers; none makes it linear.
    activation : {"sigmoid", "tanh", "relu", "leaky_relu", "gelu", "silu"}
        Function after each hidden layer.
    dropout : float
        Share of units left out in training, after each hidden layer.
    batch_norm : bool
        Normalise each hidden layer over the batch, before the activation.
    residual : bool
        Add the input of a hidden layer to its affine map where the widths agree (BINN, arXiv 2502.00672).

    Examples
    --------
    >>> mlp = MLP(4, 2, hidden=[16, 8])
    >>> mlp(torch.zeros(10, 4)).shape
    torch.Size([10, 2])
    """

    name = "mlp"

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        hidden: Widths = (64, 32),
        activation: Activation = "gelu",
        dropout: DroppedShare = 0.1,
        batch_norm: bool = False,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.hidden = nn.ModuleList()
        width = n_inputs
        for next_width in hidden:
            layer = HiddenLayer(width, next_width, activation, dropout, batch_norm, residual and width == next_width)
            self.hidden.append(layer)
            width = next_width
        self.head = Linear(width, n_outputs).small()

    @property
    def last_layer(self) -> Linear:
        """The head."""
        return self.head

    def forward(self, covariates: Tensor) -> Tensor:
        """Standardised covariates (..., site, n_inputs) to raw parameters (..., site, n_outputs)."""
        out = covariates
        for layer in self.hidden:
            out = layer(out)
        raw: Tensor = self.head(out)
        return raw

    def fast(self, dtype: torch.dtype) -> FastMLP:
        """The trained network for prediction alone: everything between two products folded into them."""
        steps = [layer.folded(dtype) for layer in self.hidden if isinstance(layer, HiddenLayer)]
        return FastMLP(steps, self.head.weight.detach(), self.head.bias.detach(), dtype)


class HiddenLayer(nn.Module):
    """Affine map, optional shortcut, optional normalisation, activation, optional dropout.

    Parameters
    ----------
    width, next_width : int
        Units before and after the layer.
    activation, dropout, batch_norm
        As for :class:`MLP`.
    residual : bool
        Whether the input is added to the affine map; the widths are then equal.
    """

    def __init__(
        self, width: int, next_width: int, activation: str, dropout: float, batch_norm: bool, residual: bool
    ) -> None:
        super().__init__()
        self.linear = Linear(width, next_width)
        self.residual = residual
        steps: list[nn.Module] = [BatchNorm(next_width)] if batch_norm else []
        function = activation_class(activation)
        steps.append(nn.LeakyReLU(LEAK) if function is nn.LeakyReLU else function())
        if dropout:
            steps.append(Dropout(dropout))
        self.add_module("after", nn.Sequential(*steps))  # the name in saved weights

    def forward(self, x: Tensor) -> Tensor:
        """(..., site, unit) to (..., site, next unit)."""
        out = self.linear(x)
        values: Tensor = self.get_submodule("after")(out + x if self.residual else out)
        return values

    def folded(self, dtype: torch.dtype) -> AffineStep:
        """Weight, bias and activation of the layer in `dtype`, with shortcut and normalisation inside the weight."""
        weight, bias = self.linear.weight.detach(), self.linear.bias.detach()
        if self.residual:
            weight = weight + torch.eye(len(weight))
        activation: nn.Module = nn.Identity()
        for step in self.get_submodule("after").children():
            if isinstance(step, BatchNorm):
                scale = step.weight.detach() * torch.rsqrt(step.variance + 1e-5)
                weight, bias = weight * scale[:, None], (bias - step.mean) * scale + step.bias.detach()
            elif not isinstance(step, Dropout):
                activation = step
        return AffineStep(weight.to(dtype).contiguous(), bias.to(dtype), activation)
