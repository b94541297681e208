"""What the trainer is told: optimiser and stopping rule, loss, seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hybridmap.options import LossOptions, OptimisationOptions


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
