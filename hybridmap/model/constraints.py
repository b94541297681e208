"""From unbounded network output to a physical parameter between its bounds, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from hybridmap.process.base import Parameter

COLDEST, HOTTEST = 1e-3, 1e6
"""Temperatures beyond which a sigmoid is a step, or the same for every input."""
HARD_LIMIT = 3.0
"""The hard sigmoid is linear for raw values between minus and plus this."""


class Constraint(nn.Module, ABC):
    """Raw value z of any shape to a position between the bounds, 0 at the lower and 1 at the upper."""

    @abstractmethod
    def position(self, raw: Tensor) -> Tensor:
        """Position in [0, 1] for raw values (..., site, parameter)."""

    @abstractmethod
    def raw(self, position: Tensor) -> Tensor:
        """Inverse of :meth:`position` for positions strictly between 0 and 1, shape (..., parameter)."""

    def violation(self, raw: Tensor) -> Tensor:
        """How far each raw value lies where the position no longer follows it; zero for smooth constraints."""
        return torch.zeros_like(raw)


class Sigmoid(Constraint):
    """Logistic, sigmoid(z / T), with a fixed or a trained temperature T.

    Parameters
    ----------
    temperature : float or (float, float)
        Fixed T, or the range (T_min, T_max) of a trained one: T = T_min + (T_max - T_min) sigmoid(t), t a trainable
        scalar that starts at 0 (BINN, arXiv 2502.00672: 10 and 109).

    Examples
    --------
    >>> Sigmoid().position(torch.tensor([0.0])).item()
    0.5
    >>> Sigmoid((10.0, 109.0)).temperature().item()  # trained, from the middle of its range
    59.5
    """

    def __init__(self, temperature: float | tuple[float, float] = 1.0) -> None:
        super().__init__()
        low, high = temperature if isinstance(temperature, (tuple, list)) else (temperature, temperature)
        if not COLDEST <= low <= high <= HOTTEST:
            raise ValueError(
                f"temperature {temperature} must be from {COLDEST:g} to {HOTTEST:g}, and a range must increase."
            )
        self.low, self.high = float(low), float(high)
        self.t = nn.Parameter(torch.zeros(())) if high > low else None

    def temperature(self) -> Tensor:
        """Temperature now; shape () or (member,)."""
        share = torch.zeros(()) if self.t is None else torch.sigmoid(self.t)
        return self.low + (self.high - self.low) * share

    def position(self, raw: Tensor) -> Tensor:
        """Logistic of raw / T."""
        return torch.sigmoid(raw / (self.low if self.t is None else self.temperature()[..., None, None]))

    def raw(self, position: Tensor) -> Tensor:
        """Logit times the temperature now."""
        return torch.logit(position) * self.temperature().detach().to(position)


class HardSigmoid(Constraint):
    """clip(z/6 + 1/2, 0, 1) of ScIReN (arXiv 2506.14054): a straight line, so an additive encoder stays additive.

    Examples
    --------
    >>> constraint, raw = HardSigmoid(), torch.tensor([-3.0, 0.0, 1.5, 5.0])
    >>> constraint.position(raw).tolist(), constraint.violation(raw).tolist()
    ([0.0, 0.5, 0.75, 1.0], [0.0, 0.0, 0.0, 2.0])
    """

    def position(self, raw: Tensor) -> Tensor:
        """Linear between -3 and 3; no gradient outside, hence the penalty on :meth:`violation`."""
        return (raw / (2 * HARD_LIMIT) + 0.5).clamp(0.0, 1.0)

    def raw(self, position: Tensor) -> Tensor:
        """6 (q - 1/2)."""
        return (position - 0.5) * (2 * HARD_LIMIT)

    def violation(self, raw: Tensor) -> Tensor:
        """max(0, abs(z) - 3)."""
        return torch.relu(raw.abs() - HARD_LIMIT)


class Relu(Constraint):
    """min(unit max(z, 0), 1): straight above the lower bound; z = 1 is the start.

    Parameters
    ----------
    unit : float or Tensor, shape (parameter,)
        Position of the start.
    """

    unit: Tensor

    def __init__(self, unit: float | Tensor = 1.0) -> None:
        super().__init__()
        self.register_buffer("unit", torch.as_tensor(unit, dtype=torch.get_default_dtype()), persistent=False)

    def position(self, raw: Tensor) -> Tensor:
        """No gradient below 0 and above the upper bound, hence the penalty on :meth:`violation`."""
        return (self.unit * torch.relu(raw)).clamp(max=1.0)

    def raw(self, position: Tensor) -> Tensor:
        """Position over unit."""
        return position / self.unit.to(position)

    def violation(self, raw: Tensor) -> Tensor:
        """max(0, -z), and the excess above the upper bound."""
        return torch.relu(-raw) + torch.relu(raw - 1.0 / self.unit)


class Softplus(Relu):
    """min(unit ln(1 + exp z), 1): smooth and positive above the lower bound."""

    def position(self, raw: Tensor) -> Tensor:
        """Smooth; flat at the upper bound only."""
        return (self.unit * functional.softplus(raw)).clamp(max=1.0)

    def raw(self, position: Tensor) -> Tensor:
        """Inverse of the softplus."""
        value = position / self.unit.to(position)
        return value + torch.log(-torch.expm1(-value))

    def violation(self, raw: Tensor) -> Tensor:
        """The excess above the upper bound."""
        return torch.relu(functional.softplus(raw) - 1.0 / self.unit)


CONSTRAINTS: dict[str, type[Constraint]] = {
    "sigmoid": Sigmoid,
    "hard_sigmoid": HardSigmoid,
    "softplus": Softplus,
    "relu": Relu,
}
ONE_SIDED = ("softplus", "relu")
"""Constraints that measure in units of the start, and so need a linear scale."""


def get_constraint(name: str, **options: object) -> Constraint:
    """Return the constraint called `name`, with its options (``temperature`` of the sigmoid, ``unit`` of the others).

    Raises
    ------
    ValueError
        If there is none of that name, or it has no such option.

    Examples
    --------
    >>> get_constraint("relu", unit=0.25).position(torch.tensor([-1.0, 1.0, 2.0, 9.0])).tolist()
    [0.0, 0.25, 0.5, 1.0]
    """
    if name not in CONSTRAINTS:
        raise ValueError(f"no constraint '{name}'; there are {sorted(CONSTRAINTS)}.")
    try:
        return CONSTRAINTS[name](**options)
    except TypeError as error:
        raise ValueError(f"constraint '{name}': {error}.") from error


def start_of(parameter: Parameter) -> float:
    """Where training starts, in the parameter's unit: its default, or its ``start`` where it declares one.

    Raises
    ------
    ValueError
        If that is not strictly between the bounds: there the raw value would be infinite or its gradient dead.
    """
    value = parameter.default if parameter.start is None else parameter.start
    if not parameter.lower < value < parameter.upper:
        raise ValueError(
            f"{parameter.name} starts at {value:g}, which is not strictly between its bounds {parameter.lower:g} and"
            f" {parameter.upper:g}; widen the bounds, give it another start, or hold it fixed."
        )
    return value


@dataclass(frozen=True)
class Bounds:
    """Lower and upper bounds of several parameters, and the scale between them.

    Attributes
    ----------
    lower, upper : Tensor, shape (parameter,), float64
        In the units of the parameters.
    log : Tensor of bool, shape (parameter,)
        Whether to interpolate in the logarithm.
    """

    lower: Tensor
    upper: Tensor
    log: Tensor

    @classmethod
    def of(cls, parameters: list[Parameter]) -> Bounds:
        """Collect the bounds of `parameters`; ValueError where they are unordered or a log scale meets zero."""
        for p in parameters:
            if p.lower >= p.upper or (p.scale == "log" and p.lower <= 0):
                raise ValueError(
                    f"bounds of {p.name}: ({p.lower}, {p.upper}) must be increasing, and positive on a log scale."
                )
        return cls(
            torch.tensor([p.lower for p in parameters], dtype=torch.float64),
            torch.tensor([p.upper for p in parameters], dtype=torch.float64),
            torch.tensor([p.scale == "log" for p in parameters], dtype=torch.bool),
        )

    def interpolate(self, position: Tensor) -> Tensor:
        """Physical values for positions in [0, 1]; shape (..., parameter) in and out, dtype of `position`."""
        lower, upper = self.lower.to(position), self.upper.to(position)
        low, high = self._transformed(lower), self._transformed(upper)
        inner = low + position * (high - low)
        log = self.log.to(position.device)
        value = torch.where(log, torch.exp(torch.where(log, inner, torch.zeros_like(inner))), inner)
        return torch.minimum(torch.maximum(value, lower), upper)

    def locate(self, value: Tensor) -> Tensor:
        """Positions in [0, 1] of physical values; inverse of :meth:`interpolate`."""
        low, high = self._transformed(self.lower.to(value)), self._transformed(self.upper.to(value))
        safe = torch.where(self.log, value, torch.ones_like(value))
        return (torch.where(self.log, torch.log(safe), value) - low) / (high - low)

    def _transformed(self, bound: Tensor) -> Tensor:
        log = self.log.to(bound.device)
        return torch.where(log, torch.log(torch.where(log, bound, torch.ones_like(bound))), bound)
