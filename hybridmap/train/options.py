"""What the trainer is told: optimiser and stopping rule, loss, seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hybridmap.options import LossOptions, OptimisationOptions
from hybridmap.options.loss import OF_SPREAD, QUANTILES

WITH_SPREAD = ("gaussian", *OF_SPREAD, *QUANTILES)
"""Losses that need to know the spread."""


@dataclass(frozen=True)
class TrainingOptions(OptimisationOptions):
    """How to train: :class:`hybridmap.options.OptimisationOptions`, and what is minimised.

    Attributes
    ----------
    loss : LossOptions
        What is minimised.
    seed : int
        Of the order of sites.
    identity : mapping of str
        Anything else that a checkpoint must agree with, such as the model's specification.
    """

    loss: LossOptions = field(default_factory=LossOptions)
    seed: int = 0
    identity: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ValueError for a number out of range, or training that would stop on a spread that is not learned."""
        super().__post_init__()
        minimised = {self.loss.name} if isinstance(self.loss.name, str) else set(self.loss.name.values())
        if self.stop_on in WITH_SPREAD and minimised != {self.stop_on}:
            raise ValueError(
                f"stop_on: {self.stop_on} needs a spread that the loss does not learn; take 'loss', or one without."
            )
