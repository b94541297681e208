"""Encoders that add up one function of each covariate: linear, and the neural additive model."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from hybridmap.encoders.interface import Encoder
from hybridmap.encoders.layers import Dropout, Linear, activation_class, normal_weights
from hybridmap.options.encoder import Activation, DroppedShare
from hybridmap.options.limits import Count


class LinearEncoder(Encoder):
    """A straight line for each covariate, summed.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Numbers of covariates and of raw parameters.

    Examples
    --------
    >>> LinearEncoder(5, 2)(torch.zeros(3, 5)).tolist()
    [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """

    name = "linear"

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.head = Linear(n_inputs, n_outputs).small()

    @property
    def last_layer(self) -> Linear:
        """The head."""
        return self.head

    def forward(self, covariates: Tensor) -> Tensor:
        """Standardised covariates (..., site, n_inputs) to raw parameters (..., site, n_outputs)."""
        out: Tensor = self.head(covariates)
        return out


class NAM(Encoder):
    """Neural additive model (Agarwal et al. 2021, arXiv 2004.13912): a small network for each covariate, summed.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Numbers of covariates and of raw parameters.
    units : int
        Units of each covariate's network, which has two hidden layers of that width.
    activation : {"sigmoid", "tanh", "relu", "leaky_relu", "gelu", "silu"}
        Function after each layer.
    dropout : float
        Share of units left out in training.

    Examples
    --------
    The curves of single covariates and the bias add up to the output:

    >>> nam, x = NAM(3, 1, units=4), torch.ones(1, 3)
    >>> curves = sum(nam.edge(i, 0, x[:, i]) for i in range(3))
    >>> bool(torch.allclose(nam(x)[:, 0], curves + nam.head.bias, atol=1e-6))
    True
    """

    name = "nam"

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        units: Count = 32,
        activation: Activation = "gelu",
        dropout: DroppedShare = 0.0,
    ) -> None:
        super().__init__()
        self.n_inputs, self.n_outputs, self.units = n_inputs, n_outputs, units
        self.slope = nn.Parameter(normal_weights(n_inputs, units))
        self.offset = nn.Parameter(normal_weights(n_inputs, units))
        self.weight = nn.Parameter(normal_weights(n_inputs, units, units, divisor=math.sqrt(units)))
        self.bias = nn.Parameter(torch.zeros(n_inputs, units))
        self.activation = activation_class(activation)()
        self.dropout = Dropout(dropout)
        # The sum over covariates of a map of their hidden units is one map of all hidden units side by side.
        self.head = Linear(n_inputs * units, n_outputs).small()

    @property
    def last_layer(self) -> Linear:
        """The head."""
        return self.head

    def forward(self, covariates: Tensor) -> Tensor:
        """Standardised covariates (..., site, n_inputs) to raw parameters (..., site, n_outputs)."""
        out: Tensor = self.head(self.dropout(self._hidden(covariates)))
        return out

    def _hidden(self, covariates: Tensor) -> Tensor:
        """All hidden units, (..., site, n_inputs * units), those of a covariate side by side."""
        x = covariates.transpose(-1, -2)[..., None]  # (..., input, site, 1)
        first = self.activation(x * self.slope[..., None, :] + self.offset[..., None, :])
        second: Tensor = self.activation(first @ self.weight + self.bias[..., None, :])
        return second.transpose(-2, -3).flatten(-2)

    def edge(self, i: int, j: int, values: Tensor) -> Tensor:
        """Contribution of one covariate to one raw parameter.

        Parameters
        ----------
        i, j : int
            Numbers of the covariate and of the parameter.
        values : Tensor, shape (n,)
            The covariate, standardised.

        Returns
        -------
        Tensor, shape (n,)
        """
        x = values.new_zeros(len(values), self.n_inputs)
        x[:, i] = values
        units = slice(i * self.units, (i + 1) * self.units)
        contribution: Tensor = self._hidden(x)[:, units] @ self.head.weight[j, units]
        return contribution
