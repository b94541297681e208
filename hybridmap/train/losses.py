"""Training losses; torch only. Missing targets are selected away before any arithmetic.

Every loss takes ``(predicted, observed, known)``, reduces over the last dimension and keeps the others, so that folds
and ensemble members that train side by side each get their own value. ``known`` says which pairs count; None takes all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from hybridmap import arithmetic  # noqa: F401 - settles torch's vector functions for this process
from hybridmap.process.base import mean_over

Loss = Callable[..., Tensor]
MIN_OBSERVATIONS = 3
"""A target with fewer valid observations in a batch has no defined spread and is skipped there."""
FLOOR = 1e-12
"""Added under the roots of the KGE, so that gradients of constant and of perfect predictions stay finite."""


class MultiTaskLoss(NamedTuple):
    """Weighted mean over the targets present, and each target's own loss (detached).

    For one model, `terms` leaves absent targets out; for members side by side it holds NaN where one is absent.
    """

    total: Tensor
    terms: dict[str, Tensor]


class _Pairs(NamedTuple):
    """Valid pairs: count, means, centred values (zero where missing) and the mask as numbers."""

    n: Tensor
    mean_p: Tensor
    mean_o: Tensor
    v: Tensor
    u: Tensor


def _pairs(predicted: Tensor, observed: Tensor, valid: Tensor | None) -> _Pairs:
    if valid is None:
        mean_p, mean_o = predicted.mean(-1), observed.mean(-1)
        n = torch.full_like(mean_o, observed.shape[-1])
        return _Pairs(n, mean_p, mean_o, predicted - mean_p[..., None], observed - mean_o[..., None])
    n = valid.sum(-1).clamp(min=1).to(observed)
    p, o = _select(predicted, valid), _select(observed, valid)
    mean_p, mean_o = p.sum(-1) / n, o.sum(-1) / n
    return _Pairs(n, mean_p, mean_o, _select(p - mean_p[..., None], valid), _select(o - mean_o[..., None], valid))


def _select(values: Tensor, valid: Tensor) -> Tensor:
    """Zero where not valid, without letting a NaN there reach value or gradient."""
    return torch.where(valid, values, torch.zeros_like(values))


def kge_loss(predicted: Tensor, observed: Tensor, known: Tensor | None = None, variant: str = "2009") -> Tensor:
    """1 - KGE of Gupta et al. (2009): distance of (r, alpha, beta) from (1, 1, 1).

    Parameters
    ----------
    predicted, observed : Tensor, shape (..., site)
        On the natural scale of the target. The spread of the prediction has a floor of 1e-6 of the observed mean and
        the root one of 1e-6, so that gradients stay finite for constant and for perfect predictions.
    known : Tensor of bool, shape (..., site), optional
        Pairs that count.
    variant : {"2009", "2012", "bias_sd", "pb"}
        Kling et al. (2012) compare coefficients of variation; "bias_sd" puts the bias over the observed spread, for
        targets with a mean near zero; "pb" leaves the ratio of spreads out.

    Returns
    -------
    Tensor, shape (...)

    Examples
    --------
    Twice the mean and twice the spread, perfectly correlated: the distance is the root of 1 + 1.

    >>> observed = torch.tensor([1.0, 2.0, 3.0])
    >>> round(float(kge_loss(2 * observed, observed)), 4)
    1.4142
    """
    x = _pairs(predicted, observed, known)
    sd_o = (x.u.square().sum(-1) / x.n).sqrt()
    sd_p = (x.v.square().sum(-1) / x.n + FLOOR * x.mean_o**2).sqrt()
    r = (x.u * x.v).sum(-1) / x.n / (sd_o * sd_p)
    distance = (r - 1) ** 2
    if variant == "bias_sd":
        distance = distance + ((x.mean_p - x.mean_o) / sd_o) ** 2
    else:
        distance = distance + (x.mean_p / x.mean_o - 1) ** 2
    if variant == "2012":
        distance = distance + (sd_p / sd_o * (x.mean_o / x.mean_p) - 1) ** 2
    elif variant != "pb":
        distance = distance + (sd_p / sd_o - 1) ** 2
    return (distance + FLOOR).sqrt()


def kge_2012_loss(predicted: Tensor, observed: Tensor, known: Tensor | None = None) -> Tensor:
    """1 - KGE with the ratio of coefficients of variation (Kling et al. 2012).

    Parameters
    ----------
    predicted, observed : Tensor, shape (..., site)
        In the unit of the target.
    known : Tensor of bool, shape (..., site), optional
        Pairs that count.

    Returns
    -------
    Tensor, shape (...)
    """
    return kge_loss(predicted, observed, known, "2012")


def kge_bias_sd_loss(predicted: Tensor, observed: Tensor, known: Tensor | None = None) -> Tensor:
    """1 - KGE with the bias over the observed spread: for targets whose mean is near zero.

    Parameters
    ----------
    predicted, observed : Tensor, shape (..., site)
        In the unit of the target.
    known : Tensor of bool, shape (..., site), optional
        Pairs that count.

    Returns
    -------
    Tensor, shape (...)
    """
    return kge_loss(predicted, observed, known, "bias_sd")


def pb_kge_loss(predicted: Tensor, observed: Tensor, known: Tensor | None = None) -> Tensor:
    """1 - KGE of correlation and bias only, without the ratio of spreads.

    Parameters
    ----------
    predicted, observed : Tensor, shape (..., site)
        In the unit of the target.
    known : Tensor of bool, shape (..., site), optional
        Pairs that count.

    Returns
    -------
    Tensor, shape (...)
    """
    return kge_loss(predicted, observed, known, "pb")


def nse_loss(predicted: Tensor, observed: Tensor, known: Tensor | None = None) -> Tensor:
    """SSE/SST, that is 1 - NSE.

    Parameters
    ----------
    predicted, observed : Tensor, shape (..., site)
        In the unit of the target.
    known : Tensor of bool, shape (..., site), optional
        Pairs that count.

    Returns
    -------
    Tensor, shape (...)
    """
    x = _pairs(predicted, observed, known)
    return mean_over((predicted - observed).square(), known) * x.n / x.u.square().sum(-1)


def mse_loss(predicted: Tensor, observed: Tensor, known: Tensor | None = None) -> Tensor:
    """Mean squared error, in the unit of the target squared.

    Parameters
    ----------
    predicted, observed : Tensor, shape (..., site)
        In the unit of the target.
    known : Tensor of bool, shape (..., site), optional
        Pairs that count.

    Returns
    -------
    Tensor, shape (...)

    Examples
    --------
    >>> float(mse_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0])))
    2.0
    """
    return mean_over((predicted - observed).square(), known)


def mae_loss(predicted: Tensor, observed: Tensor, known: Tensor | None = None) -> Tensor:
    """Mean absolute error, in the unit of the target.

    Parameters
    ----------
    predicted, observed : Tensor, shape (..., site)
        In the unit of the target.
    known : Tensor of bool, shape (..., site), optional
        Pairs that count.

    Returns
    -------
    Tensor, shape (...)
    """
    return mean_over((predicted - observed).abs(), known)


def smooth_l1_loss(predicted: Tensor, observed: Tensor, beta: float = 1.0, known: Tensor | None = None) -> Tensor:
    """Mean of d^2/(2 beta) below beta and d - beta/2 above, d = |p - o|.

    Parameters
    ----------
    predicted, observed : Tensor, shape (..., site)
        In the unit of the target.
    beta : float
        Where the square turns straight, in the unit of the target.
    known : Tensor of bool, shape (..., site), optional
        Pairs that count.

    Returns
    -------
    Tensor, shape (...)
    """
    return mean_over(torch.nn.functional.smooth_l1_loss(predicted, observed, beta=beta, reduction="none"), known)


def gaussian_loss(predicted: Tensor, observed: Tensor, sd: Tensor | float = 1.0, known: Tensor | None = None) -> Tensor:
    """Mean negative logarithm of the normal density, less ln(2 pi)/2.

    Parameters
    ----------
    predicted, observed : Tensor, shape (..., site)
        In the unit of the target.
    sd : float or Tensor, shape (...) or (..., site)
        Standard deviation of the observations in the unit of the target: one number, one a member, or one a site.
    known : Tensor of bool, shape (..., site), optional
        Pairs that count.

    Returns
    -------
    Tensor, shape (...)
    """
    spread = torch.as_tensor(sd, dtype=predicted.dtype, device=predicted.device)
    spread = spread[..., None] if spread.ndim < predicted.ndim else spread
    return mean_over(0.5 * ((predicted - observed) / spread).square() + torch.log(spread), known)


LOSSES: dict[str, Loss] = {
    "kge": kge_loss,
    "kge_2012": kge_2012_loss,
    "kge_bias_sd": kge_bias_sd_loss,
    "pb_kge": pb_kge_loss,
    "nse": nse_loss,
    "mse": mse_loss,
    "mae": mae_loss,
    "smooth_l1": smooth_l1_loss,
    "gaussian": gaussian_loss,
}
MEAN_BASED = ("kge", "kge_2012", "pb_kge")
"""Losses that divide by the observed mean, and so make no sense for a target whose mean is near zero."""
SPREAD_BASED = (*MEAN_BASED, "kge_bias_sd", "nse")
"""Losses that divide by the observed spread, and so say nothing of a target that is the same everywhere."""


def multi_task_loss(
    predicted: Mapping[str, Tensor],
    observed: Mapping[str, Tensor],
    loss: Loss | Mapping[str, Loss] = kge_loss,
    weights: Mapping[str, float] | None = None,
    n_min: int = MIN_OBSERVATIONS,
    log_variance: Mapping[str, Tensor] | None = None,
) -> MultiTaskLoss:
    """Weighted mean of `loss` over the targets that have enough observations.

    Parameters
    ----------
    predicted, observed : mapping of str to Tensor, shape (..., site)
        By target name; NaN in `observed` means not measured.
    loss : callable, or one a target
        Of (predicted, observed, known=mask), as all in `LOSSES`.
    weights : mapping of str to float, optional
        Default 1. Only the weights of targets present are in the normaliser.
    n_min : int
        Targets with fewer observations, or with no spread, are left out.
    log_variance : mapping of str to Tensor, optional
        Learned s of Kendall et al. (2018, arXiv 1705.07115): the total is then the sum of exp(-s) L / 2 + s / 2 over
        the targets present, s clamped to [-6, 6].

    Returns
    -------
    MultiTaskLoss
        `total` is 0 without gradient if no target is present: skip the step then.

    Examples
    --------
    >>> nan = float("nan")
    >>> predicted = {"soc": torch.tensor([1.0, 2.0, 3.0]), "mbc": torch.tensor([1.0, 1.0, 1.0])}
    >>> observed = {"soc": torch.tensor([1.0, 2.0, 6.0]), "mbc": torch.tensor([nan, nan, 0.2])}
    >>> multi_task_loss(predicted, observed, mse_loss)  # microbial biomass has too few observations
    MultiTaskLoss(total=tensor(3.), terms={'soc': tensor(3.)})
    """
    first = next(iter(predicted.values()))
    total, norm = first.new_zeros(first.shape[:-1]), first.new_zeros(first.shape[:-1])
    terms: dict[str, Tensor] = {}
    for target, values in observed.items():
        valid = ~torch.isnan(values)
        present = (valid.sum(-1) >= n_min) & has_spread(values, valid)
        function = loss[target] if isinstance(loss, Mapping) else loss
        # An absent target still passes through the formula: harmless values keep its gradient free of NaN.
        safe = torch.where(valid, values, torch.zeros_like(values))
        ramp = torch.arange(values.shape[-1], device=values.device, dtype=values.dtype) + 1.0
        safe = torch.where(present[..., None], safe, ramp)
        guess = torch.where(valid & present[..., None], predicted[target], ramp)
        term = function(guess, safe, known=valid | ~present[..., None])
        if log_variance is not None:
            s = log_variance[target].clamp(-6.0, 6.0)
            share, weight = 0.5 * (torch.exp(-s) * term + s), torch.zeros_like(term)
        else:
            weight = torch.full_like(term, 1.0 if weights is None else float(weights.get(target, 1.0)))
            share = weight * term
        total = total + torch.where(present, share, torch.zeros_like(share))
        norm = norm + torch.where(present, weight, torch.zeros_like(weight))
        terms[target] = torch.where(present, term.detach(), torch.nan)
    if log_variance is None:
        total = total / torch.where(norm > 0, norm, torch.ones_like(norm))
    stacked = first.ndim > 1
    return MultiTaskLoss(total, {name: term for name, term in terms.items() if stacked or not bool(torch.isnan(term))})


def has_spread(values: Tensor, known: Tensor) -> Tensor:
    """Whether the known values (..., site) are not all equal; False where none is known."""
    high = torch.where(known, values, -torch.inf).amax(-1)
    return high > torch.where(known, values, torch.inf).amin(-1)


def parameter_violation(raw: Tensor, limit: float = 3.0) -> Tensor:
    """Sum of max(0, |z| - limit) over raw parameters of any shape: how far a hard sigmoid is saturated."""
    return torch.relu(raw.abs() - limit).sum()


def cosh_prior(position: Tensor, tau: float = 10.0) -> Tensor:
    """Mean of cosh(tau (q - 1/2)) - 1 over positions q in [0, 1] between the bounds; keeps parameters off them.

    Over the last two dimensions (site, parameter) where there are more, for members side by side.
    """
    value = torch.cosh(tau * (position - 0.5)) - 1.0
    return value.mean((-2, -1)) if value.ndim > 2 else value.mean()
