"""Closed forms and one scalar root: the steady state of the five pools, without and with leaks."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hybridmap.process.base import widest

TOLERANCE = 1e-9
"""Relative step at which Newton's method has arrived: the next one, which is always made, is its square."""


class LeakFree(NamedTuple):
    """Steady state without leaks, where respiration equals the litter input exactly; each (site,).

    Attributes
    ----------
    uptake, turnover, supply : Tensor
        Uptake of DOC, microbial turnover, and carbon that enters POC [kg m-3 yr-1].
    mbc, enz : Tensor
        Microbial biomass and enzymes [kg m-3].
    margin_uptake, margin_poc : Tensor
        V_U B / U - 1 and V_P E / L - 1 [1]; below 0 there is no steady state of DOC or POC.
    """

    uptake: Tensor
    mbc: Tensor
    turnover: Tensor
    enz: Tensor
    supply: Tensor
    margin_uptake: Tensor
    margin_poc: Tensor


def leak_free(p: dict[str, Tensor], litter: Tensor, exponent: float) -> LeakFree:
    """Uptake, biomass, enzymes and POC supply where respiration must equal the litter input exactly.

    Parameters
    ----------
    p : dict of str to Tensor, shape (site,)
        Parameters at the site's temperature.
    litter : Tensor, shape (site,)
        Litter input [kg m-3 yr-1].
    exponent : float
        Power of biomass in microbial turnover.

    Returns
    -------
    LeakFree
    """
    uptake = litter / (1.0 - p["cue"])
    growth = p["cue"] * uptake
    mbc = _biomass(growth, p["k_mb"], p["k_ep"], exponent)
    turnover = p["k_mb"] * mbc**exponent
    enz = p["k_ep"] * mbc / p["k_el"]
    supply = p["f_poc"] * litter + p["a_p"] * turnover
    margin_uptake = p["vmax_u"] * mbc / uptake - 1.0
    margin_poc = p["vmax_p"] * enz / supply - 1.0
    return LeakFree(uptake, mbc, turnover, enz, supply, margin_uptake, margin_poc)


def _biomass(growth: Tensor, k_mb: Tensor, k_ep: Tensor, exponent: float) -> Tensor:
    """Positive root of k_mb B^n + k_ep B = growth."""
    if exponent == 1.0:
        return growth / (k_mb + k_ep)
    if exponent == 2.0:  # in the form that does not cancel
        return 2.0 * growth / (k_ep + torch.sqrt(k_ep**2 + 4.0 * k_mb * growth))
    with torch.no_grad():
        # Newton from above on a convex function falls to the root without overshooting.
        b = torch.minimum(growth / k_ep, (growth / k_mb) ** (1.0 / exponent))
        for _ in range(60):
            b = b - (k_mb * b**exponent + k_ep * b - growth) / (exponent * k_mb * b ** (exponent - 1.0) + k_ep)
        slope = exponent * k_mb * b ** (exponent - 1.0) + k_ep
    return b - (k_mb * b**exponent + k_ep * b - growth) / slope


def relaxed(p: dict[str, Tensor], free: LeakFree, necromass: str) -> tuple[tuple[Tensor, ...], Tensor]:
    """Closed form without guards; MOC is written so that it stays finite where DOC has its pole.

    Parameters
    ----------
    p : dict of str to Tensor, shape (site,)
        Parameters at the site's temperature.
    free : LeakFree
        Of :func:`leak_free`.
    necromass : {"none", "bypass", "capacity"}
        Route of dead microbes to MOC.

    Returns
    -------
    pools : tuple of Tensor, shape (site,)
        POC, DOC, enzymes, microbial biomass and MOC [kg m-3].
    respiration : Tensor, shape (site,)
        [kg m-3 yr-1]
    """
    uptake, mbc, enz, supply = free.uptake, free.mbc, free.enz, free.supply
    spare = p["vmax_u"] * mbc - uptake
    doc = p["km_u"] * uptake / spare
    poc = p["km_p"] * supply / (p["vmax_p"] * enz - supply)
    adsorbed = p["k_ads"] * p["km_u"] * uptake
    necro = p["a_m"] * free.turnover * spare
    limited = adsorbed + necro if necromass == "capacity" else adsorbed
    moc = (adsorbed + necro) / (p["k_des"] * spare + limited / p["q_max"])
    return (poc, doc, enz, mbc, moc), (1.0 - p["cue"]) * uptake


def constrained(
    p: dict[str, Tensor], litter: Tensor, free: LeakFree, necromass: str, exponent: float
) -> tuple[tuple[Tensor, ...], Tensor]:
    """Steady state with leaching and fragmentation: one scalar root, then closed form.

    Parameters
    ----------
    p : dict of str to Tensor, shape (site,)
        Parameters at the site's temperature.
    litter : Tensor, shape (site,)
        Litter input [kg m-3 yr-1].
    free : LeakFree
        Of :func:`leak_free`: where the search for the root starts.
    necromass : {"none", "bypass", "capacity"}
        Route of dead microbes to MOC.
    exponent : float
        Power of biomass in microbial turnover.

    Returns
    -------
    pools : tuple of Tensor, shape (site,)
        POC, DOC, enzymes, microbial biomass and MOC [kg m-3].
    respiration : Tensor, shape (site,)
        [kg m-3 yr-1]
    """
    if exponent == 1.0:
        saturation, mbc = _linear_turnover(p, litter)
    else:
        saturation = _solve_saturation(p, litter, free, exponent)
        mbc = _living(p, saturation, exponent)
    doc = p["km_u"] * saturation / (1.0 - saturation)
    turnover = p["k_mb"] * mbc**exponent
    enz = p["k_ep"] * mbc / p["k_el"]
    supply = p["f_poc"] * litter + p["a_p"] * turnover

    # Positive root of k_f P^2 + b P - L K_P = 0; each branch sees a safe argument so that neither makes a NaN.
    b = p["k_frag"] * p["km_p"] + p["vmax_p"] * enz - supply
    root = torch.sqrt(b**2 + 4.0 * p["k_frag"] * supply * p["km_p"])
    above = b > 0
    poc = torch.where(
        above,
        2.0 * supply * p["km_p"] / torch.where(above, b + root, torch.ones_like(b)),
        (root - torch.where(above, torch.zeros_like(b), b)) / (2.0 * p["k_frag"]),
    )

    source = p["k_ads"] * doc + p["a_m"] * turnover
    limited = source if necromass != "bypass" else p["k_ads"] * doc
    moc = source / (p["k_des"] + limited / p["q_max"])
    uptake = p["vmax_u"] * mbc * saturation
    return (poc, doc, enz, mbc, moc), (1.0 - p["cue"]) * uptake


def _living(p: dict[str, Tensor], s: Tensor, exponent: float) -> Tensor:
    """Biomass that growth at the DOC saturation `s` sustains; 0 where it cannot pay for its enzymes."""
    net = (p["cue"] * p["vmax_u"] * s - p["k_ep"]) / p["k_mb"]
    if exponent == 2.0:
        return torch.clamp(net, min=0.0)
    alive = net > 0
    return torch.where(alive, torch.where(alive, net, 1.0) ** (1.0 / (exponent - 1.0)), 0.0)


def _linear_turnover(p: dict[str, Tensor], litter: Tensor) -> tuple[Tensor, Tensor]:
    """DOC saturation and biomass for turnover in proportion to biomass: growth fixes DOC, input fixes biomass."""
    sustains = (p["k_mb"] + p["k_ep"]) / (p["cue"] * p["vmax_u"])
    leak = p["k_leach"] * p["km_u"]
    limit = litter / (litter + leak)
    alive = sustains < limit
    s = torch.where(alive, sustains, limit)
    left = litter - leak * s / (1.0 - s)
    return s, torch.where(alive, left / ((1.0 - p["cue"]) * p["vmax_u"] * s), torch.zeros_like(left))


def _solve_saturation(p: dict[str, Tensor], litter: Tensor, free: LeakFree, exponent: float) -> Tensor:
    """Root s = D/(K_U + D) of the total carbon balance, by safeguarded Newton; gradient by the implicit function.

    h(s) = (1-c) V_U s B(s) + k_l K_U s/(1-s) - I is increasing with one root in (0, I/(I + k_l K_U)].
    """
    power = 1.0 / (exponent - 1.0)
    leak = p["k_leach"] * p["km_u"]
    respired, gained = (1.0 - p["cue"]) * p["vmax_u"], p["cue"] * p["vmax_u"]

    def balance(s: Tensor) -> tuple[Tensor, Tensor]:
        mbc = _living(p, s, exponent)
        growing = gained * s
        inverse = 1.0 / (1.0 - s)
        leaching = leak * inverse
        h = respired * s * mbc + leaching * s - litter
        growth = torch.where(mbc > 0, power * mbc * growing / (growing - p["k_ep"]), 0.0)
        return h, respired * (mbc + growth) + leaching * inverse

    with torch.no_grad():
        high = (litter / (litter + leak)).expand(widest([litter, *p.values()]))
        low = torch.zeros_like(high)
        start = free.uptake / (p["vmax_u"] * free.mbc)
        s = torch.where(start < 1.0, torch.minimum(start, high), high)
        at_rest = torch.zeros_like(s, dtype=torch.bool)
        for _ in range(20 if exponent == 2.0 else 80):
            h, slope = balance(s)
            low, high = torch.where(h < 0, s, low), torch.where(h < 0, high, s)
            step = s - h / slope
            step = torch.where((step >= low) & (step <= high), step, 0.5 * (low + high))
            # A site that has arrived stays, so that its bits do not depend on how long its neighbours take.
            arrived = (step - s).abs() <= TOLERANCE * s
            s = torch.where(at_rest, s, step)
            at_rest |= arrived
            if s.device.type == "cpu" and bool(
                (at_rest | step.isnan()).all()
            ):  # a GPU would have to wait for the answer
                break
        _, slope = balance(s)
    h, _ = balance(s)
    return s - h / slope
