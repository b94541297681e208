"""How to train: plain values, as the configuration gives them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hybridmap.train.losses import LOSSES

OPTIMISERS = ("adamw", "rmsprop", "sgd", "lbfgs")
SCHEDULES = ("constant", "cosine", "exponential")
WEIGHTINGS = ("equal", "inverse_count", "sqrt_count", "learned")
PENALTIES = (
    "feasibility", "saturation", "dissolved", "violation", "cosh_prior", "entropy", "l1", "smoothness",
)  # fmt: skip
"""Terms beside the data: of the process model, of the raw parameters, and of a KAN encoder."""


@dataclass(frozen=True)
class LossOptions:
    """What is minimised.

    Attributes
    ----------
    name : str or mapping of str to str
        A key of :data:`hybridmap.train.losses.LOSSES`, for all targets or one a target.
    weighting : {"equal", "inverse_count", "sqrt_count", "learned"}
        How targets are weighted, beside `weights`: by the inverse of their training counts, by the square root of the
        counts, or by learned variances (Kendall et al. 2018).
    weights : mapping of str to float
        Factors of single targets.
    observation_sd : mapping of str to float, or "learned"
        Of the Gaussian loss, in the unit of the target.
    beta : float
        Of smooth L1, in the unit of the target.
    penalties : mapping of str to float
        Term → weight; see :data:`PENALTIES`.
    """

    name: str | Mapping[str, str] = "kge"
    weighting: str = "equal"
    weights: Mapping[str, float] = field(default_factory=dict)
    observation_sd: Mapping[str, float] | str = "learned"
    beta: float = 1.0
    penalties: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ValueError for a name that does not exist."""
        chosen = [self.name] if isinstance(self.name, str) else list(self.name.values())
        for name in chosen:
            if name not in LOSSES:
                raise ValueError(f"no loss '{name}'; there are {sorted(LOSSES)}.")
        if self.weighting not in WEIGHTINGS:
            raise ValueError(f"no weighting '{self.weighting}'; there are {list(WEIGHTINGS)}.")
        if unknown := sorted(set(self.penalties) - set(PENALTIES)):
            raise ValueError(f"no penalty '{unknown[0]}'; there are {list(PENALTIES)}.")


@dataclass(frozen=True)
class TrainingOptions:
    """How to train; see the configuration reference for each key."""

    optimiser: str = "adamw"
    learning_rate: float = 0.005
    global_optimiser: str | None = None
    global_learning_rate: float | None = None
    weight_decay: float = 1e-4
    schedule: str = "constant"
    warmup_epochs: int = 0
    batch_size: int = 2048
    max_epochs: int = 500
    patience: int = 50
    stop_on: str = "loss"
    clip_norm: float = 1.0
    checkpoint_every: int = 50
    grid_refresh_epochs: int = 10
    loss: LossOptions = field(default_factory=LossOptions)
    seed: int = 0
    identity: Mapping[str, Any] = field(default_factory=dict)
    """Anything else that a checkpoint must agree with, such as the model's specification."""

    def __post_init__(self) -> None:
        """Raise ValueError for a name that does not exist."""
        for what, name, known in (
            ("optimiser", self.optimiser, OPTIMISERS),
            ("optimiser", self.global_optimiser or "sgd", [o for o in OPTIMISERS if o != "lbfgs"]),
            ("schedule", self.schedule, SCHEDULES),
            ("measure to stop on", self.stop_on, ("loss", *LOSSES)),
        ):
            if name not in known:
                raise ValueError(f"no {what} '{name}'; there are {list(known)}.")
        if self.optimiser == "lbfgs" and self.global_optimiser is not None:
            raise ValueError("lbfgs trains all branches at once; leave global_optimiser out.")

    def rate_factor(self, epoch: int) -> float:
        """Share of the learning rates in use at `epoch`."""
        warm = min(1.0, (epoch + 1) / (self.warmup_epochs + 1))
        done = epoch / max(self.max_epochs, 1)
        shape = {"constant": 1.0, "cosine": 0.5 * (1 + math.cos(math.pi * done)), "exponential": 0.01**done}
        return warm * shape[self.schedule]
