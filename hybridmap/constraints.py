"""From unbounded network output to a physical parameter between its bounds, and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hybridmap.process.base import Parameter

MARGIN = 0.05
"""A start nearer to a bound than this share of the range is moved inside: a sigmoid cannot reach a bound."""


@dataclass(frozen=True)
class Sigmoid:
    """Logistic position between the bounds, linear or logarithmic by each parameter's scale."""

    def position(self, raw: Tensor) -> Tensor:
        """Position in (0, 1) between the bounds for raw values of any shape."""
        return torch.sigmoid(raw)

    def raw(self, position: Tensor) -> Tensor:
        """Inverse of :meth:`position`, after moving the position `MARGIN` inside the bounds."""
        return torch.logit(position.clamp(MARGIN, 1.0 - MARGIN))


CONSTRAINTS = {"sigmoid": Sigmoid}


def get_constraint(name: str) -> Sigmoid:
    """Return the constraint called `name`; ValueError if there is none."""
    if name not in CONSTRAINTS:
        raise ValueError(f"no constraint '{name}'; there are {sorted(CONSTRAINTS)}.")
    return CONSTRAINTS[name]()


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
