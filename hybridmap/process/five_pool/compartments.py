"""The five pools at steady state as a linear system, in which a tracer such as 14C moves with the carbon."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from hybridmap.process.base import Variable

SAMPLING_YEAR = Variable(
    "sampling_year", ("site",), "yr", "year in which the soil was sampled", valid_range=(1850.0, 2100.0)
)
RADIOCARBON = tuple(
    Variable(f"radiocarbon{suffix}", ("site",), "permille", f"Delta14C of {words} in the year of sampling")
    for suffix, words in (
        ("", "soil organic carbon"),
        ("_poc", "particulate organic carbon"),
        ("_moc", "mineral-associated organic carbon"),
    )
)
POC, DOC, ENZ, MBC, MOC = range(5)


def compartments(
    p: Mapping[str, Tensor],
    litter: Tensor,
    pools: Mapping[str, Tensor],
    formulation: str,
    exponent: float,
    necromass: str,
) -> tuple[Tensor, Tensor]:
    """Rates at which carbon moves between pools, and what enters them.

    Parameters
    ----------
    p : mapping of str to Tensor, shape (site,) or ()
        Parameters at the site's temperature.
    litter : Tensor, shape (site,)
        Litter input [kg m-3 yr-1].
    pools : mapping of str to Tensor, shape (site,)
        At steady state [kg m-3]; enzymes that are no pool are 0.
    formulation, exponent, necromass
        Options of the model.

    Returns
    -------
    rates : Tensor, shape (site, 5, 5)
        ``rates @ pools = supply`` [yr-1], pools in the order POC, DOC, enzymes, microbes, MOC.
    supply : Tensor, shape (site, 5)
        [kg m-3 yr-1]
    """
    leak = 1.0 if formulation == "constrained" else 0.0
    death = p["k_mb"] * pools["mbc"] ** (exponent - 1.0)
    # Where enzymes are no pool, what would be their ratio to biomass is folded in vmax_p.
    is_pool = pools["enz"] != 0
    enzymes = torch.where(is_pool, pools["enz"], pools["mbc"])
    growing = p["vmax_u"] * pools["mbc"] / (p["km_u"] + pools["doc"])
    stuck = p["k_ads"] * (1.0 - pools["moc"] / p["q_max"])
    full = pools["moc"] / p["q_max"] if necromass == "capacity" else torch.zeros_like(litter)
    to_minerals = p["a_m"] * (1.0 - full)
    flows = {
        (POC, DOC): p["vmax_p"] * enzymes / (p["km_p"] + pools["poc"]) + leak * p["k_frag"],
        (DOC, MBC): p["cue"] * growing,
        (DOC, MOC): stuck,
        (ENZ, DOC): p["k_el"],
        (MBC, ENZ): p["k_ep"],
        (MBC, POC): p["a_p"] * death,
        (MBC, MOC): to_minerals * death,
        (MBC, DOC): (1.0 - p["a_p"] - to_minerals) * death,
        (MOC, DOC): p["k_des"],
    }
    losses = {DOC: (1.0 - p["cue"]) * growing + leak * p["k_leach"]}
    zero = torch.zeros_like(litter + pools["poc"])
    rows = [[zero for _ in range(5)] for _ in range(5)]
    for (donor, receiver), rate in flows.items():
        rows[receiver][donor] = rows[receiver][donor] - rate
        rows[donor][donor] = rows[donor][donor] + rate
    for donor, rate in losses.items():
        rows[donor][donor] = rows[donor][donor] + rate
    rates = torch.stack([torch.stack([zero + rate for rate in row], dim=-1) for row in rows], dim=-2)
    entering = [p["f_poc"] * litter, (1.0 - p["f_poc"]) * litter, zero, zero, zero]
    return rates, torch.stack([zero + part for part in entering], dim=-1)
