"""What every process model is: named parameters and forcing in, named outputs out."""

from __future__ import annotations

import functools
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Literal

import torch
from torch import Tensor

from hybridmap import arithmetic  # noqa: F401 - settles torch's vector functions for this process
from hybridmap.process.declarations import Capacity, Check, Penalty
from hybridmap.process.measured_interval import layer_mean

LAYER = "layer"
"""Dimension of outputs that have a depth."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a process model.

    Attributes
    ----------
    name : str
        Name used in configurations, tables and maps.
    default, lower, upper : float
        Starting value and training bounds, in `unit`.
    unit : str
        UDUNITS-style unit, ``"1"`` for a ratio.
    description : str
        One line for reports and map metadata.
    scale : {"linear", "log"}
        Space in which a constraint interpolates between the bounds.
    neural : bool
        Whether ``neural: all`` (or ``global: all``) in a configuration covers it.
    start : float or None
        Where training starts if not at the default; needed where the default lies on a bound.
    """

    name: str
    default: float
    lower: float
    upper: float
    unit: str
    description: str
    scale: Literal["linear", "log"] = "linear"
    neural: bool = True
    start: float | None = None


@dataclass(frozen=True)
class Variable:
    """One forcing or output of a process model.

    Attributes
    ----------
    name, unit, description : str
        As in :class:`Parameter`.
    dims : tuple of str
        Names of the dimensions, site first.
    optional : bool
        Whether a forcing may be left out.
    valid_range : tuple of float or None
        Physically possible values, used to catch wrong units.
    typical_median : tuple of float or None
        Of a forcing: where the median of a region's sites lies, to catch units that differ by thousands.
    mapped : bool
        Of an output: whether there is a map of it. An output that is compared with observations has one anyway.
    classes : mapping of int to str
        Of an output that is a class: code → what it means. A map stores it in 8 bits. Of an ensemble it is the class
        of most members; with the codes 0 and 1 it is 1 where it is 1 for all of them.
    needs_steady_state : bool
        Of an output: whether it has no value where the model has no steady state.
    label : str
        Of an output: title in figures.
    enters_by_roots : bool or None
        Of a forcing: whether it enters the whole soil column, per area, as roots are distributed. A model of one layer
        then gets the share of its layer, so that carbon that enters once is not put into every layer. None says
        nothing, and a model of one layer with such a forcing per area is refused where observations are layers.
    """

    name: str
    dims: tuple[str, ...]
    unit: str
    description: str
    optional: bool = False
    valid_range: tuple[float, float] | None = None
    typical_median: tuple[float, float] | None = field(default=None, kw_only=True)
    mapped: bool = field(default=True, kw_only=True)
    classes: Mapping[int, str] = field(default_factory=dict, kw_only=True)
    needs_steady_state: bool = field(default=True, kw_only=True)
    label: str = field(default="", kw_only=True)
    enters_by_roots: bool | None = field(default=None, kw_only=True)


class ProcessModel(ABC):
    """A differentiable process model: pure, batched over sites, any float dtype in and out.

    A model describes one layer of soil, whose thickness a forcing ``depth`` [m] may say, or a column of layers: then
    outputs have the dimension ``layer``, and :meth:`observe` gives them on the interval that was measured.

    Attributes
    ----------
    name : str
        For people.
    parameters, forcing, outputs : tuple
        What goes in and comes out.
    formulation : str
        Which form of its equations runs, where there are several; for the verdict.
    steady_state : str or None
        Output that is 1 where there is a steady state and 0 where there is none; None if there is one everywhere.
        Where there is none, maps that need it have no value.
    losses : tuple of str
        Outputs that add up to what leaves the carbon ``soc`` in a year; from them follows the map of its turnover time.
    checks : tuple of Check
        What a plausible soil passes.
    capacity : Capacity or None
        A pool that has one, for a figure. The workflow reads from the file whether the class assigns it.
    penalties : mapping of str to callable
        Name in ``loss.penalties`` → term of the outputs.
    layer_interfaces : tuple of float
        Of a model with layers: their ends [m], from 0 down, one more than there are layers.
    traces : tuple of Variable
        What :meth:`trace` gives, one number a site each.
    """

    name: ClassVar[str]
    parameters: tuple[Parameter, ...]
    forcing: tuple[Variable, ...]
    outputs: tuple[Variable, ...]
    formulation: str = ""
    steady_state: str | None = None
    losses: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    capacity: Capacity | None = None
    penalties: Mapping[str, Penalty] = MappingProxyType({})
    layer_interfaces: tuple[float, ...] = ()
    traces: tuple[Variable, ...] = ()

    @property
    def has_layers(self) -> bool:
        """Whether outputs have a depth."""
        return any(LAYER in variable.dims for variable in self.outputs)

    def observe(self, outputs: Mapping[str, Tensor], top_m: Tensor, bottom_m: Tensor) -> dict[str, Tensor]:
        """Outputs as a sample of an interval shows them: those by layer as their mean over it.

        Parameters
        ----------
        outputs : mapping of str to Tensor, shape (site, ...)
            Of a call.
        top_m, bottom_m : Tensor, shape (site,) or ()
            Ends of the interval [m].

        Returns
        -------
        dict of str to Tensor
            Without the dimension of layers; NaN where the interval shares nothing with the layers.
        """
        axes = {v.name: v.dims.index(LAYER) for v in self.outputs if LAYER in v.dims}
        ends = torch.tensor(self.layer_interfaces, dtype=torch.float64)
        return {
            name: layer_mean(values, axes[name], ends, top_m, bottom_m) if name in axes else values
            for name, values in outputs.items()
        }

    def trace(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Trace what the model computes to bulk numbers behind it, for maps: `traces`; none unless a model has some.

        Parameters
        ----------
        parameters, forcing
            As of a call.

        Returns
        -------
        dict of str to Tensor, shape (site,)
            An entry for each of `traces`.
        """
        return {}

    def traced(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run the model and trace it; a model that can do both at once overrides this.

        Parameters
        ----------
        parameters, forcing
            As of a call.

        Returns
        -------
        dict of str to Tensor, shape (site, ...)
            An entry for each of `outputs` and `traces`.
        """
        return {**self(parameters, forcing), **self.trace(parameters, forcing)}

    @property
    def constants(self) -> Mapping[str, float]:
        """Numbers among its options that decide how it answers its forcing and that nothing learns, by name."""
        return {}

    @abstractmethod
    def __call__(self, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run the model.

        Parameters
        ----------
        parameters : mapping of str to Tensor, shape (site,) or ()
            Physical values in the units of :attr:`parameters`; a missing one takes its default.
        forcing : mapping of str to Tensor, shape (site, ...)
            In the units of :attr:`forcing`.

        Returns
        -------
        dict of str to Tensor, shape (site, ...)
            One entry for each of :attr:`outputs`, in the dtype of the inputs.
        """


def check_call(
    model: ProcessModel, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]
) -> tuple[int, torch.dtype, torch.device]:
    """Check the names and shapes of a call.

    Parameters
    ----------
    model : ProcessModel
        Any model.
    parameters : mapping of str to Tensor, shape (site,) or ()
        In the units of the model.
    forcing : mapping of str to Tensor, shape (site, ...)
        In the units of the model.

    Returns
    -------
    sites : int
        Number of sites of the forcing; of the parameters, where no forcing differs between sites.
    dtype : torch.dtype
        The widest floating dtype among the inputs: the dtype that outputs should have.
    device : torch.device
        That of the forcing.

    Raises
    ------
    ValueError
        For an unknown name, a missing forcing, or a shape that does not fit the number of sites.
    """
    parameter_names = {p.name for p in model.parameters}
    required = {v.name for v in model.forcing if not v.optional}
    allowed = {v.name for v in model.forcing}
    if unknown := set(parameters) - parameter_names:
        raise ValueError(f"{model.name} has no parameter {sorted(unknown)}; it has {sorted(parameter_names)}.")
    if missing := required - set(forcing):
        raise ValueError(f"{model.name} needs the forcing {sorted(missing)}.")
    if unknown := set(forcing) - allowed:
        raise ValueError(f"{model.name} has no forcing {sorted(unknown)}; it has {sorted(allowed)}.")

    floats = {t.dtype for t in (*parameters.values(), *forcing.values()) if t.is_floating_point()}
    dtype = functools.reduce(torch.promote_types, floats) if floats else torch.get_default_dtype()

    first = next(iter(forcing.values()))
    with_sites = (v for v in (*forcing.values(), *parameters.values()) if torch.is_tensor(v) and v.ndim)
    sites = next((value.shape[0] for value in with_sites), 1)
    for name, value in parameters.items():
        if torch.is_tensor(value) and tuple(value.shape) not in ((), (1,), (sites,)):
            raise ValueError(
                f"{model.name}: parameter '{name}' has shape {tuple(value.shape)}, expected () or ({sites},)."
            )
    for name, value in forcing.items():
        if value.ndim and value.shape[0] not in (1, sites):
            raise ValueError(f"{model.name}: forcing '{name}' has {value.shape[0]} sites, others have {sites}.")
    return sites, dtype, first.device


def gather_inputs(
    model: ProcessModel, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor], torch.dtype]:
    """Complete `parameters` with defaults, check names, and lift everything to float64.

    Parameters
    ----------
    model : ProcessModel
        Any model.
    parameters : mapping of str to Tensor, shape (site,) or ()
        In the units of the model; a missing one takes its default.
    forcing : mapping of str to Tensor, shape (site, ...)
        In the units of the model.

    Returns
    -------
    parameters, forcing : dict of str to Tensor
        float64 tensors on the device of the forcing.
    dtype : torch.dtype
        The dtype that outputs should have.

    Raises
    ------
    ValueError
        As :func:`check_call`.
    """
    sites, dtype, device = check_call(model, parameters, forcing)

    def lift(value: Tensor | float) -> Tensor:
        return torch.as_tensor(value, dtype=torch.float64, device=device)

    completed = {p.name: parameters.get(p.name, p.default) for p in model.parameters}
    # One conversion for all parameters of a shape instead of one each: small batches are bound by calls.
    float32 = torch.float32
    narrow = [n for n, v in completed.items() if torch.is_tensor(v) and v.shape == (sites,) and v.dtype == float32]
    if len(narrow) > 1:
        stacked = torch.stack([torch.as_tensor(completed[n], device=device) for n in narrow]).double()
        completed |= dict(zip(narrow, stacked.unbind(0), strict=True))
    return (
        {name: lift(value) for name, value in completed.items()},
        {name: lift(value) for name, value in forcing.items()},
        dtype,
    )


def widest(values: Iterable[Tensor]) -> torch.Size:
    """Shape that tensors of shape (), (1,) and (site,) have together; for a few microseconds of broadcasting rules."""
    return max((value.shape for value in values), key=lambda shape: (len(shape), shape.numel()))


def mean_over(values: Tensor, counted: Tensor | None) -> Tensor:
    """Mean over the sites that are `counted` (..., site), all if None; no NaN elsewhere reaches value or gradient."""
    if counted is None:
        return values.mean(-1)
    return torch.where(counted, values, torch.zeros_like(values)).sum(-1) / counted.sum(-1).clamp(min=1)


def warn_missing(model: ProcessModel, outputs: Mapping[str, Tensor]) -> None:
    """Say how many sites are NaN, if any: NaN in a parameter or forcing of a site makes that site NaN, and no other.

    Parameters
    ----------
    model : ProcessModel
        For its name.
    outputs : mapping of str to Tensor, shape (site, ...)
        What it computed.
    """
    total = torch.stack([v.flatten(1).sum(1) if v.ndim > 1 else v for v in outputs.values()]).sum(0)
    if bool(torch.isnan(total.sum())):
        count, sites = int(torch.isnan(total).sum()), total.numel()
        warnings.warn(
            f"{model.name}: {count} of {sites} sites are NaN; a parameter or a forcing is missing there.",
            RuntimeWarning,
            stacklevel=3,
        )


def check_inputs(model: ProcessModel, parameters: Mapping[str, Tensor], forcing: Mapping[str, Tensor]) -> None:
    """Raise ValueError for a parameter outside its bounds or a forcing outside what its unit allows.

    A careful look that the models themselves do not take on every call. NaN passes: such a site gives NaN.

    Parameters
    ----------
    model : ProcessModel
        Any model.
    parameters, forcing : mapping of str to Tensor
        As for the model, in its units.

    Raises
    ------
    ValueError
        For the first value outside its range, with its site.

    Examples
    --------
    >>> from hybridmap.process import get_process
    >>> model = get_process("respiration")
    >>> check_inputs(model, {"q10": torch.tensor([1.4])}, {"air_temperature": torch.tensor([10.0])})
    >>> check_inputs(model, {}, {"air_temperature": torch.tensor([283.15])})
    Traceback (most recent call last):
    ValueError: respiration: forcing 'air_temperature' is 283.15 at site 0, expected -60 to 60 degC; check its unit.
    """
    bounds = {p.name: (p.lower, p.upper, p.unit, "parameter") for p in model.parameters}
    ranges = {v.name: (*v.valid_range, v.unit, "forcing") for v in model.forcing if v.valid_range is not None}
    for name, value in {**parameters, **forcing}.items():
        if name not in bounds and name not in ranges:
            continue
        low, high, unit, kind = bounds.get(name) or ranges[name]
        outside = (value < low) | (value > high)
        if bool(outside.any()):
            site = int(outside.reshape(outside.shape[0], -1).any(1).nonzero()[0]) if outside.ndim else 0
            worst = float(value[outside].flatten()[0]) if outside.ndim else float(value)
            raise ValueError(
                f"{model.name}: {kind} '{name}' is {worst:g} at site {site}, expected {low:g} to {high:g} {unit};"
                " check its unit."
            )
