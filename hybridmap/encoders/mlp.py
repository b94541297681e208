"""Multi-layer perceptron from covariates to raw parameters."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from hybridmap.encoders.layers import BatchNorm, Dropout, Linear

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
LEAK = 0.3
"""Slope of the leaky ReLU below zero, as BINN's."""


class MLP(nn.Module):
    """Fully connected network.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Numbers of covariates and of raw parameters.
    hidden : sequence of int
        Widths of the hidden layers; none makes it linear.
    activation : str
        One of `ACTIVATIONS`.
    dropout : float
        Share of hidden units dropped in training, after every hidden layer.
    batch_norm : bool
        Normalise between the affine map and the activation.
    residual : bool
        Add a hidden layer's input to its affine map where the widths agree (BINN, arXiv 2502.00672).
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        hidden: Sequence[int] = (64, 32),
        activation: str = "gelu",
        dropout: float = 0.0,
        batch_norm: bool = False,
        residual: bool = False,
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"no activation '{activation}'; there are {sorted(ACTIVATIONS)}.")
        self.hidden = nn.ModuleList()
        width = n_inputs
        for next_width in hidden:
            self.hidden.append(_Hidden(width, next_width, activation, dropout, batch_norm, residual))
            width = next_width
        self.head = Linear(width, n_outputs).small()

    def forward(self, covariates: Tensor) -> Tensor:
        """Standardised covariates (..., site, n_inputs) to raw parameters (..., site, n_outputs)."""
        out = covariates
        for layer in self.hidden:
            out = layer(out)
        raw: Tensor = self.head(out)
        return raw


class _Hidden(nn.Module):
    """Affine map, optional shortcut, optional normalisation, activation, optional dropout."""

    def __init__(
        self, width: int, next_width: int, activation: str, dropout: float, batch_norm: bool, residual: bool
    ) -> None:
        super().__init__()
        self.linear = Linear(width, next_width)
        self.residual = residual and width == next_width
        after: list[nn.Module] = [BatchNorm(next_width)] if batch_norm else []
        after.append(nn.LeakyReLU(LEAK) if activation == "leaky_relu" else ACTIVATIONS[activation]())
        if dropout:
            after.append(Dropout(dropout))
        self.after = nn.Sequential(*after)

    def forward(self, x: Tensor) -> Tensor:
        out = self.linear(x)
        result: Tensor = self.after(out + x if self.residual else out)
        return result
