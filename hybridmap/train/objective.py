"""What training minimises: the data terms of every target, and named penalties beside them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hybridmap.errors import HybridmapError
from hybridmap.model import Model, Run
from hybridmap.options import LossOptions
from hybridmap.train.losses import LOSSES, MEAN_BASED, Loss, gaussian_loss, multi_task_loss, smooth_l1_loss
from hybridmap.train.penalties import penalties_of

NEAR_ZERO = 1e-3
"""A target whose mean is nearer to zero than this share of its spread is refused by losses that divide by it."""
COUNT_POWERS = {"inverse_count": -1.0, "sqrt_count": 0.5}
"""Power of its training count that a target is weighted by; 0 for every other weighting."""


class Value(NamedTuple):
    """Total, and every term under its own name (detached, NaN where a target is absent); shape () or (member,)."""

    total: Tensor
    terms: dict[str, Tensor]


class Objective(nn.Module):
    """Loss of one model, or of several whose parameters are stacked.

    Parameters
    ----------
    options : LossOptions
        What is minimised.
    targets : mapping of str to Tensor, shape (site, ...)
        Observations of the training part, for counts and starts.
    model : Model
        The model that will be trained; says which penalties it has.

    Raises
    ------
    HybridmapError
        If a penalty needs something that the model lacks, or a target's mean is near zero under a KGE.
    """

    def __init__(self, options: LossOptions, targets: Mapping[str, Tensor], model: Model) -> None:
        super().__init__()
        self.options = options
        self.losses = {target: options.name_of(target) for target in targets}
        observed = {t: v[~torch.isnan(v)].double() for t, v in targets.items()}
        for target, values in observed.items():
            _check_mean(self.losses[target], target, values)
        self.penalties = penalties_of(model, options.penalties)
        _check_sd(options, self.losses)
        self.weights = _weights(options, {t: max(len(v), 1) for t, v in observed.items()})
        learned = options.weighting == "learned"
        self.log_variance = nn.Parameter(torch.zeros(len(targets))) if learned else None
        self.log_sd = nn.Parameter(_start_sd(observed).log().float()) if self._learns_sd() else None

    def _learns_sd(self) -> bool:
        return "gaussian" in self.losses.values() and self.options.observation_sd == "learned"

    def forward(self, run: Run, targets: Mapping[str, Tensor], model: Model, valid: Tensor | None = None) -> Value:
        """Data terms and penalties of one pass.

        Parameters
        ----------
        run : Run
            The pass.
        targets : mapping of str to Tensor, shape (..., site) or (..., site, depth)
            Observations in the units of the outputs, NaN where there is none.
        model : Model
            That made the pass.
        valid : Tensor of bool, shape (..., site), optional
            Sites that are more than padding; padding has no observations.

        Returns
        -------
        Value
        """
        total, terms = self.data(run, targets)
        for name, weight in self.options.penalties.items():
            term = self.penalties[name].value(run, model, valid)
            terms[name] = term.detach()
            total = total + weight * term
        return Value(total, terms)

    def data(self, run: Run, targets: Mapping[str, Tensor], name: str | None = None) -> Value:
        """The data terms alone.

        Parameters
        ----------
        run, targets
            As for :meth:`forward`.
        name : str, optional
            Replaces the losses of all targets by another, equally weighted.

        Returns
        -------
        Value
        """
        axis = run.raw.ndim - 2  # of the sites
        losses = {t: self._loss(t, k, name) for k, t in enumerate(targets)}
        variance = None
        if self.log_variance is not None and name is None:
            variance = {t: self.log_variance[..., k] for k, t in enumerate(targets)}
        predicted = {t: run.outputs[t].flatten(axis) for t in targets}
        observed = {t: v.flatten(axis) for t, v in targets.items()}
        weights = None if name else self.weights
        total, terms = multi_task_loss(predicted, observed, losses, weights, log_variance=variance)
        return Value(total, dict(terms))

    def _loss(self, target: str, k: int, name: str | None) -> Loss:
        name = name or self.losses[target]
        if name == "smooth_l1":
            return partial(smooth_l1_loss, beta=self.options.beta)
        if name == "gaussian":
            sd = self.options.observation_sd
            if isinstance(sd, str):
                assert self.log_sd is not None
                return partial(gaussian_loss, sd=self.log_sd[..., k].exp())
            return partial(gaussian_loss, sd=sd[target])
        return LOSSES[name]


def _weights(options: LossOptions, counts: Mapping[str, int]) -> dict[str, float]:
    """Weight of every target: its own factor, times one by its training count that is 1 on average."""
    power = COUNT_POWERS.get(options.weighting, 0.0)
    mean = sum(n**power for n in counts.values()) / len(counts)
    return {t: float(options.weights.get(t, 1.0)) * float(n**power / mean) for t, n in counts.items()}


def _start_sd(observed: Mapping[str, Tensor]) -> Tensor:
    """Start of the learned observation errors: half the spread of the observations."""
    starts = [0.5 * v.std(correction=0).clamp(min=1e-6) if len(v) else torch.ones(()) for v in observed.values()]
    return torch.stack(starts)


def _check_mean(loss: str, target: str, values: Tensor) -> None:
    if loss not in MEAN_BASED or len(values) < 2:
        return
    mean, sd = float(values.mean()), float(values.std(correction=0))
    if abs(mean) < NEAR_ZERO * sd:
        raise HybridmapError(
            f"target '{target}' has a mean of {mean:.3g} and a spread of {sd:.3g}: the loss '{loss}' divides by the"
            " mean; use kge_bias_sd, nse or mse for it, and never standardise a target under KGE."
        )


def _check_sd(options: LossOptions, losses: Mapping[str, str]) -> None:
    sd = options.observation_sd
    if isinstance(sd, str):
        return
    for target in (t for t, loss in losses.items() if loss == "gaussian"):
        if target not in sd or not float(sd[target]) > 0:
            raise HybridmapError(
                f"the Gaussian loss needs a positive observation_sd of target '{target}', in its unit; give one, or"
                " 'learned'."
            )
