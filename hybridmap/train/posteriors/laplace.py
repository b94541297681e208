"""Last layer Laplace: the posterior of the last layer and the global parameters around its mode, through the process.

The trained hidden layers stay. Gauss-Newton steps lead from the trained weights to the most probable ones under a prior
as wide as the ranges (so that nothing is left of where training started), and their curvature gives a normal
distribution (MacKay 1992; Daxberger et al. 2021, arXiv 2106.14806). A process is not straight: draws of that distribution
miss the observations where it bends. So every draw is a most probable vector for its own observations and its own prior
mean, both drawn with their errors (randomised maximum likelihood, Oliver et al. 1996), found by a few steps with the
derivatives of the mode. Of a straight process both are the exact posterior.
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
from hybridmap.train.posteriors.last_layer import MOST_WEIGHTS, LastLayer, last_layer
from hybridmap.train.posteriors.observed import Observed

STEPS = 25
"""Most steps to the mode."""
SMALL_GAIN = 0.1
"""Steps end where one gains less than this of twice the negative logarithm of the posterior."""
DAMPING, LEAST_DAMPING, MOST_DAMPING, TENFOLD = 1e-2, 1e-6, 1e6, 10.0
"""What is added to the precision of the prior, which keeps steps where the process is nearly straight."""
CORRECTIONS = 3
"""Steps of every draw towards its own observations."""


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
    """Most probable weights (weight,), derivatives there, and the Cholesky factor of their precision."""

    weights: Tensor
    slopes: tuple[Tensor, Tensor]
    factor: Tensor


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
    weights, slopes, factor = _mode(layer)
    random = torch.Generator().manual_seed(seed)
    drawn = []
    for _ in range(count):
        errors = torch.randn(len(slopes[0]), dtype=torch.float64, generator=random)
        centre = torch.randn(layer.size, dtype=torch.float64, generator=random)
        pull = layer.pulled(slopes, slopes[0] + errors) + centre - weights
        first = weights + torch.cholesky_solve(pull[:, None], factor)[:, 0]
        drawn.append(_corrected(layer, Mode(weights, slopes, factor), first, (errors, centre)))
    return torch.stack(drawn)


def _corrected(layer: LastLayer, mode: Mode, start: Tensor, drawn: tuple[Tensor, Tensor]) -> Tensor:
    """Weights nearer to what its own `drawn` errors and prior mean make most probable; never farther than `start`."""
    errors, centre = drawn
    weights, share = start, 1.0
    residuals = layer.residuals(weights) + errors
    lowest = _objective(residuals, weights - centre)
    for _ in range(CORRECTIONS):
        pull = layer.pulled(mode.slopes, residuals) + centre - weights
        trial = weights + share * torch.cholesky_solve(pull[:, None], mode.factor)[:, 0]
        trial_residuals = layer.residuals(trial) + errors
        value = _objective(trial_residuals, trial - centre)
        if value < lowest:
            weights, residuals, lowest, share = trial, trial_residuals, value, min(1.0, 2 * share)
        else:
            share /= 4
    return weights


def _mode(layer: LastLayer) -> Mode:
    """Damped Gauss-Newton steps from what was trained."""
    weights, damping = layer.trained(), DAMPING
    slopes = layer.slopes(weights)
    lowest, gain = _objective(slopes[0], weights), float("inf")
    for _ in range(STEPS):
        curvature, pull = layer.curvature(slopes), layer.pulled(slopes, slopes[0]) - weights
        while damping < MOST_DAMPING:
            step = torch.cholesky_solve(pull[:, None], _factor(curvature, 1.0 + damping))[:, 0]
            value = _objective(layer.residuals(weights + step), weights + step)
            if value < lowest:
                break
            damping *= TENFOLD
        else:
            break
        weights, gain, lowest = weights + step, lowest - value, value
        damping = max(damping / TENFOLD, LEAST_DAMPING)
        slopes = layer.slopes(weights)
        if gain < SMALL_GAIN:
            break
    return Mode(weights, slopes, _factor(layer.curvature(slopes), 1.0))


def _objective(residuals: Tensor, from_prior: Tensor) -> float:
    """Twice the negative logarithm of the posterior, but for a constant; infinite where it is none."""
    value = float(residuals.square().sum() + from_prior.square().sum())
    return value if value == value else float("inf")


def _factor(curvature: Tensor, ridge: float) -> Tensor:
    factor: Tensor = torch.linalg.cholesky(curvature + ridge * torch.eye(len(curvature), dtype=curvature.dtype))
    return factor
