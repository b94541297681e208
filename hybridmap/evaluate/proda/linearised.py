"""Where the process fits each site best, and the normal distribution that it has there if it is linear."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hybridmap.evaluate.proda.likelihood import Residuals

Array = NDArray[np.float64]

ITERATIONS = 20
DAMPING, EASIER, HARDER = 1.0, 0.4, 4.0
"""Damping of the first step, and what it is multiplied by after one that fits better, or worse."""


class Normals(NamedTuple):
    """A normal distribution a site, or a run at one.

    Attributes
    ----------
    centre : array, shape (site, parameter)
        Mean, in normal quantiles.
    factor : array, shape (site, parameter, parameter)
        Lower triangle whose product with its transpose is the covariance.
    """

    centre: Array
    factor: Array


def positions_of(normal: Tensor) -> Tensor:
    """Positions in the range, 0 to 1, of normal quantiles (..., parameter)."""
    quantiles: Tensor = torch.special.ndtr(normal)
    return quantiles


def linearise(residuals: Residuals, start: Array) -> tuple[Normals, Array]:
    """Best fits by Gauss-Newton with damping, all runs side by side, and the covariance there.

    Parameters
    ----------
    residuals : callable
        Positions (run, parameter) → residuals (run, observation) [standard deviations].
    start : array, shape (run, parameter)
        Where to go from, in normal quantiles.

    Returns
    -------
    tuple
        `Normals` of the runs, with the standard normal prior, and the misfit at each best fit (run,).
    """
    centre = torch.from_numpy(start)
    damping = torch.full((len(start),), DAMPING, dtype=torch.float64)
    unit = torch.eye(start.shape[1], dtype=torch.float64)
    values, slope = _slope(residuals, centre)
    for _ in range(ITERATIONS):
        precision = slope.transpose(1, 2) @ slope + (1.0 + damping)[:, None, None] * unit
        gradient = centre + (slope * values[:, :, None]).sum(1)
        moved = centre - torch.linalg.solve(precision, gradient)
        moved_values, moved_slope = _slope(residuals, moved)
        is_better = _misfit(moved_values, moved) < _misfit(values, centre)
        damping = damping * torch.where(is_better, EASIER, HARDER)
        centre = torch.where(is_better[:, None], moved, centre)
        values = torch.where(is_better[:, None], moved_values, values)
        slope = torch.where(is_better[:, None, None], moved_slope, slope)
    precision = slope.transpose(1, 2) @ slope + unit
    factor = torch.linalg.cholesky(torch.linalg.inv(precision))
    return Normals(centre.numpy(), factor.numpy()), _misfit(values, centre).numpy()


def _misfit(values: Tensor, centre: Tensor) -> Tensor:
    """Twice the negative logarithm of the posterior, (site,); infinite where the process gives no number."""
    return torch.nan_to_num(values.square().sum(1) + centre.square().sum(1), nan=torch.inf)


def _slope(residuals: Residuals, centre: Tensor) -> tuple[Tensor, Tensor]:
    """Residuals (site, observation), and their derivatives (site, observation, parameter)."""
    place = centre.detach().requires_grad_(True)
    values = residuals(positions_of(place))
    rows = [torch.autograd.grad(column.sum(), place, retain_graph=True)[0] for column in values.unbind(1)]
    return values.detach(), torch.nan_to_num(torch.stack(rows, dim=1))
