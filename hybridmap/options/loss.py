"""What training minimises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, get_args

from hybridmap.options.limits import LARGEST, LEAST, Factor, Range, check_options

LossName = Literal[
    "kge", "kge_2012", "kge_bias_sd", "pb_kge", "nse", "mse", "mae", "smooth_l1", "gaussian",
    "smooth_l1_log", "log_and_square", "gaussian_log", "student_t_log", "crps_log", "log_quantiles", "square_quantiles",
]  # fmt: skip
QUANTILES = ("log_quantiles", "square_quantiles")
"""Those of a centre and two ends, whose distances are learned."""
ON_LOGARITHMS = ("smooth_l1_log", "log_and_square", "gaussian_log", "student_t_log", "crps_log", *QUANTILES)
"""Losses on logarithms, for targets that are not negative."""
OF_SPREAD = ("gaussian_log", "student_t_log", "crps_log")
"""Those of a distribution, whose spread is learned too."""
Weighting = Literal["equal", "inverse_count", "sqrt_count", "learned"]
LOSS_NAMES: tuple[LossName, ...] = get_args(LossName)
DEFAULT_LOSS: LossName = "kge"


@dataclass(frozen=True)
class LossOptions:
    """What training minimises."""

    name: str | Mapping[str, str] = field(
        default=DEFAULT_LOSS,
        metadata={"description": f"{', '.join(LOSS_NAMES)}; or a mapping, else {DEFAULT_LOSS}"},
    )
    weighting: Weighting = field(
        default="equal", metadata={"description": "Of the targets; learned is that of Kendall et al. (2018)."}
    )
    weights: Mapping[str, float] = field(
        default_factory=dict, metadata={"description": "Factors of single targets, 1 if absent."}
    )
    observation_sd: Mapping[str, float] | Literal["learned", "neural"] = field(
        default="learned",
        metadata={
            "description": "Error of the observations: under gaussian in the unit of the target, under gaussian_log,"
            " student_t_log and crps_log of its logarithm; neural: by the encoder, for each site (on logarithms)."
        },
    )
    level: Annotated[float, Range(gt=0, lt=1)] = field(
        default=0.9,
        metadata={
            "description": "Share of the observations between the ends under log_quantiles and square_quantiles."
        },
    )
    beta: Factor = field(
        default=1.0, metadata={"description": "Where smooth_l1 turns straight, in the unit of the target."}
    )
    penalties: Mapping[str, float] = field(
        default_factory=dict,
        metadata={
            "description": "Weights of terms beside the data, those that the process model offers included; each is"
            " logged under its own name."
        },
    )

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}

    def __post_init__(self) -> None:
        """Raise ValueError for a name that does not exist, or a number out of range."""
        check_options(self)
        for name in [self.name] if isinstance(self.name, str) else self.name.values():
            if name not in LOSS_NAMES:
                raise ValueError(f"no loss '{name}'; there are {sorted(LOSS_NAMES)}.")
        self._check_numbers()

    def _check_numbers(self) -> None:
        """Weights and penalties are finite and not negative; errors of observations are above 0."""
        numbers = {"weights": self.weights, "penalties": self.penalties, "observation_sd": self.observation_sd}
        for key, values in numbers.items():
            for name, value in values.items() if isinstance(values, Mapping) else ():
                is_possible = LEAST <= value <= LARGEST or (value == 0 and key != "observation_sd")
                if not is_possible:
                    least = "" if key == "observation_sd" else "0, or "
                    raise ValueError(f"{key}.{name} is {value:g}; it must be {least}from {LEAST:g} to {LARGEST:g}.")

    def name_of(self, target: str) -> str:
        """Loss of one target."""
        return self.name if isinstance(self.name, str) else self.name.get(target, DEFAULT_LOSS)

    def heads_of(self, targets: Sequence[str]) -> list[str]:
        """What the encoder says of the spread of each target beside its parameters: names of heads."""
        names = []
        for target in targets:
            loss = self.name_of(target)
            if loss in OF_SPREAD and self.observation_sd == "neural":
                names.append(f"spread.{target}")
            if loss in QUANTILES:
                names += [f"below.{target}", f"above.{target}"]
        return names

    def named_targets(self) -> dict[str, list[str]]:
        """Targets that each option with one value a target names."""
        options = {"name": self.name, "weights": self.weights, "observation_sd": self.observation_sd}
        return {key: list(value) for key, value in options.items() if isinstance(value, Mapping)}
