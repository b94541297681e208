"""The model that is trained: roles + encoder + process model, and the pure network beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hybridmap.encoders import KAN, MixedInputs, Standardise
from hybridmap.errors import HybridmapError
from hybridmap.model.constraints import ONE_SIDED, Bounds, Constraint, Sigmoid, get_constraint, start_of
from hybridmap.process import Parameter, ProcessModel
from hybridmap.quantities import QUANTITIES

OUTSIDE = "outside_grid"
"""Output of models with a KAN encoder: number of covariates outside the grid of its curves."""


class Run(NamedTuple):
    """One pass through a model, for the loss and its penalties.

    Attributes
    ----------
    outputs : dict of str to Tensor, shape (..., site)
        As :meth:`HybridModel.forward`.
    raw, position : Tensor, shape (..., site, neural parameter)
        Before the constraint, and between the bounds after it; empty for a pure network.
    """

    outputs: dict[str, Tensor]
    raw: Tensor
    position: Tensor


@dataclass(frozen=True)
class Roles:
    """What each parameter of a process model is.

    Attributes
    ----------
    neural : sequence of str
        Predicted per site by the encoder.
    shared : sequence of str
        Learned as one value for all sites (``global`` in a configuration file).
    fixed : mapping of str to float
        Held at a value, in the parameter's unit. A parameter named nowhere is held at its default.
    """

    neural: Sequence[str] = ()
    shared: Sequence[str] = ()
    fixed: Mapping[str, float] = field(default_factory=dict)

    def check(self, process: ProcessModel) -> None:
        """Raise ValueError for an unknown parameter or one with two roles."""
        known = [p.name for p in process.parameters]
        named = [*self.neural, *self.shared, *self.fixed]
        for name in named:
            if name not in known:
                raise ValueError(f"{process.name} has no parameter '{name}'; it has {known}.")
            if named.count(name) > 1:
                raise ValueError(f"parameter '{name}' has two roles; name it once among neural, global and fixed.")


class TableModel(nn.Module, ABC):
    """What every trained model can do: predict for a table of covariates and forcing."""

    covariate_names: tuple[str, ...]
    forcing_names: tuple[str, ...]
    units: Mapping[str, str] = MappingProxyType({})
    """Unit of each layer that the model was trained with, where it is known."""
    standardise: Standardise
    inputs: MixedInputs | None
    encoder: nn.Module

    def features(self, covariates: Tensor) -> Tensor:
        """What the encoder sees: standardised numbers, embedded classes, positional features; (..., site, feature)."""
        standard = self.standardise(covariates)
        return standard if self.inputs is None else self.inputs(standard)

    def fit_inputs(self, covariates: Tensor) -> None:
        """Take the statistics of the training part: covariates (site, covariate) in physical units."""
        self.standardise.fit(covariates, () if self.inputs is None else self.inputs.raw)
        if isinstance(self.encoder, KAN):
            with torch.no_grad():
                self.encoder.refresh_grid(self.features(covariates))

    @abstractmethod
    def encode(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """What the encoder sees (..., site, feature) and what it makes of it (..., site, output)."""

    @abstractmethod
    def decode(self, encoded: Tensor, forcing: Mapping[str, Tensor]) -> Run:
        """From what the encoder makes of a site to everything behind it."""

    def forward(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Predict.

        Parameters
        ----------
        covariates : Tensor, shape (site, covariate)
            In physical units, columns as in `covariate_names`; with a member axis first for stacked weights.
        forcing : mapping of str to Tensor, shape (site, ...)
            In the units of the process model.

        Returns
        -------
        dict of str to Tensor, shape (site, ...)
            Process outputs and ``parameter.NAME`` for every neural and shared parameter, or the targets of a pure
            network, positive by softplus and scaled by the training mean; with a KAN encoder the number of covariates
            outside its grid.
        """
        return self.run(covariates, forcing).outputs

    def run(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> Run:
        """As :meth:`forward`, with what lies between encoder and process model."""
        features, encoded = self.encode(covariates, forcing)
        run = self.decode(encoded, forcing)
        run.outputs.update(self.after(features))
        return run

    def after(self, features: Tensor) -> dict[str, Tensor]:
        """Outputs that come from what the encoder saw: with a KAN, covariates outside its grid."""
        if self.training or not isinstance(self.encoder, KAN):
            return {}
        return {OUTSIDE: self.encoder.outside(features).to(features)}

    def predict(self, table: Any) -> dict[str, NDArray[np.float32]]:
        """Predict for every row of a table.

        Parameters
        ----------
        table : mapping of str to array_like, shape (site,)
            A data frame or a dict. Columns are found as ``covariate.NAME`` and ``forcing.NAME``, as in
            ``samples.parquet``, or by the plain name; physical units. It is not changed.

        Returns
        -------
        dict of str to array, shape (site,), float32
            As :meth:`forward`; units by :meth:`output_info`.

        Raises
        ------
        HybridmapError
            If a column is missing.
        """
        covariates, forcing = self.tensors(table)
        with torch.no_grad():
            out = self(covariates, forcing)
        return {name: values.numpy() for name, values in out.items()}

    def tensors(self, table: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """Covariates (site, covariate) and forcing of a table, as :meth:`predict` finds them."""

        def column(kind: str, name: str) -> Tensor:
            for key in (f"{kind}.{name}", name):
                if key in table:
                    return torch.tensor(np.asarray(table[key], dtype="float32"))
            raise HybridmapError(f"the table has no {kind} '{name}', which the model was trained with; add the column.")

        covariates = torch.stack([column("covariate", name) for name in self.covariate_names], dim=1)
        return covariates, {name: column("forcing", name) for name in self.forcing_names}


class HybridModel(TableModel):
    """Encoder → bounded parameters → process model.

    Parameters
    ----------
    process : ProcessModel
        Differentiable process model.
    roles : Roles
        Which of its parameters are neural, shared and fixed.
    encoder : nn.Module
        Standardised covariates (site, covariate) → raw parameters (site, neural parameter).
    constraint : str
        See :func:`hybridmap.model.constraints.get_constraint`.
    bounds : mapping of str to (float, float), optional
        Overrides of training bounds, in the parameter's unit.
    covariate_names, target_names : sequence of str
        Order of the covariate columns; outputs that were observed.
    forcing_constants : mapping of str to float
        Forcing that is one number for the region, such as the layer depth [m].
    inputs : MixedInputs, optional
        Treatment of classes and coordinates among the covariates.
    start : mapping of str to float, optional
        Where parameters start, if not at their defaults, in their units.

    Notes
    -----
    Neural and shared parameters start at their defaults, or at the ``start`` that a parameter declares, and never leave
    their bounds. With weights stacked along a leading member axis the model runs its members side by side.
    """

    start: Tensor

    def __init__(
        self,
        process: ProcessModel,
        roles: Roles,
        encoder: nn.Module,
        *,
        constraint: str | Mapping[str, Any] = "sigmoid",
        bounds: Mapping[str, tuple[float, float]] | None = None,
        covariate_names: Sequence[str] = (),
        target_names: Sequence[str] = (),
        forcing_constants: Mapping[str, float] | None = None,
        inputs: MixedInputs | None = None,
        start: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        roles.check(process)
        self.process: ProcessModel | None = process
        self._process = process
        self.roles = roles
        self.encoder = encoder
        self.inputs = inputs
        self.covariate_names = tuple(covariate_names)
        self.target_names = tuple(target_names)
        self.forcing_constants = dict(forcing_constants or {})
        self.neural_names = tuple(roles.neural)
        self.shared_names = tuple(roles.shared)
        self.forcing_names = tuple(
            v.name for v in process.forcing if not v.optional and v.name not in self.forcing_constants
        )
        self.standardise = Standardise(len(self.covariate_names))
        table = {p.name: _rebound(p, bounds or {}, start or {}) for p in process.parameters}
        self._neural = Bounds.of([table[n] for n in self.neural_names])
        self._shared = Bounds.of([table[n] for n in self.shared_names])
        self._fixed = dict(roles.fixed)
        begin = self._neural.locate(_starts(table, self.neural_names))
        self.constraint = _constraint(constraint, begin, self._neural)
        # Shared parameters are always on a plain sigmoid: one value must not get stuck where a constraint is flat.
        self._shared_constraint = Sigmoid()
        self.register_buffer("start", self.constraint.raw(begin).float())
        shared = self._shared.locate(_starts(table, self.shared_names))
        self.shared_raw = nn.Parameter(self._shared_constraint.raw(shared).float())

    def neural_parameters(self, covariates: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Raw values, positions between the bounds, and physical values, each (..., site, neural parameter)."""
        return self._bounded(self.encoder(self.features(covariates)))

    def shared_parameters(self) -> Tensor:
        """Physical values of the shared parameters, (..., shared parameter)."""
        return self._shared.interpolate(self._shared_constraint.position(self.shared_raw))

    def physical_parameters(self, covariates: Tensor) -> dict[str, Tensor]:
        """Parameter values in their units: neural ones (site,), shared ones () for covariates (site, covariate)."""
        values: dict[str, Tensor] = {}
        if self.neural_names:
            neural = self.neural_parameters(covariates)[2]
            values |= {name: neural[..., i] for i, name in enumerate(self.neural_names)}
        shared = self.shared_parameters()
        return values | {name: shared[..., i] for i, name in enumerate(self.shared_names)}

    def encode(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """What the encoder sees (..., site, feature) and what it makes of it (..., site, neural parameter)."""
        features = self.features(covariates)
        if not self.neural_names:
            return features, covariates.new_zeros(*covariates.shape[:-1], 0)
        return features, self.encoder(features)

    def decode(self, encoded: Tensor, forcing: Mapping[str, Tensor]) -> Run:
        """From the encoder's output (..., site, neural parameter) and forcing to everything behind it."""
        shape = encoded.shape[:-1]
        raw, position, neural = self._bounded(encoded) if self.neural_names else (encoded, encoded, encoded)
        shared = self.shared_parameters()
        if len(shape) > 1:  # the process model knows sites only
            shared = shared[..., None, :].expand(*shape, -1).flatten(0, -2)
        learned = {name: neural[..., i].flatten() for i, name in enumerate(self.neural_names)}
        learned |= {name: shared[..., i] for i, name in enumerate(self.shared_names)}
        constants = {n: encoded.new_tensor(v) for n, v in {**self._fixed, **self.forcing_constants}.items()}
        out = self._process(
            {**{n: constants[n] for n in self._fixed}, **learned},
            {
                **{n: forcing[n].flatten(0, len(shape) - 1) for n in self.forcing_names},
                **{n: constants[n] for n in self.forcing_constants},
            },
        )
        out |= {f"parameter.{n}": v.expand(shape.numel()) for n, v in learned.items()}
        outputs = {n: v.unflatten(0, shape) for n, v in out.items()} if len(shape) > 1 else out
        return Run(outputs, raw, position)

    def _bounded(self, encoded: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        raw = encoded + self.start[..., None, :]
        position = self.constraint.position(raw)
        return raw, position, self._neural.interpolate(position)

    def output_info(self) -> dict[str, tuple[str, str]]:
        """Unit and description of every key that :meth:`forward` returns."""
        info = {v.name: (v.unit, v.description) for v in self._process.outputs}
        learned = {*self.neural_names, *self.shared_names}
        if isinstance(self.encoder, KAN):
            info[OUTSIDE] = ("1", "number of covariates outside the range that the curves were fitted on")
        return info | {
            f"parameter.{p.name}": (p.unit, p.description) for p in self._process.parameters if p.name in learned
        }

    def bounds_of(self, name: str) -> tuple[float, float]:
        """Training bounds of a neural or shared parameter, in its unit."""
        for names, bounds in ((self.neural_names, self._neural), (self.shared_names, self._shared)):
            if name in names:
                i = names.index(name)
                return float(bounds.lower[i]), float(bounds.upper[i])
        raise KeyError(name)


class NetworkModel(TableModel):
    """Pure multi-task network: covariates (and forcing) straight to the targets; the baseline without a process.

    Parameters
    ----------
    encoder : nn.Module
        Standardised inputs (site, covariate + forcing) → raw targets (site, target).
    covariate_names, forcing_names, target_names : sequence of str
        Input columns in order, and outputs.
    """

    process: ProcessModel | None = None
    neural_names: tuple[str, ...] = ()
    shared_names: tuple[str, ...] = ()
    scale: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        *,
        covariate_names: Sequence[str],
        forcing_names: Sequence[str],
        target_names: Sequence[str],
        inputs: MixedInputs | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.inputs = inputs
        self.covariate_names = tuple(covariate_names)
        self.forcing_names = tuple(forcing_names)
        self.target_names = tuple(target_names)
        self.standardise = Standardise(len(self.covariate_names) + len(self.forcing_names))
        self.register_buffer("scale", torch.ones(len(self.target_names)))

    def together(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> Tensor:
        """Covariates and forcing side by side, (..., site, covariate + forcing): what a hybrid model sees too."""
        return torch.cat([covariates, *(forcing[n][..., None] for n in self.forcing_names)], dim=-1)

    def encode(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """What the encoder sees (..., site, feature), forcing included, and what it makes of it (..., site, target)."""
        features = self.features(self.together(covariates, forcing))
        return features, self.encoder(features)

    def decode(self, encoded: Tensor, forcing: Mapping[str, Tensor]) -> Run:
        """From the encoder's output (..., site, target) to the targets; the encoder has seen the forcing."""
        # softplus(0.5413) = 1: the untrained network predicts the training mean.
        values = nn.functional.softplus(encoded + 0.5413) * self.scale[..., None, :]
        outputs = {name: values[..., i] for i, name in enumerate(self.target_names)}
        return Run(outputs, encoded[..., :0], encoded[..., :0])

    def output_info(self) -> dict[str, tuple[str, str]]:
        """Unit and description of every target."""
        info = {
            name: (QUANTITIES[name].unit, QUANTITIES[name].title) if name in QUANTITIES else ("1", name)
            for name in self.target_names
        }
        if isinstance(self.encoder, KAN):
            info[OUTSIDE] = ("1", "number of covariates outside the range that the curves were fitted on")
        return info


Model = HybridModel | NetworkModel


def _starts(table: Mapping[str, Parameter], names: Sequence[str]) -> Tensor:
    return torch.tensor([start_of(table[n]) for n in names], dtype=torch.float64)


def _constraint(spec: str | Mapping[str, Any], start: Tensor, bounds: Bounds) -> Constraint:
    """Build a constraint; the one-sided ones measure in units of the start above the lower bound."""
    options = {"name": spec} if isinstance(spec, str) else dict(spec)
    name = options.pop("name")
    if name in ONE_SIDED:
        if bool(bounds.log.any()):
            raise ValueError(f"constraint '{name}' takes parameters on a linear scale; choose 'sigmoid'.")
        return get_constraint(name, unit=start.float(), **options)
    return get_constraint(name, **options)


def _rebound(parameter: Parameter, bounds: Mapping[str, Iterable[float]], start: Mapping[str, float]) -> Parameter:
    lower, upper = bounds.get(parameter.name, (parameter.lower, parameter.upper))
    begin = start.get(parameter.name, parameter.start)
    return replace(parameter, lower=float(lower), upper=float(upper), start=begin)
