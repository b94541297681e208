"""Soil water retention from saturation to oven dryness, alone or coupled to organic carbon."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor

from hybridmap.process.base import Parameter, ProcessModel, Variable, gather_inputs, warn_missing, widest
from hybridmap.process.organic_mixing import Mixture, mixture_of_content, mixture_of_density

FIELD_CAPACITY_CM, WILTING_POINT_CM = 10.0**1.8, 10.0**4.2
"""Suctions [cm] between which water is available to plants (pF 1.8 and 4.2)."""
CM_PER_KPA = 10.19716
"""Centimetres of water in one kPa."""
SMALLEST_SUCTION_CM = 1e-6
"""Saturation: a smaller suction, 0 included, is taken as this; theta is theta_s there to float64."""
Organic = Literal["content", "density"]

CURVE = (
    Parameter("theta_s", 0.45, 0.30, 0.70, "m3 m-3", "saturated water content"),
    Parameter("h_m", 300.0, 5.0, 3e4, "cm", "suction at the median pore radius", "log"),
    Parameter("sigma", 2.0, 0.5, 5.0, "1", "standard deviation of the logarithm of pore radius"),
    Parameter("theta_o", 0.08, 0.0, 0.25, "m3 m-3", "adsorbed water extrapolated to 1 cm"),
    Parameter("h_d", 6.3e6, 1e6, 1e7, "cm", "suction at oven dryness", "log", neural=False),
)
MIXING = (
    Parameter("bd_mineral", 1.45, 0.9, 1.9, "g cm-3", "bulk density without organic matter"),
    Parameter("bd_organic", 0.11, 0.05, 0.6, "g cm-3", "bulk density of organic matter alone", "log"),
    Parameter("filled", 0.93, 0.6, 1.0, "1", "share of the pores that is full of water at saturation"),
    Parameter("w_organic", 0.2, 0.0, 1.5, "1", "adsorbed water per mass of organic matter, extrapolated to 1 cm"),
    Parameter("h_m_organic", 300.0, 5.0, 3e4, "cm", "suction at the median pore radius of organic matter", "log"),
)
"""In the place of `theta_s`, where organic carbon makes the pores."""
POINT_FORCING = Variable("h", ("site",), "cm", "matric suction head, positive", valid_range=(0.0, 1e8))
ORGANIC_FORCING = {
    "content": Variable("oc", ("site",), "g kg-1", "organic carbon of the fine earth", valid_range=(0.0, 600.0)),
    "density": Variable("soc", ("site",), "kg m-3", "organic carbon per volume", valid_range=(0.0, 250.0)),
}
MIXTURES = {"content": mixture_of_content, "density": mixture_of_density}
DEPTH_FORCING = Variable("depth", ("site",), "m", "thickness of the layer", valid_range=(0.01, 5.0))
POINT_OUTPUTS = (
    Variable("theta", ("site",), "m3 m-3", "water content"),
    Variable("theta_c", ("site",), "m3 m-3", "capillary water"),
    Variable("theta_a", ("site",), "m3 m-3", "adsorbed water"),
)
AVAILABLE_OUTPUTS = ("available_water", "available_water_mm")
SOIL_OUTPUTS = (
    Variable("bulk_density", ("site",), "g cm-3", "bulk density", label="Bulk density"),
    Variable("porosity", ("site",), "m3 m-3", "pores as a share of the volume", label="Porosity"),
)


class WaterRetention(ProcessModel):
    """Lebeau-Konrad retention curve as used by Norouzi et al. (2022, doi 10.1016/j.jhydrol.2022.128653).

    Capillary water follows a log-normal pore distribution, adsorbed water falls with the logarithm of suction to zero
    at oven dryness and fills the space that capillary water leaves:

        theta_c = theta_s/2 erfc(ln(h/h_m) / (sqrt(2) sigma))
        theta_a = theta_o (1 - ln h / ln h_d) (1 - theta_c/theta_s)

    so theta stays between 0 and theta_s and falls with h while theta_o is below theta_s and 1 cm <= h <= h_d.

    Without `heads_kpa` it gives the content at the suction `h` of each site. With it, the content at each of these
    suctions, and the water that is available to plants.

    With `organic`, organic carbon enters: by the mixing law of Adams (1973) and Federer et al. (1993) it sets bulk
    density, which with the densities of particles sets porosity; of that, the share `filled` is theta_s. In the same
    law v = (organic mass per volume) / bd_organic is the volume that organic matter takes with its pores; adsorbed
    water and the logarithm of h_m are mixed by it:

        theta_s  = filled porosity
        theta_o' = (1 - v) theta_o + w_organic (organic mass per volume)
        ln h_m'  = (1 - v) ln h_m + v ln h_m_organic

    What a change of carbon does to bulk density and porosity is thus given by the equations, with two densities that
    may be learned; what it does to the shape of the curve is learned by `w_organic` and `h_m_organic`.

    Parameters
    ----------
    clamp : bool
        Whether adsorbed water beyond oven dryness is 0 instead of slightly negative.
    heads_kpa : mapping of str to float, optional
        Outputs by name and their suction [kPa], as ``{theta_33: 33, theta_1500: 1500}``.
    available_between_kpa : sequence of float
        Suctions [kPa] between which water is available; pF 1.8 and 4.2 by default.
    organic : {"content", "density"}, optional
        Whether organic carbon is forcing, as ``oc`` [g kg-1] or as ``soc`` [kg m-3].

    Raises
    ------
    ValueError
        For an option that makes no sense.

    Examples
    --------
    Saturation, the wilting point and oven dryness of the default soil:

    >>> suction = torch.tensor([0.0, 10**4.2, 6.3e6])
    >>> WaterRetention()({}, {"h": suction})["theta"].round(decimals=3)
    tensor([0.4500, 0.0410, 0.0000])

    20 cm of two soils, with 10 and 20 g of organic carbon a kg:

    >>> model = WaterRetention(heads_kpa={"theta_33": 33}, organic="content")
    >>> out = model({}, {"oc": torch.tensor([10.0, 20.0]), "depth": torch.tensor(0.2)})
    >>> out["bulk_density"].round(decimals=2), out["available_water_mm"].round(decimals=1)
    (tensor([1.2000, 1.0200]), tensor([73.4000, 82.4000]))
    """

    name: ClassVar[str] = "water_retention"
    parameters: tuple[Parameter, ...] = CURVE
    forcing: tuple[Variable, ...] = (POINT_FORCING,)
    outputs: tuple[Variable, ...] = POINT_OUTPUTS

    def __init__(
        self,
        clamp: bool = True,
        heads_kpa: Mapping[str, float] | None = None,
        available_between_kpa: Sequence[float] = (FIELD_CAPACITY_CM / CM_PER_KPA, WILTING_POINT_CM / CM_PER_KPA),
        organic: Organic | None = None,
    ) -> None:
        _check_heads(heads_kpa, available_between_kpa)
        if organic is not None and organic not in get_args(Organic):
            raise ValueError(f"water_retention: organic is {organic!r}; expected one of {list(get_args(Organic))}.")
        self.clamp, self.organic = clamp, organic
        self.heads_cm = {name: kpa * CM_PER_KPA for name, kpa in (heads_kpa or {}).items()}
        self.available_cm = [kpa * CM_PER_KPA for kpa in available_between_kpa]
        if organic is not None:
            self.parameters = (*CURVE[1:], *MIXING)
        carbon = [] if organic is None else [ORGANIC_FORCING[organic]]
        self.forcing = (*carbon, DEPTH_FORCING if self.heads_cm else POINT_FORCING)
        water = _outputs_at(heads_kpa, available_between_kpa) if heads_kpa else POINT_OUTPUTS
        self.outputs = (*water, *(SOIL_OUTPUTS if carbon else ()))

    def __call__(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Water contents [m3 m-3]; `h` may have more dimensions, with the site first (parameters are broadcast)."""
        p, f, dtype = gather_inputs(self, parameters, forcing)
        out = {}
        if self.organic is not None:
            soil = MIXTURES[self.organic](f[ORGANIC_FORCING[self.organic].name], p["bd_mineral"], p["bd_organic"])
            out = {"bulk_density": soil.bulk_density, "porosity": soil.porosity}
            p = _of_soil(p, soil)
        out |= self._at_heads(p, f["depth"]) if self.heads_cm else self._at_point(p, f["h"])
        shape = out[self.outputs[0].name].shape
        outputs = {v.name: out[v.name].expand(shape).to(dtype) for v in self.outputs}
        warn_missing(self, {name: outputs[name] for name in (self.outputs[0].name,)})
        return outputs

    def _at_point(self, p: Mapping[str, Tensor], h: Tensor) -> dict[str, Tensor]:
        """Contents at the suction of each site."""
        capillary, adsorbed = _curve({name: _trailing(value, h.ndim) for name, value in p.items()}, h, self.clamp)
        return {"theta_c": capillary, "theta_a": adsorbed, "theta": capillary + adsorbed}

    def _at_heads(self, p: Mapping[str, Tensor], depth: Tensor) -> dict[str, Tensor]:
        """Contents at the declared suctions, and available water [m3 m-3, mm]."""
        heads = torch.tensor([*self.heads_cm.values(), *self.available_cm], dtype=torch.float64, device=depth.device)
        sites = widest((*p.values(), depth)) or (1,)
        suction = heads.expand(*sites, len(heads))
        theta = sum(_curve({name: _trailing(value, 2) for name, value in p.items()}, suction, self.clamp))
        *contents, moist, dry = theta.unbind(-1)  # type: ignore[union-attr]
        available = moist - dry
        return {
            **dict(zip(self.heads_cm, contents, strict=True)),
            "available_water": available,
            "available_water_mm": 1000.0 * depth * available,
        }

    def available_water(self, parameters: Mapping[str, Tensor]) -> Tensor:
        """Water [m3 m-3] held between field capacity (pF 1.8) and the wilting point (pF 4.2); x 1000 is mm per m.

        Parameters
        ----------
        parameters : mapping of str to Tensor, shape (site,) or ()
            As for a model without options; both contents come from one curve, so the result is positive.

        Returns
        -------
        Tensor, shape (site,)
            In the dtype of the first parameter.
        """
        like = next(iter(parameters.values()))
        sites = widest(parameters.values()) or (1,)
        suction = like.new_tensor([FIELD_CAPACITY_CM, WILTING_POINT_CM], dtype=torch.float64).expand(*sites, 2)
        theta = WaterRetention(self.clamp)(parameters, {"h": suction})["theta"]
        return (theta[..., 0] - theta[..., 1]).to(like.dtype)


def _curve(p: Mapping[str, Tensor], h: Tensor, clamp: bool) -> tuple[Tensor, Tensor]:
    """Capillary and adsorbed water [m3 m-3] at a suction [cm] that parameters broadcast with."""
    ln_h = torch.log(h.clamp(min=SMALLEST_SUCTION_CM))
    # A negative suction is a potential with the wrong sign: no number, rather than saturation.
    ln_h = torch.where(h < 0, torch.full_like(ln_h, math.nan), ln_h)
    w = 0.5 * torch.erfc((ln_h - torch.log(p["h_m"])) / (math.sqrt(2.0) * p["sigma"]))
    adsorbed = p["theta_o"] * (1.0 - ln_h / torch.log(p["h_d"]))
    if clamp:
        adsorbed = adsorbed.clamp(min=0.0)
    return p["theta_s"] * w, adsorbed * (1.0 - w)


def _of_soil(p: Mapping[str, Tensor], soil: Mixture) -> dict[str, Tensor]:
    """Parameters of the curve of a soil with organic matter."""
    organic_mass = soil.organic_mass
    organic_volume = organic_mass / p["bd_organic"]
    return {
        "theta_s": p["filled"] * soil.porosity,
        "h_m": p["h_m"] * (p["h_m_organic"] / p["h_m"]) ** organic_volume,
        "sigma": p["sigma"],
        "theta_o": p["theta_o"] * (1.0 - organic_volume) + p["w_organic"] * organic_mass,
        "h_d": p["h_d"],
    }


def _trailing(value: Tensor, ndim: int) -> Tensor:
    """Give a per-site parameter the trailing dimensions of the suction."""
    return value.reshape(value.shape + (1,) * (ndim - value.ndim)) if value.ndim else value


def _outputs_at(heads_kpa: Mapping[str, float], between: Sequence[float]) -> tuple[Variable, ...]:
    """Outputs of a model of declared suctions [kPa]."""
    span = f"water between {between[0]:.4g} and {between[1]:.4g} kPa"
    contents = [Variable(n, ("site",), "m3 m-3", f"water content at {kpa:g} kPa") for n, kpa in heads_kpa.items()]
    content, amount = AVAILABLE_OUTPUTS
    return (
        *contents,
        Variable(content, ("site",), "m3 m-3", f"available {span}", label="Available water"),
        Variable(amount, ("site",), "mm", f"available {span} in the layer", label="Available water of the layer"),
    )


def _check_heads(heads_kpa: Any, between: Any) -> None:
    """Raise ValueError unless both options are suctions that can be."""
    if heads_kpa is not None and not (
        isinstance(heads_kpa, Mapping) and heads_kpa and all(map(_is_suction, heads_kpa.values()))
    ):
        raise ValueError(
            f"water_retention: heads_kpa is {heads_kpa!r}; expected outputs and their suctions in kPa above 0, as"
            " {theta_33: 33, theta_1500: 1500}."
        )
    repeated = {*AVAILABLE_OUTPUTS, *(v.name for v in SOIL_OUTPUTS)} & {*(heads_kpa or ())}
    if repeated:
        raise ValueError(f"water_retention: heads_kpa names '{min(repeated)}', another output; choose another name.")
    if not (isinstance(between, Sequence) and len(between) == 2 and all(map(_is_suction, between))) or (
        between[0] >= between[1]
    ):
        raise ValueError(
            f"water_retention: available_between_kpa is {between!r}; expected two rising suctions in kPa, as"
            " [33, 1500]."
        )


def _is_suction(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.0 < value < math.inf
