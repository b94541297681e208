"""The second half of PRODA: a network from covariates to the means of the calibrated sites."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from hybridmap.encoders.registry import build_encoder
from hybridmap.model import HybridModel, Roles
from hybridmap.options.position import POSITION
from hybridmap.process import Parameter, ProcessModel, Variable
from hybridmap.train import SiteData


class Places(ProcessModel):
    """No process: the positions of parameters are what is observed.

    Parameters
    ----------
    names : sequence of str
        Of the parameters.
    """

    name: ClassVar[str] = "places"

    def __init__(self, names: Sequence[str]) -> None:
        self.parameters = tuple(Parameter(n, 0.5, 0.0, 1.0, "1", "position in the range") for n in names)
        self.forcing = ()
        self.outputs = tuple(Variable(n, ("site",), "1", "position in the range") for n in names)

    def __call__(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The parameters as they are."""
        return {p.name: parameters[p.name] for p in self.parameters}


def place_network(model: HybridModel, encoder: Mapping[str, Any]) -> HybridModel:
    """A network from what the encoder of `model` sees to positions of all its parameters, untrained.

    Parameters
    ----------
    model : HybridModel
        The hybrid, for its covariates and their treatment.
    encoder : mapping
        Options of :func:`~hybridmap.encoders.registry.build_encoder`.

    Returns
    -------
    HybridModel
    """
    names = (*model.neural_names, *model.shared_names)
    inputs = copy.deepcopy(model.inputs)
    width = inputs.n_features if inputs else len(model.covariate_names)
    return HybridModel(
        Places(names),
        Roles(neural=names),
        build_encoder(dict(encoder), width, len(names)),
        covariate_names=model.covariate_names,
        target_names=names,
        inputs=inputs,
    )


def place_data(data: SiteData, names: Sequence[str], positions: Tensor) -> SiteData:
    """Sites (site,) with the positions (site, parameter) of their parameters as what was observed.

    Parameters
    ----------
    data : SiteData
        One row a site.
    names : sequence of str
        Of the parameters.
    positions : Tensor, shape (site, parameter)
        Means of the calibration.

    Returns
    -------
    SiteData
    """
    forcing = {name: data.forcing[name] for name in POSITION if name in data.forcing}
    targets = dict(zip(names, positions.float().unbind(1), strict=True))
    return replace(data, forcing=forcing, targets=targets, column=None)


def places_of(models: Sequence[HybridModel], data: SiteData) -> list[Tensor]:
    """Positions of the learned parameters by each of some models, hybrids or networks, (site, parameter), float64."""
    with torch.no_grad():
        return [model.learned_positions(data.covariates, data.forcing).double() for model in models]
