"""The 140-pool steady state by structure: woody debris, litter, then soil as a block-tridiagonal system.

Within a layer the pools form a chain up to the three soil pools; between layers all six mobile pools share one
tridiagonal operator. The matrix is an M-matrix whose row sums (or column sums) are known without cancellation, so it
is eliminated without a single subtraction (Grassmann, Taksar and Heyman 1985, doi 10.1287/opre.33.5.1107): every pool
keeps nearly all digits, however far decay and mixing are apart. The upper and the lower half of the column are
eliminated side by side and meet in the middle, which halves the number of steps.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hybridmap.process.clm5.vertical import LAYERS

FRACTIONS = ("fcwdl2", "fl1s1", "fl2s1", "fl3s2", "fs1s2", "fs1s3", "fs2s1", "fs2s3", "fs3s1")
"""Order of the transfer fractions."""

CENTRE = LAYERS // 2
STEPS = CENTRE
# The lower half is a layer shorter: its first step repeats the lowest layer, and nothing couples to it.
TOP, BOTTOM = list(range(CENTRE)), [LAYERS - 1, *range(LAYERS - 1, CENTRE, -1)]
BY_STEP = tuple(layer for pair in zip(TOP, BOTTOM, strict=True) for layer in pair)
PREVIOUS = tuple(layer + half * LAYERS for pair in zip(TOP, BOTTOM, strict=True) for half, layer in enumerate(pair))
NEXT = tuple((row + LAYERS) % (2 * LAYERS) for row in PREVIOUS)
"""Rows of the couplings of each step with the step before and after, among those of all layers up and then down."""
FROM_STEP = (*range(0, 2 * STEPS, 2), 2 * STEPS, *(2 * BOTTOM.index(j, 1) + 1 for j in range(CENTRE + 1, LAYERS)))
"""Rows of the layers among (step, half), the centre being the last."""


class SteadyState(torch.autograd.Function):
    """Solve M C = I for all pools; the backward pass solves the transposed system with the saved factors."""

    @staticmethod
    def forward(
        ctx: Any, up: Tensor, down: Tensor, k: Tensor, fractions: Tensor, inputs: Tensor, by_columns: bool = False
    ) -> Tensor:
        """Solve for the pools.

        Parameters
        ----------
        up, down : Tensor, shape (layer, site)
            Couplings [day-1] of a layer with the one above and the one below; up[0] and down[-1] are 0. By rows the
            operator is ``(up + down) C[j] - up C[j-1] - down C[j+1]``, by columns its transpose.
        k : Tensor, shape (7, layer, site)
            Decay rates [day-1].
        fractions : Tensor, shape (9, site)
            Transfer fractions [1] in the order of :data:`FRACTIONS`.
        inputs : Tensor, shape (4, layer, site)
            Input to woody debris and litter, of any unit per day.
        by_columns : bool
            Whether the couplings stand in the columns of the operator.

        Returns
        -------
        Tensor, shape (7, layer, site)
            Pools in the unit of `inputs` times days, float64 as all arguments.
        """
        cwd_l2, l1s1, l2s1, l3s2 = fractions[:4]
        pools = torch.empty_like(k)
        pools[0] = inputs[0] / k[0]
        # Everything that enters woody debris leaves it: its turnover time has no effect below.
        supply = inputs[1:].clone()
        supply[1] += cwd_l2 * inputs[0]
        supply[2] += (1.0 - cwd_l2) * inputs[0]
        chain = _chain(up, down)
        litter = _litter_factors(chain, k[1:3])
        pools[1:4] = _substitute(chain, litter, supply, by_columns)
        right = torch.zeros_like(k[4:])
        right[0] = l1s1 * k[1] * pools[1] + l2s1 * k[2] * pools[2]
        right[1] = l3s2 * k[3] * pools[3]
        factors, weight = _soil_factors(chain, k[4:], fractions[4:], by_columns)
        pools[4:] = weight[:, None] * _substitute(chain, factors, right / weight[:, None], by_columns)
        ctx.by_columns = by_columns
        ctx.save_for_backward(k, fractions, pools, weight, *chain, *litter, *factors)
        return pools

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients in the order of the inputs: -lambda C on the entries of M, lambda on the inputs."""
        k, fractions, pools, weight, *rest = ctx.saved_tensors
        chain, litter, factors = _Chain(*rest[:3]), _Factors(*rest[3:5]), _Factors(*rest[5:])
        cwd_l2, l1s1, l2s1, l3s2, s1s2, s1s3, s2s1, s2s3, s3s1 = fractions
        across = not ctx.by_columns
        adjoint = torch.empty_like(k)
        soil = adjoint[4:] = _substitute(chain, factors, grad[4:] * weight[:, None], across) / weight[:, None]
        right = grad[1:4].clone()
        right[0] += k[1] * (l1s1 * soil[0])
        right[1] += k[2] * (l2s1 * soil[0])
        right[2] += k[3] * (l3s2 * soil[1])
        adjoint[1:4] = _substitute(chain, litter, right, across)
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
        # A coupling sees the difference of two neighbours: of carbon by rows, of its adjoint by columns.
        factor, profile = (adjoint, pools) if across else (pools, adjoint)
        step = profile[1:, 1:] - profile[1:, :-1]
        grad_up, grad_down = torch.zeros_like(k[0]), torch.zeros_like(k[0])
        torch.sum(factor[1:, 1:] * step, 0, out=grad_up[1:])
        torch.sum(factor[1:, :-1] * step, 0, out=grad_down[:-1])
        flow = k * pools
        pairs = ((0, 2), (1, 4), (2, 4), (3, 5), (4, 5), (4, 6), (5, 4), (5, 6), (6, 4))
        grad_fractions = torch.stack([(flow[donor] * adjoint[receiver]).sum(0) for donor, receiver in pairs])
        grad_fractions[0] -= (flow[0] * adjoint[3]).sum(0)
        return grad_up.neg_(), grad_down, grad_k, grad_fractions, adjoint[:4].clone(), None


solve_steady_state: Callable[..., Tensor] = SteadyState.apply
"""Pools at steady state, differentiable; arguments and value as of :meth:`SteadyState.forward`."""


class _Chain(NamedTuple):
    """Couplings in the order of elimination: with the layer before, with the layer after, and of the centre."""

    to_previous: Tensor
    to_next: Tensor
    centre: Tensor


class _Factors(NamedTuple):
    """Inverted pivots of the steps (step, half, ..., site) and of the centre (..., site)."""

    steps: Tensor
    centre: Tensor


@functools.cache
def _index(rows: tuple[int, ...], device: torch.device) -> Tensor:
    return torch.tensor(rows, device=device)


def _by_step(values: Tensor) -> Tensor:
    """Values of shape (layer, ..., site) as (step, half, ..., site), without the centre."""
    return values.index_select(0, _index(BY_STEP, values.device)).view(STEPS, 2, *values.shape[1:])


def _chain(up: Tensor, down: Tensor) -> _Chain:
    """Couplings by step: the upper half goes down, the lower half up."""
    couplings = torch.cat([up, down])
    to_previous, to_next = (couplings.index_select(0, _index(rows, up.device)) for rows in (PREVIOUS, NEXT))
    to_next[1] = 0.0
    shape = (STEPS, 2, up.shape[1])
    return _Chain(to_previous.view(shape), to_next.view(shape), torch.stack([up[CENTRE], down[CENTRE]]))


def _litter_factors(chain: _Chain, k: Tensor) -> _Factors:
    """Reciprocal pivots of litter 1 and of litter 2 and 3, from `k` (2, layer, site); both hold rows for three pools.

    The excess of a row is its decay and what leaves by the layers before it; the pivot is that and the coupling with
    the layer after.
    """
    base = _by_step(k.transpose(0, 1)).unbind(0)
    to_previous, to_next = chain.to_previous[:, :, None].unbind(0), chain.to_next[:, :, None].unbind(0)
    excess = base[0]
    inverse = [(excess + to_next[0]).reciprocal_()]
    for i in range(1, STEPS):
        excess = torch.addcmul(base[i], to_previous[i], excess * inverse[-1])
        inverse.append((excess + to_next[i]).reciprocal_())
    centre = k[:, CENTRE] + (chain.centre[:, None] * (excess * inverse[-1])).sum(0)
    steps, last = torch.stack(inverse), centre.reciprocal_()
    return _Factors(torch.cat([steps, steps[:, :, 1:]], 2), torch.cat([last, last[1:]]))


# A 3x3 M-matrix as 21 numbers: what its off-diagonal entries take away (9), its pivots (3), and its row sums plus one
# such entry (9). Each entry of its adjugate is a sum of two products of them.
PIVOT, PARTIAL, NUMBERS = 9, 12, 21
_TERMS = [
    (3 * p + q, PIVOT + r, 3 * p + r, 3 * r + q) if p != q else
    (PARTIAL + 3 * r + q, PIVOT + o, 3 * r + o, PARTIAL + 3 * o + q)
    for p in range(3) for q in range(3)
    for r, o in [((3 - p - q) % 3, 0) if p != q else ((q + 1) % 3, (q + 2) % 3)]
]  # fmt: skip
TERMS = tuple(row[position] for position in range(4) for row in _TERMS)


def _invert(numbers: Tensor, sums: Tensor) -> Tensor:
    """Inverses (..., 3, 3, site) of matrices with row sums `sums` (..., 3, site).

    `numbers` (..., 21, site) holds the entries off the diagonal, without their sign, in its first nine rows; the others
    are filled here.
    """
    square = _square(numbers[..., :PIVOT, :])
    torch.sum(square, -2, out=numbers[..., PIVOT:PARTIAL, :]).add_(sums)
    torch.add(square, sums[..., None, :], out=_square(numbers[..., PARTIAL:, :]))
    terms = numbers.index_select(-2, _index(TERMS, numbers.device))
    first, second, third, fourth = terms.view(*terms.shape[:-2], 4, 9, terms.shape[-1]).unbind(-3)
    adjugate = first.mul_(second).addcmul_(third, fourth)
    determinant = (adjugate[..., :3, :] * sums).sum(-2)
    return _square(adjugate.div(determinant[..., None, :]))


def _square(rows: Tensor) -> Tensor:
    """Nine rows (..., 9, site) as matrices (..., 3, 3, site)."""
    return rows.view(*rows.shape[:-2], 3, 3, rows.shape[-1])


def _numbers(off: Tensor) -> Tensor:
    """Room for :func:`_invert`, with `off` (..., 9, site) in its place."""
    return torch.cat([off, off.new_empty((*off.shape[:-2], NUMBERS - PIVOT, off.shape[-1]))], -2)


def _soil_factors(chain: _Chain, k: Tensor, fractions: Tensor, by_columns: bool) -> tuple[_Factors, Tensor]:
    """Inverted pivot blocks, and the weights (3, site) of the pools under which no row (or column) sum is negative.

    Transfers within a layer are the same everywhere but for the decay of the layer. By columns their sums are the
    respired fractions; by rows the sums are positive after weighting the pools by what a unit supply to each would
    leave, were there no exchange between layers.
    """
    s1s2, s1s3, s2s1, s2s3, s3s1 = fractions
    zero = torch.zeros_like(s1s2)
    # Row by row, received from soil 1, 2, 3; the transpose is received by them.
    shares = _square(torch.stack([zero, s2s1, s3s1, s1s2, zero, zero, s1s3, s2s3, zero]))
    respired = 1.0 - shares.sum(0)
    rate = k[:, 0]
    transfer = (shares * rate).transpose(0, 1)
    if by_columns:
        weight, sums = torch.ones_like(rate), respired * rate
    else:
        weight = _invert(_numbers(transfer.flatten(0, 1)), respired * rate).sum(0)
        transfer, sums = (shares * rate) * weight / weight[:, None], weight.reciprocal()
    decay = k[0] / rate[0]
    by_step = _by_step(decay)[:, :, None]
    off = (by_step * transfer.flatten(0, 1)).unbind(0)
    base = (by_step * sums).unbind(0)
    to_previous, to_next = chain.to_previous[:, :, None].unbind(0), chain.to_next[:, :, None].unbind(0)
    outside = torch.tensor([0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0], dtype=k.dtype, device=k.device)[:, None]
    through = ((chain.to_previous[1:] * chain.to_next[:-1])[:, :, None] * outside).unbind(0)
    excess, numbers = base[0], _numbers(off[0])
    entries = numbers[:, :PIVOT]
    inverse = [_invert(numbers, excess + to_next[0])]
    for i in range(1, STEPS):
        excess = torch.addcmul(base[i], to_previous[i], (inverse[-1] * excess[:, None]).sum(2))
        torch.addcmul(off[i], through[i - 1], inverse[-1].flatten(1, 2), out=entries)
        inverse.append(_invert(numbers, excess + to_next[i]))
    meeting = chain.centre[:, None]
    excess = decay[CENTRE] * sums + (meeting * (inverse[-1] * excess[:, None]).sum(2)).sum(0)
    received = (outside * (meeting * to_next[-1]) * inverse[-1].flatten(1, 2)).sum(0)
    centre = _invert(_numbers(decay[CENTRE] * transfer.flatten(0, 1) + received), excess)
    return _Factors(torch.stack(inverse), centre), weight


def _substitute(chain: _Chain, factors: _Factors, right: Tensor, transposed: bool) -> Tensor:
    """Solve for `right` (pool, layer, site) with the factored matrix or its transpose.

    Pivots of litter are numbers, those of soil are blocks.
    """
    to_previous, to_next, centre = chain
    steps, last = factors
    blocks = steps.ndim == 5
    if transposed:
        to_previous, to_next, centre = (
            torch.cat([torch.zeros_like(to_next[:1]), to_next[:-1]]),
            torch.cat([to_previous[1:], centre[None]]),
            to_next[-1],
        )
        steps, last = (steps.transpose(2, 3), last.transpose(0, 1)) if blocks else (steps, last)
    supply, pivots = _by_step(right.transpose(0, 1)).unbind(0), steps.unbind(0)
    coupling = to_previous[:, :, None].unbind(0)
    onward = (steps * (to_next[:, :, None, None] if blocks else to_next[:, :, None])).unbind(0)
    x = [(pivots[0] * supply[0][:, None]).sum(2) if blocks else pivots[0] * supply[0]]
    for i in range(1, STEPS):
        arrived = torch.addcmul(supply[i], coupling[i], x[-1])
        x.append((pivots[i] * arrived[:, None]).sum(2) if blocks else arrived.mul_(pivots[i]))
    arrived = right[:, CENTRE] + (centre[:, None] * x[-1]).sum(0)
    middle = (last * arrived).sum(1) if blocks else last * arrived
    following = middle
    for i in range(STEPS - 1, -1, -1):
        if blocks:
            following = x[i].add_((onward[i] * following[..., None, :, :]).sum(2))
        else:
            following = x[i].addcmul_(onward[i], following)
    return torch.cat([*x, middle[None]]).index_select(0, _index(FROM_STEP, right.device)).transpose(0, 1)
