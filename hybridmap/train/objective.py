"""What training minimises: the data terms of every target, and named penalties beside them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hybridmap.errors import HybridmapError
from hybridmap.model import Model, Run
from hybridmap.model.spread_head import ABOVE, BELOW, SPREAD, head_name, log_offsets
from hybridmap.options import LossOptions
from hybridmap.options.loss import OF_SPREAD, ON_LOGARITHMS, QUANTILES
from hybridmap.train.log_losses import LOG_LOSSES, QUANTILE_LOSSES, log_and_square_loss, smooth_l1_log_loss
from hybridmap.train.losses import (
    LOSSES,
    MEAN_BASED,
    MIN_OBSERVATIONS,
    SPREAD_BASED,
    Loss,
    gaussian_loss,
    multi_task_loss,
    smooth_l1_loss,
)
from hybridmap.train.penalties import penalties_of

LOG = logging.getLogger("hybridmap")
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

    offset: Tensor
    mean: Tensor

    def __init__(self, options: LossOptions, targets: Mapping[str, Tensor], model: Model) -> None:
        super().__init__()
        self.options = options
        self.losses = {target: options.name_of(target) for target in targets}
        observed = {t: v[~torch.isnan(v)].double() for t, v in targets.items()}
        for target, values in observed.items():
            _warn_of_constant(self.losses[target], target, values)
            _check_mean(self.losses[target], target, values)
        self.penalties = penalties_of(model, options.penalties)
        _check_sd(options, self.losses)
        self.weights = _weights(options, {t: max(len(v), 1) for t, v in observed.items()})
        learned = options.weighting == "learned"
        self.log_variance = nn.Parameter(torch.zeros(len(targets))) if learned else None
        _check_logarithms(self.losses, observed)
        self.register_buffer("offset", log_offsets(targets).float())
        self.register_buffer("mean", _means(observed).float())
        self.log_sd = nn.Parameter(self._start_sd(observed).log().float()) if self._learns_sd() else None

    def _learns_sd(self) -> bool:
        return bool({"gaussian", *OF_SPREAD} & set(self.losses.values())) and self.options.observation_sd == "learned"

    def _start_sd(self, observed: Mapping[str, Tensor]) -> Tensor:
        """Start of the learned errors: half the spread of the observations, or of their logarithms."""
        starts = []
        for k, (target, values) in enumerate(observed.items()):
            is_log = self.losses[target] in OF_SPREAD
            spread = (values.clamp(min=0.0) + self.offset[k]).log() if is_log else values
            starts.append(0.5 * spread.std(correction=0).clamp(min=1e-6) if len(values) else torch.ones(()))
        return torch.stack(starts)

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
        losses = {t: self._loss(t, k, run, name) for k, t in enumerate(targets)}
        variance = None
        if self.log_variance is not None and name is None:
            variance = {t: self.log_variance[..., k] for k, t in enumerate(targets)}
        predicted = {t: run.outputs[t].flatten(axis) for t in targets}
        observed = {t: v.flatten(axis) for t, v in targets.items()}
        weights = None if name else self.weights
        total, terms = multi_task_loss(predicted, observed, losses, weights, log_variance=variance)
        return Value(total, dict(terms))

    def _loss(self, target: str, k: int, run: Run, name: str | None) -> Loss:
        name = name or self.losses[target]
        if name in OF_SPREAD:
            return partial(LOG_LOSSES[name], offset=self.offset[..., k], spread=self._spread(target, k, run))
        if name in ("smooth_l1_log", "log_and_square", *QUANTILES):
            return self._log_loss(target, k, run, name)
        if name == "smooth_l1":
            return partial(smooth_l1_loss, beta=self.options.beta)
        if name == "gaussian":
            return partial(gaussian_loss, sd=self._sd(target, k))
        return LOSSES[name]

    def _log_loss(self, target: str, k: int, run: Run, name: str) -> Loss:
        offset, mean = self.offset[..., k], self.mean[..., k]
        if name == "smooth_l1_log":
            return partial(smooth_l1_log_loss, offset=offset)
        if name == "log_and_square":
            return partial(log_and_square_loss, offset=offset, mean=mean)
        ends = run.outputs[head_name(BELOW, target)], run.outputs[head_name(ABOVE, target)]
        return partial(QUANTILE_LOSSES[name], offset=offset, mean=mean, ends=ends, level=self.options.level)

    def _sd(self, target: str, k: int) -> Tensor | float:
        """Error of the observations, () or (member,)."""
        sd = self.options.observation_sd
        if not isinstance(sd, str):
            return float(sd[target])
        assert self.log_sd is not None
        return self.log_sd[..., k].exp()

    def _spread(self, target: str, k: int, run: Run) -> Tensor:
        """Spread of the logarithm at every site (..., site)."""
        if self.options.observation_sd == "neural":
            return run.outputs[head_name(SPREAD, target)]
        sites = run.outputs[target]
        return torch.as_tensor(self._sd(target, k), dtype=sites.dtype, device=sites.device)[..., None].expand_as(sites)


def _weights(options: LossOptions, counts: Mapping[str, int]) -> dict[str, float]:
    """Weight of every target: its own factor, times one by its training count that is 1 on average."""
    power = COUNT_POWERS.get(options.weighting, 0.0)
    mean = sum(n**power for n in counts.values()) / len(counts)
    return {t: float(options.weights.get(t, 1.0)) * float(n**power / mean) for t, n in counts.items()}


def _means(observed: Mapping[str, Tensor]) -> Tensor:
    """Mean of each target in training, (target,); 1 where it was not measured, or is not above 0."""
    means = [values.mean() if len(values) else torch.ones(()) for values in observed.values()]
    return torch.stack([mean if mean > 0 else torch.ones_like(mean) for mean in means])


def _check_logarithms(losses: Mapping[str, str], observed: Mapping[str, Tensor]) -> None:
    for target, values in observed.items():
        if losses[target] in ON_LOGARITHMS and bool((values < 0).any()):
            raise HybridmapError(
                f"target '{target}' has values below 0, to {float(values.min()):.3g}: the loss '{losses[target]}' takes"
                " logarithms; use mse, smooth_l1 or gaussian for it."
            )


def _warn_of_constant(loss: str, target: str, values: Tensor) -> None:
    if loss in SPREAD_BASED and len(values) >= MIN_OBSERVATIONS and bool((values == values[0]).all()):
        LOG.warning(
            "target '%s' is %.4g at all %d training sites: the loss '%s' divides by its spread, so nothing is learned"
            " of it; look whether its column was mapped right, or leave it out",
            target, values[0], len(values), loss,
        )  # fmt: skip


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
        if sd == "neural" and "gaussian" in losses.values():
            raise HybridmapError("observation_sd: neural is for losses on logarithms; use gaussian_log, or 'learned'.")
        return
    for target, loss in losses.items():
        if loss in ("gaussian", *OF_SPREAD) and (target not in sd or not float(sd[target]) > 0):
            raise HybridmapError(
                f"the loss '{loss}' needs a positive observation_sd of target '{target}', in its unit; give one, or"
                " 'learned'."
            )
