"""The 140-pool steady state by structure: woody debris, litter, then soil as a block-tridiagonal system.

Within a layer the pools form a chain up to the three soil pools; between layers all six mobile pools share one
tridiagonal operator. Elimination runs from the top down without pivoting, which keeps the digits that a dense
factorisation loses under bedrock.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hybridmap.process._clm5.vertical import LAYERS

FRACTIONS = ("fcwdl2", "fl1s1", "fl2s1", "fl3s2", "fs1s2", "fs1s3", "fs2s1", "fs2s3", "fs3s1")
"""Order of the transfer fractions."""


class SteadyState(torch.autograd.Function):
    """Solve M C = I for all pools; the backward pass solves the transposed system with the saved factors."""

    @staticmethod
    def forward(
        ctx: Any, lower: Tensor, diagonal: Tensor, upper: Tensor, k: Tensor, fractions: Tensor, inputs: Tensor
    ) -> Tensor:
        """Shapes: bands (layer, site), k (7, layer, site), fractions (9, site), inputs (4, layer, site), float64.

        Returns
        -------
        Tensor, shape (7, layer, site)
            Pools in the unit of `inputs` times days.
        """
        cwd_l2, l1s1, l2s1, l3s2 = fractions[:4]
        pools = torch.empty_like(k)
        pools[0] = inputs[0] / k[0]
        # Everything that enters woody debris leaves it: its turnover time has no effect below.
        supply = inputs[1:].clone()
        supply[1] += cwd_l2 * inputs[0]
        supply[2] += (1.0 - cwd_l2) * inputs[0]
        litter = _litter_factors(lower, diagonal, upper, k)
        pools[1:4] = _litter_solve(lower, litter, supply)
        right = torch.zeros_like(k[4:])
        right[0] = l1s1 * k[1] * pools[1] + l2s1 * k[2] * pools[2]
        right[1] = l3s2 * k[3] * pools[3]
        inverse = _soil_factors(lower, diagonal, upper, k, fractions)
        pools[4:] = _soil_solve(lower, upper, inverse, right)
        ctx.save_for_backward(lower, upper, k, fractions, pools, *litter, inverse)
        return pools

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        """Gradients in the order of the inputs: -lambda C on the entries of M, lambda on the inputs."""
        lower, upper, k, fractions, pools, reciprocal, ratio, inverse = ctx.saved_tensors
        cwd_l2, l1s1, l2s1, l3s2, s1s2, s1s3, s2s1, s2s3, s3s1 = fractions
        adjoint = torch.empty_like(k)
        soil = adjoint[4:] = _soil_solve_transposed(lower, upper, inverse, grad[4:])
        right = grad[1:4].clone()
        right[0] += k[1] * (l1s1 * soil[0])
        right[1] += k[2] * (l2s1 * soil[0])
        right[2] += k[3] * (l3s2 * soil[1])
        adjoint[1:4] = _litter_solve_transposed(lower, (reciprocal, ratio), right)
        received = cwd_l2 * adjoint[2] + (1.0 - cwd_l2) * adjoint[3]
        adjoint[0] = grad[0] / k[0] + received

        arrives = torch.stack(
            [
                received,
                l1s1 * soil[0],
                l2s1 * soil[0],
                l3s2 * soil[1],
                s1s2 * soil[1] + s1s3 * soil[2],
                s2s1 * soil[0] + s2s3 * soil[2],
                s3s1 * soil[0],
            ]
        )
        grad_k = pools * (arrives - adjoint)
        mobile, carbon = adjoint[1:], pools[1:]
        grad_diagonal = -(mobile * carbon).sum(0)
        grad_lower = torch.zeros_like(lower)
        grad_lower[1:] = -(mobile[:, 1:] * carbon[:, :-1]).sum(0)
        grad_upper = torch.zeros_like(upper)
        grad_upper[:-1] = -(mobile[:, :-1] * carbon[:, 1:]).sum(0)
        flow = k * pools
        pairs = ((0, 2), (1, 4), (2, 4), (3, 5), (4, 5), (4, 6), (5, 4), (5, 6), (6, 4))
        grad_fractions = torch.stack([(flow[donor] * adjoint[receiver]).sum(0) for donor, receiver in pairs])
        grad_fractions[0] -= (flow[0] * adjoint[3]).sum(0)
        return grad_lower, grad_diagonal, grad_upper, grad_k, grad_fractions, adjoint[:4].clone()


def _litter_factors(lower: Tensor, diagonal: Tensor, upper: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
    """Factors of the tridiagonal matrices of litter 1 and of litter 2 and 3, each of shape (layer, 2, site).

    Reciprocal pivots, and the upper diagonal over the pivot.
    """
    main, down, up = (diagonal + k[1:3]).unbind(1), lower.unbind(0), upper.unbind(0)
    reciprocal = [main[0].reciprocal()]
    ratio = [up[0] * reciprocal[0]]
    for j in range(1, LAYERS):
        reciprocal.append(torch.addcmul(main[j], down[j], ratio[-1], value=-1.0).reciprocal_())
        ratio.append(up[j] * reciprocal[j])
    return torch.stack(reciprocal), torch.stack(ratio)


def _litter_solve(lower: Tensor, factors: tuple[Tensor, Tensor], right: Tensor) -> Tensor:
    """Solve for litter 1 to 3, shape (3, layer, site); litter 2 and 3 share a matrix."""
    reciprocal, ratio = (torch.cat([f, f[:, 1:]], dim=1).unbind(0) for f in factors)
    down, supply = lower.unbind(0), right.unbind(1)
    x = [supply[0] * reciprocal[0]]
    for j in range(1, LAYERS):
        x.append(torch.addcmul(supply[j], down[j], x[-1], value=-1.0).mul_(reciprocal[j]))
    for j in range(LAYERS - 2, -1, -1):
        x[j].addcmul_(ratio[j], x[j + 1], value=-1.0)
    return torch.stack(x, dim=1)


def _litter_solve_transposed(lower: Tensor, factors: tuple[Tensor, Tensor], right: Tensor) -> Tensor:
    """Solve with the transposed litter matrices, shape (3, layer, site)."""
    reciprocal, ratio = (torch.cat([f, f[:, 1:]], dim=1) for f in factors)
    back = (reciprocal[:-1] * lower[1:, None]).unbind(0)
    forth, supply = ratio.unbind(0), right.unbind(1)
    x = [supply[0]]
    for j in range(1, LAYERS):
        x.append(torch.addcmul(supply[j], forth[j - 1], x[-1], value=-1.0))
    x = list((torch.stack(x) * reciprocal).unbind(0))
    for j in range(LAYERS - 2, -1, -1):
        x[j].addcmul_(back[j], x[j + 1], value=-1.0)
    return torch.stack(x, dim=1)


def _soil_factors(lower: Tensor, diagonal: Tensor, upper: Tensor, k: Tensor, fractions: Tensor) -> Tensor:
    """Inverses of the pivot blocks, shape (layer, 3 rows, 3 columns, site)."""
    s1s2, s1s3, s2s1, s2s3, s3s1 = fractions[4:]
    k1, k2, k3 = k[4:]
    sites = k.shape[2]
    entries = [diagonal + k1, -s2s1 * k2, -s3s1 * k3, -s1s2 * k1, diagonal + k2, torch.zeros_like(k1)]
    entries += [-s1s3 * k1, -s2s3 * k2, diagonal + k3]
    blocks = torch.stack(entries, dim=1).unbind(0)
    coupling = (lower[1:] * upper[:-1]).unbind(0)
    inverse = torch.empty((LAYERS, 3, 3, sites), dtype=k.dtype, device=k.device)
    wrap = torch.tensor(WRAPPED, device=k.device)
    flat, square = inverse.view(LAYERS, 9, sites).unbind(0), inverse.unbind(0)
    for j in range(LAYERS):
        block = blocks[0] if j == 0 else torch.addcmul(blocks[j], coupling[j - 1], flat[j - 1], value=-1.0)
        # Cross products of the rows are the columns of the adjugate.
        wide = block.index_select(0, wrap).view(5, 5, sites)
        cross = wide[1:4, 1:4] * wide[2:5, 2:5]
        cross.addcmul_(wide[1:4, 2:5], wide[2:5, 1:4], value=-1.0)
        determinant = (wide[0, :3] * cross[0]).sum(0)
        torch.div(cross.transpose(0, 1), determinant, out=square[j])
    return inverse


WRAPPED = [3 * (row % 3) + column % 3 for row in range(5) for column in range(5)]
"""Entries of a 3x3 block continued cyclically to 5x5, so that neighbours of a row or column are slices."""


def _soil_solve(lower: Tensor, upper: Tensor, inverse: Tensor, right: Tensor) -> Tensor:
    return _block_solve(lower.unbind(0), upper, inverse, right)


def _soil_solve_transposed(lower: Tensor, upper: Tensor, inverse: Tensor, right: Tensor) -> Tensor:
    """The transposed system swaps the couplings and transposes the pivot blocks."""
    zero = torch.zeros_like(lower[:1])
    down, up = torch.cat([zero, upper[:-1]]), torch.cat([lower[1:], zero])
    return _block_solve(down.unbind(0), up, inverse.transpose(1, 2), right)


def _block_solve(down: tuple[Tensor, ...], up: Tensor, inverse: Tensor, right: Tensor) -> Tensor:
    """Substitution with inverted pivot blocks: shapes down (layer, site), up (layer, site), right (3, layer, site)."""
    blocks, supply = inverse.unbind(0), right.unbind(1)
    scaled = (inverse * up[:, None, None]).unbind(0)
    x = [(blocks[0] * supply[0]).sum(1)]
    for j in range(1, LAYERS):
        x.append((blocks[j] * torch.addcmul(supply[j], down[j], x[-1], value=-1.0)).sum(1))
    for j in range(LAYERS - 2, -1, -1):
        x[j] -= (scaled[j] * x[j + 1]).sum(1)
    return torch.stack(x, dim=1)
