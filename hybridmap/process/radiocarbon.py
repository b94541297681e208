"""Radiocarbon of pools that are at steady state, under the atmosphere as it was: before, during and after the bombs."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

DECAY = 1.0 / 8267.0
"""Decay of 14C [yr-1]; of Delta14C, which is relative to a standard that does not decay."""
CURVE = Path(__file__).with_name("atmosphere_14c.csv")


@functools.cache
def atmosphere() -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Years, and the 14C of carbon dioxide in each as a ratio to the standard: 1 + Delta14C / 1000."""
    table = np.loadtxt(CURVE, delimiter=",", skiprows=3)
    return tuple(int(year) for year in table[:, 0]), tuple(float(v) for v in 1.0 + table[:, 1] / 1000.0)


def radiocarbon(rates: Tensor, supply: Tensor, year: Tensor) -> Tensor:
    """14C of pools whose carbon does not change, in a year of sampling.

    Parameters
    ----------
    rates : Tensor, shape (site, pool, pool)
        Of the carbon: ``rates @ pools = supply`` at steady state [yr-1]. On the diagonal what leaves a pool; beside it,
        below zero, what the pool of the row receives from that of the column.
    supply : Tensor, shape (site, pool)
        Carbon from the air [kg m-3 yr-1].
    year : Tensor, shape (site,) or ()
        Of sampling. After the last year of the curve that of the last one is taken, before the first that of the first.

    Returns
    -------
    Tensor, shape (site, pool)
        Carbon times its ratio to the standard [kg m-3]; over the carbon it is 1 + Delta14C / 1000.

    Notes
    -----
    Until the first year of the curve, 1850, pools are at steady state under a ratio of 1: over the last 3000 years
    it was within 27 permille of that. From there implicit Euler steps from year to year of the curve.

    Examples
    --------
    A pool of 10 years and one of 1000 years, in 1940 and in 1975:

    >>> rates, supply = torch.tensor([[[0.1]], [[0.001]]]).double(), torch.ones(2, 1).double()
    >>> for year in (1940.0, 1975.0):
    ...     ratio = radiocarbon(rates, supply, torch.tensor(year)) * rates[:, :, 0]
    ...     print((1000 * (ratio[:, 0] - 1)).round().tolist())
    [-18.0, -109.0]
    [405.0, -100.0]
    """
    years, ratios = atmosphere()
    identity = torch.eye(rates.shape[-1]).to(rates)
    decaying = rates + DECAY * identity
    activity: Tensor = torch.linalg.solve(decaying, supply)
    sampled = activity
    lengths = [int(length) for length in np.diff(years)]
    step = {length: torch.linalg.inv(identity + length * decaying) for length in set(lengths)}
    for length, reached, ratio in zip(lengths, years[1:], ratios[1:], strict=True):
        activity = (step[length] @ (activity + length * ratio * supply)[..., None])[..., 0]
        sampled = torch.where((year > reached - 0.5)[..., None], activity, sampled)
    return sampled
