"""Typed configuration of an experiment: process model, roles, encoder, constraint, loss, training, uncertainty."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from hybridmap.config.section import Name, Section

Target = Literal["soc", "poc", "moc", "mbc"]


class Process(Section):
    """The process model and its options."""

    name: str = Field("five_pool", description="A process model, or the path of a .py file with one.")
    options: dict[str, Any] = Field({}, description="Options of the model, for example formulation.")


ENCODER_OPTIONS: dict[str, dict[str, Any]] = {
    "linear": {},
    "mlp": {"hidden": [64, 32], "activation": "gelu", "dropout": 0.1, "batch_norm": False, "residual": False},
    "nam": {"units": 32, "activation": "gelu", "dropout": 0.0},
    "kan": {"hidden": [], "intervals": 30, "margin": 2.0, "base": "identity", "affine": False},
}
"""Options of each encoder, with their defaults."""


class Encoder(Section):
    """The network from covariates to parameters; an option that the named encoder does not have is an error."""

    name: Literal["linear", "mlp", "nam", "kan"] = Field("mlp", description="Kind of network.")
    hidden: list[int] | None = Field(None, description="Units of the hidden layers; mlp: [64, 32], kan: none.")
    units: int | None = Field(None, ge=1, description="Units of each covariate's network; nam: 32.")
    activation: Literal["sigmoid", "tanh", "relu", "leaky_relu", "gelu", "silu"] | None = Field(
        None, description="After each layer of mlp and nam; gelu."
    )
    dropout: float | None = Field(None, ge=0, lt=1, description="Share of units left out; mlp: 0.1, nam: 0.")
    batch_norm: bool | None = Field(None, description="Normalise the layers of an mlp over the batch; false.")
    residual: bool | None = Field(None, description="Shortcuts between layers of equal width of an mlp; false.")
    intervals: int | None = Field(None, ge=1, description="Grid cells of each curve of a kan; 30.")
    margin: float | None = Field(None, ge=0, description="Grid beyond the training range of a kan, in ranges; 2.")
    base: Literal["identity", "zero", "silu"] | None = Field(None, description="Added to the curves of a kan.")
    affine: bool | None = Field(None, description="A trained factor for every curve of a kan; false.")
    separate: bool = Field(False, description="One network for each parameter instead of one for all.")
    positional: list[str] = Field([], description="Longitude and latitude layers, to be seen as waves (BINN).")

    @model_validator(mode="after")
    def _own_options(self) -> Encoder:
        option_names = {key for options in ENCODER_OPTIONS.values() for key in options}
        for key in sorted(option_names - set(ENCODER_OPTIONS[self.name])):
            if getattr(self, key) is not None:
                have = sorted(ENCODER_OPTIONS[self.name]) or "none"
                raise ValueError(f"encoder '{self.name}' has no option '{key}'; its options are {have}")
        return self

    def options(self) -> dict[str, Any]:
        """Name and options as :func:`hybridmap.model.specification.build_model` takes them."""
        options = {
            key: default if getattr(self, key) is None else getattr(self, key)
            for key, default in ENCODER_OPTIONS[self.name].items()
        }
        return {"name": self.name, **options, "separate": self.separate, "positional": list(self.positional)}


class Constraint(Section):
    """How parameters are kept in their bounds."""

    name: Literal["sigmoid", "hard_sigmoid", "softplus", "relu"] = Field("sigmoid", description="Kind of constraint.")
    temperature: float | tuple[float, float] | None = Field(
        None, description="Of the sigmoid; two numbers make it trained between them (BINN: [10, 109])."
    )

    def options(self) -> dict[str, Any]:
        """Name and options as :func:`hybridmap.model.constraints.get_constraint` takes them."""
        hot = self.temperature
        return {"name": self.name} if hot is None else {"name": self.name, "temperature": hot}


class Loss(Section):
    """What training minimises."""

    name: str | dict[Target, str] = Field(
        "kge",
        description="kge, kge_2012, kge_bias_sd, pb_kge, nse, mse, mae, smooth_l1, gaussian; or a mapping, else kge",
    )
    weighting: Literal["equal", "inverse_count", "sqrt_count", "learned"] = Field(
        "equal", description="Of the targets; learned is that of Kendall et al. (2018)."
    )
    weights: dict[Target, float] = Field({}, description="Factors of single targets, 1 if absent.")
    observation_sd: dict[Target, float] | Literal["learned"] = Field(
        "learned", description="Error of the observations under gaussian, in the unit of the target."
    )
    beta: float = Field(1.0, gt=0, description="Where smooth_l1 turns straight, in the unit of the target.")
    penalties: dict[
        Literal["feasibility", "saturation", "dissolved", "violation", "cosh_prior", "entropy", "l1", "smoothness"],
        float,
    ] = Field({}, description="Weights of terms beside the data; each is logged under its own name.")


class Training(Section):
    """Optimiser and stopping rule."""

    optimiser: Literal["adamw", "rmsprop", "sgd", "lbfgs"] = Field("adamw", description="Optimiser.")
    learning_rate: float = Field(0.005, gt=0, description="Of the network.")
    global_optimiser: Literal["adamw", "rmsprop", "sgd"] | None = Field(
        None, description="For global parameters; the network's if absent."
    )
    global_learning_rate: float | None = Field(None, description="For global parameters; the network's if absent.")
    weight_decay: float = Field(1e-4, ge=0, description="On the network only, never on process parameters.")
    schedule: Literal["constant", "cosine", "exponential"] = Field(
        "constant", description="Learning rate over the epochs: to 0 as a cosine, or to a hundredth."
    )
    warmup_epochs: int = Field(0, ge=0, description="Epochs in which the learning rate rises to its value.")
    batch_size: int = Field(2048, ge=1, description="Sites in a step; the loss is a statistic of the batch.")
    max_epochs: int = Field(500, ge=1, description="Epochs at most.")
    patience: int = Field(50, ge=1, description="Epochs without a better validation loss before stopping.")
    stop_on: str = Field("loss", description="What stops: the loss itself, or one of its kinds over the targets.")
    clip_norm: float = Field(1.0, gt=0, description="Largest norm of the gradient.")
    checkpoint_every: int = Field(50, ge=1, description="Epochs between checkpoints for resuming.")
    tensorboard: bool = Field(False, description="Also write the history for TensorBoard, which must be installed.")
    grid_refresh_epochs: int = Field(10, ge=0, description="Epochs in which grids of a deep kan follow their inputs.")


class Uncertainty(Section):
    """Intervals of targets and parameters."""

    method: Literal["none", "ensemble", "mc_dropout"] = Field("none", description="Where the spread comes from.")
    members: int = Field(5, ge=2, description="Networks of an ensemble, trained side by side.")
    passes: int = Field(50, ge=2, description="Predictions with units left out, for mc_dropout.")
    layers: Literal["all", "last"] = Field(
        "all", description="Layers that leave units out for mc_dropout; last alone makes maps several times faster."
    )
    level: float = Field(0.9, gt=0, lt=1, description="Share of observations that an interval should hold.")


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
    encoder: Encoder = Field(Encoder(), description="The network.")
    constraint: Constraint = Field(Constraint(), description="Keeps parameters in their bounds.")
    targets: list[Target] = Field(["soc", "poc", "moc", "mbc"], description="What the loss compares.")
    loss: Loss = Field(Loss(), description="What is minimised.")
    training: Training = Field(Training(), description="How to train.")
    uncertainty: Uncertainty = Field(Uncertainty(), description="Where intervals come from.")
    splits: list[Name] = Field(default=["block"], description="Split schemes; the first also trains the map model.")
    seed: int = Field(0, description="Of initial weights, dropout and order; same seed, same result.")
    map: bool = Field(True, description="Whether to predict maps.")

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="after")
    def _something_to_drop(self) -> Experiment:
        drops = self.encoder.options().get("dropout") or self.encoder.positional
        if self.uncertainty.method == "mc_dropout" and not drops:
            raise ValueError(f"experiment '{self.name}': mc_dropout needs an encoder with dropout above 0")
        return self

    @field_validator("constraint", mode="before")
    @classmethod
    def _short_constraint(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value
