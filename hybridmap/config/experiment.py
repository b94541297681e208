"""Typed configuration of an experiment: process model, roles, encoder, constraint, loss, training, uncertainty."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from hybridmap.config.encoder import DEFAULT_ENCODER, Encoder
from hybridmap.config.section import Name, Section, Seed
from hybridmap.options import ConstraintOptions, LossOptions, OptimisationOptions, UncertaintyOptions


class Process(Section):
    """The process model and its options."""

    name: str = Field("five_pool", min_length=1, description="A process model, or the path of a .py file with one.")
    options: dict[str, Any] = Field({}, description="Options of the model, for example formulation.")


Role = list[str] | Literal["all", "none"]


class Experiment(Section):
    """One model to train, evaluate, diagnose and map."""

    name: Name = Field(description="Name of the experiment and of its folder.")
    title: str = Field("", description="For the report.")
    process: Process | None = Field(Process(), description="null trains the pure multi-task network.")
    neural: Role = Field("none", description="Parameters that the encoder predicts.")
    global_: Role = Field("none", alias="global", description="Parameters learned as one number for the region.")
    fixed: dict[str, float] = Field(default={}, description="Values of the rest; defaults of the model if absent.")
    bounds: dict[str, tuple[float, float]] = Field(default={}, description="Overrides of training bounds.")
    start: dict[str, float] = Field({}, description="Where parameters start, if not at their defaults.")
    encoder: Encoder = Field({"name": DEFAULT_ENCODER}, validate_default=True, description="The network.")
    constraint: ConstraintOptions = Field(ConstraintOptions(), description="Keeps parameters in their bounds.")
    targets: list[Name] = Field(
        ["soc", "poc", "moc", "mbc"], min_length=1, description="Quantities that the loss compares."
    )
    loss: LossOptions = Field(LossOptions(), description="What is minimised.")
    training: OptimisationOptions = Field(OptimisationOptions(), description="How to train.")
    uncertainty: UncertaintyOptions = Field(UncertaintyOptions(), description="Where intervals come from.")
    splits: list[Name] = Field(
        default=["block"], min_length=1, description="Split schemes; the first also trains the map model."
    )
    seed: Seed = Field(0, description="Of initial weights, dropout and order; same seed, same result.")
    map: bool = Field(True, description="Whether to predict maps.")

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)

    @model_validator(mode="after")
    def _something_to_drop(self) -> Experiment:
        if self.uncertainty.method == "mc_dropout" and not self.encoder.leaves_units_out():
            raise ValueError(f"experiment '{self.name}': mc_dropout needs an encoder with dropout above 0")
        if self.uncertainty.method == "head":
            for target in self.targets:
                if not self.loss.heads_of([target]):
                    raise ValueError(
                        f"experiment '{self.name}': uncertainty: head needs a loss that learns the spread of"
                        f" '{target}': log_quantiles, square_quantiles, or gaussian_log, student_t_log or crps_log with"
                        " observation_sd: neural"
                    )
        return self

    @property
    def own_process(self) -> bool:
        """Whether the region file names a file of the user's own as the process model, which is trusted thereby."""
        return self.process is not None and self.process.name.endswith(".py")

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Experiment:
        for name, (low, high) in self.bounds.items():
            if not low < high:
                raise ValueError(
                    f"experiment '{self.name}': bounds of {name} are [{low:g}, {high:g}]; they must increase"
                )
            start = self.start.get(name)
            if start is not None and not low < start < high:
                raise ValueError(
                    f"experiment '{self.name}': start of {name} is {start:g}, which is not between its bounds"
                    f" {low:g} and {high:g}"
                )
        return self

    @model_validator(mode="after")
    def _each_once(self) -> Experiment:
        lists = {"targets": self.targets, "splits": self.splits, "neural": self.neural, "global": self.global_}
        for key, names in lists.items():
            if isinstance(names, list) and (repeated := sorted({name for name in names if names.count(name) > 1})):
                raise ValueError(f"experiment '{self.name}': {key} names '{repeated[0]}' twice; name it once")
        return self

    @model_validator(mode="after")
    def _some_weight(self) -> Experiment:
        weights = self.loss.weights
        if not any(weights.get(target, 1.0) for target in self.targets):
            raise ValueError(f"experiment '{self.name}': loss.weights leave no target; give one a weight above 0")
        return self

    @field_validator("constraint", mode="before")
    @classmethod
    def _short_constraint(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value
