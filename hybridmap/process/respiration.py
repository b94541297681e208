"""Respiration of an ecosystem or its soil: a base rate times a Q10 response to air temperature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from hybridmap.process.base import Parameter, ProcessModel, Variable, gather_inputs, warn_missing

REFERENCE_TEMPERATURE = 15.0
"""Air temperature [degC] at which respiration equals the base rate."""


class Respiration(ProcessModel):
    """Reco = rb * q10 ** ((T - 15 degC) / 10 K), Cohrs et al. (2024, doi 10.1088/2632-2153/ad5a60).

    A wrong q10 is absorbed exactly by a base rate that varies with temperature: report both together.

    Parameters
    ----------
    flux : str
        Name of the output, which is compared with the quantity of that name: ``soil_respiration``, for example.

    Raises
    ------
    ValueError
        If `flux` is no name.

    Examples
    --------
    Ten degrees of warming multiply the base rate by `q10`:

    >>> import torch
    >>> parameters = {"rb": torch.tensor(3.0), "q10": torch.tensor(2.0)}
    >>> Respiration()(parameters, {"air_temperature": torch.tensor([5.0, 15.0, 25.0])})["reco"]
    tensor([1.5000, 3.0000, 6.0000])
    """

    name: ClassVar[str] = "respiration"
    parameters = (
        Parameter("rb", 3.0, 0.0, 20.0, "umol m-2 s-1", "respiration at 15 degC"),
        Parameter("q10", 1.5, 1.0, 3.0, "1", "factor of respiration for 10 K of warming"),
    )
    forcing = (Variable("air_temperature", ("site",), "degC", "air temperature", valid_range=(-60.0, 60.0)),)
    outputs = (Variable("reco", ("site",), "umol m-2 s-1", "ecosystem respiration"),)

    def __init__(self, flux: str = "reco") -> None:
        if not isinstance(flux, str) or not flux.isidentifier():
            raise ValueError(f"respiration: flux is {flux!r}; expected the name of the output, as soil_respiration.")
        if flux != "reco":
            self.outputs = (Variable(flux, ("site",), "umol m-2 s-1", flux.replace("_", " ")),)

    def __call__(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Respiration per site, in the unit of `rb`; see :class:`ProcessModel`."""
        p, f, dtype = gather_inputs(self, parameters, forcing)
        reco = p["rb"] * p["q10"] ** ((f["air_temperature"] - REFERENCE_TEMPERATURE) / 10.0)
        outputs = {self.outputs[0].name: reco.to(dtype)}
        warn_missing(self, outputs)
        return outputs
