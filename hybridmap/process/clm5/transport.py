"""The vertical operator: mixing by animals and frost, or a power law of depth."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from hybridmap.process.clm5.calendar import DAYS
from hybridmap.process.clm5.vertical import INTERFACE, LAYERS, NODE_DEPTH, THICKNESS

EPS = 1e-30
"""Floor of diffusivity [m2 day-1] and the advective flux of the published program."""
PERMAFROST_DEPTH, FROST_FLOOR = 2.0, 3.0
"""Active layers up to 2 m mix by frost, down to 3 m at most."""

SPACING = torch.cat([NODE_DEPTH[:1], NODE_DEPTH[1:] - NODE_DEPTH[:-1]])
WEIGHT = (INTERFACE[:-1] - NODE_DEPTH[:-1]) / SPACING[1:]
"""Weight of the upper level in the conductance between two levels, for levels 1 to 20."""


def mixing(
    cryo: Tensor, diffus: Tensor, forcing: Mapping[str, Tensor], bedrock_leak: bool, fixed_floor: bool
) -> tuple[Tensor, Tensor]:
    """Month mean of the diffusive couplings.

    Within a month a column mixes by frost, by animals or not at all, so every conductance is that diffusivity times a
    shape of the forcing alone, or of the order of `EPS`. The shapes are computed once for each distinct state of a
    column, not for each month.

    Parameters
    ----------
    cryo, diffus : Tensor, shape (site,)
        Diffusivities [m2 yr-1].
    forcing : mapping
        ``altmax``, ``altmax_lastyear`` [m] and ``nbedrock``, each (site, month).
    bedrock_leak, fixed_floor : bool
        See :class:`hybridmap.process.clm5.matrix.Clm5`.

    Returns
    -------
    up, down : Tensor, shape (layer, site)
        Coupling of a layer with the one above and the one below [day-1]; up[0] and down[-1] are 0. The operator is
        ``(up + down) C[j] - up C[j-1] - down C[j+1]``.
    """
    site, active, bedrock, weight = _distinct_states(forcing)
    sites = cryo.shape[0]
    frost = (active > 0) & (active <= PERMAFROST_DEPTH)
    animals = active > PERMAFROST_DEPTH
    up, down, up_floor, down_floor = _conductances(active, bedrock, frost, animals, bedrock_leak, fixed_floor)

    def mean(values: Tensor, states: Tensor) -> Tensor:
        total = values.new_zeros((values.shape[0], sites))
        return total.index_add(1, site, values * (weight * states))

    everywhere = torch.ones_like(weight)
    a = (cryo / DAYS) * mean(up, frost) + (diffus / DAYS) * mean(up, animals) + mean(up_floor, everywhere)
    c = (cryo / DAYS) * mean(down, frost) + (diffus / DAYS) * mean(down, animals) + mean(down_floor, everywhere)
    thickness, zero = THICKNESS[:, None].to(a), torch.zeros_like(a[:1])
    return torch.cat([zero, a[1:] / thickness[1:]]), torch.cat([c[:-1] / thickness[:-1], zero])


def simple(slope: Tensor, up: Tensor, down: Tensor, nbedrock: Tensor) -> tuple[Tensor, Tensor]:
    """Power-law transport: rates 10 ** (intercept + slope log10(depth in cm)), none below bedrock.

    Parameters
    ----------
    slope, up, down : Tensor, shape (site,)
        Normalised in [0, 1]: slope in [-3, 0], log10 of the rates at 1 cm in [-12, -2].
    nbedrock : Tensor, shape (site, month)
        Index of the bedrock layer.

    Returns
    -------
    up, down : Tensor, shape (layer, site)
        Rates out of a layer [day-1]; up[0] and down[-1] are 0. The operator is the transpose of that of :func:`mixing`:
        it conserves the sum of concentrations, as published, not mass.
    """
    depth = torch.log10(100.0 * NODE_DEPTH[:LAYERS, None].to(slope))
    index = torch.arange(LAYERS, device=slope.device)[:, None, None]
    soil = (index < nbedrock.trunc()[None]).to(slope)
    u, d = (
        (soil * (10.0 ** (10.0 * rate - 12.0 + (3.0 * slope - 3.0) * depth))[..., None] + (1 - soil) * EPS).mean(2)
        for rate in (up, down)
    )
    zero = torch.zeros_like(u[:1])
    return torch.cat([zero, u[1:]]), torch.cat([d[:-1], zero])


def _distinct_states(forcing: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Runs of months with one (active layer, bedrock): site index, both values, and share of the year, each (state,).

    An active layer above 2 m or below 0 m has one state whatever its value.
    """
    active = torch.maximum(forcing["altmax"], forcing["altmax_lastyear"])
    bedrock = forcing["nbedrock"].trunc()
    months = active.shape[1]
    clipped = torch.where(active > PERMAFROST_DEPTH, torch.full_like(active, 99.0), active.clamp(min=0.0))
    new = torch.ones_like(clipped, dtype=torch.bool)
    new[:, 1:] = (clipped[:, 1:] != clipped[:, :-1]) | (bedrock[:, 1:] != bedrock[:, :-1])
    site, month = new.nonzero(as_tuple=True)
    start = site * months + month
    end = torch.cat([start[1:], start.new_tensor([new.numel()])])
    # The next state of a later site begins at month 0, so runs end at the year's end by themselves.
    return site, clipped[site, month], bedrock[site, month], (end - start).to(active) / months


def _conductances(
    active: Tensor, bedrock: Tensor, frost: Tensor, animals: Tensor, bedrock_leak: bool, fixed_floor: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Up- and down-coupling of layers 0 to 19 per unit of diffusivity, and their floors of the order of EPS.

    Each of shape (layer, state).
    """
    interface = INTERFACE[:, None].to(active)
    level = torch.arange(LAYERS + 1, device=active.device, dtype=active.dtype)[:, None]
    if fixed_floor:
        floor = torch.full_like(active, FROST_FLOOR)
    else:
        below = INTERFACE.to(active)[(bedrock.long() + 1).clamp(0, LAYERS)]
        floor = torch.minimum(below, torch.full_like(active, FROST_FLOOR))
    taper = (1.0 - (interface - active) / (floor - active).clamp(min=1e-12)).clamp(0.0, 1.0)
    shape = torch.where(interface < active, 1.0, torch.where(interface <= floor, taper, 0.0))
    shape = torch.where(animals, 1.0, torch.where(frost, shape, 0.0))
    shape = torch.where(level <= bedrock, shape, 0.0)

    spacing, w = SPACING[1:, None].to(active), WEIGHT[:, None].to(active)
    upper, lower = shape[:-1], shape[1:]
    mixed = (upper > 0) & (lower > 0)
    safe_upper, safe_lower = (torch.where(mixed, s, 1.0) for s in (upper, lower))
    g = torch.where(mixed, 1.0 / ((1 - w) / safe_lower + w / safe_upper) / spacing, 0.0)
    # Where a level does not mix, its diffusivity is EPS and decides the conductance alone.
    resistance = torch.where(lower > 0, 0.0, 1 - w) + torch.where(upper > 0, 0.0, w)
    g_floor = torch.where(mixed, 0.0, EPS / (resistance.clamp(min=1e-12) * spacing))
    # Patankar's factor for the advective EPS; it is 1 for every real conductance.
    eased = g_floor * (1.0 - 0.1 * EPS / g_floor.clamp(min=EPS * 1e-3)).clamp(min=0.0) ** 5

    zero = torch.zeros_like(g[:1])
    up, up_eased = torch.cat([zero, g[: LAYERS - 1]]), torch.cat([zero, eased[: LAYERS - 1]])
    layer = level[:LAYERS]
    if not bedrock_leak:
        # What leaves a layer enters its neighbour; nothing crosses the rock but by the floor.
        return up, g, up_eased, eased
    inside = layer < bedrock
    first = layer == 0
    # Towards the rock the published program takes the conductance of the layer's upper face.
    down = torch.where(inside | first, g, up)
    rock_floor = torch.cat([zero, g_floor[: LAYERS - 1]])
    bare = torch.where(bedrock > 0, eased, g_floor)
    down_floor = torch.where(first, bare, torch.where(inside, eased, rock_floor))
    # The advective EPS makes carbon in the first layer and loses it in the last: it shows where frozen layers hold
    # 1e25 g m-3 and more.
    return up, down, up_eased + EPS, down_floor
