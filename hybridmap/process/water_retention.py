"""Soil water retention from saturation to oven dryness: capillary and adsorbed water."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from hybridmap.process.base import Parameter, ProcessModel, Variable, gather_inputs, warn_missing, widest

FIELD_CAPACITY_CM, WILTING_POINT_CM = 10.0**1.8, 10.0**4.2
"""Suctions [cm] between which water is available to plants (pF 1.8 and 4.2)."""
SMALLEST_SUCTION_CM = 1e-6
"""Saturation: a smaller suction, 0 included, is taken as this; theta is theta_s there to float64."""


class WaterRetention(ProcessModel):
    """Lebeau-Konrad retention curve as used by Norouzi et al. (2022, doi 10.1016/j.jhydrol.2022.128653).

    Capillary water follows a log-normal pore distribution, adsorbed water falls with the logarithm of suction to zero
    at oven dryness and fills the space that capillary water leaves:

        theta_c = theta_s/2 erfc(ln(h/h_m) / (sqrt(2) sigma))
        theta_a = theta_o (1 - ln h / ln h_d) (1 - theta_c/theta_s)

    so theta stays between 0 and theta_s and falls with h while theta_o is below theta_s and 1 cm <= h <= h_d.

    Parameters
    ----------
    clamp : bool
        Whether adsorbed water beyond oven dryness is 0 instead of slightly negative.

    Examples
    --------
    Saturation, the wilting point and oven dryness of the default soil:

    >>> suction = torch.tensor([0.0, 10**4.2, 6.3e6])
    >>> WaterRetention()({}, {"h": suction})["theta"].round(decimals=3)
    tensor([0.4500, 0.0410, 0.0000])
    """

    name: ClassVar[str] = "water_retention"
    parameters = (
        Parameter("theta_s", 0.45, 0.30, 0.70, "m3 m-3", "saturated water content"),
        Parameter("h_m", 300.0, 5.0, 3e4, "cm", "suction at the median pore radius", "log"),
        Parameter("sigma", 2.0, 0.5, 5.0, "1", "standard deviation of the logarithm of pore radius"),
        Parameter("theta_o", 0.08, 0.0, 0.25, "m3 m-3", "adsorbed water extrapolated to 1 cm"),
        Parameter("h_d", 6.3e6, 1e6, 1e7, "cm", "suction at oven dryness", "log", neural=False),
    )
    forcing = (Variable("h", ("site",), "cm", "matric suction head, positive", valid_range=(0.0, 1e8)),)
    outputs = (
        Variable("theta", ("site",), "m3 m-3", "water content"),
        Variable("theta_c", ("site",), "m3 m-3", "capillary water"),
        Variable("theta_a", ("site",), "m3 m-3", "adsorbed water"),
    )

    def __init__(self, clamp: bool = True) -> None:
        self.clamp = clamp

    def __call__(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Water contents [m3 m-3]; `h` may have more dimensions, with the site first (parameters are broadcast)."""
        p, f, dtype = gather_inputs(self, parameters, forcing)
        h = f["h"]
        p = {name: _trailing(value, h.ndim) for name, value in p.items()}
        ln_h = torch.log(h.clamp(min=SMALLEST_SUCTION_CM))
        # A negative suction is a potential with the wrong sign: no number, rather than saturation.
        ln_h = torch.where(h < 0, torch.full_like(ln_h, math.nan), ln_h)
        w = 0.5 * torch.erfc((ln_h - torch.log(p["h_m"])) / (math.sqrt(2.0) * p["sigma"]))
        adsorbed = p["theta_o"] * (1.0 - ln_h / torch.log(p["h_d"]))
        if self.clamp:
            adsorbed = adsorbed.clamp(min=0.0)
        out = {"theta_c": p["theta_s"] * w, "theta_a": adsorbed * (1.0 - w)}
        out["theta"] = out["theta_c"] + out["theta_a"]
        shape = out["theta"].shape
        outputs = {v.name: out[v.name].expand(shape).to(dtype) for v in self.outputs}
        warn_missing(self, {"theta": outputs["theta"]})
        return outputs

    def available_water(self, parameters: Mapping[str, Tensor]) -> Tensor:
        """Water [m3 m-3] held between field capacity (pF 1.8) and the wilting point (pF 4.2); x 1000 is mm per m.

        Parameters
        ----------
        parameters : mapping of str to Tensor, shape (site,) or ()
            As for :meth:`__call__`; both contents come from one curve, so the result is positive.

        Returns
        -------
        Tensor, shape (site,)
            In the dtype of the first parameter.
        """
        like = next(iter(parameters.values()))
        sites = widest(parameters.values()) or (1,)
        suction = like.new_tensor([FIELD_CAPACITY_CM, WILTING_POINT_CM], dtype=torch.float64).expand(*sites, 2)
        theta = self(parameters, {"h": suction})["theta"]
        return (theta[..., 0] - theta[..., 1]).to(like.dtype)


def _trailing(value: Tensor, ndim: int) -> Tensor:
    """Give a per-site parameter the trailing dimensions of the suction."""
    return value.reshape(value.shape + (1,) * (ndim - value.ndim)) if value.ndim else value
