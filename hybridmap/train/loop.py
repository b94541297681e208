"""The training loop: minibatches of sites, masked multi-task loss, early stopping on the whole validation set.

Folds and ensemble members of one experiment train side by side as one model whose weights carry a member axis. Each
member keeps its own order of sites, clipping, early stopping and best weights, so its result is that of training alone.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from hybridmap.encoders import KAN
from hybridmap.encoders.layers import BatchNorm, set_step
from hybridmap.errors import HybridmapError
from hybridmap.model.hybrid import Model, NetworkModel
from hybridmap.model.members import keep, member, stack
from hybridmap.train import checkpoint
from hybridmap.train.checkpoint import Progress
from hybridmap.train.data import SiteData, epoch_batches, pad
from hybridmap.train.losses import MIN_OBSERVATIONS
from hybridmap.train.objective import Objective
from hybridmap.train.optimisers import (
    gradients,
    make_optimisers,
    member_norms,
    scale_members,
    set_rates,
    untouched,
)  # fmt: skip
from hybridmap.train.options import TrainingOptions

Epoch = dict[str, float]
"""One row of the history: epoch, train_loss, validation_loss, and each term under its own name."""
STEPS = 100_000
"""Numbers of steps reserved for an epoch in the counter that dropout masks are drawn from."""


@dataclass(frozen=True)
class Member:
    """One of several models that train side by side.

    Attributes
    ----------
    model : HybridModel or NetworkModel
        Freshly built; build it after ``torch.manual_seed`` for reproducible weights.
    training, validation : Tensor of int64
        Rows of the common :class:`SiteData`.
    seed : int
        Of the order of sites.
    label : str
        Name in messages.
    """

    model: Model
    training: Tensor
    validation: Tensor
    seed: int = 0
    label: str = "training"


def fit(
    model: Model,
    training: SiteData,
    validation: SiteData,
    options: TrainingOptions,
    checkpoint_folder: Path | None = None,
    progress: Callable[[Epoch], None] | None = None,
) -> list[Epoch]:
    """Train one model in place and leave it with the weights of its best validation epoch.

    As :func:`fit_members` with one member; returns the history, one row an epoch.
    """
    data = SiteData.join(training, validation)
    rows = torch.arange(len(data))
    one = Member(model, rows[: len(training)], rows[len(training) :], options.seed)
    report = None if progress is None else lambda _, row: progress(row)
    return fit_members([one], data, options, checkpoint_folder, report)[0]


def fit_members(
    members: Sequence[Member],
    data: SiteData,
    options: TrainingOptions,
    checkpoint_folder: Path | None = None,
    progress: Callable[[int, Epoch], None] | None = None,
) -> list[list[Epoch]]:
    """Train several models of one architecture side by side, in place, each as if it were alone.

    Scalers are fitted on each member's training part. The loss is the weighted mean over targets of the chosen losses;
    the validation loss is computed once over all validation sites, because KGE is not a mean over batches.

    Parameters
    ----------
    members : sequence of Member
        Models that differ in weights, rows and seed only.
    data : SiteData
        All sites, on the device of the models.
    options : TrainingOptions
        Optimiser, loss, stopping rule.
    checkpoint_folder : Path, optional
        Where to keep the state every `checkpoint_every` epochs; a checkpoint of the same models, options and data
        found there is continued, with the same result as an uninterrupted run.
    progress : callable, optional
        Called with the member's number and each epoch's row of its history.

    Returns
    -------
    list of list of dict
        A history a member, one row an epoch.

    Raises
    ------
    HybridmapError
        If a target has too few training observations, or a member's loss is never finite.
    """
    groups: dict[object, list[int]] = {}
    for k, one in enumerate(members):
        _check_targets(data.rows(one.training), data.rows(one.validation), one.label)
        alone = options.optimiser == "lbfgs" or any(isinstance(m, BatchNorm) for m in one.model.modules())
        # Members with another number of steps an epoch would age the others' optimiser.
        groups.setdefault(k if alone else (round(len(one.training) / options.batch_size),), []).append(k)
    histories: list[list[Epoch]] = [[] for _ in members]
    for number, chosen in enumerate(groups.values()):
        folder = checkpoint_folder and (checkpoint_folder / f"group{number}")
        run = _Run([members[k] for k in chosen], data, options, folder)
        report = None if progress is None else lambda k, row, chosen=chosen: progress(chosen[k], row)
        for k, history in zip(chosen, run.train(report), strict=True):
            histories[k] = history
    return histories


def evaluate_loss(model: Model, data: SiteData, options: TrainingOptions | None = None) -> dict[str, float]:
    """Mean and per-target loss over all of `data`: keys ``loss`` and each target with enough observations."""
    objective = Objective((options or TrainingOptions()).loss, data.targets, model)
    model.eval()
    with torch.no_grad():
        total, terms = objective.data(model.run(data.covariates, data.forcing), data.targets)
    named = {name: float(term) for name, term in terms.items()}
    return {"loss": float(total) if named else math.nan, **named}


class _Run:
    """Members that train together; which of them still do is in `alive`."""

    def __init__(self, members: Sequence[Member], data: SiteData, options: TrainingOptions, folder: Path | None):
        self.members, self.data, self.options, self.folder = members, data, options, folder
        objectives = []
        for one in members:
            part = data.rows(one.training)
            prepare(one.model, part)
            objectives.append(Objective(options.loss, part.targets, one.model).to(data.covariates.device))
        self.model, self.objective = stack([one.model for one in members]), stack(objectives)
        self.optimisers = make_optimisers(self.model, self.objective, options)
        self.best = [member(self.model, k) for k in range(len(members))]
        self.state = [Progress() for _ in members]
        self.fingerprint = _fingerprint(members, data, options) if folder else ""
        self.epoch = 0
        self.alive = list(range(len(members)))

    def train(self, report: Callable[[int, Epoch], None] | None) -> list[list[Epoch]]:
        """Train until every member has stopped, and give each model its best weights."""
        self._restore()
        self._drop_stopped()
        while self.alive:
            set_rates(self.optimisers, self.options.rate_factor(self.epoch))
            self._refresh_grids()
            rows = self._lbfgs_epoch() if self.options.optimiser == "lbfgs" else self._train_epoch()
            for place, (k, scores) in enumerate(zip(self.alive, self._validate(), strict=True)):
                row = {"epoch": float(self.epoch)} | rows[place] | scores
                self.state[k].history.append(row)
                if row["validation_loss"] < self.state[k].best_loss:
                    self.state[k].best_loss, self.state[k].best_epoch = row["validation_loss"], self.epoch
                    self.best[k] = member(self.model, place)
                if report:
                    report(k, row)
            self.epoch += 1
            self._drop_stopped()
            if self.folder and self.alive and self.epoch % self.options.checkpoint_every == 0:
                self._save()
        for one, best, state in zip(self.members, self.best, self.state, strict=True):
            if not math.isfinite(state.best_loss):
                raise HybridmapError(
                    f"{one.label}: no epoch of {len(state.history)} had a finite validation loss; lower"
                    " training.learning_rate or use the constrained formulation."
                )
            one.model.load_state_dict(best)
            one.model.eval()
        return [state.history for state in self.state]

    def _train_epoch(self) -> list[Epoch]:
        self.model.train()
        device = self.data.covariates.device
        chosen = [self.members[k] for k in self.alive]
        batches = epoch_batches(
            [one.training for one in chosen], [one.seed for one in chosen], self.epoch, self.options.batch_size
        )
        sums: dict[str, Tensor] = {}
        skipped = torch.zeros(len(chosen), device=device)
        for number, (index, valid) in enumerate(batches):
            set_step(self.model, self.epoch * STEPS + number)
            batch_valid = valid.to(device)
            terms, ok = self._step(self.data.rows(index.to(device), batch_valid), batch_valid)
            skipped += (~ok).float()
            for name, term in terms.items():
                seen = ok & ~torch.isnan(term)
                sums[name] = sums.get(name, torch.zeros_like(skipped)) + torch.where(seen, term, 0.0)
                sums[f"{name} n"] = sums.get(f"{name} n", torch.zeros_like(skipped)) + seen
        table = {name: value.tolist() for name, value in sums.items()}
        rows = []
        for place, missed in enumerate(skipped.tolist()):
            row = {
                f"train_{name}": values[place] / table[f"{name} n"][place] if table[f"{name} n"][place] else math.nan
                for name, values in table.items()
                if not name.endswith(" n")
            }
            row["gradient_norm"] = row.pop("train_gradient_norm")
            rows.append(row | {"skipped_steps": missed})
        return rows

    def _step(self, batch: SiteData, valid: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """One step of all members; which of them took it: a pole of a process model, or a batch without targets, skips.

        The skipped are counted in the history, never hidden.
        """
        value = self.objective(self.model.run(batch.covariates, batch.forcing), batch.targets, self.model, valid)
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        seen = torch.stack([~torch.isnan(value.terms[t]) for t in batch.targets]).any(0)
        torch.where(torch.isfinite(value.total) & seen, value.total, 0.0).sum().backward()
        grads = gradients(self.optimisers)
        norms = member_norms(grads)
        ok = seen & torch.isfinite(value.total) & torch.isfinite(norms)
        factor = (self.options.clip_norm / (norms + 1e-6)).clamp(max=1.0)
        scale_members(grads, torch.where(ok, factor, 0.0))
        with untouched(self.optimisers, ~ok):
            for optimiser in self.optimisers:
                optimiser.step()
        return {"loss": value.total.detach(), **value.terms, "gradient_norm": norms}, ok

    def _lbfgs_epoch(self) -> list[Epoch]:
        """Up to 20 inner steps of L-BFGS on the whole training part of the one member."""
        self.model.train()
        set_step(self.model, 0)  # the line search needs one and the same function
        device = self.data.covariates.device
        part = self.data.rows(self.members[self.alive[0]].training.to(device)[None])
        first: dict[str, float] = {}

        def closure() -> Tensor:
            self.optimisers[0].zero_grad(set_to_none=True)
            value = self.objective(self.model.run(part.covariates, part.forcing), part.targets, self.model)
            value.total.sum().backward()
            if not first:
                first.update({f"train_{n}": float(t.detach()) for n, t in {"loss": value.total, **value.terms}.items()})
                first["gradient_norm"] = float(member_norms(gradients(self.optimisers)))
            return value.total.sum()

        self.optimisers[0].step(closure)  # type: ignore[arg-type]
        return [first | {"skipped_steps": 0.0}]

    def _validate(self) -> list[Epoch]:
        """Loss over the whole validation part of every member, under the name it is stopped on, and its terms."""
        self.model.eval()
        index, valid = pad([self.members[k].validation for k in self.alive])
        device = self.data.covariates.device
        part = self.data.rows(index.to(device), valid.to(device))
        chosen = None if self.options.stop_on == "loss" else self.options.stop_on
        with torch.no_grad():
            total, terms = self.objective.data(self.model.run(part.covariates, part.forcing), part.targets, chosen)
        some = torch.stack([~torch.isnan(term) for term in terms.values()]).any(0)
        table = {"loss": torch.where(some, total, torch.nan), **terms}
        named = {f"validation_{name}": values.tolist() for name, values in table.items()}
        return [{name: values[place] for name, values in named.items()} for place in range(len(self.alive))]

    def _refresh_grids(self) -> None:
        """Let the grids of a KAN with hidden layers follow the inputs of these layers in the first epochs."""
        encoder = self.model.encoder
        if not (isinstance(encoder, KAN) and len(encoder.layers) > 1):
            return
        if 0 < self.epoch <= self.options.grid_refresh_epochs:
            device = self.data.covariates.device
            index, _ = pad([self.members[k].training for k in self.alive])
            part = self.data.rows(index.to(device))
            with torch.no_grad():
                encoder.refresh_grid(self.model.features(_inputs(self.model, part)), resample=False)

    def _drop_stopped(self) -> None:
        """Leave out members that have not improved for `patience` epochs, or have had all their epochs."""
        options = self.options
        going = [
            place
            for place, k in enumerate(self.alive)
            if self.epoch < options.max_epochs and self.epoch - 1 - self.state[k].best_epoch < options.patience
        ]
        if len(going) < len(self.alive):
            if going:
                index = torch.tensor(going, device=self.data.covariates.device)
                keep(self.model, self.optimisers, index)
                keep(self.objective, (), index)
            self.alive = [self.alive[place] for place in going]

    def _save(self) -> None:
        assert self.folder is not None
        modules = {"model": self.model, "objective": self.objective}
        checkpoint.save(self.folder, self.fingerprint, self.epoch, self.alive, self.state, modules, self.best,
                        self.optimisers)  # fmt: skip

    def _restore(self) -> None:
        if self.folder is None:
            return
        found = checkpoint.load(self.folder, self.fingerprint, self.data.covariates.device)
        if found is None:
            return
        self.epoch, self.state = found.epoch, found.state
        if len(found.alive) < len(self.alive):
            index = torch.tensor(found.alive, device=self.data.covariates.device)
            keep(self.model, self.optimisers, index)
            keep(self.objective, (), index)
        self.alive = found.alive
        self.model.load_state_dict(found.under("model."))
        self.objective.load_state_dict(found.under("objective."))
        self.best = [found.under(f"best{k}.") for k in range(len(self.members))]
        found.fill(self.optimisers)


def prepare(model: Model, training: SiteData) -> None:
    """Fit the scaler, grids, and the output scale of a pure network, on the training part."""
    model.fit_inputs(_inputs(model, training))
    if isinstance(model, NetworkModel):
        model.scale.copy_(torch.stack([training.targets[t].nanmean() for t in model.target_names]))


def _inputs(model: Model, part: SiteData) -> Tensor:
    """Inputs of the encoder in physical units, (..., site, input)."""
    if isinstance(model, NetworkModel):
        return model.together(part.covariates, part.forcing)
    return part.covariates


def _check_targets(training: SiteData, validation: SiteData, label: str) -> None:
    for name, values in training.targets.items():
        count = int((~torch.isnan(values)).sum())
        if count < MIN_OBSERVATIONS:
            raise HybridmapError(
                f"{label}: target '{name}' has {count} observations in the training part,"
                f" {MIN_OBSERVATIONS} are needed; use fewer folds or larger samples, or leave the target out."
            )
    seen = [(~torch.isnan(v)).sum() >= MIN_OBSERVATIONS for v in validation.targets.values()]
    if not any(seen):
        raise HybridmapError(
            f"{label}: the validation part has no target with enough observations to stop on; use fewer folds."
        )


def _fingerprint(members: Sequence[Member], data: SiteData, options: TrainingOptions) -> str:
    digest = hashlib.sha256(json.dumps(asdict(options), sort_keys=True, default=str).encode())
    for tensor in data.tensors():
        digest.update(tensor.detach().cpu().numpy().tobytes())
    for one in members:
        digest.update(f"{one.seed}".encode())
        digest.update(one.training.numpy().tobytes() + one.validation.numpy().tobytes())
    return digest.hexdigest()
