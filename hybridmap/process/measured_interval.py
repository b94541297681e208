"""From values by layer of a model to the interval that was measured."""

from __future__ import annotations

import torch
from torch import Tensor


def layer_mean(values: Tensor, axis: int, interfaces: Tensor, top_m: Tensor, bottom_m: Tensor) -> Tensor:
    """Mean over an interval of values that a model gives by layer, weighted by thickness.

    Parameters
    ----------
    values : Tensor, shape (site, ..., layer, ...)
        Of layers that touch, from the surface down.
    axis : int
        That of the layers.
    interfaces : Tensor, shape (layer + 1,)
        Ends of the layers [m].
    top_m, bottom_m : Tensor, shape (site,) or ()
        Ends of the interval [m].

    Returns
    -------
    Tensor, shape (site, ...)
        NaN where the interval shares nothing with the layers.

    Examples
    --------
    >>> ends = torch.tensor([0.0, 0.1, 0.5])
    >>> layer_mean(torch.tensor([[4.0, 1.0]]), 1, ends, torch.tensor([0.0]), torch.tensor([0.2]))
    tensor([2.5000])
    """
    ends = interfaces.to(values)
    upper, lower = top_m.to(values).reshape(-1, 1), bottom_m.to(values).reshape(-1, 1)
    shared = (torch.minimum(ends[1:], lower) - torch.maximum(ends[:-1], upper)).clamp(min=0.0)
    weights = shared / shared.sum(1, keepdim=True)
    last = values.movedim(axis, -1)
    return (last * weights.reshape(len(weights), *([1] * (last.ndim - 2)), -1)).sum(-1)
