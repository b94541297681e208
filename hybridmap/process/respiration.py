"""Ecosystem respiration: a base rate times a Q10 response to air temperature."""

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

    def __call__(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Ecosystem respiration per site, in the unit of `rb`; see :class:`ProcessModel`."""
        p, f, dtype = gather_inputs(self, parameters, forcing)
        reco = p["rb"] * p["q10"] ** ((f["air_temperature"] - REFERENCE_TEMPERATURE) / 10.0)
        outputs = {"reco": reco.to(dtype)}
        warn_missing(self, outputs)
        return outputs
