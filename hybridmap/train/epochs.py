"""One epoch of several members: steps over batches, or of L-BFGS, and the scores after it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from hybridmap.encoders.layers import set_step
from hybridmap.errors import HybridmapError
from hybridmap.train.data import Batch, SiteData, epoch_batches, pad
from hybridmap.train.member import Epoch, Member, Stack
from hybridmap.train.optimisers import gradients, member_norms, scale_members, untouched
from hybridmap.train.options import TrainingOptions

STEPS = 100_000
"""Numbers of steps reserved for an epoch in the counter that dropout masks are drawn from."""


class TermMeans:
    """Means over the steps of an epoch of every term, of each member by itself.

    Parameters
    ----------
    members : int
        How many there are.
    device : torch.device
        Of the terms.
    """

    def __init__(self, members: int, device: torch.device) -> None:
        self.skipped = torch.zeros(members, device=device)
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, Tensor] = {}

    def add(self, terms: Mapping[str, Tensor], stepped: Tensor) -> None:
        """Add the terms (member,) of one step that the members `stepped` (member,) took; NaN does not count."""
        self.skipped += (~stepped).float()
        for name, term in terms.items():
            counted = stepped & ~torch.isnan(term)
            zeros = torch.zeros_like(self.skipped)
            self.sums[name] = self.sums.get(name, zeros) + torch.where(counted, term, 0.0)
            self.counts[name] = self.counts.get(name, zeros) + counted

    def rows(self) -> list[Epoch]:
        """A row a member: means under ``train_{term}``, the gradient's norm, and the number of skipped steps."""
        sums = {name: values.tolist() for name, values in self.sums.items()}
        counts = {name: values.tolist() for name, values in self.counts.items()}
        rows = []
        for place, skipped in enumerate(self.skipped.tolist()):
            means = {
                name: values[place] / counts[name][place] if counts[name][place] else math.nan
                for name, values in sums.items()
            }
            norm = means.pop("gradient_norm")
            rows.append(_row(means, norm, skipped))
        return rows


def _row(terms: Mapping[str, float], gradient_norm: float, skipped_steps: float) -> Epoch:
    train = {f"train_{name}": value for name, value in terms.items()}
    return train | {"gradient_norm": gradient_norm, "skipped_steps": skipped_steps}


def batch_epoch(
    stack: Stack, members: Sequence[Member], data: SiteData, options: TrainingOptions, epoch: int
) -> list[Epoch]:
    """Train all members for one epoch, each in batches of its own.

    Parameters
    ----------
    stack : Stack
        The members as one; changed in place.
    members : sequence of Member
        Those in the stack, in its order.
    data : SiteData
        All sites.
    options : TrainingOptions
        Batch size and clipping.
    epoch : int
        Number of the epoch, from 0.

    Returns
    -------
    list of dict
        A row a member.
    """
    stack.model.train()
    device = data.covariates.device
    means = TermMeans(len(members), device)
    rows, seeds = [member.training for member in members], [member.seed for member in members]
    batches = epoch_batches(rows, seeds, epoch, options.batch_size, data.column)
    for number, (index, valid) in enumerate(batches):
        set_step(stack.model, epoch * STEPS + number)
        batch_valid = valid.to(device)
        means.add(*_step(stack, data.batch(index.to(device), batch_valid), batch_valid, options.clip_norm))
    return means.rows()


def _step(stack: Stack, batch: Batch, valid: Tensor, clip_norm: float) -> tuple[dict[str, Tensor], Tensor]:
    """One step of all members; which of them took it: a pole of a process model, or a batch without targets, skips.

    The skipped are counted in the history, never hidden.
    """
    run = stack.model.run(batch.covariates, batch.forcing, batch.column_of)
    value = stack.objective(run, batch.targets, stack.model, valid)
    for optimiser in stack.optimisers:
        optimiser.zero_grad(set_to_none=True)
    check_differentiable(value.total)
    observed = torch.stack([~torch.isnan(value.terms[t]) for t in batch.targets]).any(0)
    torch.autograd.backward(torch.where(torch.isfinite(value.total) & observed, value.total, 0.0).sum())
    grads = gradients(stack.optimisers)
    norms = member_norms(grads)
    stepped = observed & torch.isfinite(value.total) & torch.isfinite(norms)
    factor = (clip_norm / (norms + 1e-6)).clamp(max=1.0)
    scale_members(grads, torch.where(stepped, factor, 0.0))
    with untouched(stack.optimisers, ~stepped):
        for optimiser in stack.optimisers:
            optimiser.step()
    return {"loss": value.total.detach(), **value.terms, "gradient_norm": norms}, stepped


def check_differentiable(total: Tensor) -> None:
    """Raise HybridmapError where a loss does not follow what is learned, as of a process that detaches its outputs."""
    if not total.requires_grad:
        raise HybridmapError(
            "no output of the process model follows a learned parameter by differentiable operations, so there is"
            " nothing to train by; look in the model for detach, numpy, item or no_grad."
        )


def lbfgs_epoch(stack: Stack, member: Member, data: SiteData) -> list[Epoch]:
    """Up to 20 inner steps of L-BFGS on the whole training part of the one member.

    Parameters
    ----------
    stack : Stack
        The member as a stack of one; changed in place.
    member : Member
        Its rows.
    data : SiteData
        All sites.

    Returns
    -------
    list of dict
        One row: terms at the start of the epoch.
    """
    stack.model.train()
    set_step(stack.model, 0)  # the line search needs one and the same function
    rows = member.training.to(data.covariates.device)[None]
    part = data.batch(rows, torch.ones_like(rows, dtype=torch.bool))
    optimiser = stack.optimisers[0]
    first: Epoch = {}

    def closure() -> float:
        optimiser.zero_grad(set_to_none=True)
        value = stack.objective(
            stack.model.run(part.covariates, part.forcing, part.column_of), part.targets, stack.model
        )
        check_differentiable(value.total)
        total: Tensor = value.total.sum()
        torch.autograd.backward(total)
        if not first:
            terms = {name: float(term.detach()) for name, term in {"loss": value.total, **value.terms}.items()}
            first.update(_row(terms, float(member_norms(gradients(stack.optimisers))), 0.0))
        return total  # type: ignore[return-value]  # L-BFGS takes tensors too, and rounds nothing

    optimiser.step(closure)
    return [first]


def validation_scores(stack: Stack, members: Sequence[Member], data: SiteData, stop_on: str) -> list[Epoch]:
    """Loss over the whole validation part of every member, and its terms.

    Parameters
    ----------
    stack : Stack
        The members as one.
    members : sequence of Member
        Those in the stack, in its order.
    data : SiteData
        All sites.
    stop_on : str
        "loss", or the name of a loss that replaces those of all targets.

    Returns
    -------
    list of dict
        A row a member: ``validation_loss`` and ``validation_{target}``.
    """
    stack.model.eval()
    device = data.covariates.device
    index, valid = pad([member.validation for member in members])
    part = data.batch(index.to(device), valid.to(device))
    with torch.no_grad():
        run = stack.model.run(part.covariates, part.forcing, part.column_of)
        total, terms = stack.objective.data(run, part.targets, None if stop_on == "loss" else stop_on)
    has_terms = torch.stack([~torch.isnan(term) for term in terms.values()]).any(0)
    table = {"loss": torch.where(has_terms, total, torch.nan), **terms}
    named = {f"validation_{name}": values.tolist() for name, values in table.items()}
    return [{name: values[place] for name, values in named.items()} for place in range(len(members))]


def refresh_grids(stack: Stack, members: Sequence[Member], data: SiteData) -> None:
    """Let the grids inside an encoder follow what its inner layers see of the training parts.

    Parameters
    ----------
    stack : Stack
        With an encoder that has such grids; changed in place.
    members : sequence of Member
        Those in the stack, in its order.
    data : SiteData
        All sites.
    """
    index, _ = pad([member.training for member in members])
    part = data.rows(index.to(data.covariates.device))
    inputs = stack.model.encoder_inputs(part.covariates, part.forcing)
    with torch.no_grad():
        stack.encoder.refresh(stack.model.features(inputs))
