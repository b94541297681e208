"""Several models of one architecture as one: weights stacked along a leading member axis."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

AnyModule = TypeVar("AnyModule", bound=nn.Module)


def stack(modules: Sequence[AnyModule]) -> AnyModule:
    """Return a copy whose parameters and saved buffers are those of `modules`, stacked along a first axis.

    All our modules compute with either kind of weights; see :mod:`hybridmap.encoders.layers`.
    """
    together = copy.deepcopy(modules[0])
    states = [module.state_dict() for module in modules]
    for name, tensor in _stored(together).items():
        tensor.data = torch.stack([state[name] for state in states])
    return together


def member_state(stacked: nn.Module, k: int) -> dict[str, Tensor]:
    """State of member `k`, as for ``load_state_dict`` of a model of its own."""
    return {name: tensor.data[k].clone() for name, tensor in _stored(stacked).items()}


def select_members(stacked: nn.Module, optimisers: Sequence[torch.optim.Optimizer], index: Tensor) -> None:
    """Drop all members but some, in place, from the weights and the state of their optimisers.

    Parameters
    ----------
    stacked : nn.Module
        With a member axis.
    optimisers : sequence of Optimizer
        Of its parameters.
    index : Tensor of int64
        Members that stay.
    """
    members = max((len(tensor) for tensor in _stored(stacked).values()), default=0)
    for optimiser in optimisers:
        for slots in optimiser.state.values():
            for name, value in slots.items():
                if torch.is_tensor(value) and value.ndim and len(value) == members:
                    slots[name] = value[index].clone()
    for tensor in _stored(stacked).values():
        tensor.data = tensor.data[index].clone()
        tensor.grad = None


def _stored(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and saved buffers themselves, by name."""
    names = module.state_dict().keys()
    tensors = dict(module.named_parameters()) | dict(module.named_buffers())
    return {name: tensors[name] for name in names}
