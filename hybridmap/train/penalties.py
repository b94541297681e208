"""Terms beside the data: of the outputs of a process model, of its neural parameters, and of the encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from hybridmap.encoders.interface import as_encoder
from hybridmap.encoders.registry import encoders_with
from hybridmap.errors import HybridmapError
from hybridmap.model import HybridModel, Model, Run
from hybridmap.train.losses import cosh_prior


@dataclass(frozen=True)
class Penalty:
    """One term: what it needs of a model, and its value.

    Attributes
    ----------
    name : str
        Key of ``loss.penalties``, and name in the history.
    lack : callable
        Of a model: what it lacks for this term, in words; empty where nothing is lacking.
    value : callable
        Of a run, the model that made it, and the sites (..., site) that count or None for all: the term with
        gradients, shape () or (member,).
    """

    name: str
    lack: Callable[[Model], str]
    value: Callable[[Run, Model, Tensor | None], Tensor]

    def check(self, model: Model) -> None:
        """Raise HybridmapError if `model` lacks what the penalty needs."""
        if lack := self.lack(model):
            raise HybridmapError(f"the penalty '{self.name}' needs {lack}.")


def encoder_penalty(name: str) -> Penalty:
    """A term that encoders offer, such as the smoothness of their curves, at the encoder's last call."""

    def lack(model: Model) -> str:
        is_offered = name in as_encoder(model.encoder).regularisers
        return "" if is_offered else f"the encoder '{' or '.join(encoders_with(name))}'"

    return Penalty(name, lack, lambda run, model, valid: as_encoder(model.encoder).regulariser(name, valid))


def _lacks_neural(model: Model) -> str:
    return "" if model.neural_names else "neural parameters, and the model has none"


def _violation(run: Run, model: Model, valid: Tensor | None) -> Tensor:
    """Sum over sites and parameters of how far raw values lie where their constraint is flat."""
    assert isinstance(model, HybridModel)
    excess = model.constraint.violation(run.raw).sum(-1)
    return (excess if valid is None else excess * valid).sum(-1)


def _cosh_prior(run: Run, model: Model, valid: Tensor | None) -> Tensor:
    """Mean over the sites that count and parameters of a wall at the bounds."""
    if valid is None:
        return cosh_prior(run.position)
    position = torch.where(valid[..., None], run.position, 0.5)
    return cosh_prior(position) * (valid.shape[-1] / valid.sum(-1).clamp(min=1))


PENALTIES: dict[str, Penalty] = {
    penalty.name: penalty
    for penalty in (
        Penalty("violation", _lacks_neural, _violation),
        Penalty("cosh_prior", _lacks_neural, _cosh_prior),
        encoder_penalty("entropy"),
        encoder_penalty("l1"),
        encoder_penalty("smoothness"),
    )
}
"""Penalties that need no particular process model, by name."""


def penalties_of(model: Model, names: Iterable[str]) -> dict[str, Penalty]:
    """Penalties of a model by name: those of this module, and those that its process model offers.

    Parameters
    ----------
    model : HybridModel or NetworkModel
        Any model.
    names : iterable of str
        Keys of ``loss.penalties``.

    Returns
    -------
    dict of str to Penalty

    Raises
    ------
    HybridmapError
        If there is no such penalty, or the model lacks what it needs.
    """
    offered = {} if model.process is None else {n: _of_process(n, f) for n, f in model.process.penalties.items()}
    available = {**PENALTIES, **offered}
    for name in names:
        if name not in available:
            owner = "a pure network" if model.process is None else f"the process model '{model.process.name}'"
            raise HybridmapError(f"no penalty '{name}' for {owner}; there are {sorted(available)}.")
        available[name].check(model)
    return {name: available[name] for name in names}


def _of_process(name: str, function: Callable[..., Tensor]) -> Penalty:
    """A term that a process model declares, of its outputs (..., site) and the sites that count as `known`."""
    return Penalty(name, lambda model: "", lambda run, model, valid: function(run.outputs, known=valid))
