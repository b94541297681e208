"""Terms beside the data: of the outputs of a process model, of its neural parameters, and of the encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from hybridmap.encoders.interface import as_encoder
from hybridmap.encoders.registry import encoders_with
from hybridmap.errors import HybridmapError
from hybridmap.model import HybridModel, Model, Run
from hybridmap.options.loss import PenaltyName
from hybridmap.train.losses import cosh_prior, dissolved_penalty, feasibility_penalty, saturation_penalty


@dataclass(frozen=True)
class Penalty(ABC):
    """One term: what it needs of a model, and its value.

    Attributes
    ----------
    name : str
        Key of ``loss.penalties``, and name in the history.
    """

    name: PenaltyName

    @abstractmethod
    def lack(self, model: Model) -> str:
        """What the penalty needs and `model` lacks, in words; empty where nothing is lacking."""

    @abstractmethod
    def value(self, run: Run, model: Model, valid: Tensor | None) -> Tensor:
        """Value for one pass, shape () or (member,).

        Parameters
        ----------
        run : Run
            The pass.
        model : Model
            That made it.
        valid : Tensor of bool, shape (..., site), or None
            Sites that count; None takes all.

        Returns
        -------
        Tensor
            With gradients.
        """

    def check(self, model: Model) -> None:
        """Raise HybridmapError if `model` lacks what the penalty needs."""
        if lack := self.lack(model):
            raise HybridmapError(f"the penalty '{self.name}' needs {lack}.")


@dataclass(frozen=True)
class OutputPenalty(Penalty):
    """A term of the outputs of a process model.

    Attributes
    ----------
    output : str
        An output that only models with this penalty have.
    function : callable
        Of the outputs (..., site), and of the sites that count as `known`.
    """

    output: str
    function: Callable[..., Tensor]

    def lack(self, model: Model) -> str:
        """The output."""
        return "" if self.output in model.output_info() else f"the output '{self.output}', which the model lacks"

    def value(self, run: Run, model: Model, valid: Tensor | None) -> Tensor:
        """The function of the outputs."""
        return self.function(run.outputs, known=valid)


class ParameterPenalty(Penalty):
    """A term of the neural parameters."""

    def lack(self, model: Model) -> str:
        """Neural parameters."""
        return "" if model.neural_names else "neural parameters, and the model has none"


class Violation(ParameterPenalty):
    """Sum over sites and parameters of how far raw values lie where their constraint is flat."""

    def value(self, run: Run, model: Model, valid: Tensor | None) -> Tensor:
        """See :meth:`hybridmap.model.constraints.Constraint.violation`."""
        assert isinstance(model, HybridModel)
        excess = model.constraint.violation(run.raw).sum(-1)
        return (excess if valid is None else excess * valid).sum(-1)


class CoshPrior(ParameterPenalty):
    """Mean over sites and parameters of a wall at the bounds."""

    def value(self, run: Run, model: Model, valid: Tensor | None) -> Tensor:
        """See :func:`hybridmap.train.losses.cosh_prior`."""
        if valid is None:
            return cosh_prior(run.position)
        position = torch.where(valid[..., None], run.position, 0.5)
        return cosh_prior(position) * (valid.shape[-1] / valid.sum(-1).clamp(min=1))


class EncoderPenalty(Penalty):
    """A term that an encoder offers, such as the smoothness of its curves."""

    def lack(self, model: Model) -> str:
        """An encoder that offers it."""
        if self.name in as_encoder(model.encoder).regularisers:
            return ""
        return f"the encoder '{' or '.join(encoders_with(self.name))}'"

    def value(self, run: Run, model: Model, valid: Tensor | None) -> Tensor:
        """That of the encoder at its last call."""
        return as_encoder(model.encoder).regulariser(self.name, valid)


PENALTIES: dict[str, Penalty] = {
    penalty.name: penalty
    for penalty in (
        OutputPenalty("feasibility", "margin_uptake", feasibility_penalty),
        OutputPenalty("saturation", "moc_saturation", saturation_penalty),
        OutputPenalty("dissolved", "doc", dissolved_penalty),
        Violation("violation"),
        CoshPrior("cosh_prior"),
        EncoderPenalty("entropy"),
        EncoderPenalty("l1"),
        EncoderPenalty("smoothness"),
    )
}
"""Every penalty by its name."""
