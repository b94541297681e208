"""The steady state of CLM5 by three fused GPU kernels instead of a thousand tensor operations.

Used for tensors on a CUDA device where Triton is installed. Needs no Triton to import.
"""

from __future__ import annotations

import functools
import importlib.util
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hybridmap.process.clm5.transport import SPACING, WEIGHT
from hybridmap.process.clm5.vertical import INTERFACE, LAYERS, NODE_DEPTH, THICKNESS

MONTHLY = ("input_cwd", "input_litter1", "input_litter2", "input_litter3", "altmax", "altmax_lastyear", "nbedrock")
LAYERED = ("soil_temperature", "w_scalar", "o_scalar", "n_scalar")
BLOCK, MONTHS_BLOCK = 32, 16
"""Sites of one program, a warp: in a column a lane is a site, over months a lane is half the months of one."""


def reason_against(forcing: Mapping[str, Tensor], transport: str) -> str | None:
    """Why the kernels cannot compute this call, or None if they can."""
    if transport != "mixing":
        return f"transport '{transport}' has no kernel"
    if any(values.requires_grad for values in forcing.values()):
        return "a gradient with respect to the forcing is asked for"
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed (pip install triton)"
    if next(iter(forcing.values())).device.type != "cuda" and not _interpreted():
        return "the tensors are not on a CUDA device"
    return None


def _interpreted() -> bool:
    from triton import knobs

    return bool(knobs.runtime.interpret)


@functools.cache
def warn_slow(reason: str) -> None:
    """Say once that a GPU runs the tensor operations, and why."""
    warnings.warn(
        f"clm5: the fused GPU kernels are not used, which is many times slower: {reason}.", RuntimeWarning, stacklevel=3
    )


def steady_state(
    parameters: Sequence[Tensor], forcing: Mapping[str, Tensor], switches: tuple[bool, bool, bool]
) -> tuple[Tensor, Tensor, Tensor]:
    """Pools, SOC and bad sites.

    Parameters
    ----------
    parameters : sequence of Tensor
        The 21 parameters in their order, each (site,) or (), in one floating dtype or several.
    forcing : mapping of str to Tensor
        As for :class:`hybridmap.process.clm5.matrix.Clm5`, float32 or float64.
    switches : tuple of bool
        `bedrock_leak`, `inputs_below_bedrock`, and whether cryoturbation always ends at 3 m.

    Returns
    -------
    pools : Tensor, shape (site, 7, layer)
        g m-3, float64; NaN at bad sites.
    soc : Tensor, shape (site, layer)
        g m-3, float64; NaN at bad sites.
    bad : Tensor of int8, shape (site,)
        1 where a number is missing or a layer never decomposes.
    """
    sites = forcing["input_cwd"].shape[0]
    stacked = torch.stack([value.expand(sites) for value in parameters])
    sand = forcing.get("sand")
    fields = [_whole(forcing[name], stacked) for name in (*MONTHLY, *LAYERED)]
    # Without sand the kernel does not read; any pointer will do.
    fields.append(fields[-1] if sand is None else _whole(sand, stacked))
    pools, soc, bad = _solve_columns(stacked, sand is not None, switches, *fields)
    return pools.permute(2, 0, 1), soc.T, bad


def _whole(values: Tensor, parameters: Tensor) -> Tensor:
    """The forcing of all sites side by side where the parameters are, in a floating dtype that kernels read."""
    dtype = values.dtype if values.dtype in (torch.float32, torch.float64) else torch.float64
    return values.to(parameters.device, dtype).expand(parameters.shape[1], *values.shape[1:]).contiguous()


@functools.cache
def _geometry(device: torch.device) -> Tensor:
    """The vertical grid as five rows of 21 numbers, in the order that the kernels know."""
    rows = torch.zeros(5, LAYERS + 1, dtype=torch.float64)
    for row, values in zip(rows, (NODE_DEPTH, INTERFACE, THICKNESS, SPACING, WEIGHT), strict=True):
        row[: len(values)] = values
    return rows.to(device)


class _Column(torch.autograd.Function):
    """Steady state of all sites; gradients of the parameters alone."""

    @staticmethod
    def forward(
        ctx: Any, parameters: Tensor, has_sand: bool, switches: tuple[bool, bool, bool], *fields: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        from hybridmap.process.clm5.gpu.column import FACTOR_ROWS, MONTH_ROWS
        from hybridmap.process.clm5.gpu.forward import column_forward
        from hybridmap.process.clm5.gpu.months import months_to_layers

        leak, below, fixed_floor = switches
        parameters = parameters.contiguous()
        monthly, layered = fields[: len(MONTHLY)], fields[len(MONTHLY) :]
        sites, months = monthly[0].shape
        geometry = _geometry(parameters.device)
        sizes = {"MONTHS": months, "PADDED": 1 << (months - 1).bit_length(), "num_warps": 1, "enable_fp_fusion": True}

        def room(*rows: int) -> Tensor:
            return torch.empty((*rows, LAYERS, sites), dtype=torch.float64, device=parameters.device)

        means, pools, soc, factors = room(MONTH_ROWS), room(7), room(), room(FACTOR_ROWS)
        bad = torch.empty(sites, dtype=torch.int8, device=parameters.device)
        with torch.cuda.device(parameters.get_device()):  # kernels start on the current device
            months_to_layers[(-(-sites // MONTHS_BLOCK), LAYERS)](
                parameters, *layered, *monthly[4:], geometry, means, sites,
                HAS_SAND=has_sand, BEDROCK_LEAK=leak, FIXED_FLOOR=fixed_floor, BLOCK=MONTHS_BLOCK, **sizes,
            )  # fmt: skip
            column_forward[(-(-sites // BLOCK),)](
                parameters, *monthly, means, geometry, pools, soc, factors, bad, sites,
                BELOW_BEDROCK=below, BLOCK=BLOCK, **sizes,
            )  # fmt: skip
        ctx.save_for_backward(parameters, *monthly, means, pools, factors, bad)
        ctx.below, ctx.sizes = below, sizes
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(bad)
        return pools, soc, bad

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        from hybridmap.process.clm5.gpu.backward import column_backward

        parameters, *monthly, means, pools, factors, bad = ctx.saved_tensors
        grad_pools, grad_soc = grads[:2]
        if grad_pools is None and grad_soc is None:
            return (None,) * (3 + len(MONTHLY) + len(LAYERED) + 1)
        sites = pools.shape[2]
        soc = torch.zeros_like(pools[0]) if grad_soc is None else grad_soc.contiguous()
        adjoint = torch.empty((6, LAYERS, sites), dtype=torch.float64, device=pools.device)
        gradients = torch.empty((len(parameters), sites), dtype=torch.float64, device=pools.device)
        with torch.cuda.device(pools.get_device()):
            column_backward[(-(-sites // BLOCK),)](
                soc if grad_pools is None else grad_pools.contiguous(), soc, parameters, *monthly[:4], *monthly[5:],
                means, _geometry(pools.device), pools, factors, bad, adjoint, gradients, sites,
                HAS_POOLS=grad_pools is not None, BELOW_BEDROCK=ctx.below, BLOCK=BLOCK, **ctx.sizes,
            )  # fmt: skip
        return (gradients.to(parameters), *(None,) * (2 + len(MONTHLY) + len(LAYERED) + 1))


_solve_columns: Callable[..., tuple[Tensor, Tensor, Tensor]] = _Column.apply
