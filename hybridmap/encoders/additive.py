"""Encoders that add up one function of each covariate: linear, and the neural additive model."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from hybridmap.encoders.layers import Dropout, Linear
from hybridmap.encoders.mlp import ACTIVATIONS


class LinearEncoder(nn.Module):
    """Raw parameters as a linear function of the covariates.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Numbers of covariates and of raw parameters.
    """

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.head = Linear(n_inputs, n_outputs).small()

    def forward(self, covariates: Tensor) -> Tensor:
        """Standardised covariates (..., site, n_inputs) to raw parameters (..., site, n_outputs)."""
        out: Tensor = self.head(covariates)
        return out


class NAM(nn.Module):
    """Neural additive model (Agarwal et al. 2021, arXiv 2004.13912): a small network for each covariate, summed.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Numbers of covariates and of raw parameters.
    units : int
        Units of each covariate's network, which has two hidden layers of that width.
    activation : str
        As for the MLP.
    dropout : float
        Share of hidden units dropped in training.
    """

    def __init__(
        self, n_inputs: int, n_outputs: int, units: int = 32, activation: str = "gelu", dropout: float = 0.0
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"no activation '{activation}'; there are {sorted(ACTIVATIONS)}.")
        self.n_inputs, self.n_outputs, self.units = n_inputs, n_outputs, units
        self.slope = nn.Parameter(torch.randn(n_inputs, units))
        self.offset = nn.Parameter(torch.randn(n_inputs, units))
        self.weight = nn.Parameter(torch.randn(n_inputs, units, units) / math.sqrt(units))
        self.bias = nn.Parameter(torch.zeros(n_inputs, units))
        self.activation = ACTIVATIONS[activation]()
        self.dropout = Dropout(dropout)
        # The sum over covariates of a map of their hidden units is one map of all hidden units side by side.
        self.head = Linear(n_inputs * units, n_outputs).small()

    def forward(self, covariates: Tensor) -> Tensor:
        """Standardised covariates (..., site, n_inputs) to raw parameters (..., site, n_outputs)."""
        out: Tensor = self.head(self.dropout(self._hidden(covariates)))
        return out

    def _hidden(self, covariates: Tensor) -> Tensor:
        """All hidden units, (..., site, n_inputs * units), those of a covariate side by side."""
        x = covariates.transpose(-1, -2)[..., None]  # (..., input, site, 1)
        first = self.activation(x * self.slope[..., None, :] + self.offset[..., None, :])
        second = self.activation(first @ self.weight + self.bias[..., None, :])
        return second.transpose(-2, -3).flatten(-2)

    def edge(self, i: int, j: int, values: Tensor) -> Tensor:
        """Contribution of standardised covariate `i` at `values` (n,) to raw parameter `j`, shape (n,)."""
        x = values.new_zeros(len(values), self.n_inputs)
        x[:, i] = values
        own = slice(i * self.units, (i + 1) * self.units)
        return self._hidden(x)[:, own] @ self.head.weight[j, own]
