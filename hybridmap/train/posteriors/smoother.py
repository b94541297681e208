"""Iterative ensemble smoother: the posterior of global parameters without derivatives.

An ensemble from the prior is moved to the observations in a few steps, each of which counts them with a part of their
weight (ES-MDA, Emerick & Reynolds 2013, doi 10.1016/j.cageo.2012.03.011). What the process does to a change is taken
from the ensemble itself, so it may be anything that runs. Neural parameters stay as they were trained.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from hybridmap.errors import HybridmapError
from hybridmap.model import HybridModel, Model
from hybridmap.model.random_prior import raw_prior
from hybridmap.train.posteriors.interface import Evidence, PosteriorMethod
from hybridmap.train.posteriors.laplace import observed_part

STEPS = 4
"""Times that observations count, each with a fourth of their weight."""
FEWEST_RUNS = 100
"""Members that are moved, at least; with few, chance correlations narrow the posterior."""


class Smoother(PosteriorMethod):
    """Draws of the global parameters of one trained model."""

    name: ClassVar[str] = "smoother"

    def check(self, model: Model) -> None:
        """Raise HybridmapError for a model without global parameters."""
        if not isinstance(model, HybridModel) or not model.shared_names:
            raise HybridmapError(
                "uncertainty: smoother is of global parameters, and the experiment has none; name some under `global`,"
                " or take laplace or randomised_priors for neural ones."
            )

    def draws(self, models: Sequence[Model], evidence: Evidence) -> list[Model]:
        """Models with drawn global parameters, from the first of `models`."""
        (model,) = models
        assert isinstance(model, HybridModel)
        observed, data = observed_part(model, evidence), evidence.training
        with torch.no_grad():
            neural = model.raw_parameters(data.covariates, data.forcing)

        def predict(shared: Tensor) -> Tensor:
            raw = torch.cat([neural, shared.to(neural).expand(len(neural), -1)], 1)
            with torch.no_grad():
                return observed.of(model.outputs_of_raw(raw, data.forcing))

        mean, sd = raw_prior(model.shared_constraint, model.shared_raw.detach().double())
        random = torch.Generator().manual_seed(evidence.seed)
        runs = max(evidence.draws, FEWEST_RUNS)
        prior = mean + sd * torch.randn(runs, len(mean), dtype=torch.float64, generator=random)
        moved = smooth(prior, predict, observed.values, random)
        return [_with_shared(model, shared) for shared in moved[: evidence.draws]]


def _with_shared(model: HybridModel, shared: Tensor) -> HybridModel:
    changed = copy.deepcopy(model)
    changed.shared_raw.data.copy_(shared)
    return changed


def smooth(
    prior: Tensor, predict: Callable[[Tensor], Tensor], observed: Tensor, random: torch.Generator, steps: int = STEPS
) -> Tensor:
    """Move an ensemble from the prior to the posterior.

    Parameters
    ----------
    prior : Tensor, shape (member, parameter), float64
        Draws of the prior, on a scale on which it is normal.
    predict : callable
        Parameters (parameter,) → predictions (observation,), in standard deviations of the errors.
    observed : Tensor, shape (observation,), float64
        Observations on that scale.
    random : torch.Generator
        Of the errors that each member's observations get.
    steps : int
        How often, each with a share ``1 / steps`` of the weight.

    Returns
    -------
    Tensor, shape (member, parameter)
        Exact in the limit of many members where the process is straight and errors are normal.
    """
    members = prior
    for _ in range(steps):
        predicted = torch.stack([predict(member) for member in members])
        errors = torch.randn(predicted.shape, dtype=predicted.dtype, generator=random)
        misfit = observed + steps**0.5 * errors - predicted
        root = (len(members) - 1) ** 0.5
        of_parameters, of_outputs = (members - members.mean(0)) / root, (predicted - predicted.mean(0)) / root
        # The gain by as many equations as there are members, not as there are observations.
        inner = of_outputs @ of_outputs.T + steps * torch.eye(len(members), dtype=predicted.dtype)
        members = members + torch.linalg.solve(inner, of_outputs @ misfit.T).T @ of_parameters
    return members
