"""Torch's vector functions, called once before any parallel work: the first call computes like every later one.

The CPU builds of PyTorch choose the kernel of a vector function at the function's first call. Where two threads make
that call at once, one of them can compute its share at low accuracy (PyTorch issue 188792). One call on a single number
runs on one thread and settles the choice for the process. Rooms that compute with torch import this module; worker
processes import those rooms, so they are settled as well.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

VECTOR_FUNCTIONS: tuple[Callable[[Tensor], Tensor], ...] = (
    torch.sqrt, torch.rsqrt, torch.reciprocal, torch.exp, torch.expm1, torch.log, torch.log1p, torch.log10, torch.log2,
    torch.sin, torch.cos, torch.tanh, torch.cosh, torch.sigmoid, torch.logit, torch.erf, torch.square,
    functional.softplus, functional.silu, functional.gelu, functional.leaky_relu,
    lambda x: x**0.3, lambda x: x**3.0, lambda x: 0.3**x, lambda x: x**x,
    lambda x: functional.smooth_l1_loss(x, 2 * x), lambda x: torch.logaddexp(x, 2 * x), lambda x: torch.atan2(x, x),
)  # fmt: skip
"""Every vector function that the package uses, as a function of one number between 0 and 1."""


def settle_vector_functions() -> None:
    """Call every vector function, and its derivative, on one number in single and in double precision."""
    for dtype in (torch.float32, torch.float64):
        for function in VECTOR_FUNCTIONS:
            number = torch.full((1,), 0.5, dtype=dtype, requires_grad=True)
            with torch.enable_grad():
                torch.autograd.grad(function(number).sum(), number)


settle_vector_functions()
