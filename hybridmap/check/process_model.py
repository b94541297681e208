"""Try out a process model: what must hold before it is trained, as a table that says what to mend."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from hybridmap.errors import HybridmapError
from hybridmap.model.constraints import start_of
from hybridmap.process import Parameter, ProcessModel, Variable, get_process

SITES = 64
SIZES = {"layer": 20, "month": 12, "pool": 7}
"""Lengths of the dimensions of the package's own models; another dimension gets 4."""
Inputs = tuple[dict[str, Tensor], dict[str, Tensor]]
Outcome = tuple[bool, str]


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
        One line a check, each beginning with "ok".

    Raises
    ------
    HybridmapError
        With all lines if a check failed, or if the model cannot be loaded.
    """
    try:
        model = get_process(name, **options)
    except ValueError as error:
        raise HybridmapError(str(error)) from None
    lines, failed = [], 0
    for title, run in _checks(model, seed):
        try:
            passed, said = run()
        except Exception as error:  # a model under test may fail in any way; the table says how
            passed, said = False, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        failed += not passed
        lines.append(f"{'ok  ' if passed else 'FAIL'} {title}: {said}")
    if failed:
        raise HybridmapError("\n  ".join([f"process model {name}: {failed} of {len(lines)} checks failed", *lines]))
    return lines


def random_inputs(model: ProcessModel, sites: int, seed: int, dtype: torch.dtype = torch.float64) -> Inputs:
    """Parameters and forcing uniform inside their bounds (logarithmic where declared) and valid ranges.

    Raises
    ------
    HybridmapError
        If a forcing declares no valid range.
    """
    random = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=random, dtype=torch.float64)

    parameters = {}
    for p in model.parameters:
        if p.scale == "log":
            parameters[p.name] = p.lower * (p.upper / p.lower) ** uniform(0, 1, sites)
        else:
            parameters[p.name] = uniform(p.lower, p.upper, sites)
    forcing = {}
    for v in model.forcing:
        if v.valid_range is None:
            raise HybridmapError(f"forcing '{v.name}' has no valid_range; give one, in {v.unit}.")
        shape = (sites, *(SIZES.get(dim, 4) for dim in v.dims[1:]))
        # The middle of the range: the extremes of all forcings together are no climate.
        low, high = v.valid_range
        forcing[v.name] = uniform(low + 0.3 * (high - low), high - 0.3 * (high - low), *shape)
    return {n: t.to(dtype) for n, t in parameters.items()}, {n: t.to(dtype) for n, t in forcing.items()}


def _checks(model: ProcessModel, seed: int) -> Iterator[tuple[str, Callable[[], Outcome]]]:
    yield "declaration", lambda: _declaration(model)
    yield "finite outputs", lambda: _finite(model, seed)
    yield "gradients", lambda: _gradients(model, seed)
    yield "one site with NaN", lambda: _missing(model, seed)
    yield "order and batch", lambda: _order(model, seed)
    yield "same twice", lambda: _twice(model, seed)
    yield "float32", lambda: _single(model, seed)
    yield "speed", lambda: _speed(model, seed)


def _declaration(model: ProcessModel) -> Outcome:
    for p in model.parameters:
        if not p.lower < p.upper or not p.lower <= p.default <= p.upper or (p.scale == "log" and p.lower <= 0):
            return False, f"parameter '{p.name}': default {p.default:g} and bounds ({p.lower:g}, {p.upper:g})"
        try:
            start_of(p)
        except ValueError as error:
            return False, str(error)
    declared: list[Parameter | Variable] = [*model.parameters, *model.forcing, *model.outputs]
    for item in declared:
        if not item.unit or not item.description:
            return False, f"'{item.name}' needs a unit ('1' for a ratio) and a description"
    names = [p.name for p in model.parameters] + [v.name for v in model.forcing]
    if twice := {n for n in names if names.count(n) > 1}:
        return False, f"the name '{sorted(twice)[0]}' is used twice"
    random_inputs(model, 2, 0)
    parts = ((len(model.parameters), "parameters"), (len(model.forcing), "forcings"), (len(model.outputs), "outputs"))
    return True, ", ".join(f"{n} {what}" for n, what in parts) + ", all with units"


def _finite(model: ProcessModel, seed: int) -> Outcome:
    out = model(*random_inputs(model, SITES, seed))
    declared = [v.name for v in model.outputs]
    if sorted(out) != sorted(declared):
        return False, f"returned {sorted(out)}, declared {sorted(declared)}"
    for name, values in out.items():
        if values.shape[0] != SITES:
            return False, f"'{name}' has shape {tuple(values.shape)}, expected the {SITES} sites first"
        if not bool(torch.isfinite(values).all()):
            count = int((~torch.isfinite(values)).reshape(SITES, -1).any(1).sum())
            return False, f"'{name}' is not finite at {count} of {SITES} random sites inside the bounds"
    return True, f"{SITES} random sites inside the bounds"


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

    fine = torch.autograd.gradcheck(relative, factors, eps=1e-6, atol=1e-5, rtol=1e-3, raise_exception=False)
    return fine, "equal central differences" if fine else "differ from central differences; look for in-place or detach"


def _missing(model: ProcessModel, seed: int) -> Outcome:
    import warnings

    parameters, forcing = random_inputs(model, 4, seed)
    whole = model(parameters, forcing)
    name = next(iter(forcing))
    spoilt = forcing[name].clone()
    spoilt[1] = torch.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = model(parameters, {**forcing, name: spoilt})
    others = [0, 2, 3]
    if any(not torch.equal(out[k][others], whole[k][others]) for k in out):
        return False, f"NaN in forcing '{name}' of one site changes the others"
    if not any(bool(torch.isnan(v[1]).any()) for v in out.values()):
        return False, f"NaN in forcing '{name}' of a site gives numbers there"
    return True, "is NaN itself and leaves the others alone"


def _order(model: ProcessModel, seed: int) -> Outcome:
    parameters, forcing = random_inputs(model, 6, seed)
    whole, order = model(parameters, forcing), [4, 0, 3]
    part = model({n: v[order] for n, v in parameters.items()}, {n: v[order] for n, v in forcing.items()})
    same = all(torch.allclose(part[k], whole[k][order], rtol=1e-10, atol=0, equal_nan=True) for k in whole)
    return same, "do not matter" if same else "change the result of a site"


def _twice(model: ProcessModel, seed: int) -> Outcome:
    inputs = random_inputs(model, SITES, seed)
    first, again = model(*inputs), model(*inputs)
    same = all(torch.equal(first[k], again[k]) for k in first)
    return same, "same numbers" if same else "two calls differ"


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
