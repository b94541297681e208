"""Optimisers by branch: the encoder decays, process parameters never do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from hybridmap.errors import HybridmapError
from hybridmap.model import Model
from hybridmap.train.options import TrainingOptions

Optimiser = torch.optim.Optimizer


def make_optimisers(model: Model, objective: nn.Module, options: TrainingOptions) -> list[Optimiser]:
    """Build one optimiser a branch (encoder; global parameters and learned constants of constraint and loss).

    Weight decay acts on the encoder alone: on a raw process parameter it would pull to the middle of the bounds.

    Parameters
    ----------
    model : Model
        With stacked or single weights.
    objective : nn.Module
        With the learned constants of the loss.
    options : TrainingOptions
        Optimisers and rates.

    Returns
    -------
    list of Optimizer
        One, or two where global parameters have an optimiser of their own.

    Raises
    ------
    HybridmapError
        If the model has nothing to learn.
    """
    encoder = [*model.encoder.parameters(), *(model.inputs.parameters() if model.inputs is not None else ())]
    constants = [*objective.parameters(), *model.process_parameters()]
    if not encoder and not model.process_parameters():
        raise HybridmapError(
            "the experiment has nothing to learn: every parameter is fixed; name some as neural or global."
        )
    rate = options.global_learning_rate or options.learning_rate
    groups = [
        {"params": encoder, "lr": options.learning_rate, "weight_decay": options.weight_decay},
        {"params": constants, "lr": rate, "weight_decay": 0.0},
    ]
    groups = [group | {"initial_lr": group["lr"]} for group in groups if group["params"]]
    if options.optimiser == "lbfgs":
        parameters = [p for group in groups for p in group["params"]]  # type: ignore[attr-defined]
        optimiser = torch.optim.LBFGS(parameters, lr=options.learning_rate, line_search_fn="strong_wolfe", max_iter=20)
        optimiser.param_groups[0]["initial_lr"] = options.learning_rate
        return [optimiser]
    if options.global_optimiser in (None, options.optimiser) or len(groups) == 1:
        return [_make(options.optimiser, groups)]
    return [_make(options.optimiser, groups[:1]), _make(options.global_optimiser, groups[1:])]


def _make(name: str | None, groups: Sequence[dict[str, Any]]) -> Optimiser:
    if name == "adamw":
        return torch.optim.AdamW(groups, fused=True)
    builders: dict[str | None, Callable[..., Optimiser]] = {"rmsprop": torch.optim.RMSprop, "sgd": torch.optim.SGD}
    return builders[name](groups)


def set_rates(optimisers: Sequence[Optimiser], factor: float) -> None:
    """Scale all learning rates to `factor` of where they started."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = group["initial_lr"] * factor


def gradients(optimisers: Sequence[Optimiser]) -> list[Tensor]:
    """Gradients of all parameters that have one."""
    groups = [group for optimiser in optimisers for group in optimiser.param_groups]
    return [p.grad for group in groups for p in group["params"] if p.grad is not None]


def member_norms(grads: Sequence[Tensor]) -> Tensor:
    """Norm of the gradient of every member, for gradients (member, ...); shape (member,)."""
    return torch.stack([g.reshape(len(g), -1).square().sum(1) for g in grads]).sum(0).sqrt()


def scale_members(grads: Sequence[Tensor], factor: Tensor) -> None:
    """Multiply every member's gradients by its own factor (member,), in place; a factor of 0 clears NaN too."""
    for g in grads:
        by = factor.view(-1, *([1] * (g.ndim - 1)))
        g.copy_(torch.where(by > 0, g * by, torch.zeros_like(g)))


@contextmanager
def untouched(optimisers: Sequence[Optimiser], skip: Tensor) -> Iterator[None]:
    """Keep weights and optimiser state of the members where `skip` (member,) through a step taken inside."""
    index = skip.nonzero()[:, 0]
    saved: list[tuple[Tensor, Tensor]] = []
    for optimiser in optimisers:
        for p, slots in _state(optimiser):
            stacked = [v for v in slots.values() if torch.is_tensor(v) and v.ndim and len(v) == len(skip)]
            saved += [(t, t[index].clone()) for t in (p.data, *stacked)]
    yield
    for tensor, values in saved:
        tensor[index] = values


def _state(optimiser: Optimiser) -> list[tuple[Tensor, dict[str, Any]]]:
    return [(p, optimiser.state[p]) for group in optimiser.param_groups for p in group["params"]]
