"""The model that is trained: roles + encoder + process model, and the pure network beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hybridmap.constraints import Bounds, get_constraint
from hybridmap.encoders import MLP, Standardise
from hybridmap.errors import HybridmapError
from hybridmap.process import Parameter, ProcessModel, get_process

TARGET_INFO = {
    "soc": ("kg m-3", "soil organic carbon density"),
    "poc": ("kg m-3", "particulate organic carbon"),
    "moc": ("kg m-3", "mineral-associated organic carbon"),
    "mbc": ("kg m-3", "microbial biomass carbon"),
}
ENCODERS = {"mlp": MLP}


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


class TableModel(nn.Module):
    """What every trained model can do: predict for a table of covariates and forcing."""

    covariate_names: tuple[str, ...]
    forcing_names: tuple[str, ...]

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

        def column(kind: str, name: str) -> Tensor:
            for key in (f"{kind}.{name}", name):
                if key in table:
                    return torch.tensor(np.asarray(table[key], dtype="float32"))
            raise HybridmapError(f"the table has no {kind} '{name}', which the model was trained with; add the column.")

        covariates = torch.stack([column("covariate", name) for name in self.covariate_names], dim=1)
        forcing = {name: column("forcing", name) for name in self.forcing_names}
        with torch.no_grad():
            out = self(covariates, forcing)
        return {name: values.numpy() for name, values in out.items()}


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
        See :func:`hybridmap.constraints.get_constraint`.
    bounds : mapping of str to (float, float), optional
        Overrides of training bounds, in the parameter's unit.
    covariate_names, target_names : sequence of str
        Order of the covariate columns; outputs that were observed.
    forcing_constants : mapping of str to float
        Forcing that is one number for the region, such as the layer depth [m].

    Notes
    -----
    Neural and shared parameters start at their defaults (moved 5 % of the range inside the bounds where the default
    lies on one) and never leave their bounds.
    """

    def __init__(
        self,
        process: ProcessModel,
        roles: Roles,
        encoder: nn.Module,
        *,
        constraint: str = "sigmoid",
        bounds: Mapping[str, tuple[float, float]] | None = None,
        covariate_names: Sequence[str] = (),
        target_names: Sequence[str] = (),
        forcing_constants: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        roles.check(process)
        self.process: ProcessModel | None = process
        self._process = process
        self.roles = roles
        self.encoder = encoder
        self.constraint = get_constraint(constraint)
        self.covariate_names = tuple(covariate_names)
        self.target_names = tuple(target_names)
        self.forcing_constants = dict(forcing_constants or {})
        self.neural_names = tuple(roles.neural)
        self.shared_names = tuple(roles.shared)
        self.forcing_names = tuple(
            v.name for v in process.forcing if not v.optional and v.name not in self.forcing_constants
        )
        self.standardise = Standardise(len(self.covariate_names))
        table = {p.name: _rebound(p, bounds or {}) for p in process.parameters}
        self._neural = Bounds.of([table[n] for n in self.neural_names])
        self._shared = Bounds.of([table[n] for n in self.shared_names])
        self._fixed = dict(roles.fixed)
        self.register_buffer("start", self._start(self._neural, [table[n].default for n in self.neural_names]))
        self.shared_raw = nn.Parameter(self._start(self._shared, [table[n].default for n in self.shared_names]))

    def _start(self, bounds: Bounds, defaults: list[float]) -> Tensor:
        values = torch.tensor(defaults, dtype=torch.float64)
        return self.constraint.raw(bounds.locate(values)).float()

    def physical_parameters(self, covariates: Tensor) -> dict[str, Tensor]:
        """Parameter values in their units: neural ones (site,), shared ones () for covariates (site, covariate)."""
        values: dict[str, Tensor] = {}
        if self.neural_names:
            raw = self.encoder(self.standardise(covariates)) + self.start
            neural = self._neural.interpolate(self.constraint.position(raw))
            values |= {name: neural[:, i] for i, name in enumerate(self.neural_names)}
        shared = self._shared.interpolate(self.constraint.position(self.shared_raw))
        return values | {name: shared[i] for i, name in enumerate(self.shared_names)}

    def forward(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Predict all outputs of the process model.

        Parameters
        ----------
        covariates : Tensor, shape (site, covariate)
            In physical units, columns as in `covariate_names`.
        forcing : mapping of str to Tensor, shape (site,)
            In the units of the process model.

        Returns
        -------
        dict of str to Tensor, shape (site,)
            Process outputs, and ``parameter.NAME`` for every neural and shared parameter.
        """
        learned = self.physical_parameters(covariates)
        constants = {n: covariates.new_tensor(v) for n, v in self.forcing_constants.items()}
        fixed = {n: covariates.new_tensor(v) for n, v in self._fixed.items()}
        out = self._process({**fixed, **learned}, {**{n: forcing[n] for n in self.forcing_names}, **constants})
        return out | {f"parameter.{n}": v.expand(covariates.shape[0]) for n, v in learned.items()}

    def output_info(self) -> dict[str, tuple[str, str]]:
        """Unit and description of every key that :meth:`forward` returns."""
        info = {v.name: (v.unit, v.description) for v in self._process.outputs}
        learned = {*self.neural_names, *self.shared_names}
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
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.covariate_names = tuple(covariate_names)
        self.forcing_names = tuple(forcing_names)
        self.target_names = tuple(target_names)
        self.standardise = Standardise(len(self.covariate_names) + len(self.forcing_names))
        self.register_buffer("scale", torch.ones(len(self.target_names)))

    def inputs(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> Tensor:
        """Covariates and forcing side by side, (site, covariate + forcing): the same information as a hybrid has."""
        return torch.cat([covariates, *(forcing[n][:, None] for n in self.forcing_names)], dim=1)

    def forward(self, covariates: Tensor, forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Predict each target [kg C m-3], shape (site,); positive by softplus, scaled by the training mean."""
        raw = self.encoder(self.standardise(self.inputs(covariates, forcing)))
        # softplus(0.5413) = 1: the untrained network predicts the training mean.
        values = nn.functional.softplus(raw + 0.5413) * self.scale
        return {name: values[:, i] for i, name in enumerate(self.target_names)}

    def output_info(self) -> dict[str, tuple[str, str]]:
        """Unit and description of every target."""
        return {name: TARGET_INFO[name] for name in self.target_names}


Model = HybridModel | NetworkModel


def build_model(spec: Mapping[str, Any]) -> Model:
    """Build an untrained model from its specification.

    Parameters
    ----------
    spec : mapping
        What ``model.yaml`` holds: ``process`` (mapping of name and options, or None for the pure network),
        ``neural``, ``shared`` (lists, "all" or "none"), ``fixed``, ``bounds``, ``constraint``, ``encoder``
        (mapping with a name), ``covariates``, ``forcing``, ``targets`` (lists) and ``forcing_constants``.

    Raises
    ------
    ValueError
        For an unknown process model, parameter, encoder or option, or a forcing that is not available.
    """
    covariates, targets = list(spec["covariates"]), list(spec["targets"])
    if spec["process"] is None:
        encoder = _build_encoder(spec["encoder"], len(covariates) + len(spec["forcing"]), len(targets))
        return NetworkModel(
            encoder, covariate_names=covariates, forcing_names=list(spec["forcing"]), target_names=targets
        )
    process = get_process(spec["process"]["name"], **spec["process"]["options"])
    roles = resolve_roles(process, spec["neural"], spec["shared"], spec["fixed"])
    model = HybridModel(
        process,
        roles,
        _build_encoder(spec["encoder"], len(covariates), len(roles.neural)),
        constraint=spec["constraint"],
        bounds={name: (low, high) for name, (low, high) in spec["bounds"].items()},
        covariate_names=covariates,
        target_names=targets,
        forcing_constants=spec["forcing_constants"],
    )
    if missing := [n for n in model.forcing_names if n not in spec["forcing"]]:
        raise ValueError(f"{process.name} needs the forcing {missing}; the region has {list(spec['forcing'])}.")
    if missing := [t for t in targets if t not in {v.name for v in process.outputs}]:
        raise ValueError(f"{process.name} has no output {missing} to compare with observations.")
    return model


def resolve_roles(
    process: ProcessModel, neural: Sequence[str] | str, shared: Sequence[str] | str, fixed: Mapping[str, float]
) -> Roles:
    """Spell out "all" and "none": "all" covers every standard parameter that has no other role.

    Parameters that a model marks as extensions (such as the leak rates of the five-pool model) stay fixed unless named.
    """
    explicit = {
        *fixed,
        *(neural if not isinstance(neural, str) else ()),
        *(shared if not isinstance(shared, str) else ()),
    }
    rest = [p.name for p in process.parameters if p.neural and p.name not in explicit]
    if neural == "all" and shared == "all":
        raise ValueError("neural and global cannot both be 'all'; name the parameters of one of them.")

    def spell(role: Sequence[str] | str) -> list[str]:
        if isinstance(role, str):
            if role not in ("all", "none"):
                raise ValueError(f"a role is a list of parameters, 'all' or 'none', not '{role}'.")
            return rest if role == "all" else []
        return list(role)

    roles = Roles(spell(neural), spell(shared), dict(fixed))
    roles.check(process)
    return roles


def _build_encoder(spec: Mapping[str, Any], n_inputs: int, n_outputs: int) -> nn.Module:
    options = {key: value for key, value in spec.items() if key != "name"}
    if spec["name"] not in ENCODERS:
        raise ValueError(f"no encoder '{spec['name']}'; there are {sorted(ENCODERS)}.")
    # A model without neural parameters still has its (empty) place for an encoder.
    return ENCODERS[spec["name"]](n_inputs, n_outputs, **options) if n_outputs else nn.Identity()


def _rebound(parameter: Parameter, bounds: Mapping[str, Iterable[float]]) -> Parameter:
    if parameter.name not in bounds:
        return parameter
    lower, upper = bounds[parameter.name]
    return replace(parameter, lower=float(lower), upper=float(upper))
