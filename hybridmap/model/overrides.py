"""What a configuration may change of the parameters of a process model: bounds, starts and fixed values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hybridmap.errors import nearest
from hybridmap.process import Parameter, ProcessModel


def check_overrides(
    process: ProcessModel,
    bounds: Mapping[str, Iterable[float]],
    start: Mapping[str, float],
    fixed: Mapping[str, float],
) -> None:
    """Hold overrides to what the model declares.

    Parameters
    ----------
    process : ProcessModel
        The model.
    bounds : mapping of str to (float, float)
        Training bounds, in the unit of the parameter.
    start, fixed : mapping of str to float
        Where training starts, and values of parameters that are held, in the unit of the parameter.

    Raises
    ------
    ValueError
        For a name that is no parameter, or a number that a parameter of its unit and scale cannot have.
    """
    parameters = {p.name: p for p in process.parameters}
    for key, overrides in (("bounds", bounds), ("start", start), ("fixed", fixed)):
        for name in overrides:
            if name not in parameters:
                raise ValueError(
                    f"{key}: {process.name} has no parameter '{name}'{nearest(name, parameters)}; it has"
                    f" {list(parameters)}."
                )
    if idle := sorted(set(start) & set(fixed)):
        raise ValueError(f"start: '{idle[0]}' is held at a fixed value and does not start anywhere; leave one out.")
    values = {**{name: tuple(pair) for name, pair in bounds.items()}, **{n: (v,) for n, v in start.items()}}
    values |= {name: (value,) for name, value in fixed.items()}
    for name, numbers in values.items():
        for number in numbers:
            if problem := _problem(parameters[name], float(number)):
                raise ValueError(f"{name} {float(number):g} {problem}.")


def _problem(parameter: Parameter, value: float) -> str:
    """Why a parameter cannot have a value; empty if it can."""
    if parameter.scale == "log" and value <= 0:
        return "must be above 0: it is learned on a logarithmic scale"
    if parameter.lower >= 0 and value < 0:
        return f"must not be negative: its bounds are {parameter.lower:g} to {parameter.upper:g} {parameter.unit}"
    if parameter.unit == "1" and parameter.lower >= 0 and parameter.upper <= 1 and value > 1:
        return f"must not exceed 1: it is a share, with bounds {parameter.lower:g} to {parameter.upper:g}"
    return ""
