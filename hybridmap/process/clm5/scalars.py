"""Month means of the environmental scalars, with a backward pass that stores one array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

REFERENCE_KELVIN = 298.15


class MonthMeans(torch.autograd.Function):
    """Means over months of xT xW o and xT xW o n, each of shape (layer, site).

    xT = q10 ** ((T - 298.15 K)/10 K), xW = min(1, w_scaling * w). Gradients reach the two parameters and all forcings.
    """

    @staticmethod
    def forward(
        ctx: Any, q10: Tensor, w_scaling: Tensor, temperature: Tensor, water: Tensor, oxygen: Tensor, nitrogen: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Compute both means.

        Parameters
        ----------
        q10, w_scaling : Tensor, shape (site,)
            Parameters [1], float64.
        temperature : Tensor, shape (site, layer, month)
            Soil temperature [K], float64.
        water, oxygen, nitrogen : Tensor, shape (site, layer, month)
            Scalars [1], float64.

        Returns
        -------
        soil, litter : Tensor, shape (layer, site)
            Without and with the nitrogen scalar [1].
        """
        product = temperature.sub(REFERENCE_KELVIN).mul_(q10.log()[:, None, None] / 10.0).exp_()
        product.mul_((w_scaling[:, None, None] * water).clamp_(max=1.0)).mul_(oxygen)
        ctx.save_for_backward(q10, w_scaling, temperature, water, oxygen, nitrogen, product)
        soil = product.mean(2).T.contiguous()
        litter = torch.einsum("slm,slm->ls", product, nitrogen).div_(product.shape[2])
        return soil, litter.contiguous()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients in the order of the inputs."""
        q10, w_scaling, temperature, water, oxygen, nitrogen, product = ctx.saved_tensors
        grad_soil, grad_litter = (g.T[:, :, None] / product.shape[2] for g in grads)
        # d loss / d ln(product): everything but the clipped water scalar is a power of its argument.
        log_grad = nitrogen.mul(grad_litter).add_(grad_soil).mul_(product)
        out: list[Tensor | None] = [None] * 6
        if ctx.needs_input_grad[0]:
            out[0] = torch.einsum("slm,slm->s", log_grad, temperature - REFERENCE_KELVIN) / (10.0 * q10)
        unclipped = water * w_scaling[:, None, None] < 1.0 if any(ctx.needs_input_grad[i] for i in (1, 3)) else None
        if ctx.needs_input_grad[1] and unclipped is not None:
            out[1] = torch.einsum("slm,slm->s", log_grad, unclipped.to(log_grad)) / w_scaling
        if ctx.needs_input_grad[2]:
            out[2] = log_grad * (q10.log()[:, None, None] / 10.0)
        if ctx.needs_input_grad[3] and unclipped is not None:
            out[3] = torch.where(unclipped & (water > 0), log_grad / water, 0.0)
        if ctx.needs_input_grad[4]:
            out[4] = torch.where(oxygen > 0, log_grad / oxygen, 0.0)
        if ctx.needs_input_grad[5]:
            out[5] = product * grad_litter
        return tuple(out)


month_means: Callable[..., tuple[Tensor, Tensor]] = MonthMeans.apply
"""Means of the scalars over months, for soil and for litter; arguments and values as of :meth:`MonthMeans.forward`."""
