"""Sums of uniform B-splines, the inner loop of the KAN encoder.

Each input has one uniform grid; each (input, output) edge has its coefficients on it. At a point only ``degree + 1``
basis functions differ from zero, so their weights come in closed form. Nothing of shape (site, input, output) is ever
made, and the backward pass stores the inputs alone. Outside the grid a spline goes on as a straight line.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from hybridmap import arithmetic  # noqa: F401 - settles torch's vector functions for this process

# Polynomials in the position t inside a cell: columns are the degree + 1 basis functions alive, rows are powers of t.
POLYNOMIALS: dict[int, list[list[float]]] = {
    1: [[1, 0], [-1, 1]],
    2: [[1 / 2, 1 / 2, 0], [-1, 1, 0], [1 / 2, -1, 1 / 2]],
    3: [[1 / 6, 4 / 6, 1 / 6, 0], [-1 / 2, 0, 1 / 2, 0], [1 / 2, -1, 1 / 2, 0], [-1 / 6, 1 / 2, -1 / 2, 1 / 6]],
}
END_SLOPES: dict[int, list[list[float]]] = {
    1: [[-1, 1], [-1, 1]],
    2: [[-1, 1, 0], [0, -1, 1]],
    3: [[-1 / 2, 0, 1 / 2, 0], [0, -1 / 2, 0, 1 / 2]],
}


def local_basis(x: Tensor, lower: Tensor, step: Tensor, intervals: int, degree: int) -> tuple[Tensor, Tensor, Tensor]:
    """Cell of every point, weights of the basis functions alive there, and the position in the cell.

    Parameters
    ----------
    x : Tensor, shape (member, site, input)
        Points.
    lower, step : Tensor, shape (member, input)
        Start and cell size of the grids.
    intervals, degree : int
        Cells of a grid, degree of the splines (1 to 3).

    Returns
    -------
    cell : Tensor of int64, shape (member, site, input)
        First of the degree + 1 basis functions alive.
    weight : Tensor, shape (member, site, input, degree + 1)
        Values, continued in a straight line outside the grid.
    t : Tensor, shape (member, site, input)
        Position in the cell, 0 to 1.
    """
    position = (x - lower[:, None, :]) / step[:, None, :]
    inside = position.clamp(0.0, float(intervals))
    cell = inside.floor().clamp_(max=intervals - 1)
    t = inside - cell
    beyond = position - inside
    powers = [t]
    for _ in range(1, degree):
        powers.append(powers[-1] * t)
    # Outside, the slopes at the two ends of the grid (t = 0 and t = 1) times the distance.
    columns = torch.stack([*powers, beyond.clamp(max=0.0), beyond.clamp(min=0.0)], -1)
    start, matrix = _matrices(degree, x.dtype, x.device)
    return cell.long(), functional.linear(columns, matrix, start), t


@cache
def _matrices(degree: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Weights at t = 0, and what the columns of :func:`local_basis` add to them."""
    constant, *rest = POLYNOMIALS[degree]
    matrix = torch.tensor([*rest, *END_SLOPES[degree]], dtype=dtype, device=device)
    return torch.tensor(constant, dtype=dtype, device=device), matrix.T.contiguous()


def local_slopes(t: Tensor, degree: int) -> Tensor:
    """Derivatives by the position in the cell of the basis functions alive, shape (..., degree + 1)."""
    powers = [torch.ones_like(t)]
    for k in range(2, degree + 1):
        powers.append(k * powers[-1] * t / (k - 1))
    return torch.stack(powers, -1) @ t.new_tensor(POLYNOMIALS[degree][1:])


def basis_rows(cell: Tensor, weight: Tensor, size: int) -> Tensor:
    """Weights as dense rows over all basis functions of an input.

    Parameters
    ----------
    cell, weight
        As :func:`local_basis` returns them.
    size : int
        Number of basis functions of an input.

    Returns
    -------
    Tensor, shape (member, site, input, size)
    """
    alive = cell[..., None] + torch.arange(weight.shape[-1], device=cell.device)
    return weight.new_zeros(*cell.shape, size).scatter_(-1, alive, weight)


def _alive(cell: Tensor, size: int, degree: int) -> Tensor:
    """Places of the basis functions alive among all of a site's, shape (member, site, input * (degree + 1))."""
    inputs = torch.arange(cell.shape[-1], device=cell.device) * size
    first = inputs[:, None] + torch.arange(degree + 1, device=cell.device)
    return (cell[..., None] + first).flatten(2)


FEW = 64
"""Basis weights a site up to which the backward pass keeps them instead of working them out again."""
BLOCK = 2**19
"""Numbers in the dense rows that the backward pass makes at a time on a CPU: they then stay in its cache."""


class _SplineSum(torch.autograd.Function):
    """y[m, s, o] = sum over inputs i and basis functions k of B_k(x[m, s, i]) c[m, o, i, k]."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, coefficients: Tensor, lower: Tensor, step: Tensor, intervals: int, degree: int
    ) -> Tensor:
        members, sites, inputs = x.shape
        outputs, _, size = coefficients.shape[1:]
        cell, weight, _ = local_basis(x, lower, step, intervals, degree)
        alive = _alive(cell, size, degree)
        bags = members * sites
        first = torch.arange(members, device=x.device)[:, None, None] * (inputs * size)
        out = functional.embedding_bag(
            (alive + first if members > 1 else alive).view(bags, -1),
            coefficients.view(members, outputs, -1).transpose(1, 2).contiguous().view(-1, outputs),
            per_sample_weights=weight.view(bags, -1),
            mode="sum",
        )
        few = inputs * (degree + 1) <= FEW
        ctx.save_for_backward(x, coefficients, lower, step, *((alive, weight) if few else ()))
        ctx.intervals, ctx.degree = intervals, degree
        return out.view(members, sites, outputs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        x, coefficients, lower, step, *saved_basis = ctx.saved_tensors
        members, sites, inputs = x.shape
        outputs, _, size = coefficients.shape[1:]
        table = coefficients.view(members, outputs, -1)
        need_x, need_c = ctx.needs_input_grad[:2]
        grad_c = torch.zeros_like(table) if need_c else None
        grad_x = torch.empty_like(x) if need_x else None
        block = sites if x.is_cuda else max(64, BLOCK // (members * inputs * size))
        for start in range(0, sites, block):
            rows_in_block = slice(start, start + block)
            output_grad = grad[:, rows_in_block]
            if saved_basis and not need_x:
                alive, weight, t = saved_basis[0][:, rows_in_block], saved_basis[1][:, rows_in_block], x
            else:
                cell, weight, t = local_basis(x[:, rows_in_block], lower, step, ctx.intervals, ctx.degree)
                alive = _alive(cell, size, ctx.degree)
            if grad_c is not None:
                rows = weight.new_zeros(members, alive.shape[1], inputs * size)
                rows.scatter_(-1, alive, weight.flatten(2))
                grad_c.baddbmm_(output_grad.transpose(1, 2), rows)
            if grad_x is not None:
                local = torch.bmm(output_grad, table).gather(-1, alive).view(weight.shape)
                grad_x[:, rows_in_block] = (local * local_slopes(t, ctx.degree)).sum(-1) / step[:, None, :]
        return grad_x, None if grad_c is None else grad_c.view_as(coefficients), None, None, None, None


def spline_sum(x: Tensor, coefficients: Tensor, lower: Tensor, step: Tensor, intervals: int, degree: int = 3) -> Tensor:
    """Sum over the inputs of the splines of every edge.

    Parameters
    ----------
    x : Tensor, shape (member, site, input)
        Points.
    coefficients : Tensor, shape (member, output, input, intervals + degree)
        Of the basis functions.
    lower, step : Tensor, shape (member, input)
        Start and cell size of the grids; no gradient flows to them.
    intervals, degree : int
        Cells of a grid, degree of the splines (1 to 3).

    Returns
    -------
    Tensor, shape (member, site, output)
    """
    apply: Callable[..., Tensor] = _SplineSum.apply
    return apply(x, coefficients, lower, step, intervals, degree)
