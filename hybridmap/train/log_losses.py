"""Training losses on logarithms, and of predicted distributions; torch only.

The logarithm is that of ``x + offset``, so that zeros count and the smallest values do not rule. As the other losses,
each reduces over the last dimension, keeps the others, and ``known`` says which pairs count.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hybridmap.model.spread_head import log_of
from hybridmap.process.base import mean_over
from hybridmap.train.losses import gaussian_loss, smooth_l1_loss

DEGREES_OF_FREEDOM = 4.0
"""Of Student's t: heavy tails that still have a variance."""
SQUARE_SHARE = 0.3
"""Weight of the squared error over the squared mean beside that of logarithms, in `log_and_square_loss`."""
BEND = 0.5
"""Where smooth L1 on logarithms turns straight: a factor of 1.6."""
END_WEIGHT = 2.0
"""Of the pinball losses beside that of the centre."""
SQRT_PI = math.sqrt(math.pi)


def smooth_l1_log_loss(
    predicted: Tensor, observed: Tensor, offset: Tensor | float, known: Tensor | None = None
) -> Tensor:
    """Smooth L1 of the difference of logarithms.

    Parameters
    ----------
    predicted, observed : Tensor, shape (..., site)
        In the unit of the target.
    offset : float or Tensor, shape (...)
        Added before the logarithm, in the unit of the target.
    known : Tensor of bool, shape (..., site), optional
        Pairs that count.

    Returns
    -------
    Tensor, shape (...)
    """
    return smooth_l1_loss(log_of(predicted, offset), log_of(observed, offset), BEND, known)


def log_and_square_loss(
    predicted: Tensor, observed: Tensor, offset: Tensor | float, mean: Tensor | float, known: Tensor | None = None
) -> Tensor:
    """Smooth L1 of logarithms and a share of the squared error over the squared mean: most soils and totals both count.

    Parameters
    ----------
    predicted, observed : Tensor, shape (..., site)
        In the unit of the target.
    offset, mean : float or Tensor, shape (...)
        Added before the logarithm; mean of the target in training. In its unit.
    known : Tensor of bool, shape (..., site), optional
        Pairs that count.

    Returns
    -------
    Tensor, shape (...)
    """
    square = _square(predicted, observed, mean, known)
    return smooth_l1_log_loss(predicted, observed, offset, known) + SQUARE_SHARE * square


def gaussian_log_loss(
    predicted: Tensor, observed: Tensor, offset: Tensor | float, spread: Tensor, known: Tensor | None = None
) -> Tensor:
    """Mean negative log-likelihood of a normal distribution of logarithms, less its constant.

    Parameters
    ----------
    predicted, observed : Tensor, shape (..., site)
        In the unit of the target.
    offset : float or Tensor, shape (...)
        Added before the logarithm, in the unit of the target.
    spread : Tensor, shape (..., site)
        Standard deviation of the logarithm.
    known : Tensor of bool, shape (..., site), optional
        Pairs that count.

    Returns
    -------
    Tensor, shape (...)
    """
    return gaussian_loss(log_of(predicted, offset), log_of(observed, offset), spread, known)


def student_t_log_loss(
    predicted: Tensor, observed: Tensor, offset: Tensor | float, spread: Tensor, known: Tensor | None = None
) -> Tensor:
    """Mean negative log-likelihood of Student's t of logarithms, less its constant; arguments as `gaussian_log_loss`.

    Parameters
    ----------
    predicted, observed : Tensor, shape (..., site)
        In the unit of the target.
    offset : float or Tensor, shape (...)
        Added before the logarithm, in the unit of the target.
    spread : Tensor, shape (..., site)
        Scale of the distribution of the logarithm.
    known : Tensor of bool, shape (..., site), optional
        Pairs that count.

    Returns
    -------
    Tensor, shape (...)
    """
    z = (log_of(predicted, offset) - log_of(observed, offset)) / spread
    freedom = DEGREES_OF_FREEDOM
    return mean_over(0.5 * (freedom + 1.0) * torch.log1p(z.square() / freedom) + spread.log(), known)


def crps_log_loss(
    predicted: Tensor, observed: Tensor, offset: Tensor | float, spread: Tensor, known: Tensor | None = None
) -> Tensor:
    """Mean continuous ranked probability score of a normal distribution of logarithms.

    Parameters
    ----------
    predicted, observed : Tensor, shape (..., site)
        In the unit of the target.
    offset : float or Tensor, shape (...)
        Added before the logarithm, in the unit of the target.
    spread : Tensor, shape (..., site)
        Standard deviation of the logarithm.
    known : Tensor of bool, shape (..., site), optional
        Pairs that count.

    Returns
    -------
    Tensor, shape (...)

    Notes
    -----
    Gneiting & Raftery 2007, doi 10.1198/016214506000001437, equation 21.
    """
    z = (log_of(observed, offset) - log_of(predicted, offset)) / spread
    density = torch.exp(-0.5 * z.square()) / math.sqrt(2.0 * math.pi)
    below = 0.5 * (1.0 + torch.erf(z / math.sqrt(2.0)))
    return mean_over(spread * (z * (2.0 * below - 1.0) + 2.0 * density - 1.0 / SQRT_PI), known)


def pinball_loss(predicted: Tensor, observed: Tensor, share: float, known: Tensor | None = None) -> Tensor:
    """Mean pinball loss of a quantile, in the unit of what is compared.

    Parameters
    ----------
    predicted, observed : Tensor, shape (..., site)
        Of one unit.
    share : float
        Of the observations that lie below the quantile.
    known : Tensor of bool, shape (..., site), optional
        Pairs that count.

    Returns
    -------
    Tensor, shape (...)

    Examples
    --------
    >>> pinball_loss(torch.tensor([1.0, 1.0]), torch.tensor([0.0, 3.0]), 0.9)
    tensor(0.9500)
    """
    error = observed - predicted
    return mean_over(torch.maximum(share * error, (share - 1.0) * error), known)


def log_quantile_loss(
    predicted: Tensor,
    observed: Tensor,
    *,
    offset: Tensor | float,
    mean: Tensor | float,
    ends: tuple[Tensor, Tensor],
    level: float,
    known: Tensor | None = None,
) -> Tensor:
    """`log_and_square_loss` of the centre, and pinball losses of two ends around its logarithm.

    Parameters
    ----------
    predicted, observed : Tensor, shape (..., site)
        In the unit of the target.
    offset, mean : float or Tensor, shape (...)
        Added before the logarithm; mean of the target in training. In its unit.
    ends : pair of Tensor, shape (..., site)
        Distances of the lower and the upper end from the logarithm of the centre.
    level : float
        Share of the observations between the ends.
    known : Tensor of bool, shape (..., site), optional
        Pairs that count.

    Returns
    -------
    Tensor, shape (...)
    """
    centre = log_and_square_loss(predicted, observed, offset, mean, known)
    return centre + END_WEIGHT * _ends_loss(log_of(predicted, offset), log_of(observed, offset), ends, level, known)


def square_quantile_loss(
    predicted: Tensor,
    observed: Tensor,
    *,
    offset: Tensor | float,
    mean: Tensor | float,
    ends: tuple[Tensor, Tensor],
    level: float,
    known: Tensor | None = None,
) -> Tensor:
    """Squared error of the centre over the squared mean, and pinball losses of two ends around its logarithm.

    The centre is the mean of what may be observed, so totals have no bias; the ends do not move it.

    Parameters
    ----------
    predicted, observed : Tensor, shape (..., site)
        In the unit of the target.
    offset, mean : float or Tensor, shape (...)
        Added before the logarithm; mean of the target in training. In its unit.
    ends : pair of Tensor, shape (..., site)
        Distances of the lower and the upper end from the logarithm of the centre.
    level : float
        Share of the observations between the ends.
    known : Tensor of bool, shape (..., site), optional
        Pairs that count.

    Returns
    -------
    Tensor, shape (...)
    """
    centre = log_of(predicted, offset).detach()
    return _square(predicted, observed, mean, known) + END_WEIGHT * _ends_loss(
        centre, log_of(observed, offset), ends, level, known
    )


def _ends_loss(
    centre: Tensor, truth: Tensor, ends: tuple[Tensor, Tensor], level: float, valid: Tensor | None
) -> Tensor:
    """Pinball losses of both ends of an interval around the centre (..., site)."""
    lower = pinball_loss(centre - ends[0], truth, 0.5 * (1.0 - level), valid)
    return lower + pinball_loss(centre + ends[1], truth, 0.5 * (1.0 + level), valid)


def _square(predicted: Tensor, observed: Tensor, mean: Tensor | float, valid: Tensor | None) -> Tensor:
    """Mean squared error over the squared mean."""
    scale = torch.as_tensor(mean, dtype=predicted.dtype, device=predicted.device)[..., None]
    return mean_over(((predicted - observed) / scale).square(), valid)


QUANTILE_LOSSES = {"log_quantiles": log_quantile_loss, "square_quantiles": square_quantile_loss}
"""Losses of a centre and two ends."""
LOG_LOSSES = {"gaussian_log": gaussian_log_loss, "student_t_log": student_t_log_loss, "crps_log": crps_log_loss}
"""Losses of a distribution of logarithms."""
