"""Optimiser and stopping rule of a training."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from hybridmap.options.limits import LEAST, MOST, Count, Range, check_options
from hybridmap.options.loss import LossName

BranchOptimiser = Literal["adamw", "rmsprop", "sgd"]
"""Optimisers that can train a branch of the model apart from the others."""
Optimiser = Literal[BranchOptimiser, "lbfgs"]
Schedule = Literal["constant", "cosine", "exponential"]
Epochs = Annotated[int, Range(ge=0, le=MOST)]
Rate = Annotated[float, Range(ge=LEAST, le=100)]
Decay = Annotated[float, Range(ge=0, le=100)]
Norm = Annotated[float, Range(ge=LEAST)]

SCHEDULES: dict[Schedule, Callable[[float], float]] = {
    "constant": lambda _: 1.0,
    "cosine": lambda share: 0.5 * (1 + math.cos(math.pi * share)),
    "exponential": lambda share: math.pow(0.01, share),
}
"""Share of the learning rate by the share of epochs that are over."""


@dataclass(frozen=True)
class OptimisationOptions:
    """Optimiser and stopping rule: the block `training` of an experiment."""

    optimiser: Optimiser = field(default="adamw", metadata={"description": "Optimiser."})
    learning_rate: Rate = field(default=0.005, metadata={"description": "Of the network."})
    global_optimiser: BranchOptimiser | None = field(
        default=None, metadata={"description": "For global parameters; the network's if absent."}
    )
    global_learning_rate: Rate | None = field(
        default=None, metadata={"description": "For global parameters; the network's if absent."}
    )
    weight_decay: Decay = field(
        default=1e-4, metadata={"description": "On the network only, never on process parameters."}
    )
    schedule: Schedule = field(
        default="constant",
        metadata={"description": "Learning rate over the epochs: to 0 as a cosine, or to a hundredth."},
    )
    warmup_epochs: Epochs = field(
        default=0, metadata={"description": "Epochs in which the learning rate rises to its value."}
    )
    batch_size: Count = field(
        default=2048, metadata={"description": "Sites in a step; the loss is a statistic of the batch."}
    )
    max_epochs: Count = field(default=500, metadata={"description": "Epochs at most."})
    patience: Count = field(
        default=50, metadata={"description": "Epochs without a better validation loss before stopping."}
    )
    stop_on: Literal["loss", LossName] = field(
        default="loss", metadata={"description": "What stops: the loss itself, or one of its kinds over the targets."}
    )
    clip_norm: Norm = field(default=1.0, metadata={"description": "Largest norm of the gradient."})
    checkpoint_every: Count = field(default=50, metadata={"description": "Epochs between checkpoints for resuming."})
    tensorboard: bool = field(
        default=False,
        metadata={"description": "Also write the history for TensorBoard, which must be installed."},
    )
    grid_refresh_epochs: Epochs = field(
        default=10, metadata={"description": "Epochs in which grids of a deep kan follow their inputs."}
    )

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}

    def __post_init__(self) -> None:
        """Raise ValueError for a name that does not exist, or a number out of range."""
        check_options(self)
        if self.warmup_epochs >= self.max_epochs:
            raise ValueError(
                f"warmup_epochs {self.warmup_epochs} leave none of the {self.max_epochs} epochs at the learning rate;"
                " give fewer."
            )
        if self.optimiser == "lbfgs" and self.global_optimiser is not None:
            raise ValueError("lbfgs trains all branches at once; leave global_optimiser out.")

    def rate_factor(self, epoch: int) -> float:
        """Share of the learning rates in use at `epoch`."""
        warm = min(1.0, (epoch + 1) / (self.warmup_epochs + 1))
        return warm * SCHEDULES[self.schedule](epoch / max(self.max_epochs, 1))
