"""Where intervals of targets and parameters come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from hybridmap.options.limits import Range, check_options

Several = Annotated[int, Range(ge=2, le=10_000)]

TRAINED_SIDE_BY_SIDE = ("ensemble", "randomised_priors")
"""Methods whose draws are networks that were trained."""
FROM_ONE_NETWORK = ("laplace", "smoother")
"""Methods whose draws are made after the training of one network."""
POSTERIORS = ("randomised_priors", *FROM_ONE_NETWORK)
"""Methods with a prior."""


@dataclass(frozen=True)
class UncertaintyOptions:
    """Intervals of targets and parameters."""

    method: Literal["none", "ensemble", "mc_dropout", "head", "randomised_priors", "laplace", "smoother"] = field(
        default="none",
        metadata={
            "description": "Where the spread comes from; head: from the loss, where the encoder learns it. Posteriors"
            " of parameters under a prior as wide as their ranges: randomised_priors, an ensemble of networks that"
            " each have a random function beside them; laplace, of the last layer and global parameters; smoother, of"
            " global parameters alone."
        },
    )
    members: Several = field(
        default=5, metadata={"description": "Networks of ensemble and randomised_priors, trained side by side."}
    )
    draws: Several = field(
        default=40,
        metadata={"description": "Draws of laplace and smoother, kept with the model; maps predict with each."},
    )
    passes: Several = field(default=50, metadata={"description": "Predictions with units left out, for mc_dropout."})
    layers: Literal["all", "last"] = field(
        default="all",
        metadata={
            "description": "Layers that leave units out for mc_dropout; last alone makes maps several times faster."
        },
    )
    level: Annotated[float, Range(gt=0, lt=1)] = field(
        default=0.9, metadata={"description": "Share of observations that an interval should hold."}
    )
    groups: Literal["auto", "none", "tercile", "landcover", "depth"] = field(
        default="auto",
        metadata={
            "description": "Calibrate intervals by thirds of the predictions, land cover of the samples or depth class;"
            " groups of fewer than 20 blocks take the factor of all. auto: what nested folds of the calibration choose."
        },
    )
    counts_once: Literal["auto", "block", "site"] = field(
        default="block",
        metadata={
            "description": "What counts once in a calibration: every block of space, however many sites it holds, or"
            " every site. auto: what nested folds of the calibration choose."
        },
    )

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}

    def __post_init__(self) -> None:
        """Raise ValueError for a name that does not exist, or a number out of range."""
        check_options(self)

    @property
    def ensemble_size(self) -> int:
        """Networks that are trained for one fold."""
        return self.members if self.method in TRAINED_SIDE_BY_SIDE else 1

    @property
    def has_members(self) -> bool:
        """Whether draws are kept with the model, each a model of its own."""
        return self.method in (*TRAINED_SIDE_BY_SIDE, *FROM_ONE_NETWORK)

    @property
    def is_posterior(self) -> bool:
        """Whether draws of parameters are of a posterior, so that their ranges hold the truth as often as they say."""
        return self.method in POSTERIORS

    @property
    def draw_count(self) -> int:
        """Draws of a prediction; 0 where there are none."""
        counts = dict.fromkeys(TRAINED_SIDE_BY_SIDE, self.members) | dict.fromkeys(FROM_ONE_NETWORK, self.draws)
        return {**counts, "mc_dropout": self.passes}.get(self.method, 0)
