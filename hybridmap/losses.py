"""Training losses; torch only. Missing targets are NaN and are selected away before any arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]
MIN_OBSERVATIONS = 3
"""A target with fewer valid observations in a batch has no defined spread and is skipped there."""


class MultiTaskLoss(NamedTuple):
    """Weighted mean over the targets present, and each target's own loss (detached, without absent targets)."""

    total: Tensor
    terms: dict[str, Tensor]


def kge_loss(predicted: Tensor, observed: Tensor) -> Tensor:
    """1 - KGE of Gupta et al. (2009): distance of (r, alpha, beta) from (1, 1, 1).

    Parameters
    ----------
    predicted, observed : Tensor, shape (site,)
        Without missing values, natural scale. The spread of the prediction has a floor of 1e-6 of the observed
        mean and the root one of 1e-6, so that gradients stay finite for constant and for perfect predictions.
    """
    mean_o, mean_p = observed.mean(), predicted.mean()
    u, v = observed - mean_o, predicted - mean_p
    sd_o = u.square().mean().sqrt()
    sd_p = (v.square().mean() + 1e-12 * mean_o**2).sqrt()
    r = (u * v).mean() / (sd_o * sd_p)
    distance = (r - 1) ** 2 + (sd_p / sd_o - 1) ** 2 + (mean_p / mean_o - 1) ** 2
    return (distance + 1e-12).sqrt()


def nse_loss(predicted: Tensor, observed: Tensor) -> Tensor:
    """SSE/SST, that is 1 - NSE. Shapes (site,), no missing values."""
    return (predicted - observed).square().sum() / (observed - observed.mean()).square().sum()


def smooth_l1_loss(predicted: Tensor, observed: Tensor, beta: float = 1.0) -> Tensor:
    """Mean of d^2/(2 beta) below beta and d - beta/2 above, d = |p - o|; `beta` in the unit of the target."""
    return torch.nn.functional.smooth_l1_loss(predicted, observed, beta=beta)


def multi_task_loss(
    predicted: Mapping[str, Tensor],
    observed: Mapping[str, Tensor],
    loss: Loss = kge_loss,
    weights: Mapping[str, float] | None = None,
    n_min: int = MIN_OBSERVATIONS,
) -> MultiTaskLoss:
    """Weighted mean of `loss` over the targets that have enough observations here.

    Parameters
    ----------
    predicted, observed : mapping of str to Tensor, shape (site,)
        By target name; NaN in `observed` means not measured.
    loss : callable
        Of (predicted, observed) without missing values.
    weights : mapping of str to float, optional
        Default 1. Only the weights of targets present are in the normaliser.
    n_min : int
        Targets with fewer observations, or with no spread, are left out.

    Returns
    -------
    MultiTaskLoss
        `total` is 0 without gradient if no target is present: skip the step then.
    """
    terms: dict[str, Tensor] = {}
    total, norm = next(iter(predicted.values())).new_zeros(()), 0.0
    for target, values in observed.items():
        known = ~torch.isnan(values)
        seen = values[known]
        if seen.numel() < n_min or bool((seen == seen[0]).all()):
            continue
        term = loss(predicted[target][known], seen)
        weight = 1.0 if weights is None else float(weights.get(target, 1.0))
        total, norm = total + weight * term, norm + weight
        terms[target] = term.detach()
    return MultiTaskLoss(total / norm if norm else total, terms)


def feasibility_penalty(outputs: Mapping[str, Tensor], margin: float = 0.05) -> Tensor:
    """Mean squared shortfall of both steady-state margins of the five-pool model below `margin` (dimensionless)."""
    short = [torch.relu(margin - outputs[name]).square().mean() for name in ("margin_uptake", "margin_poc")]
    return short[0] + short[1]


def saturation_penalty(outputs: Mapping[str, Tensor]) -> Tensor:
    """Mean squared excess of MOC/Qmax over 1 (dimensionless); vanishes where DOC turned the ratio negative."""
    return torch.relu(outputs["moc_saturation"] - 1.0).square().mean()


def dissolved_penalty(outputs: Mapping[str, Tensor], ratio: float = 0.1) -> Tensor:
    """Keep DOC well below POC: mean squared log of DOC over `ratio` POC where it is larger, and squared negative DOC.

    Dimensionless for the first term, (kg m-3)^2 for the second, which acts in the relaxed formulation only.
    """
    doc, poc = outputs["doc"], outputs["poc"]
    known = (doc > 0) & (poc > 0)
    excess = torch.log(torch.where(known, doc, 1.0) / (ratio * torch.where(known, poc, 1.0 / ratio)))
    return torch.where(known, torch.relu(excess), 0.0).square().mean() + torch.relu(-doc).square().mean()


def parameter_violation(raw: Tensor, limit: float = 3.0) -> Tensor:
    """Sum of max(0, |z| - limit) over raw parameters of any shape: how far a hard sigmoid is saturated."""
    return torch.relu(raw.abs() - limit).sum()


def cosh_prior(position: Tensor, tau: float = 10.0) -> Tensor:
    """Mean of cosh(tau (q - 1/2)) - 1 over positions q in [0, 1] between the bounds; keeps parameters off them."""
    return (torch.cosh(tau * (position - 0.5)) - 1.0).mean()
