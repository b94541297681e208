"""Five-pool microbial model of soil organic carbon at steady state.

Particulate (POC), dissolved (DOC), enzyme, microbial (MBC) and mineral-associated (MOC) carbon in one layer,
with density-dependent microbial turnover (Georgiou et al. 2017, doi 10.1038/s41467-017-01116-z) and Langmuir
formation of MOC, as used by Ahrens et al. (AI4SoilHealth D3.7, 2025). All pools in kg C m-3, time in years.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from hybridmap.process.base import Parameter, ProcessModel, Variable, gather_inputs, warn_missing, widest
from hybridmap.process.five_pool.compartments import RADIOCARBON, SAMPLING_YEAR, compartments
from hybridmap.process.five_pool.declarations import CAPACITY, CHECKS, LOSSES, OUTPUTS, PENALTIES, STEADY_STATE
from hybridmap.process.five_pool.steady_state import constrained, leak_free, relaxed
from hybridmap.process.radiocarbon import radiocarbon

Formulation = Literal["relaxed", "constrained"]
Enzyme = Literal["explicit", "implicit"]
Necromass = Literal["none", "bypass", "capacity"]

Q10: dict[str, float] = {
    "vmax_p": 2.16,
    "vmax_u": 1.98,
    "k_mb": 1.98,
    "k_ep": 1.98,
    "k_el": 1.98,
    "k_ads": 1.08,
    "k_des": 1.34,
    "k_leach": 1.0,
    "k_frag": 2.16,
}
"""Rate multiplier for a warming of 10 K, by parameter; activation energies of Wang et al. (2012, 2013)."""

DEFAULT_DEPTH = 0.20
"""Thickness [m] of the layer where the forcing has no `depth`."""

POOLS = ("poc", "doc", "enz", "mbc", "moc")

PARAMETERS: tuple[Parameter, ...] = (
    Parameter("cue", 0.31, 0.10, 0.60, "1", "carbon use efficiency of microbial uptake"),
    Parameter("f_poc", 0.70, 0.30, 0.95, "1", "share of litter that enters POC, the rest enters DOC"),
    Parameter("vmax_p", 2.0e4, 3e3, 3e5, "yr-1", "maximum POC depolymerisation per enzyme carbon", "log"),
    Parameter("km_p", 150.0, 10.0, 1e3, "kg m-3", "half saturation of depolymerisation", "log"),
    Parameter("vmax_u", 90.0, 20.0, 1e3, "yr-1", "maximum DOC uptake per microbial carbon", "log"),
    Parameter("km_u", 0.30, 0.02, 3.0, "kg m-3", "half saturation of uptake", "log"),
    Parameter("k_mb", 2.0, 0.5, 20.0, "m3 kg-1 yr-1", "density-dependent microbial turnover", "log"),
    Parameter("k_ep", 0.045, 0.01, 0.2, "yr-1", "enzyme production", "log"),
    Parameter("k_el", 9.0, 2.0, 40.0, "yr-1", "enzyme loss", "log"),
    Parameter("q_max", 60.0, 10.0, 120.0, "kg m-3", "capacity of minerals to hold MOC"),
    Parameter("k_ads", 50.0, 1.0, 1e3, "yr-1", "adsorption of DOC", "log"),
    Parameter("k_des", 0.02, 1e-3, 1.0, "yr-1", "desorption of MOC", "log"),
    Parameter("a_p", 0.5, 0.0, 0.5, "1", "share of necromass that enters POC", start=0.475),
    Parameter("a_m", 0.0, 0.0, 0.5, "1", "share of necromass that enters MOC", neural=False, start=0.025),
    Parameter("k_leach", 0.5, 0.05, 1.0, "yr-1", "leaching of DOC (constrained)", "log", neural=False),
    Parameter("k_frag", 0.01, 2e-3, 0.05, "yr-1", "non-enzymatic POC breakdown (constrained)", "log", neural=False),
)

IMPLICIT = {
    "vmax_p": Parameter("vmax_p", 100.0, 10.0, 2e3, "yr-1", "maximum POC depolymerisation per microbial carbon", "log"),
    "k_el": Parameter("k_el", 9.0, 2.0, 40.0, "yr-1", "enzyme loss; without effect here", "log", neural=False),
}
"""Parameters that change where enzymes are no pool."""

LITTER_SCALE = Parameter("litter_scale", 1.0, 0.5, 2.0, "1", "factor of the litter input, for errors of NPP", "log")
"""At steady state a factor of all rates would be the same, upside down."""

FORCING = (
    Variable(
        "npp",
        ("site",),
        "g m-2 yr-1",
        "net primary production as carbon",
        valid_range=(0.0, 4000.0),
        typical_median=(5.0, 4000.0),
        enters_by_roots=True,
    ),
    Variable("mat", ("site",), "degC", "mean annual air temperature", valid_range=(-40.0, 45.0)),
    Variable("depth", ("site",), "m", "thickness of the layer, 0.20 if absent", True, (0.01, 5.0)),
    Variable("phi", ("site",), "1", "share of NPP that enters the layer as litter, 1 if absent", True, (0.0, 1.0)),
)


class FivePool(ProcessModel):
    """Steady state of the five-pool microbial model.

    Parameters
    ----------
    formulation : {"relaxed", "constrained"}
        ``relaxed`` is the closed form of the published structure without guards: where a margin is negative the
        structure has no steady state and pools take impossible signs (MOC above q_max, DOC below zero).
        ``constrained`` adds DOC leaching and non-enzymatic POC breakdown, and then has exactly one steady state
        with non-negative pools and MOC < q_max for every positive parameter vector.
    necromass : {"none", "bypass", "capacity"}
        Whether a share `a_m` of dead microbes enters MOC, and whether that route is limited by free sites.
        The guarantee MOC < q_max holds for ``none`` and ``capacity``.
    enzyme : {"explicit", "implicit"}
        ``implicit`` prints depolymerisation with microbial biomass: enzymes are no pool, `vmax_p` is per microbial
        carbon (it equals vmax_p k_ep/k_el of the explicit form), and their production returns to DOC at once.
    turnover_exponent : float
        Power of biomass in microbial turnover, at least 1; 2 is the published one. With 1 the pools POC, DOC and MOC
        do not depend on the litter input at all (without leaks). The unit of `k_mb` follows: (kg m-3)^(1-n) yr-1.
    soc_includes : sequence of str
        Pools that count as measured SOC.
    q10 : mapping of str to float, optional
        Overrides of the rate multipliers for 10 K of warming, dimensionless.
    t_ref : float
        Temperature [degC] at which the rate parameters hold.
    litter_scale : bool
        Whether the litter input has a factor of its own, the parameter `litter_scale` from 0.5 to 2.
    radiocarbon : bool
        Whether the 14C of carbon, POC and MOC in the year of sampling are outputs; the year is then a forcing.

    Raises
    ------
    ValueError
        For an unknown option value.

    Examples
    --------
    Two sites, a cold and a warm one; the leaks of the constrained form leave less carbon:

    >>> forcing = {"npp": torch.tensor([400.0, 600.0]), "mat": torch.tensor([5.0, 12.0])}
    >>> out = FivePool()({}, forcing)
    >>> out["soc"].round(decimals=1)  # kg m-3
    tensor([39.6000, 36.1000])
    >>> out["moc_saturation"].round(decimals=2)
    tensor([0.5300, 0.4900])
    >>> FivePool(formulation="constrained")({}, forcing)["soc"].round(decimals=1)
    tensor([39.4000, 35.9000])
    """

    name: ClassVar[str] = "five_pool"
    parameters = PARAMETERS
    forcing: tuple[Variable, ...] = FORCING
    outputs = OUTPUTS
    losses = LOSSES
    capacity = CAPACITY
    penalties = PENALTIES

    def __init__(  # noqa: PLR0913 - options of a configuration, each by name
        self,
        formulation: Formulation = "relaxed",
        necromass: Necromass = "none",
        enzyme: Enzyme = "explicit",
        turnover_exponent: float = 2.0,
        soc_includes: tuple[str, ...] | list[str] = POOLS,
        q10: Mapping[str, float] | None = None,
        t_ref: float = 15.0,
        litter_scale: bool = False,
        radiocarbon: bool = False,
    ) -> None:
        options = ((formulation, Formulation), (necromass, Necromass), (enzyme, Enzyme))
        for value, choices in ((v, get_args(kind)) for v, kind in options):
            if value not in choices:
                raise ValueError(f"five_pool: '{value}' is not one of {list(choices)}.")
        if unknown := set(soc_includes) - set(POOLS):
            raise ValueError(f"five_pool: soc_includes has {sorted(unknown)}; pools are {list(POOLS)}.")
        if unknown := set(q10 or {}) - set(Q10):
            raise ValueError(f"five_pool: q10 has {sorted(unknown)}; rates with a Q10 are {sorted(Q10)}.")
        if not (float(turnover_exponent) == 1.0 or float(turnover_exponent) >= 1.05):
            raise ValueError(f"five_pool: turnover_exponent {turnover_exponent} must be 1, or 1.05 and more.")
        self.enzyme = enzyme
        self.turnover_exponent = float(turnover_exponent)
        if enzyme == "implicit":
            self.parameters = tuple(IMPLICIT.get(p.name, p) for p in PARAMETERS)
        if litter_scale:
            self.parameters = (*self.parameters, LITTER_SCALE)
        self.radiocarbon = radiocarbon
        if radiocarbon:
            self.forcing, self.outputs = (*FORCING, SAMPLING_YEAR), (*OUTPUTS, *RADIOCARBON)
        self.formulation = formulation
        # The leaks of the constrained form give it a steady state everywhere.
        self.steady_state = STEADY_STATE if formulation == "relaxed" else None
        self.checks = CHECKS[formulation]
        self.necromass = necromass
        self.soc_includes = tuple(soc_includes)
        self.q10 = {**Q10, **(q10 or {})}
        self.t_ref = float(t_ref)

    @property
    def constants(self) -> dict[str, float]:
        """Factors for 10 K of warming, of all rates that have the same one."""
        rates: dict[float, list[str]] = {}
        for rate, factor in self.q10.items():
            rates.setdefault(factor, []).append(rate)
        return {f"q10 of {', '.join(names)}": factor for factor, names in rates.items()}

    def __call__(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Steady-state pools [kg C m-3] and diagnostics per site; see :class:`ProcessModel`."""
        p, litter, dtype = self._at_site(parameters, forcing)
        free = leak_free(p, litter, self.turnover_exponent)
        pools, respiration = (
            relaxed(p, free, self.necromass)
            if self.formulation == "relaxed"
            else constrained(p, litter, free, self.necromass, self.turnover_exponent)
        )
        if self.enzyme == "implicit":
            pools = (*pools[:2], torch.zeros_like(pools[2]), *pools[3:])
        out = dict(zip(POOLS, pools, strict=True))
        out["soc"] = sum((out[name] for name in self.soc_includes), torch.zeros_like(litter))
        out["moc_saturation"] = out["moc"] / p["q_max"]
        out["margin_uptake"], out["margin_poc"] = free.margin_uptake, free.margin_poc
        out["feasible"] = ((out["margin_uptake"] > 0) & (out["margin_poc"] > 0)).to(litter)
        out["extinct"] = (out["mbc"] <= 0).to(litter)
        out["respiration"] = respiration
        leaks = self.formulation == "constrained"
        out["leaching"] = p["k_leach"] * out["doc"] if leaks else torch.zeros_like(litter)
        if self.radiocarbon:
            out |= self._radiocarbon(p, litter, out, forcing["sampling_year"])
        shape = widest(out.values())
        outputs = {name: value.expand(shape).to(dtype) for name, value in out.items()}
        warn_missing(self, {"soc": outputs["soc"], "moc": outputs["moc"]})
        return outputs

    def _radiocarbon(
        self, p: Mapping[str, Tensor], litter: Tensor, out: Mapping[str, Tensor], year: Tensor
    ) -> dict[str, Tensor]:
        """Delta14C [permille] of what counts as carbon, of POC and of MOC, each (site,)."""
        system = compartments(p, litter, out, self.formulation, self.turnover_exponent, self.necromass)
        activity = dict(zip(POOLS, radiocarbon(*system, year.to(litter)).unbind(-1), strict=True))
        counted = torch.stack([activity[name] for name in self.soc_includes]).sum(0)
        pairs = {
            "": (counted, out["soc"]),
            "_poc": (activity["poc"], out["poc"]),
            "_moc": (activity["moc"], out["moc"]),
        }
        return {f"radiocarbon{name}": 1000.0 * (active / carbon - 1.0) for name, (active, carbon) in pairs.items()}

    def tendency(
        self, pools: Mapping[str, Tensor], parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Rate of change of each pool [kg m-3 yr-1], the differential equations behind the steady state.

        Parameters
        ----------
        pools : mapping of str to Tensor, shape (site,)
            ``poc``, ``doc``, ``enz``, ``mbc``, ``moc`` [kg m-3]; with implicit enzymes ``enz`` stays as it is.
        parameters, forcing : mapping of str to Tensor
            As for :meth:`__call__`. The relaxed formulation has no leaching and no fragmentation.

        Returns
        -------
        dict of str to Tensor, shape (site,)
            One entry a pool; their sum is litter - respiration - leaching.
        """
        p, litter, _ = self._at_site(parameters, forcing)
        poc, doc, enz, mbc, moc = (pools[name].to(litter) for name in POOLS)
        leak = 1.0 if self.formulation == "constrained" else 0.0
        implicit = self.enzyme == "implicit"
        production = p["k_ep"] * mbc
        decay = production if implicit else p["k_el"] * enz
        depolymerised = p["vmax_p"] * (mbc if implicit else enz) * poc / (p["km_p"] + poc)
        uptake = p["vmax_u"] * mbc * doc / (p["km_u"] + doc)
        turnover = p["k_mb"] * mbc**self.turnover_exponent
        adsorbed = p["k_ads"] * doc * (1.0 - moc / p["q_max"])
        desorbed, fragmented = p["k_des"] * moc, leak * p["k_frag"] * poc
        returned = p["a_m"] * turnover * moc / p["q_max"] if self.necromass == "capacity" else torch.zeros_like(moc)
        dissolved = (1.0 - p["f_poc"]) * litter + (1.0 - p["a_p"] - p["a_m"]) * turnover + returned
        return {
            "poc": p["f_poc"] * litter + p["a_p"] * turnover - depolymerised - fragmented,
            "doc": dissolved
            + depolymerised
            + fragmented
            + decay
            - adsorbed
            + desorbed
            - uptake
            - leak * p["k_leach"] * doc,
            "enz": torch.zeros_like(enz) if implicit else production - decay,
            "mbc": p["cue"] * uptake - turnover - production,
            "moc": adsorbed - desorbed + p["a_m"] * turnover - returned,
        }

    def _at_site(
        self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], Tensor, torch.dtype]:
        """Parameters at the site's temperature, litter input [kg m-3 yr-1], and the dtype of the outputs."""
        p, f, dtype = gather_inputs(self, parameters, forcing)
        litter = f["npp"] * 1e-3 * f.get("phi", 1.0) / f.get("depth", DEFAULT_DEPTH)
        litter = litter * p.pop("litter_scale", 1.0)
        kelvins = (f["mat"] - self.t_ref) / 10.0
        powers = {q10: torch.exp(math.log(q10) * kelvins) for q10 in set(self.q10.values()) if q10 != 1.0}
        p |= {name: p[name] * powers[q10] for name, q10 in self.q10.items() if q10 != 1.0}
        if self.necromass == "none":
            p["a_m"] = torch.zeros_like(p["a_m"])
        if self.enzyme == "implicit":
            # Enzymes in proportion to biomass, with the ratio folded into vmax_p.
            p["k_el"] = p["k_ep"]
        return p, litter, dtype
