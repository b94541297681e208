"""What the members of an ensemble say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from hybridmap.model import Model
from hybridmap.model.draws import mean_of
from hybridmap.predict.map_layers import steady_state_of

NEARLY_ALL = 1.0 - 1e-6
"""A share of the members above this is all of them."""


def member_means(members: Sequence[Mapping[str, Tensor]], model: Model) -> dict[str, Tensor]:
    """Outputs of an ensemble.

    Parameters
    ----------
    members : sequence of mapping of str to Tensor, shape (site,)
        Outputs of each member, in their units.
    model : HybridModel or NetworkModel
        Any of them.

    Returns
    -------
    dict of str to Tensor, shape (site,)
        The mean; of classes, which have none, what most say, and of the classes 0 and 1 whether all say 1. Of the
        steady state the lowest: one is of all members, since a pool without is no number to average.
    """
    classes = {} if model.process is None else {v.name: v.classes for v in model.process.outputs if v.classes}
    steady_state = steady_state_of(model)
    means = {}
    for name in members[0]:
        draws = torch.stack([outputs[name] for outputs in members])
        if name == steady_state:
            means[name] = draws.amin(0)
        else:
            means[name] = _class_of(draws, classes[name]) if name in classes else mean_of(draws)
    return means


def _class_of(draws: Tensor, classes: Mapping[int, str]) -> Tensor:
    if set(classes) == {0, 1}:
        return (mean_of(draws) > NEARLY_ALL).float()
    return draws.mode(0).values.masked_fill(draws.isnan().any(0), torch.nan)
