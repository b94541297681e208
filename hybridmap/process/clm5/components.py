"""Bulk components that a steady state can be traced to: one number a site each."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hybridmap.process.clm5.calendar import DAYS
from hybridmap.process.clm5.inputs import INPUTS
from hybridmap.process.clm5.scalars import REFERENCE_KELVIN
from hybridmap.process.clm5.vertical import INTERFACE, LAYERS, NODE_DEPTH, THICKNESS

TURNOVER = ("taucwd", "taul1", "taul2", "taul2", "tau4s1", "tau4s2", "tau4s3")
TRANSFERS = {
    "fl1s1": 1, "fl2s1": 2, "fl3s2": 3, "fs1s2": 4, "fs1s3": 4, "fs2s1": 5, "fs2s3": 5, "fs3s1": 6,
}  # fmt: skip
"""Transfer fraction → donor pool."""
HALF_ULP = 2.0**-54
"""A share of 1 minus less than this is 1 in float64."""


class Solution(NamedTuple):
    """A solved column with all that led to it, float64, layer before site.

    Attributes
    ----------
    parameters : dict of str to Tensor, shape (site,)
        In the units of the model.
    forcing : dict of str to Tensor, shape (site, ...)
        In the units of the model.
    pools : Tensor, shape (7, layer, site)
        Steady state [g m-3].
    diagonal : Tensor, shape (layer, site)
        Main diagonal of the vertical operator [day-1].
    decay_rates : Tensor, shape (7, layer, site)
        Of the pools [day-1].
    depth_shares : Tensor, shape (layer, site)
        Depth distribution of the input [1].
    bad : Tensor of bool, shape (site,)
        Whether a number is missing or a layer never decomposes.
    """

    parameters: dict[str, Tensor]
    forcing: dict[str, Tensor]
    pools: Tensor
    diagonal: Tensor
    decay_rates: Tensor
    depth_shares: Tensor
    bad: Tensor


def bulk_components(solution: Solution, as_published: bool) -> dict[str, Tensor]:
    """Trace SOC to its process components (Xu et al. 2025).

    Parameters
    ----------
    solution : Solution
        Steady state of the sites.
    as_published : bool
        Weight pools by the plain sum over layers, and the litter fraction by its published slip.

    Returns
    -------
    dict of str to Tensor, shape (site,)
        ``environment`` (temperature, water and depth scalar), ``transport`` [yr-1], ``decomposition`` [yr-1],
        ``transfer`` (share passed on), ``allocation`` (effective beta, per cm), ``input`` [g m-2 yr-1],
        ``litter_fraction`` (share of decomposed litter that reaches soil) and ``residence_time`` [yr] (SOC of the
        column over the input).
    """
    p, f, pools = solution.parameters, solution.forcing, solution.pools
    thickness = THICKNESS[:, None].to(pools)
    soc_mass = pools[4:].sum(0) * thickness
    total = soc_mass.sum(0)
    temperature = p["q10"][:, None, None] ** ((f["soil_temperature"] - REFERENCE_KELVIN) / 10.0)
    water = (p["w_scaling"][:, None, None] * f["w_scalar"]).clamp(max=1.0)
    depth = torch.exp(-NODE_DEPTH[:LAYERS, None].to(pools) / p["efolding"])
    x = (temperature.mean(2) * water.mean(2)).T * depth
    rates = torch.stack([1.0 / p[name] for name in TURNOVER])
    weights = pools.sum(1) if as_published else (pools * thickness).sum(1)
    flow = (pools * rates[:, None] * x * thickness).sum(1)
    passed = sum(p[name] * flow[donor] for name, donor in TRANSFERS.items())
    daily = sum(f[name].sum(1) for name in INPUTS)
    if as_published:
        litter = p["fl1s1"] + p["fl2s1"] + p["fl3s2"] - 2.0
    else:
        decomposed = (pools[1:4] * solution.decay_rates[1:4] * thickness).sum(1)
        fractions = torch.stack([p["fl1s1"], p["fl2s1"], p["fl3s2"]])
        litter = (fractions * decomposed).sum(0) / decomposed.sum(0)
    return {
        "environment": (x * soc_mass).sum(0) / total,
        "transport": DAYS * (solution.diagonal * soc_mass).sum(0) / total,
        "decomposition": (rates * weights).sum(0) / weights.sum(0),
        "transfer": passed / flow[1:].sum(0),
        "allocation": _effective_beta(p["beta"], solution.depth_shares, as_published),
        "input": torch.as_tensor(daily),
        "litter_fraction": litter,
        "residence_time": total / daily,
    }


def _effective_beta(beta: Tensor, shares: Tensor, as_published: bool) -> Tensor:
    """Mean over layers of exp(ln(1 - cumulative share) / depth in cm), from the closed tail of the profile.

    Layers below which nothing enters are left out (as published: where the running sum rounds to 1); NaN where
    the first layer holds all.
    """
    logarithm = torch.log(beta)
    bottom = torch.exp(100.0 * INTERFACE[LAYERS - 1].to(beta) * logarithm)
    tail = torch.exp(100.0 * INTERFACE[:LAYERS, None].to(beta) * logarithm) - bottom
    left = torch.where(shares[:1] < 1.0, tail / (1.0 - bottom), torch.zeros_like(tail))
    supplied = left > (HALF_ULP if as_published else 0.0)
    safe = torch.where(supplied, left, torch.ones_like(left))
    betas = torch.exp(torch.log(safe) / (100.0 * NODE_DEPTH[:LAYERS, None].to(beta)))
    return torch.where(supplied, betas, torch.zeros_like(betas)).sum(0) / supplied.sum(0)
