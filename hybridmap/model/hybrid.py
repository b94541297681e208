"""The hybrid model: encoder, bounded parameters, process model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hybridmap.encoders import MixedInputs, Standardise
from hybridmap.model.constraints import ONE_SIDED, Bounds, Constraint, Sigmoid, get_constraint, start_of
from hybridmap.model.layer_depth import LayerDepth
from hybridmap.model.roles import Roles
from hybridmap.model.spread_head import SpreadHead
from hybridmap.model.table_model import Run, TableModel
from hybridmap.options.layer_depth import LAYER_INPUTS
from hybridmap.process import Parameter, ProcessModel
from hybridmap.process.own_code import own_errors


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
    root_beta : float, optional
        For observations of layers at several depths: shape of the root profile by which a layer gets its share of what
        enters by roots, see :func:`~hybridmap.model.layer_depth.root_share`. Then the ends of the layer
        (`LAYER_INPUTS`) are forcing; the encoder sees them too where the process model describes one layer. Without it
        all observations are of one interval.
    heads : sequence of str
        Further outputs of the encoder, see :class:`~hybridmap.model.spread_head.SpreadHead`.

    Notes
    -----
    Neural and shared parameters start at their defaults, or at the ``start`` that a parameter declares, and never leave
    their bounds. With weights stacked along a leading member axis the model runs its members side by side.
    """

    start: Tensor

    def __init__(  # noqa: PLR0913 - public arguments, most of them by name only
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
        root_beta: float | None = None,
        heads: Sequence[str] = (),
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
        self.heads = SpreadHead(heads, self.target_names)
        self.depth = LayerDepth(process, self.forcing_constants, root_beta)
        position = inputs.position if inputs else ()
        self._encoded = (*self.depth.encoded, *position)
        self.forcing_names = (*self.depth.forcing_names, *position)
        self.has_columns = self.depth.has_columns
        self.standardise = Standardise(len(self.covariate_names) + len(self._encoded))
        table = {p.name: _rebound(p, bounds or {}, start or {}) for p in process.parameters}
        self._neural = Bounds.of([table[n] for n in self.neural_names])
        self._shared = Bounds.of([table[n] for n in self.shared_names])
        self._fixed = dict(roles.fixed)
        begin = self._neural.locate(_starts(table, self.neural_names))
        self.constraint = _constraint(constraint, begin, self._neural)
        # Shared parameters are always on a plain sigmoid: one value must not get stuck where a constraint is flat.
        self._shared_constraint = Sigmoid()
        self.register_buffer("start", self.constraint.raw(begin).float())
        self.shared_starts = tuple(_starts(table, self.shared_names).tolist())
        shared = self._shared.locate(_starts(table, self.shared_names))
        self.shared_raw = nn.Parameter(self._shared_constraint.raw(shared).float())

    def neural_parameters(
        self, covariates: Tensor, forcing: Mapping[str, Tensor] = MappingProxyType({})
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Raw values, positions between the bounds, and physical values, each (..., site, neural parameter)."""
        encoded = self.encoder(self.features(self.encoder_inputs(covariates, forcing)))
        return self._bounded(encoded[..., : len(self.neural_names)])

    def encoder_inputs(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> Tensor:
        """Covariates, the ends of the layer [m] where they differ between sites, and the position if it is seen.

        Parameters
        ----------
        covariates : Tensor, shape (..., site, covariate)
            In physical units.
        forcing : mapping of str to Tensor, shape (..., site)
            With what else the encoder sees.

        Returns
        -------
        Tensor, shape (..., site, input)
        """
        if not self._encoded:
            return covariates
        return torch.cat([covariates, *(forcing[n][..., None] for n in self._encoded)], dim=-1)

    def shared_parameters(self) -> Tensor:
        """Physical values of the shared parameters, (..., shared parameter)."""
        return self._shared.interpolate(self._shared_constraint.position(self.shared_raw))

    def physical_parameters(
        self, covariates: Tensor, forcing: Mapping[str, Tensor] = MappingProxyType({})
    ) -> dict[str, Tensor]:
        """Parameter values in their units: neural ones (site,), shared ones () for covariates (site, covariate)."""
        values: dict[str, Tensor] = {}
        if self.neural_names:
            neural = self.neural_parameters(covariates, forcing)[2]
            values |= {name: neural[..., i] for i, name in enumerate(self.neural_names)}
        shared = self.shared_parameters()
        return values | {name: shared[..., i] for i, name in enumerate(self.shared_names)}

    def encode(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """What the encoder sees (..., site, feature) and what it makes of it (..., site, neural parameter)."""
        features = self.features(self.encoder_inputs(covariates, forcing))
        if not self.neural_names and not len(self.heads):
            return features, covariates.new_zeros(*covariates.shape[:-1], 0)
        return features, self.encoder(features)

    def decode(self, encoded: Tensor, forcing: Mapping[str, Tensor]) -> Run:
        """From the encoder's output (..., site, neural parameter) and forcing to everything behind it."""
        return self.observed(self.column(encoded, forcing), forcing)

    def column(self, encoded: Tensor, forcing: Mapping[str, Tensor], *, is_traced: bool = False) -> Run:
        """As :meth:`decode`, with outputs by layer as the process model gives them: of a column all depths at once.

        Parameters
        ----------
        encoded : Tensor, shape (..., site, output)
            What the encoder makes of the sites.
        forcing : mapping of str to Tensor, shape (..., site)
            In the units of the process model.
        is_traced : bool
            Whether the outputs hold the traces of the process model too.

        Returns
        -------
        Run
            Of the columns.
        """
        shape, count = encoded.shape[:-1], len(self.neural_names)
        heads, encoded = self.heads.outputs(encoded[..., count:]), encoded[..., :count]
        raw, position, neural = self._bounded(encoded) if self.neural_names else (encoded, encoded, encoded)
        learned = self._learned(neural)
        outputs = self._simulate(learned, forcing, shape, is_traced=is_traced)
        outputs |= {f"parameter.{n}": v.expand(shape.numel()) for n, v in learned.items()}
        if len(shape) > 1:
            outputs = {n: v.reshape(*shape, *v.shape[1:]) for n, v in outputs.items()}
        return Run(outputs | heads, raw, position)

    def _simulate(
        self,
        learned: Mapping[str, Tensor],
        forcing: Mapping[str, Tensor],
        shape: torch.Size,
        *,
        is_traced: bool = False,
    ) -> dict[str, Tensor]:
        """Outputs of the process model, for which members and sites are one axis, from learned parameters."""
        like = next(iter(learned.values()), self.start)
        names = (n for n in self.depth.forcing_names if n in forcing or n not in LAYER_INPUTS)
        flat = {n: forcing[n].flatten(0, len(shape) - 1) for n in names}
        constants = {n: like.new_tensor(v) for n, v in {**self._fixed, **self.forcing_constants}.items()}
        # Without a layer it is the constants that say how many sites there are.
        sizes = () if flat else (shape.numel(),)
        driven = {**flat, **{n: constants[n].expand(sizes) for n in self.forcing_constants}}
        run = self._process.traced if is_traced else self._process
        with own_errors():
            return run({**{n: constants[n] for n in self._fixed}, **learned}, self.depth.forcing_of(driven))

    def learned_positions(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> Tensor:
        """Neural, then shared parameters between their bounds, 0 at the lower and 1 at the upper.

        Parameters
        ----------
        covariates : Tensor, shape (site, covariate)
            In physical units.
        forcing : mapping of str to Tensor, shape (site,)
            With what else the encoder sees.

        Returns
        -------
        Tensor, shape (site, learned parameter)
            In the scale of each parameter, linear or logarithmic.
        """
        shared = self._shared_constraint.position(self.shared_raw).expand(len(covariates), -1)
        if not self.neural_names:
            return shared
        return torch.cat([self.neural_parameters(covariates, forcing)[1], shared], dim=-1)

    def raw_parameters(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> Tensor:
        """Raw values of the neural parameters before the constraint, (site, neural parameter)."""
        encoded = self.encode(covariates, forcing)[1]
        return encoded[..., : len(self.neural_names)] + self.start

    def parameters_at(self, positions: Sequence[float] | NDArray[np.float64]) -> dict[str, float]:
        """Values of neural, then shared parameters, in their units, at positions (learned parameter,) in the range."""
        places, count = torch.as_tensor(np.asarray(positions, dtype=float)), len(self.neural_names)
        values = torch.cat([self._neural.interpolate(places[:count]), self._shared.interpolate(places[count:])])
        return dict(zip((*self.neural_names, *self.shared_names), values.tolist(), strict=True))

    def outputs_at(
        self,
        positions: Tensor,
        forcing: Mapping[str, Tensor],
        column_of: Tensor | None = None,
        *,
        is_traced: bool = False,
    ) -> dict[str, Tensor]:
        """What the process model gives where parameters lie at `positions`, as a sample of the interval shows it.

        Parameters
        ----------
        positions : Tensor, shape (site, learned parameter)
            As :meth:`learned_positions` gives them; differentiable in them.
        forcing : mapping of str to Tensor, shape (site, ...)
            In the units of the process model and the precision of `positions`.
        column_of : Tensor of int64, shape (layer,), optional
            Place of the column of each layer. Then positions and forcing are those of columns, each of which is
            computed once, and the ends of layers and what is returned are of the layers.
        is_traced : bool
            Whether the outputs hold the traces of the process model too.

        Returns
        -------
        dict of str to Tensor, shape (site, ...)
        """
        count = len(self.neural_names)
        values = [self._neural.interpolate(positions[:, :count]), self._shared.interpolate(positions[:, count:])]
        names = (*self.neural_names, *self.shared_names)
        learned = dict(zip(names, torch.cat(values, dim=1).unbind(1), strict=True))
        columns = forcing
        if column_of is not None:
            columns = {name: value for name, value in forcing.items() if name not in LAYER_INPUTS}
        outputs = self._simulate(learned, columns, positions.shape[:1], is_traced=is_traced)
        if column_of is not None:
            outputs = {name: value.index_select(0, column_of) for name, value in outputs.items()}
        return self.depth.observed(outputs, {**self.forcing_constants, **forcing}, 0)

    def outputs_of_raw(self, raw: Tensor, forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As :meth:`outputs_at` of raw values before the constraints; (site, learned parameter) to (site, ...)."""
        count = len(self.neural_names)
        positions = [self.constraint.position(raw[:, :count]), self._shared_constraint.position(raw[:, count:])]
        return self.outputs_at(torch.cat(positions, dim=1), forcing)

    @property
    def shared_constraint(self) -> Constraint:
        """What keeps global parameters between their bounds."""
        return self._shared_constraint

    def run_columns(self, covariates: Tensor, forcing: Mapping[str, Tensor], column_of: Tensor) -> Run:
        """Run columns of soil once each, and observe the layers of them; see :meth:`run`.

        Parameters
        ----------
        covariates : Tensor, shape (..., column, covariate)
            Of the columns.
        forcing : mapping of str to Tensor
            Of the columns (..., column); the ends of layers (..., site).
        column_of : Tensor of int64, shape (..., site)
            Place of the column of each layer.

        Returns
        -------
        Run
            Of the layers.
        """
        features, encoded = self.encode(covariates, forcing)
        shared = {name: values for name, values in forcing.items() if name not in LAYER_INPUTS}
        run = self.column(encoded, shared)
        outputs = {**run.outputs, **self.extrapolation(features)}
        axis = column_of.ndim - 1
        flat = column_of
        if axis:
            members = torch.arange(len(column_of), device=column_of.device)
            flat = column_of + covariates.shape[axis] * members[:, None]

        def of_sites(values: Tensor) -> Tensor:
            rows = values.flatten(0, axis).index_select(0, flat.flatten())
            return rows.reshape(*column_of.shape, *values.shape[axis + 1 :])

        sites = Run({n: of_sites(v) for n, v in outputs.items()}, of_sites(run.raw), of_sites(run.position))
        return self.observed(sites, forcing)

    def observed(self, run: Run, forcing: Mapping[str, Tensor]) -> Run:
        """A run as a sample of an interval shows it: that of the forcing, or of the region."""
        outputs = self.depth.observed(run.outputs, {**self.forcing_constants, **forcing}, run.raw.ndim - 2)
        return Run(outputs, run.raw, run.position)

    def fit_outputs(self, targets: Mapping[str, Tensor]) -> None:
        """Take the start of the spreads from the observations (site,) of the training part."""
        self.heads.fit(targets)

    def _learned(self, neural: Tensor) -> dict[str, Tensor]:
        """Neural (member * site,) and shared parameters, () or (member * site,), by name."""
        shape = neural.shape[:-1]
        shared = self.shared_parameters()
        if len(shape) > 1:
            shared = shared[..., None, :].expand(*shape, -1).flatten(0, -2)
        learned = {name: neural[..., i].flatten() for i, name in enumerate(self.neural_names)}
        return learned | {name: shared[..., i] for i, name in enumerate(self.shared_names)}

    def _bounded(self, encoded: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        raw = encoded + self.start[..., None, :]
        position = self.constraint.position(raw)
        return raw, position, self._neural.interpolate(position)

    def output_info(self) -> dict[str, tuple[str, str]]:
        """Unit and description of every key that :meth:`forward` returns."""
        learned = {*self.neural_names, *self.shared_names}
        outputs = {v.name: (v.unit, v.description) for v in self._process.outputs}
        parameters = {
            f"parameter.{p.name}": (p.unit, p.description) for p in self._process.parameters if p.name in learned
        }
        return outputs | self._range_info() | parameters

    def process_parameters(self) -> list[nn.Parameter]:
        """Raw values of the global parameters, if there are any, and constants of the constraint."""
        return [*([self.shared_raw] if self.shared_names else []), *self.constraint.parameters()]

    def bounds_of(self, name: str) -> tuple[float, float]:
        """Training bounds of a neural or shared parameter, in its unit."""
        for names, bounds in ((self.neural_names, self._neural), (self.shared_names, self._shared)):
            if name in names:
                i = names.index(name)
                return float(bounds.lower[i]), float(bounds.upper[i])
        raise KeyError(name)


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
