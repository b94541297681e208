"""The training loop: minibatches of sites, masked multi-task loss, early stopping on the whole validation set.

Folds and ensemble members of one experiment train side by side as one model whose weights carry a member axis. Each
member keeps its own order of sites, clipping, early stopping and best weights, so its result is that of training alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from hybridmap.encoders.layers import BatchNorm
from hybridmap.model import HybridModel, Model
from hybridmap.train.data import SiteData
from hybridmap.train.group import Group, Report
from hybridmap.train.member import Epoch, Member
from hybridmap.train.objective import Objective
from hybridmap.train.options import TrainingOptions


def fit(
    model: Model,
    training: SiteData,
    validation: SiteData,
    options: TrainingOptions,
    checkpoint_folder: Path | None = None,
    progress: Callable[[Epoch], None] | None = None,
) -> list[Epoch]:
    """Train one model in place and leave it with the weights of its best validation epoch.

    Parameters
    ----------
    model : Model
        Freshly built.
    training, validation : SiteData
        Sites to learn from, and to stop on.
    options, checkpoint_folder
        As for :func:`fit_members`.
    progress : callable, optional
        Called with each epoch's row of the history.

    Returns
    -------
    list of dict
        The history, one row an epoch.
    """
    data = SiteData.join(training, validation)
    rows = torch.arange(len(data))
    member = Member(model, rows[: len(training)], rows[len(training) :], options.seed)
    report = None if progress is None else lambda _, row: progress(row)
    return fit_members([member], data, options, checkpoint_folder, report)[0]


def fit_members(
    members: Sequence[Member],
    data: SiteData,
    options: TrainingOptions,
    checkpoint_folder: Path | None = None,
    progress: Report | None = None,
) -> list[list[Epoch]]:
    """Train several models of one architecture side by side, in place, each as if it were alone.

    Scalers are fitted on each member's training part. The loss is the weighted mean over targets of their losses; the
    validation loss is computed once over all validation sites, because KGE is not a mean over batches.

    Parameters
    ----------
    members : sequence of Member
        Models of one architecture and process; bounds of their parameters may differ.
    data : SiteData
        All sites, on the device of the models.
    options : TrainingOptions
        Optimiser, loss, stopping rule.
    checkpoint_folder : Path, optional
        Where to keep the state every `checkpoint_every` epochs; a checkpoint of the same models, options and data
        there is continued, with the same result as an uninterrupted run.
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
    for member in members:
        member.check_targets(data)
    histories: list[list[Epoch]] = [[] for _ in members]
    for number, places in enumerate(_groups(members, options)):
        folder = checkpoint_folder and (checkpoint_folder / f"group{number}")
        group = Group([members[k] for k in places], data, options, folder)
        report = None if progress is None else lambda k, row, places=places: progress(places[k], row)
        for k, history in zip(places, group.train(report), strict=True):
            histories[k] = history
    return histories


def _groups(members: Sequence[Member], options: TrainingOptions) -> list[list[int]]:
    """Numbers of the members that can train together: of as many steps an epoch and the same bounds, or one by one.

    Members with another number of steps would age the others' optimiser; those of other bounds would be trained between
    those of the first.
    """
    groups: dict[object, list[int]] = {}
    for k, member in enumerate(members):
        alone = options.optimiser == "lbfgs" or any(isinstance(m, BatchNorm) for m in member.model.modules())
        alike = (round(len(member.training) / options.batch_size), _bounds(member.model))
        groups.setdefault(k if alone else alike, []).append(k)
    return list(groups.values())


def _bounds(model: Model) -> tuple[tuple[float, float], ...]:
    """Of the parameters that a hybrid model learns, in their units."""
    if not isinstance(model, HybridModel):
        return ()
    return tuple(model.bounds_of(name) for name in (*model.neural_names, *model.shared_names))


def evaluate_loss(model: Model, data: SiteData, options: TrainingOptions | None = None) -> dict[str, float]:
    """Loss of a model over all of `data`.

    Parameters
    ----------
    model : Model
        Set to evaluation mode.
    data : SiteData
        Sites, on the device of the model.
    options : TrainingOptions, optional
        For its loss.

    Returns
    -------
    dict of str to float
        ``loss``, and each target with enough observations.
    """
    objective = Objective((options or TrainingOptions()).loss, data.targets, model)
    model.eval()
    with torch.no_grad():
        total, terms = objective.data(model.run(data.covariates, data.forcing), data.targets)
    named = {name: float(term) for name, term in terms.items()}
    return {"loss": float(total) if named else math.nan, **named}
