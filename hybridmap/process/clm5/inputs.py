"""Litter input by pool and layer."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from hybridmap.process.clm5.calendar import DAYS
from hybridmap.process.clm5.vertical import INTERFACE, LAYERS, THICKNESS

INPUTS = ("input_cwd", "input_litter1", "input_litter2", "input_litter3")


def depth_fractions(beta: Tensor, forcing: Mapping[str, Tensor], below_bedrock: bool) -> Tensor:
    """Share of the input that enters each layer.

    beta ** (100 z) remains below depth z [m]; everything enters the first layer where the ground never thaws.

    Parameters
    ----------
    beta : Tensor, shape (site,)
        Shape of the profile, per cm.
    forcing : mapping of str to Tensor
        ``nbedrock`` and ``altmax_lastyear`` [m], each (site, month).
    below_bedrock : bool
        Whether litter enters the layers under the bedrock too.

    Returns
    -------
    Tensor, shape (layer, site)
        Sums to 1 over the layers.
    """
    edges = torch.cat([INTERFACE.new_zeros(1), INTERFACE[:LAYERS]]).to(beta)[:, None]
    remaining = torch.exp(100.0 * edges * torch.log(beta))
    shares = remaining[:-1] - remaining[1:]
    if not below_bedrock:
        lowest = forcing["nbedrock"].trunc().amax(1)
        index = torch.arange(LAYERS, device=beta.device, dtype=beta.dtype)[:, None]
        shares = torch.where(index <= lowest, shares, torch.zeros_like(shares))
    first = torch.zeros_like(shares)
    first[0] = 1.0
    thaws = forcing["altmax_lastyear"].mean(1) > 0
    return torch.where(thaws, shares / shares.sum(0), first)


def layer_inputs(forcing: Mapping[str, Tensor], shares: Tensor) -> Tensor:
    """Input to the four pools that receive litter [g m-3 day-1], shape (4, layer, site)."""
    daily = torch.stack([forcing[name].sum(1) for name in INPUTS]) / DAYS
    return daily[:, None, :] * (shares / THICKNESS[:, None].to(shares))
