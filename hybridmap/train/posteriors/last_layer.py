"""What a model predicts by its last layer and its global parameters, with a prior as wide as the ranges."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hybridmap.encoders.interface import as_encoder
from hybridmap.errors import HybridmapError
from hybridmap.model import HybridModel, Model
from hybridmap.model.random_prior import LEVEL_SHARE, raw_prior
from hybridmap.train.data import SiteData
from hybridmap.train.posteriors.observed import Observed

CHUNK = 20_000_000
"""Numbers of a part of the matrix that is held at once."""
MOST_WEIGHTS = 8_000
"""Weights of which all covariances fit half a GB, and are inverted within a minute."""


class Weights(NamedTuple):
    """Weights of standard normal prior: (..., neural parameter, 1 + unit) and (..., global parameter)."""

    neural: Tensor
    shared: Tensor


class Slopes(NamedTuple):
    """Observation less prediction (observation,), and its changes by raw parameters (observation, parameter)."""

    residuals: Tensor
    rows: Tensor


class LastLayer:
    """One vector of weights of standard normal prior: the last layer, a level and a pattern, and global parameters.

    Before the data a parameter lies anywhere in its range (:func:`~hybridmap.model.random_prior.raw_prior`): half of
    its variance is a level that is the same everywhere, half a pattern along the last hidden units, each as important
    as it varies between sites.

    Parameters
    ----------
    model : HybridModel
        Trained, in evaluation mode, with an encoder that ends in one linear layer.
    data : SiteData
        Sites that it learned from.
    observed : Observed
        Their observations.
    """

    def __init__(self, model: HybridModel, data: SiteData, observed: Observed) -> None:
        self.model, self.data, self.observed = model, data, observed
        hidden = _hidden_units(model, data)
        self._mean = hidden.mean(0)
        centred = hidden - self._mean
        self._power = centred.square().sum(1).mean().sqrt().clamp(min=1e-12)
        self._column_sd = torch.full((1 + hidden.shape[1],), (1 - LEVEL_SHARE) ** 0.5, dtype=torch.float64)
        self._column_sd[0] = LEVEL_SHARE**0.5
        self._design = torch.cat([torch.ones_like(hidden[:, :1]), centred / self._power], 1) * self._column_sd
        self._neural_mean, self._neural_sd = raw_prior(model.constraint, model.start.double())
        self._shared_mean, self._shared_sd = raw_prior(model.shared_constraint, model.shared_raw.detach().double())
        self.size = len(self._neural_sd) * self._design.shape[1] + len(self._shared_sd)

    def split(self, weights: Tensor) -> Weights:
        """Weights (..., weight) by what they are of."""
        count, width = len(self._neural_sd), self._design.shape[1]
        neural = weights[..., : count * width]
        return Weights(neural.reshape(*neural.shape[:-1], count, width), weights[..., count * width :])

    def raw(self, weights: Tensor) -> Tensor:
        """Raw parameters (site, learned parameter) of weights (weight,)."""
        neural, shared = self.split(weights)
        patterns = self._neural_mean + self._neural_sd * (self._design @ neural.T)
        levels = self._shared_mean + self._shared_sd * shared
        return torch.cat([patterns, levels.expand(len(patterns), -1)], 1)

    def trained(self) -> Tensor:
        """Weights of what the model was trained to, (weight,)."""
        shared = (self.model.shared_raw.detach().double() - self._shared_mean) / self._shared_sd
        count = len(self._neural_sd)
        if not count:
            return shared
        head = last_layer(self.model)
        weight, bias = head.weight.detach().double()[:count], head.bias.detach().double()[:count]
        level = bias + weight @ self._mean + self.model.start.double() - self._neural_mean
        neural = torch.cat([level[:, None], weight * self._power], 1) / self._neural_sd[:, None] / self._column_sd
        return torch.cat([neural.flatten(), shared])

    def model_of(self, weights: Tensor) -> HybridModel:
        """A copy of the model with `weights` (weight,)."""
        neural, shared = self.split(weights)
        changed = copy.deepcopy(self.model)
        changed.shared_raw.data.copy_(self._shared_mean + self._shared_sd * shared)
        if len(neural):
            head, scaled = last_layer(changed), neural * self._column_sd * self._neural_sd[:, None]
            weight = scaled[:, 1:] / self._power
            head.weight.data[: len(weight)] = weight.float()
            level = self._neural_mean + scaled[:, 0] - weight @ self._mean - self.model.start.double()
            head.bias.data[: len(weight)] = level.float()
        return changed

    def residuals(self, weights: Tensor) -> Tensor:
        """Observation less prediction of weights (weight,), in standard deviations of the error; (observation,)."""
        with torch.no_grad():
            outputs = self.model.outputs_of_raw(self.raw(weights).float(), self.data.forcing)
        return self.observed.values - self.observed.of(outputs)

    def slopes(self, weights: Tensor) -> Slopes:
        """Residuals and derivatives at weights (weight,), by automatic differentiation."""
        raw = self.raw(weights).float().requires_grad_(True)
        columns = self.observed.columns(self.model.outputs_of_raw(raw, self.data.forcing))
        rows = []
        for values in columns:
            finite = torch.where(torch.isfinite(values), values, torch.zeros_like(values))
            (slope,) = torch.autograd.grad(finite.sum(), raw, retain_graph=True)
            rows.append(torch.nan_to_num(slope).double())
        predicted = torch.nan_to_num(self.observed.gathered([values.detach().double() for values in columns]))
        return Slopes(self.observed.values - predicted, self.observed.gathered(rows))

    def curvature(self, slopes: Slopes) -> Tensor:
        """Product of the derivatives of all observations by all weights with itself, (weight, weight)."""
        count = len(self._neural_sd)
        matrix = torch.zeros(self.size, self.size, dtype=torch.float64)
        for part in _chunks(len(slopes.rows), self.size):
            design, rows = self._design[self.observed.site[part]], slopes.rows[part]
            neural = ((rows[:, :count] * self._neural_sd)[:, :, None] * design[:, None, :]).flatten(1)
            block = torch.cat([neural, rows[:, count:] * self._shared_sd], 1)
            matrix += block.T @ block
        return matrix

    def pulled(self, slopes: Slopes, values: Tensor) -> Tensor:
        """Product of the derivatives by all weights with values (observation,), (weight,)."""
        count, rows = len(self._neural_sd), slopes.rows * values[:, None]
        of_sites = torch.zeros(len(self._design), rows.shape[1], dtype=torch.float64)
        of_sites.index_add_(0, self.observed.site, rows)
        neural = (of_sites[:, :count] * self._neural_sd).T @ self._design
        return torch.cat([neural.flatten(), of_sites[:, count:].sum(0) * self._shared_sd])


def _chunks(rows: int, columns: int) -> Iterator[slice]:
    step = max(1, CHUNK // max(columns, 1))
    return (slice(first, first + step) for first in range(0, rows, step))


def last_layer(model: Model) -> nn.Linear:
    """The linear layer that an encoder ends in; HybridmapError where it ends in another way."""
    layer = as_encoder(model.encoder).last_layer
    if layer is None:
        raise HybridmapError(
            f"uncertainty: laplace needs an encoder that ends in one linear layer, and {type(model.encoder).__name__}"
            " does not; take mlp, linear or nam without `separate`, or another method."
        )
    return layer


def _hidden_units(model: HybridModel, data: SiteData) -> Tensor:
    """What the last layer takes at every site, (site, unit); nothing without neural parameters."""
    if not model.neural_names:
        return torch.zeros(len(data), 0, dtype=torch.float64)
    units: list[Tensor] = []
    handle = last_layer(model).register_forward_pre_hook(lambda _, inputs: units.append(inputs[0].detach()))
    try:
        with torch.no_grad():
            model.encode(data.covariates, data.forcing)
    finally:
        handle.remove()
    return units[0].double()
