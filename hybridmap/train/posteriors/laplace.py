"""Last layer Laplace: the posterior of the last layer and the global parameters around its mode, through the process.

The trained hidden layers stay. Gauss-Newton steps lead from the trained weights to the most probable ones under a prior
as wide as the ranges (so that nothing is left of where training started), and their curvature gives a normal
distribution (MacKay 1992; Daxberger et al. 2021, arXiv 2106.14806). A process is not straight: draws of that
distribution miss the observations where it bends. So every draw is the most probable vector for its own observations
and its own prior mean, both drawn with their errors (randomised maximum likelihood, Oliver et al. 1996), found by a few
steps with the derivatives of the mode. Of a straight process that is the exact posterior.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from hybridmap.errors import HybridmapError
from hybridmap.model import HybridModel, Model
from hybridmap.train.posteriors.errors import error_scales
from hybridmap.train.posteriors.interface import Evidence, PosteriorMethod
from hybridmap.train.posteriors.last_layer import MOST_WEIGHTS, LastLayer, Slopes, last_layer
from hybridmap.train.posteriors.observed import Observed

STEPS = 20
"""Most steps to the mode."""
SMALL_GAIN = 0.5
"""Steps end where one gains less than this of twice the negative logarithm of the posterior."""
DAMPING, LEAST_DAMPING, MOST_DAMPING, TENFOLD = 1e-2, 1e-6, 1e6, 10.0
"""What is added to the precision of the prior, which keeps steps where the process is nearly straight."""
CORRECTIONS, LEAST_SHARE = 8, 0.01
"""Most steps of every draw towards its own observations, and the least share of one that is tried."""
NEAR = 10.0
"""Modes count that are less probable than the best by at most this, of twice the negative logarithm."""


class Laplace(PosteriorMethod):
    """Draws of the last layer and the global parameters of one trained model."""

    name: ClassVar[str] = "laplace"

    def check(self, model: Model) -> None:
        """Raise HybridmapError for a pure network, an encoder without a last layer, or one that is too wide."""
        if not isinstance(model, HybridModel):
            raise HybridmapError(
                "uncertainty: laplace is of the parameters of a process model, and a pure network has none; take"
                " ensemble or randomised_priors."
            )
        if not model.neural_names:
            return
        head = last_layer(model)
        weights = len(model.neural_names) * (1 + head.in_features) + len(model.shared_names)
        if weights > MOST_WEIGHTS:
            raise HybridmapError(
                f"uncertainty: laplace counts with all covariances of the last layer, and {weights} weights are more"
                f" than {MOST_WEIGHTS}; give the encoder fewer units in its last hidden layer, or take another method."
            )

    def draws(self, models: Sequence[Model], evidence: Evidence) -> list[Model]:
        """Models with drawn weights, from the first of `models`."""
        (model,) = models
        assert isinstance(model, HybridModel)
        observed = observed_part(model, evidence)
        layer = LastLayer(model, evidence.training, observed)
        return [layer.model_of(weights) for weights in posterior_draws(layer, evidence.draws, evidence.seed)]


def observed_part(model: HybridModel, evidence: Evidence) -> Observed:
    """Observations of the training part, with the errors that the model has in the validation part."""
    with torch.no_grad():
        predicted = model(evidence.validation.covariates, evidence.validation.forcing)
    return Observed(evidence.training.targets, error_scales(predicted, evidence.validation.targets))


class Mode(NamedTuple):
    """Most probable weights (weight,), derivatives there, the Cholesky factor of their precision, and the objective."""

    weights: Tensor
    slopes: Slopes
    factor: Tensor
    objective: float


def posterior_draws(layer: LastLayer, count: int, seed: int) -> Tensor:
    """Draws of the weights.

    Parameters
    ----------
    layer : LastLayer
        With a prior and observations.
    count : int
        How many.
    seed : int
        Same seed, same draws.

    Returns
    -------
    Tensor, shape (draw, weight)
    """
    random = torch.Generator().manual_seed(seed)
    modes = likely_modes(layer)
    draws = []
    for number in range(count):
        mode = modes[number % len(modes)]
        errors = torch.randn(len(mode.slopes.residuals), dtype=torch.float64, generator=random)
        centre = torch.randn(layer.size, dtype=torch.float64, generator=random)
        draws.append(_draw(layer, mode, errors, centre))
    return torch.stack(draws)


def _draw(layer: LastLayer, mode: Mode, errors: Tensor, centre: Tensor) -> Tensor:
    """Most probable weights for observations with `errors` (observation,) and a prior mean `centre` (weight,)."""

    def step(weights: Tensor, residuals: Tensor) -> Tensor:
        pull = layer.pulled(mode.slopes, residuals) + centre - weights
        return torch.cholesky_solve(pull[:, None], mode.factor)[:, 0]

    weights = mode.weights + step(mode.weights, mode.slopes.residuals + errors)
    residuals, share = layer.residuals(weights) + errors, 1.0
    lowest = _objective(residuals, weights - centre)
    for _ in range(CORRECTIONS):
        trial = weights + share * step(weights, residuals)
        trial_residuals = layer.residuals(trial) + errors
        gain = lowest - _objective(trial_residuals, trial - centre)
        if gain > 0:
            weights, residuals, lowest, share = trial, trial_residuals, lowest - gain, min(1.0, 2 * share)
        else:
            share /= 4
        if 0 < gain < SMALL_GAIN or share < LEAST_SHARE:
            break
    return weights


def likely_modes(layer: LastLayer) -> list[Mode]:
    """Modes about as probable as the best, of searches from what was trained and from the middle of the ranges.

    Where parameters make up for each other there is a valley of equal probability, and one search ends anywhere in it.
    """
    trained = layer.trained()
    modes = [_mode(layer, start) for start in (trained, torch.zeros_like(trained))]
    best = min(mode.objective for mode in modes)
    return [mode for mode in modes if mode.objective <= best + NEAR]


def _mode(layer: LastLayer, weights: Tensor) -> Mode:
    """Damped Gauss-Newton steps from a start (weight,)."""
    damping, slopes = DAMPING, layer.slopes(weights)
    lowest, gain = _objective(slopes.residuals, weights), float("inf")
    for _ in range(STEPS):
        curvature, pull = layer.curvature(slopes), layer.pulled(slopes, slopes.residuals) - weights
        while damping < MOST_DAMPING:
            step = torch.cholesky_solve(pull[:, None], _factor(curvature, 1.0 + damping))[:, 0]
            gain = lowest - _objective(layer.residuals(weights + step), weights + step)
            if gain > 0:
                break
            damping *= TENFOLD
        else:
            break
        weights, lowest = weights + step, lowest - gain
        damping, slopes = max(damping / TENFOLD, LEAST_DAMPING), layer.slopes(weights)
        if gain < SMALL_GAIN:
            break
    return Mode(weights, slopes, _factor(layer.curvature(slopes), 1.0), lowest)


def _objective(residuals: Tensor, from_prior: Tensor) -> float:
    """Twice the negative logarithm of the posterior, but for a constant; infinite where it is none."""
    value = float(residuals.square().sum() + from_prior.square().sum())
    return value if value == value else float("inf")


def _factor(curvature: Tensor, ridge: float) -> Tensor:
    factor: Tensor = torch.linalg.cholesky(curvature + ridge * torch.eye(len(curvature), dtype=curvature.dtype))
    return factor
