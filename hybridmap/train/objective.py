"""What training minimises: the data terms of every target, and named penalties beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hybridmap.encoders import KAN
from hybridmap.errors import HybridmapError
from hybridmap.model.hybrid import HybridModel, Model, Run
from hybridmap.train.losses import (
    LOSSES,
    MEAN_BASED,
    Loss,
    cosh_prior,
    dissolved_penalty,
    feasibility_penalty,
    gaussian_loss,
    multi_task_loss,
    saturation_penalty,
    smooth_l1_loss,
)  # fmt: skip
from hybridmap.train.options import LossOptions

NEAR_ZERO = 1e-3
"""A target whose mean is nearer to zero than this share of its spread is refused by losses that divide by it."""
POOLS: dict[str, Callable[..., Tensor]] = {
    "feasibility": feasibility_penalty,
    "saturation": saturation_penalty,
    "dissolved": dissolved_penalty,
}
POOL_OUTPUTS = {"feasibility": "margin_uptake", "saturation": "moc_saturation", "dissolved": "doc"}
CURVES = ("entropy", "l1", "smoothness")


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
        names = list(targets)
        self.losses = {t: options.name if isinstance(options.name, str) else options.name.get(t, "kge") for t in names}
        seen = {t: v[~torch.isnan(v)].double() for t, v in targets.items()}
        for target, values in seen.items():
            _check_mean(self.losses[target], target, values)
        _check_penalties(options.penalties, model)
        _check_sd(options, self.losses)
        counts = {t: max(len(v), 1) for t, v in seen.items()}
        self.weights = {t: float(options.weights.get(t, 1.0)) * _weight(options.weighting, counts, t) for t in names}
        learned = options.weighting == "learned"
        self.log_variance = nn.Parameter(torch.zeros(len(names))) if learned else None
        self.log_sd = nn.Parameter(_start_sd(seen).log().float()) if self._learns_sd() else None

    def _learns_sd(self) -> bool:
        return "gaussian" in self.losses.values() and self.options.observation_sd == "learned"

    def forward(self, run: Run, targets: Mapping[str, Tensor], model: Model, valid: Tensor | None = None) -> Value:
        """Value for outputs and targets (..., site) or (..., site, depth), NaN where not observed.

        `valid` (..., site) says which sites are more than padding; padding has no observations.
        """
        total, terms = self.data(run, targets)
        for name, weight in self.options.penalties.items():
            term = self._penalty(name, run, model, valid)
            terms[name] = term.detach()
            total = total + weight * term
        return Value(total, terms)

    def data(self, run: Run, targets: Mapping[str, Tensor], name: str | None = None) -> Value:
        """The data terms alone; `name` replaces the losses of all targets by another, equally weighted."""
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
            given = self.options.observation_sd
            if isinstance(given, str):
                assert self.log_sd is not None
                return partial(gaussian_loss, sd=self.log_sd[..., k].exp())
            return partial(gaussian_loss, sd=given[target])
        return LOSSES[name]

    def _penalty(self, name: str, run: Run, model: Model, valid: Tensor | None) -> Tensor:
        if name in POOLS:
            return POOLS[name](run.outputs, known=valid)
        if name == "violation":
            assert isinstance(model, HybridModel)
            beyond = model.constraint.violation(run.raw).sum(-1)
            return (beyond if valid is None else beyond * valid).sum(-1)
        if name == "cosh_prior":
            position = run.position if valid is None else torch.where(valid[..., None], run.position, 0.5)
            share = 1.0 if valid is None else valid.shape[-1] / valid.sum(-1).clamp(min=1)
            return cosh_prior(position) * share
        curves = model.encoder
        assert isinstance(curves, KAN)
        return curves.smoothness() if name == "smoothness" else curves.sparsity(valid)[CURVES.index(name)]


def _weight(weighting: str, counts: Mapping[str, int], target: str) -> float:
    """Weight of a target by its training count, 1 on average."""
    power = {"inverse_count": -1.0, "sqrt_count": 0.5}.get(weighting, 0.0)
    return float(counts[target] ** power / (sum(n**power for n in counts.values()) / len(counts)))


def _start_sd(seen: Mapping[str, Tensor]) -> Tensor:
    """Start of the learned observation errors: half the spread of the observations."""
    return torch.stack([0.5 * v.std(correction=0).clamp(min=1e-6) if len(v) else torch.ones(()) for v in seen.values()])


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
    given = options.observation_sd
    for target in (t for t, loss in losses.items() if loss == "gaussian" and not isinstance(given, str)):
        if target not in given or not float(given[target]) > 0:  # type: ignore[index]
            raise HybridmapError(
                f"the Gaussian loss needs a positive observation_sd of target '{target}', in its unit; give one, or"
                " 'learned'."
            )


def _check_penalties(penalties: Mapping[str, float], model: Model) -> None:
    outputs = model.output_info()
    for name in penalties:
        if name in POOL_OUTPUTS and POOL_OUTPUTS[name] not in outputs:
            raise HybridmapError(
                f"the penalty '{name}' needs the output '{POOL_OUTPUTS[name]}', which the model lacks."
            )
        if name in ("violation", "cosh_prior") and not model.neural_names:
            raise HybridmapError(f"the penalty '{name}' needs neural parameters, and the model has none.")
        if name in CURVES and not isinstance(model.encoder, KAN):
            raise HybridmapError(f"the penalty '{name}' needs the encoder 'kan'.")
