"""Members that train together until the last of them has stopped."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from hybridmap.errors import HybridmapError
from hybridmap.model.members import member_state
from hybridmap.train import checkpoint
from hybridmap.train.checkpoint import Progress
from hybridmap.train.data import SiteData
from hybridmap.train.epochs import batch_epoch, lbfgs_epoch, refresh_grids, validation_scores
from hybridmap.train.member import Epoch, Member, Stack
from hybridmap.train.optimisers import set_rates
from hybridmap.train.options import TrainingOptions

Report = Callable[[int, Epoch], None]
"""Takes a member's number and a row of its history."""


class Group:
    """Members that train together; which of them still do is in `alive`, in the order of the stack.

    Parameters
    ----------
    members : sequence of Member
        Of one architecture.
    data : SiteData
        All sites.
    options : TrainingOptions
        How to train.
    folder : Path or None
        Of the checkpoint, if there is to be one.
    """

    def __init__(self, members: Sequence[Member], data: SiteData, options: TrainingOptions, folder: Path | None):
        self.members, self.data, self.options, self.folder = members, data, options, folder
        self.stack = Stack(members, data, options)
        self.best = [member_state(self.stack.model, k) for k in range(len(members))]
        self.progress = [Progress() for _ in members]
        self.fingerprint = _fingerprint(members, data, options) if folder else ""
        self.epoch = 0
        self.alive = list(range(len(members)))

    def train(self, report: Report | None = None) -> list[list[Epoch]]:
        """Train until every member has stopped, and give each model its best weights; returns the histories."""
        self._restore()
        self._drop_stopped()
        while self.alive:
            set_rates(self.stack.optimisers, self.options.rate_factor(self.epoch))
            self._record(self._train_epoch(), report)
            self.epoch += 1
            self._drop_stopped()
            if self.folder and self.alive and self.epoch % self.options.checkpoint_every == 0:
                checkpoint.save(self.folder, self._snapshot())
        self._finish()
        return [progress.history for progress in self.progress]

    def _train_epoch(self) -> list[Epoch]:
        """One epoch of the members alive; a row of training and validation each."""
        members = [self.members[k] for k in self.alive]
        if self.stack.encoder.has_deep_grids and 0 < self.epoch <= self.options.grid_refresh_epochs:
            refresh_grids(self.stack, members, self.data)
        if self.options.optimiser == "lbfgs":
            rows = lbfgs_epoch(self.stack, members[0], self.data)
        else:
            rows = batch_epoch(self.stack, members, self.data, self.options, self.epoch)
        scores = validation_scores(self.stack, members, self.data, self.options.stop_on)
        return [{"epoch": float(self.epoch)} | row | score for row, score in zip(rows, scores, strict=True)]

    def _record(self, rows: Sequence[Epoch], report: Report | None) -> None:
        """Add a row to every history, and keep the weights of members that are better than ever."""
        for row_number, (k, row) in enumerate(zip(self.alive, rows, strict=True)):
            progress = self.progress[k]
            progress.history.append(row)
            if row["validation_loss"] < progress.best_loss:
                progress.best_loss, progress.best_epoch = row["validation_loss"], self.epoch
                self.best[k] = member_state(self.stack.model, row_number)
            if report:
                report(k, row)

    def _finish(self) -> None:
        """Give each model its best weights; HybridmapError for one that never had a finite loss."""
        for member, best, progress in zip(self.members, self.best, self.progress, strict=True):
            if not math.isfinite(progress.best_loss):
                raise HybridmapError(
                    f"{member.label}: no epoch of {len(progress.history)} had a finite validation loss;"
                    f" {self._advice(member)}."
                )
            member.model.load_state_dict(best)
            member.model.eval()

    def _advice(self, member: Member) -> str:
        """What to do about a loss that is never finite: a target without a spread is the first to look for."""
        for part, rows in (("training", member.training), ("validation", member.validation)):
            for name, values in self.data.rows(rows).targets.items():
                observed = values[~torch.isnan(values)]
                if len(observed) and bool((observed == observed[0]).all()):
                    return (
                        f"target '{name}' is {float(observed[0]):.4g} at all {len(observed)} {part} sites, and the loss"
                        " may divide by its spread: leave the target out, or look whether its column was mapped right"
                    )
        return "lower training.learning_rate, or choose a form of the process model that is finite everywhere"

    def _drop_stopped(self) -> None:
        """Leave out members that have not improved for `patience` epochs, or have had all their epochs."""
        options = self.options
        survivors = [
            row_number
            for row_number, k in enumerate(self.alive)
            if self.epoch < options.max_epochs and self.epoch - 1 - self.progress[k].best_epoch < options.patience
        ]
        if survivors and len(survivors) < len(self.alive):
            self.stack.select(survivors)
        self.alive = [self.alive[row_number] for row_number in survivors]

    def _snapshot(self) -> checkpoint.Snapshot:
        modules = {"model": self.stack.model, "objective": self.stack.objective}
        state = checkpoint.TrainingState(self.fingerprint, self.epoch, self.alive, self.progress)
        return checkpoint.Snapshot(state, modules, self.best, self.stack.optimisers)

    def _restore(self) -> None:
        """Continue from the checkpoint of the same training, if there is one."""
        if self.folder is None:
            return
        saved = checkpoint.load(self.folder, self.fingerprint, self.data.covariates.device)
        if saved is None:
            return
        if len(saved.state.alive) < len(self.alive):
            self.stack.select(saved.state.alive)
        self.epoch, self.progress, self.alive = saved.state.epoch, saved.state.progress, saved.state.alive
        self.stack.model.load_state_dict(saved.under("model."))
        self.stack.objective.load_state_dict(saved.under("objective."))
        self.best = [saved.under(f"best{k}.") for k in range(len(self.members))]
        saved.fill(self.stack.optimisers)


def _fingerprint(members: Sequence[Member], data: SiteData, options: TrainingOptions) -> str:
    settings = {key: value for key, value in asdict(options).items() if key != "tensorboard"}
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for tensor in data.tensors():
        digest.update(tensor.detach().cpu().numpy().tobytes())
    for member in members:
        digest.update(f"{member.seed}".encode())
        digest.update(member.training.numpy().tobytes() + member.validation.numpy().tobytes())
    return digest.hexdigest()
