"""How wrong predictions are at sites that the weights never saw, in the unit of a target or on its logarithm."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from hybridmap.errors import HybridmapError
from hybridmap.model.spread_head import log_of, log_offsets

SMALLEST = 1e-9
"""Least error, of one that fits perfectly."""


class ErrorScale(NamedTuple):
    """Root mean square error of a target, and what was added before its logarithm, None where there is none."""

    sd: float
    offset: float | None = None


def error_scale(predicted: Tensor, observed: Tensor) -> ErrorScale:
    """Error of a target, on the scale on which a normal distribution makes the observations more probable.

    Parameters
    ----------
    predicted, observed : Tensor, shape (site,) or (site, depth)
        In one unit; observations are NaN where there are none.

    Returns
    -------
    ErrorScale

    Examples
    --------
    >>> predicted = torch.tensor([1.0, 10.0, 100.0, 1000.0])
    >>> error_scale(predicted, predicted * torch.tensor([1.1, 0.9, 0.9, 1.1])).offset is not None
    True
    >>> error_scale(predicted, predicted + torch.tensor([0.1, -0.1, -0.1, 0.1])).offset is None
    True
    """
    is_known = torch.isfinite(predicted) & ~torch.isnan(observed)
    model, values = predicted[is_known].double(), observed[is_known].double()
    plain = ErrorScale(_rms(values - model))
    if not len(values) or bool((values < 0).any()):
        return plain
    offset = float(log_offsets({"": values})[0])
    on_logs = ErrorScale(_rms(log_of(values, offset) - log_of(model, offset)), offset)
    # A density on logarithms is one per unit of the target after division by the target.
    gain = math.log(plain.sd) - math.log(on_logs.sd) - float((values + offset).log().mean())
    return on_logs if gain > 0 else plain


def _rms(errors: Tensor) -> float:
    return max(float(errors.square().mean().sqrt()), SMALLEST) if len(errors) else 1.0


def error_scales(predicted: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, ErrorScale]:
    """Error of every target (site, ...) by name.

    Raises
    ------
    HybridmapError
        If nothing was observed of one.
    """
    for name, values in targets.items():
        if bool(torch.isnan(values).all()):
            raise HybridmapError(
                f"target '{name}' has no observation in the validation part, whose errors the posterior rests on; use"
                " fewer folds, or leave the target out."
            )
    return {name: error_scale(predicted[name], values) for name, values in targets.items()}
