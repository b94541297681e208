"""Typed configuration of an experiment: process model, roles, encoder, constraint, loss, training, uncertainty."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from hybridmap.config.encoder import DEFAULT_ENCODER, Encoder
from hybridmap.config.section import Name, Section
from hybridmap.errors import nearest
from hybridmap.options import ConstraintOptions, LossOptions, OptimisationOptions, UncertaintyOptions
from hybridmap.quantities import QUANTITIES

Target = Literal["soc", "poc", "moc", "mbc"]


class Process(Section):
    """The process model and its options."""

    name: str = Field("five_pool", description="A process model, or the path of a .py file with one.")
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
    targets: list[Target] = Field(["soc", "poc", "moc", "mbc"], description="What the loss compares.")
    loss: LossOptions = Field(LossOptions(), description="What is minimised.")
    training: OptimisationOptions = Field(OptimisationOptions(), description="How to train.")
    uncertainty: UncertaintyOptions = Field(UncertaintyOptions(), description="Where intervals come from.")
    splits: list[Name] = Field(default=["block"], description="Split schemes; the first also trains the map model.")
    seed: int = Field(0, description="Of initial weights, dropout and order; same seed, same result.")
    map: bool = Field(True, description="Whether to predict maps.")

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="after")
    def _something_to_drop(self) -> Experiment:
        if self.uncertainty.method == "mc_dropout" and not self.encoder.leaves_units_out():
            raise ValueError(f"experiment '{self.name}': mc_dropout needs an encoder with dropout above 0")
        return self

    @model_validator(mode="after")
    def _known_targets(self) -> Experiment:
        for key, names in self.loss.named_targets().items():
            for name in names:
                if name not in QUANTITIES:
                    hint = nearest(name, QUANTITIES) or f"; there are {list(QUANTITIES)}"
                    raise ValueError(f"experiment '{self.name}': loss.{key} names no target '{name}'{hint}")
        return self

    @field_validator("constraint", mode="before")
    @classmethod
    def _short_constraint(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value
