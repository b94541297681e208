"""Try out a process model: what must hold before it is trained, as a table that says what to mend."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from hybridmap.check.trial_region import try_in_region, unfit_for_regions
from hybridmap.errors import HybridmapError
from hybridmap.model.constraints import start_of
from hybridmap.process import Parameter, ProcessModel, Variable, get_process
from hybridmap.process.base import LAYER

SITES = 64
SIZES = {"layer": 20, "month": 12, "pool": 7}
"""Lengths of the dimensions of the package's own models; another dimension gets 4."""
MIDDLE = (0.3, 0.7)
"""Part of the valid range that random forcing is taken from: the extremes of all forcings together are no climate."""
Inputs = tuple[dict[str, Tensor], dict[str, Tensor]]
Outcome = tuple[bool, str]
"""Whether a check passed, and what it says."""


def check_model(name: str, seed: int = 0, **options: Any) -> list[str]:
    """Check a process model by name or file.

    Parameters
    ----------
    name : str
        As for :func:`hybridmap.process.get_process`.
    seed : int
        Of the random parameters (inside their bounds) and forcing (inside its valid range).
    **options
        Options of the model.

    Returns
    -------
    list of str
        One line a check, each beginning with "ok", and one of a small region, which begins with "skip" where the model
        cannot run in one.

    Raises
    ------
    HybridmapError
        With all lines if a check failed, or if the model cannot be loaded.
    """
    try:
        model = get_process(name, **options)
    except ValueError as error:
        raise HybridmapError(str(error)) from None
    outcomes = {title: _outcome(run, model, seed) for title, run in CHECKS.items()}
    lines = [f"{'ok  ' if passed else 'FAIL'} {title}: {text}" for title, (passed, text) in outcomes.items()]
    if failures := sum(not passed for passed, _ in outcomes.values()):
        raise HybridmapError("\n  ".join([f"process model {name}: {failures} of {len(lines)} checks failed", *lines]))
    return [*lines, _region_line(model, name, options)]


def _region_line(model: ProcessModel, name: str, options: Mapping[str, Any]) -> str:
    """What became of the model in a region, as a line; HybridmapError if a stage refused it."""
    if reason := unfit_for_regions(model):
        return f"skip region: {reason}; the model runs in programs of your own"
    try:
        return f"ok   region: {try_in_region(model, name, options)}"
    except HybridmapError as error:
        raise HybridmapError(f"process model {name}: in a small region: {error}") from None


def _outcome(run: Callable[[ProcessModel, int], Outcome], model: ProcessModel, seed: int) -> Outcome:
    try:
        return run(model, seed)
    except Exception as error:  # a model under test may fail in any way; the table says how
        return False, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def random_inputs(model: ProcessModel, sites: int, seed: int, dtype: torch.dtype = torch.float64) -> Inputs:
    """Parameters uniform inside their bounds (logarithmic where declared), forcing in the middle of its valid range.

    Parameters
    ----------
    model : ProcessModel
        Whose declarations are followed.
    sites : int
        Length of the first dimension of every tensor.
    seed : int
        Of the random numbers.
    dtype : torch.dtype
        Of the tensors; the numbers are drawn in float64 and rounded.

    Returns
    -------
    tuple of dict
        Parameters (sites,) and forcing (sites, ...) by name, in their declared units.

    Raises
    ------
    HybridmapError
        If a forcing declares no valid range.
    """
    random = torch.Generator().manual_seed(seed)
    parameters = {p.name: _random_parameter(p, sites, random).to(dtype) for p in model.parameters}
    forcing = {v.name: _random_forcing(v, sites, random).to(dtype) for v in model.forcing}
    return parameters, forcing


def _random_parameter(parameter: Parameter, sites: int, random: torch.Generator) -> Tensor:
    share = torch.rand((sites,), generator=random, dtype=torch.float64)
    if parameter.scale == "log":
        return parameter.lower * (parameter.upper / parameter.lower) ** share
    return parameter.lower + (parameter.upper - parameter.lower) * share


def _random_forcing(variable: Variable, sites: int, random: torch.Generator) -> Tensor:
    if variable.valid_range is None:
        raise HybridmapError(f"forcing '{variable.name}' has no valid_range; give one, in {variable.unit}.")
    low, high = variable.valid_range
    shape = (sites, *(SIZES.get(dim, 4) for dim in variable.dims[1:]))
    first, last = (low + share * (high - low) for share in MIDDLE)
    return first + (last - first) * torch.rand(shape, generator=random, dtype=torch.float64)


def _declaration(model: ProcessModel, _: int) -> Outcome:
    inputs: list[Parameter | Variable] = [*model.parameters, *model.forcing]
    problems = [
        *(_parameter_problem(p) for p in model.parameters),
        *(
            f"'{d.name}' needs a unit ('1' for a ratio) and a description"
            for d in (*inputs, *model.outputs)
            if not _described(d)
        ),
        _name_problem([d.name for d in inputs]),
        _name_problem([*(p.name for p in model.parameters), *(v.name for v in model.outputs)]),  # a map has one name
        *_output_problems(model),
    ]
    if problem := next(filter(None, problems), ""):
        return False, problem
    random_inputs(model, 2, 0)
    counts = f"{len(model.parameters)} parameters, {len(model.forcing)} forcings, {len(model.outputs)} outputs"
    return True, f"{counts}, all with units"


def _output_problems(model: ProcessModel) -> Iterator[str]:
    """What is wrong with declarations that name an output, a sentence each."""
    outputs = {v.name: v for v in model.outputs}
    for key, names in _outputs_named(model).items():
        for name in names:
            if name not in outputs:
                yield f"{key} names the output '{name}', which is not declared; there are {sorted(outputs)}"
    for name in model.losses:
        carbon = outputs.get("soc")
        if carbon is not None and name in outputs and outputs[name].unit != f"{carbon.unit} yr-1":
            yield f"the loss '{name}' is in {outputs[name].unit}, expected {carbon.unit} yr-1"
    for check in model.checks:
        if not check.above < check.below or not 0.0 <= check.may_fail <= 1.0:
            yield f"check '{check.name}' fails between {check.above:g} and {check.below:g}, may_fail {check.may_fail:g}"


def _outputs_named(model: ProcessModel) -> dict[str, tuple[str, ...]]:
    """Declaration → outputs that it names."""
    return {
        "steady_state": () if model.steady_state is None else (model.steady_state,),
        "losses": tuple(model.losses),
        "capacity": () if model.capacity is None else (model.capacity.output, *model.capacity.margins),
        **{f"check '{check.name}'": (check.output,) for check in model.checks},
    }


def _described(declared: Parameter | Variable) -> bool:
    return bool(declared.unit and declared.description)


def _parameter_problem(p: Parameter) -> str:
    """What is wrong with the default or the bounds of a parameter; empty if nothing is."""
    if not p.lower < p.upper or not p.lower <= p.default <= p.upper or (p.scale == "log" and p.lower <= 0):
        return f"parameter '{p.name}': default {p.default:g} and bounds ({p.lower:g}, {p.upper:g})"
    try:
        start_of(p)
    except ValueError as error:
        return str(error)
    return ""


def _name_problem(names: list[str]) -> str:
    repeated = sorted({name for name in names if names.count(name) > 1})
    return f"the name '{repeated[0]}' is used twice" if repeated else ""


def _finite(model: ProcessModel, seed: int) -> Outcome:
    out = model(*random_inputs(model, SITES, seed))
    declared = [v.name for v in model.outputs]
    if absent := sorted(set(declared) - set(out)):
        return False, f"the output '{absent[0]}' is declared and not returned; returned {sorted(out)}"
    if unknown := sorted(set(out) - set(declared)):
        return False, f"returned '{unknown[0]}', which is no declared output; declared {sorted(declared)}"
    for name, values in out.items():
        if values.shape[0] != SITES:
            return False, f"'{name}' has shape {tuple(values.shape)}, expected the {SITES} sites first"
        if not bool(torch.isfinite(values).all()):
            count = int((~torch.isfinite(values)).reshape(SITES, -1).any(1).sum())
            return False, f"'{name}' is not finite at {count} of {SITES} random sites inside the bounds"
    return True, f"{SITES} random sites inside the bounds"


def _penalties(model: ProcessModel, seed: int) -> Outcome:
    out = model(*random_inputs(model, SITES, seed))
    for name, penalty in model.penalties.items():
        for sites in (None, torch.arange(SITES) < SITES // 2):
            value = penalty(out, known=sites)
            if value.shape != () or not bool(torch.isfinite(value)):
                return False, f"'{name}' of {SITES} sites is not one finite number"
    return True, ", ".join(model.penalties) or "none declared"


def _gradients(model: ProcessModel, seed: int) -> Outcome:
    parameters, forcing = random_inputs(model, 3, seed)
    names, values = list(parameters), list(parameters.values())
    factors = [torch.ones_like(v).requires_grad_() for v in values]
    start = model({n: f * v for n, f, v in zip(names, factors, values, strict=True)}, forcing)
    # Each output relative to its own size, each parameter relative to its value.
    scale = {k: v.detach().abs().max().clamp(min=1e-12) for k, v in start.items() if v.requires_grad}
    if not scale:
        return False, "no output depends on a parameter by differentiable operations"

    def relative(*factors: Tensor) -> tuple[Tensor, ...]:
        out = model({n: f * v for n, f, v in zip(names, factors, values, strict=True)}, forcing)
        return tuple(out[k] / size for k, size in scale.items())

    agrees = torch.autograd.gradcheck(relative, factors, eps=1e-6, atol=1e-5, rtol=1e-3, raise_exception=False)
    if agrees:
        return True, "equal central differences"
    return False, "differ from central differences; look for in-place or detach"


def _missing(model: ProcessModel, seed: int) -> Outcome:
    parameters, forcing = random_inputs(model, 4, seed)
    complete = model(parameters, forcing)
    name = next(iter(forcing))
    spoilt = forcing[name].clone()
    spoilt[1] = torch.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = model(parameters, {**forcing, name: spoilt})
    other_sites = [0, 2, 3]
    if any(not torch.equal(out[k][other_sites], complete[k][other_sites]) for k in out):
        return False, f"NaN in forcing '{name}' of one site changes the others"
    if not any(bool(torch.isnan(v[1]).any()) for v in out.values()):
        return False, f"NaN in forcing '{name}' of a site gives numbers there"
    return True, "is NaN itself and leaves the others alone"


def _order(model: ProcessModel, seed: int) -> Outcome:
    parameters, forcing = random_inputs(model, 6, seed)
    complete, order = model(parameters, forcing), [4, 0, 3]
    subset = model({n: v[order] for n, v in parameters.items()}, {n: v[order] for n, v in forcing.items()})
    agrees = all(torch.allclose(subset[k], complete[k][order], rtol=1e-10, atol=0, equal_nan=True) for k in complete)
    return agrees, "do not matter" if agrees else "change the result of a site"


def _repeated(model: ProcessModel, seed: int) -> Outcome:
    inputs = random_inputs(model, SITES, seed)
    first, second = model(*inputs), model(*inputs)
    agrees = all(torch.equal(first[k], second[k]) for k in first)
    return agrees, "same numbers" if agrees else "two calls differ"


def _single(model: ProcessModel, seed: int) -> Outcome:
    double = model(*random_inputs(model, SITES, seed))
    single = model(*random_inputs(model, SITES, seed, torch.float32))
    for name, values in single.items():
        if values.dtype != torch.float32:
            return False, f"'{name}' comes back as {values.dtype} for float32 inputs"
        scale = double[name].abs().max().clamp(min=1e-30)
        worst = float(((values.double() - double[name]).abs() / scale).max())
        if not worst < 1e-2:
            return False, f"'{name}' is off by {worst:.1e} of its largest value; compute in float64 inside"
    return True, "agrees with float64"


def _speed(model: ProcessModel, seed: int) -> Outcome:
    parameters, forcing = random_inputs(model, 4096, seed)
    leaves = {n: v.requires_grad_() for n, v in parameters.items()}

    def run() -> None:
        out = model(leaves, forcing)
        total = sum(v.sum() for v in out.values() if v.requires_grad)
        torch.autograd.grad(total, list(leaves.values()), allow_unused=True)  # type: ignore[arg-type]

    run()
    start = time.perf_counter()
    run()
    return True, f"{(time.perf_counter() - start) / 4096 * 1e6:.2f} microseconds a site, forward and backward"


def _layers(model: ProcessModel, seed: int) -> Outcome:
    """Whether what a model with layers gives can be seen on an interval: that of one layer is the layer itself."""
    if not model.has_layers:
        return True, "one layer"
    ends = model.layer_interfaces
    if type(model).observe is ProcessModel.observe and (len(ends) < 2 or any(a >= b for a, b in pairwise(ends))):
        return False, "outputs have the dimension layer: give layer_interfaces, their ends in m from 0 down, or observe"
    out = model(*random_inputs(model, 3, seed))
    top, bottom = (torch.full((3,), end, dtype=torch.float64) for end in (ends[:2] or (0.0, 0.1)))
    try:
        observed = model.observe(out, top, bottom)
    except (RuntimeError, IndexError) as error:
        return False, f"{len(ends) - 1} layers between layer_interfaces do not fit the outputs ({error})"
    for name in (v.name for v in model.outputs if v.dims == ("site", LAYER)):
        if observed[name].shape != (3,):
            return False, f"observe gives '{name}' with shape {tuple(observed[name].shape)}, expected one number a site"
        if ends and not torch.allclose(observed[name], out[name][:, 0]):
            return False, f"observe of '{name}' in the uppermost layer is not its value there"
    return True, f"{len(ends) - 1} layers to {ends[-1]:g} m" if ends else "observed by the model itself"


CHECKS: dict[str, Callable[[ProcessModel, int], Outcome]] = {
    "declaration": _declaration,
    "finite outputs": _finite,
    "layers": _layers,
    "penalties": _penalties,
    "gradients": _gradients,
    "one site with NaN": _missing,
    "order and batch": _order,
    "same twice": _repeated,
    "float32": _single,
    "speed": _speed,
}
"""Title of every check → function of the model and a seed."""
