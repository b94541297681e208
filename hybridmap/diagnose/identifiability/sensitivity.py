"""What a change of each parameter does to each prediction, site by site, by automatic differentiation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hybridmap.diagnose.identifiability import NotJudgedError
from hybridmap.model import HybridModel

Array = NDArray[np.float64]

STEP = 1e-4
"""Share of the range by which parameters are moved to hold derivatives against differences."""
INNERMOST = 0.01
"""Derivatives are taken at least this share of the range away from the bounds, where a value has two sides."""
AGREE = 0.1
"""Largest difference between derivative and finite difference, relative to the larger, at the median site."""
CHECKED_SITES = 32
"""Sites where derivatives are held against differences."""
LEAST = 1e-6
"""Derivatives smaller than this share of the largest output are none."""


class Sensitivity(NamedTuple):
    """Derivatives of predictions with respect to learned parameters.

    Attributes
    ----------
    names : tuple of str
        Learned parameters, neural ones first.
    neural : int
        How many of them are.
    rows : array, shape (observation, parameter)
        Change of a prediction [standard deviations of its error] for a change of a parameter through its whole range.
    site : array of int, shape (observation,)
        Whose prediction it is.
    target : array of str, shape (observation,)
        Which quantity.
    """

    names: tuple[str, ...]
    neural: int
    rows: Array
    site: NDArray[np.int64]
    target: NDArray[np.str_]


def sensitivity(
    model: HybridModel,
    covariates: Tensor,
    forcing: Mapping[str, Tensor],
    observed: Mapping[str, Tensor],
    error_sd: Mapping[str, float],
) -> Sensitivity:
    """Derivatives at the parameters that a model predicts, of what was observed alone.

    Parameters
    ----------
    model : HybridModel
        Trained.
    covariates : Tensor, shape (site, covariate)
        Physical units.
    forcing : mapping of str to Tensor, shape (site, ...)
        Units of the process model.
    observed : mapping of str to Tensor, shape (site,) or (site, depth)
        Target → observations; NaN where there is none, of which nothing is learned.
    error_sd : mapping of str to float
        Target → standard deviation of the error of its predictions, in its unit.

    Returns
    -------
    Sensitivity

    Raises
    ------
    NotJudgedError
        If the process model cannot be differentiated, or its derivatives are not those of its outputs.
    """
    names = (*model.neural_names, *model.shared_names)
    with torch.no_grad():
        positions = model.learned_positions(covariates, forcing).double().clamp(INNERMOST, 1 - INNERMOST)
    driven = {name: values.double() for name, values in forcing.items()}
    positions.requires_grad_(True)
    outputs = model.outputs_at(positions, driven)
    rows, sites, targets = [], [], []
    for target, values in observed.items():
        for depth, output in enumerate(_columns(outputs[target])):
            slope = _slope(output, positions)
            is_measured = ~torch.isnan(_columns(values)[depth])
            rows.append((slope[is_measured] / error_sd[target]).numpy())
            sites.append(torch.nonzero(is_measured)[:, 0].numpy())
            targets += [target] * len(rows[-1])
    first = slice(CHECKED_SITES)
    _check(model, positions.detach()[first], {n: v[first] for n, v in driven.items()}, list(observed))
    return Sensitivity(names, len(model.neural_names), np.concatenate(rows), np.concatenate(sites), np.array(targets))


def _columns(values: Tensor) -> list[Tensor]:
    """Values of one depth each, (site,)."""
    return list(values.reshape(len(values), -1).unbind(1))


def _slope(output: Tensor, positions: Tensor) -> Tensor:
    """Derivative of an output (site,) with respect to the parameters of its site (site, parameter)."""
    if not output.requires_grad:
        raise NotJudgedError("the process model has no derivatives (an output is detached from its parameters)")
    finite = torch.where(torch.isfinite(output), output, torch.zeros_like(output))
    (slope,) = torch.autograd.grad(finite.sum(), positions, retain_graph=True)
    return torch.nan_to_num(slope)


def _check(model: HybridModel, positions: Tensor, forcing: Mapping[str, Tensor], targets: list[str]) -> None:
    """Hold the derivative with respect to each parameter against a finite difference, target by target."""
    moved = positions.clone().requires_grad_(True)
    outputs = model.outputs_at(moved, forcing)
    slopes = {
        target: _slope(torch.nan_to_num(outputs[target]).reshape(len(moved), -1).sum(1), moved) for target in targets
    }
    for place, name in enumerate((*model.neural_names, *model.shared_names)):
        step = torch.zeros(positions.shape[1], dtype=positions.dtype)
        step[place] = STEP
        with torch.no_grad():
            ends = [model.outputs_at(positions + sign * step, forcing) for sign in (1, -1)]
        for target, slope in slopes.items():
            change = torch.nan_to_num(ends[0][target] - ends[1][target]).reshape(len(positions), -1).sum(1)
            difference = change / (2 * STEP)
            least = LEAST * torch.nan_to_num(ends[0][target]).abs().max()
            scale = torch.maximum(difference.abs(), slope[:, place].abs()) + least
            if ((difference - slope[:, place]).abs() / scale).median() > AGREE:
                raise NotJudgedError(
                    f"the process model has no derivative of '{target}' with respect to {name} that agrees with its"
                    " values (a part of it is detached)"
                )
