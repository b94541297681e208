"""One layer of a Kolmogorov-Arnold network: a spline on a uniform grid for every edge."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from hybridmap.encoders.layers import normal_weights
from hybridmap.encoders.spline import basis_rows, local_basis, spline_sum


class KANLayer(nn.Module):
    """One layer of edges; see :class:`hybridmap.encoders.kan.KAN` for the options."""

    lower: Tensor
    step: Tensor
    alive: Tensor

    def __init__(
        self, n_inputs: int, n_outputs: int, intervals: int, degree: int, margin: float, base: str, affine: bool
    ) -> None:
        super().__init__()
        self.n_inputs, self.intervals, self.degree, self.margin, self.base = n_inputs, intervals, degree, margin, base
        size = intervals + degree
        # Inputs are taken to lie in [-1, 1] until refresh_grid has seen some.
        span = 2.0 * (1.0 + 2.0 * margin)
        self.register_buffer("lower", torch.full((n_inputs,), -0.5 * span))
        self.register_buffer("step", torch.full((n_inputs,), span / intervals))
        self.register_buffer("alive", torch.ones(n_inputs, n_outputs, dtype=torch.bool))
        self.coefficients = nn.Parameter(
            normal_weights(n_outputs, n_inputs, size, factor=0.02, divisor=math.sqrt(n_inputs))
        )
        bound = 0.1 / math.sqrt(n_inputs)
        has_base = base != "zero"
        self.base_weight = nn.Parameter(normal_weights(n_inputs, n_outputs, factor=bound)) if has_base else None
        self.scale = nn.Parameter(torch.ones(n_inputs, n_outputs)) if affine else None
        self.bias = nn.Parameter(torch.zeros(n_outputs))
        self.pruned = False
        when_loaded: Callable[..., Any] = self.register_load_state_dict_post_hook
        when_loaded(_note_pruned)

    def note_pruned(self) -> None:
        """Look whether any edge is pruned, once: unpruned layers then skip the mask."""
        self.pruned = not bool(self.alive.all())

    def forward(self, x: Tensor) -> Tensor:
        """(..., site, input) to (..., site, output)."""
        single = x.ndim == 2
        coefficients = self.effective()
        if single:
            x, coefficients = x[None], coefficients[None]
        lower, step = self.lower.expand(x.shape[0], -1), self.step.expand(x.shape[0], -1)
        out = spline_sum(x, coefficients, lower, step, self.intervals, self.degree)
        if single:
            x, out = x[0], out[0]
        if self.base_weight is not None:
            out = out + self._base(x) @ self._factor(self.base_weight)
        return out + self.bias[..., None, :]

    def effective(self) -> Tensor:
        """Spline coefficients (..., output, input, basis function) after factor and pruning."""
        return self._factor(self.coefficients, basis=True)

    def _factor(self, weight: Tensor, basis: bool = False) -> Tensor:
        if self.pruned:
            weight = weight * (self.alive.mT[..., None] if basis else self.alive)
        if self.scale is not None:
            weight = weight * (self.scale.mT[..., None] if basis else self.scale)
        return weight

    def _base(self, x: Tensor) -> Tensor:
        return functional.silu(x) if self.base == "silu" else x

    def edges(self, x: Tensor) -> Tensor:
        """Values of every edge (..., site, input, output) at inputs (..., site, input)."""
        single = x.ndim == 2
        points, coefficients = (x[None], self.effective()[None]) if single else (x, self.effective())
        lower, step = self.lower.expand(points.shape[0], -1), self.step.expand(points.shape[0], -1)
        cell, weight, _ = local_basis(points, lower, step, self.intervals, self.degree)
        rows = basis_rows(cell, weight, coefficients.shape[-1])
        values = torch.einsum("msik,moik->msio", rows, coefficients)
        values = values[0] if single else values
        if self.base_weight is None:
            return values
        return values + self._base(x)[..., None] * self._factor(self.base_weight)[..., None, :, :]

    def outside(self, x: Tensor) -> Tensor:
        """Whether inputs (..., site, input) lie outside the grid."""
        low = self.lower[..., None, :]
        return (x < low) | (x > low + self.intervals * self.step[..., None, :])

    def data_range(self) -> tuple[Tensor, Tensor]:
        """Range of the inputs (input,) that the grid was fitted to."""
        width = self.step * self.intervals / (1.0 + 2.0 * self.margin)
        return self.lower + self.margin * width, self.lower + (1.0 + self.margin) * width

    @torch.no_grad()
    def refresh_grid(self, x: Tensor) -> None:
        """Fit the grid to inputs (..., site, input), and the coefficients to the curves as they are."""
        low, high = x.amin(-2), x.amax(-2)
        width = (high - low).clamp(min=1e-6 * (1.0 + low.abs()))
        lower = low - self.margin * width
        step = width * (1.0 + 2.0 * self.margin) / self.intervals
        # Curves at four points a cell of the new grid pin its splines down by least squares.
        positions = torch.linspace(0, self.intervals, 4 * self.intervals + 1, device=x.device, dtype=x.dtype)
        points = lower[..., None, :] + positions[:, None] * step[..., None, :]
        single = points.ndim == 2
        coefficients = self.coefficients[None] if single else self.coefficients
        old = self._curves(points[None] if single else points, self.lower, self.step, coefficients)
        self.lower.copy_(lower)
        self.step.copy_(step)
        rows = self._rows(points[None] if single else points, self.lower, self.step).transpose(1, 2)
        target = old.transpose(1, 2)
        solved = torch.linalg.lstsq(rows.double().cpu(), target.double().cpu()).solution.to(coefficients)
        solved = solved.permute(0, 3, 1, 2)
        self.coefficients.copy_(solved[0] if single else solved)

    def _rows(self, points: Tensor, lower: Tensor, step: Tensor) -> Tensor:
        lower, step = lower.expand(points.shape[0], -1), step.expand(points.shape[0], -1)
        cell, weight, _ = local_basis(points, lower, step, self.intervals, self.degree)
        return basis_rows(cell, weight, self.intervals + self.degree)

    def _curves(self, points: Tensor, lower: Tensor, step: Tensor, coefficients: Tensor) -> Tensor:
        return torch.einsum("msik,moik->msio", self._rows(points, lower, step), coefficients)


def _note_pruned(layer: KANLayer, _: Any) -> None:
    """After weights are loaded; a function of the module, which can be pickled."""
    layer.note_pruned()
