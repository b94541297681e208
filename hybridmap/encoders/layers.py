"""Layers whose weights may carry a leading member axis, so that folds and ensemble members run as one network.

A layer of one model has weights (output, input) and takes (site, input). Stacked, it has (member, output, input) and
takes (member, site, input). Dropout draws its masks from a counter, not from a generator: the mask of a site depends on
the layer's seed, the step and the place in the batch, so training alone and training side by side drop the same units.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from hybridmap import arithmetic  # noqa: F401 - settles torch's vector functions for this process

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
ROW, COLUMN, MIX = 0x9E3779B1 - 2**32, 0x85EBCA77 - 2**32, 0x2C1B3C6D


def activation_class(name: str) -> type[nn.Module]:
    """Class of the activation called `name`; ValueError if there is none."""
    if name not in ACTIVATIONS:
        raise ValueError(f"no activation '{name}'; there are {sorted(ACTIVATIONS)}.")
    return ACTIVATIONS[name]


def normal_weights(*shape: int, factor: float = 1.0, divisor: float = 1.0) -> Tensor:
    """Normal weights of mean 0 and standard deviation `factor` / `divisor`; none are drawn on the meta device.

    There torch would load its compiler for arithmetic, which takes longer than reading a model.
    """
    weights = torch.empty(shape)
    return weights if weights.is_meta else weights.normal_().mul_(factor).div_(divisor)


class Linear(nn.Linear):
    """Affine map, with or without a member axis."""

    def forward(self, x: Tensor) -> Tensor:
        """(site, input) to (site, output), or with a member axis before both."""
        if self.weight.ndim == 2:
            return nn.functional.linear(x, self.weight, self.bias)
        return torch.baddbmm(self.bias[:, None, :], x, self.weight.transpose(1, 2))

    def small(self, std: float = 0.1) -> Linear:
        """Start near zero, so that parameters start near their defaults at every site; returns itself."""
        if not self.weight.is_meta:  # where only shapes are asked for, torch would load its compiler to draw nothing
            nn.init.normal_(self.weight, std=std / math.sqrt(max(self.in_features, 1)))
        nn.init.zeros_(self.bias)
        return self


class Dropout(nn.Module):
    """Leaves units out in training, and at prediction while `sampling` (MC dropout).

    Parameters
    ----------
    share : float
        Share of units left out, in [0, 1).
    """

    seed: Tensor

    def __init__(self, share: float) -> None:
        super().__init__()
        if not 0.0 <= share < 1.0:
            raise ValueError(f"dropout {share} must be at least 0 and below 1.")
        self.share = share
        self.step = 0
        self.sampling = False
        # As `torch.randint`, which would import sympy where shapes alone are counted.
        self.register_buffer("seed", torch.empty((), dtype=torch.int64).random_(2**31 - 1))

    def forward(self, x: Tensor) -> Tensor:
        """(..., site, unit) in and out."""
        if not self.share or not (self.training or self.sampling):
            return x
        # While sampling, a pass is one network for all sites: a map then has the same units left out in every tile.
        return x * self.mask(x.shape[-2] if self.training else 1, x.shape[-1], x.dtype)

    def mask(self, sites: int, units: int, dtype: torch.dtype) -> Tensor:
        """Factors of the units.

        Parameters
        ----------
        sites, units : int
            Size of the mask.
        dtype : torch.dtype
            Of the mask.

        Returns
        -------
        Tensor, shape (site, unit) or (member, site, unit)
            0 for a unit that is left out, 1/(1 - share) for every other.
        """
        device = self.seed.device
        key = (self.seed + 1_000_003 * self.step).to(torch.int32)
        row = _scramble(torch.arange(sites, dtype=torch.int32, device=device) * ROW + key[..., None])
        column = _scramble(torch.arange(units, dtype=torch.int32, device=device) * COLUMN + 1)
        noise = row[..., None] ^ column
        noise *= MIX
        noise ^= noise >> 15
        noise *= ROW
        stays = noise >= round(2**32 * self.share) - 2**31
        return stays.to(dtype).mul_(1.0 / (1.0 - self.share))


def _scramble(x: Tensor) -> Tensor:
    """Mix the bits of int32 values."""
    x = (x ^ (x >> 16)) * MIX
    x = (x ^ (x >> 13)) * COLUMN
    return x ^ (x >> 16)


class BatchNorm(nn.Module):
    """Normalises every unit over the sites of a batch; with the running mean and variance at prediction."""

    mean: Tensor
    variance: Tensor

    def __init__(self, units: int, momentum: float = 0.1) -> None:
        super().__init__()
        self.momentum = momentum
        self.weight, self.bias = nn.Parameter(torch.ones(units)), nn.Parameter(torch.zeros(units))
        self.register_buffer("mean", torch.zeros(units))
        self.register_buffer("variance", torch.ones(units))

    def forward(self, x: Tensor) -> Tensor:
        """(..., site, unit) in and out."""
        mean, variance = self.mean, self.variance
        if self.training:
            mean, variance = x.mean(-2), x.var(-2, correction=0)
            with torch.no_grad():
                unbiased = variance * (x.shape[-2] / max(x.shape[-2] - 1, 1))
                self.mean.lerp_(mean, self.momentum)
                self.variance.lerp_(unbiased, self.momentum)
        scale = self.weight * torch.rsqrt(variance + 1e-5)
        return (x - mean[..., None, :]) * scale[..., None, :] + self.bias[..., None, :]


def set_step(module: nn.Module, step: int) -> None:
    """Tell every dropout layer of `module` which step (or pass, when sampling) this is."""
    for layer in module.modules():
        if isinstance(layer, Dropout):
            layer.step = step


def set_sampling(module: nn.Module, on: bool, last: bool = False) -> bool:
    """Turn MC dropout on or off.

    Parameters
    ----------
    module : nn.Module
        With layers of dropout.
    on : bool
        Whether they leave units out at prediction.
    last : bool
        Only the last of them.

    Returns
    -------
    bool
        Whether any of its layers leaves units out now, if `on`, or ceases to, if not.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, Dropout)]
    for layer in layers[-1:] if last else layers:
        layer.sampling = on
    return any(layer.share > 0 and layer.sampling == on for layer in layers)
