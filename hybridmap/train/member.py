"""One of several models that train side by side, and several of them as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hybridmap.encoders.interface import Encoder, as_encoder
from hybridmap.errors import HybridmapError
from hybridmap.model import Model
from hybridmap.model.members import select_members, stack
from hybridmap.train.data import SiteData
from hybridmap.train.losses import MIN_OBSERVATIONS
from hybridmap.train.objective import Objective
from hybridmap.train.optimisers import make_optimisers
from hybridmap.train.options import TrainingOptions

Epoch = dict[str, float]
"""One row of the history: epoch, train_loss, validation_loss, and each term under its own name."""


@dataclass(frozen=True)
class Member:
    """One of several models that train side by side.

    Attributes
    ----------
    model : HybridModel or NetworkModel
        Freshly built; build it after ``torch.manual_seed`` for reproducible weights.
    training, validation : Tensor of int64
        Rows of the common :class:`SiteData`.
    seed : int
        Of the order of sites.
    label : str
        Name in messages.
    """

    model: Model
    training: Tensor
    validation: Tensor
    seed: int = 0
    label: str = "training"

    def check_targets(self, data: SiteData) -> None:
        """Raise HybridmapError where too little of a target was observed to train on, or of all to stop on."""
        for name, values in data.rows(self.training).targets.items():
            count = int((~torch.isnan(values)).sum())
            if count < MIN_OBSERVATIONS:
                raise HybridmapError(
                    f"{self.label}: target '{name}' has {count} observations in the training part,"
                    f" {MIN_OBSERVATIONS} are needed; use fewer folds or larger samples, or leave the target out."
                )
        validation = data.rows(self.validation).targets.values()
        if not any((~torch.isnan(values)).sum() >= MIN_OBSERVATIONS for values in validation):
            raise HybridmapError(
                f"{self.label}: the validation part has no target with enough observations to stop on; use fewer folds."
            )


class Stack:
    """Members as one: model and objective with a member axis, and their optimisers.

    Parameters
    ----------
    members : sequence of Member
        Their models are fitted to the range of their training parts.
    data : SiteData
        All sites.
    options : TrainingOptions
        Loss and optimisers.
    """

    def __init__(self, members: Sequence[Member], data: SiteData, options: TrainingOptions) -> None:
        objectives = []
        for member in members:
            part = data.rows(member.training)
            prepare(member.model, part)
            objectives.append(Objective(options.loss, part.targets, member.model).to(data.covariates.device))
        self.model, self.objective = stack([member.model for member in members]), stack(objectives)
        self.optimisers = make_optimisers(self.model, self.objective, options)

    @property
    def encoder(self) -> Encoder:
        """The members' encoder."""
        return as_encoder(self.model.encoder)

    def select(self, places: Sequence[int]) -> None:
        """Go on with the members at `places` alone."""
        index = torch.tensor(places, device=self.model.standardise.mean.device)
        select_members(self.model, self.optimisers, index)
        select_members(self.objective, (), index)


def prepare(model: Model, training: SiteData) -> None:
    """Fit the scaler, the encoder's range, and the output scale of a pure network, on the training part."""
    model.fit_inputs(model.encoder_inputs(training.covariates, training.forcing))
    model.fit_outputs(training.targets)
