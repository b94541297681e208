"""One experiment on tables: from a configuration block and samples to trained folds."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from hybridmap.config import Experiment
from hybridmap.errors import HybridmapError
from hybridmap.experiment.layers import ModelLayers
from hybridmap.experiment.progress import Progress
from hybridmap.experiment.site_data import check_forcing, site_data
from hybridmap.experiment.specification import checked_model, model_spec, training_options
from hybridmap.files.device_notes import note_devices
from hybridmap.files.reading import read_parquet
from hybridmap.files.sums import store_of, sums_of
from hybridmap.files.tables import write_csv, write_parquet, write_state
from hybridmap.grid.lock import WriterLock
from hybridmap.model import Model
from hybridmap.model.storage import RANGES
from hybridmap.options.uncertainty import FROM_ONE_NETWORK
from hybridmap.samples.folds import roles_in_fold
from hybridmap.train import Epoch, Member, SiteData, fit_members, save_model
from hybridmap.train.device import CPU, choose_device, device_name
from hybridmap.train.posteriors import METHODS, Evidence

LOG = logging.getLogger("hybridmap")
SEED_STEP = 1000
"""Between the seeds of the members of an ensemble."""
MODEL_FILES = ("history.*", "model/*")
"""What of a trained fold later stages and users read."""


@dataclass(frozen=True)
class FoldModels:
    """The models of one fold: one, or the members of an ensemble.

    Attributes
    ----------
    name : str
        ``{scheme}-{k}`` or ``all``.
    folder : Path
        For model and history.
    members : list of Member
        With their rows of the samples.
    """

    name: str
    folder: Path
    members: list[Member]


def train_folds(
    experiment: Experiment,
    layers: ModelLayers,
    folds: Sequence[str],
    samples_path: Path,
    splits_path: Path,
    out: Path,
    device: str = "auto",
) -> None:
    """Train folds of one experiment side by side into `out`: ``{fold}/model/``, ``{fold}/history.parquet`` and CSV.

    Parameters
    ----------
    experiment : Experiment
        Block of the configuration.
    layers : ModelLayers
        Of the region.
    folds : sequence of str
        ``{scheme}-{k}`` or ``all``.
    samples_path, splits_path : Path
        Tables of the sample and split stages.
    out : Path
        Folder of the experiment; a checkpoint there continues an interrupted training.
    device : str
        As of :func:`hybridmap.train.device.choose_device`.

    Raises
    ------
    HybridmapError
        If the block, the forcing, a target or the device does not allow a training, or another run trains one of the
        folds.
    """
    samples, splits = read_parquet(samples_path), read_parquet(splits_path)
    target_device = choose_device(device)
    if target_device.type != CPU:
        LOG.info("%s: training on %s", experiment.name, device_name(target_device))
    device = str(target_device)
    spec = model_spec(experiment, layers.at_sites(samples))
    model = checked_model(experiment, spec)
    check_forcing(model, samples)
    targets = [layers.quantities[target] for target in experiment.targets]
    data = site_data(samples, targets, device, has_columns=model.has_columns)
    locks = [WriterLock(out / fold / "train.lock", out / fold) for fold in folds]
    with ExitStack() as stack:
        for lock in locks:
            stack.enter_context(lock.hold())
        groups = []
        for fold in folds:
            parts = roles_in_fold(samples, splits, fold, experiment.splits[0])
            groups.append(FoldModels(fold, out / fold, _members(experiment, spec, fold, parts, device)))
            shutil.rmtree(out / fold / "model", ignore_errors=True)
        checkpoint = (out / folds[0] if len(folds) == 1 else out) / "checkpoint"
        histories = iter(_fit(experiment, spec, groups, data, checkpoint))
        for lock, group in zip(locks, groups, strict=True):
            lock.sign_of_life()
            draws = _draws(experiment, group, data)
            with_ranges = {**spec, RANGES: _ranges(spec, group, data)}
            _save(experiment.name, with_ranges, group, [next(histories) for _ in group.members], draws)
            note_devices(group.folder / "model", {device_name(target_device): len(group.members)})
        shutil.rmtree(checkpoint, ignore_errors=True)


def note_models(folders: Sequence[Path], sums: Path) -> None:
    """Note the sums of what is left of trained folds, so that one file stands for all and the loss of any is noticed.

    Parameters
    ----------
    folders : sequence of Path
        Of the folds.
    sums : Path
        To write; names in it are relative to :func:`~hybridmap.files.sums.store_of` it.
    """
    files = [file for folder in folders for pattern in MODEL_FILES for file in sorted(folder.glob(pattern))]
    store = store_of(sums)
    write_state(dict(sums_of(store, [os.path.relpath(file, store) for file in files])), sums)


def _members(experiment: Experiment, spec: dict[str, Any], fold: str, parts: pd.Series, device: str) -> list[Member]:
    """Untrained models of one fold, whose sites take the `parts` (site,)."""
    training, validation = (torch.tensor((parts == part).to_numpy().nonzero()[0]) for part in ("train", "validation"))
    LOG.info("%s %s: %d training and %d validation sites", experiment.name, fold, len(training), len(validation))
    seeds = [experiment.seed + SEED_STEP * k for k in range(experiment.uncertainty.ensemble_size)]
    rows = METHODS[experiment.uncertainty.method].rows
    return [
        Member(
            checked_model(experiment, spec, seed).to(device), rows(training, seed), validation, seed, f"fold '{fold}'"
        )
        for seed in seeds
    ]


def _fit(
    experiment: Experiment, spec: dict[str, Any], groups: Sequence[FoldModels], data: SiteData, checkpoint: Path
) -> list[list[Epoch]]:
    """Train the members of all folds; a history each, in their order."""
    options = training_options(experiment, spec)
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    with closing(Progress(experiment.name, options.max_epochs)) as progress:
        if options.tensorboard:
            progress.watch([g.folder / "tensorboard" / f"member{k}" for g in groups for k in range(len(g.members))])
        try:
            members = [member for group in groups for member in group.members]
            return fit_members(members, data, options, checkpoint, progress)
        except HybridmapError as error:
            raise HybridmapError(f"experiment '{experiment.name}', {error}") from None


def _draws(experiment: Experiment, group: FoldModels, data: SiteData) -> list[Model]:
    """Draws of one fold, of models that are moved to the processor for them."""
    source, first = experiment.uncertainty, group.members[0]
    if source.method not in FROM_ONE_NETWORK:
        return [member.model for member in group.members]
    begin = time.perf_counter()
    training, validation = (data.rows(rows).cpu() for rows in (first.training, first.validation))
    evidence = Evidence(training, validation, source.draws, experiment.seed)
    draws = METHODS[source.method].draws([first.model.cpu()], evidence)
    LOG.info("%s %s: %d draws in %.1f s", experiment.name, group.name, len(draws), time.perf_counter() - begin)
    return draws


def _ranges(spec: dict[str, Any], group: FoldModels, data: SiteData) -> dict[str, list[float]]:
    """Lowest and highest value of every layer at the training sites; classes have none."""
    sites = data.rows(group.members[0].training)
    columns = dict(zip(spec["covariates"], sites.covariates.T, strict=True)) | dict(sites.forcing)
    numbers = {name: values for name, values in columns.items() if name not in (spec.get("categorical") or {})}
    return {name: [float(values.min()), float(values.max())] for name, values in numbers.items()}


def _save(
    name: str,
    spec: dict[str, Any],
    group: FoldModels,
    histories: Sequence[Sequence[Epoch]],
    draws: Sequence[Model],
) -> None:
    """Write history and model of one fold, with its draws."""
    history = pd.concat(
        [pd.DataFrame(rows).assign(member=float(k)) for k, rows in enumerate(histories)], ignore_index=True
    )
    write_parquet(history, group.folder / "history.parquet")
    write_csv(history, group.folder / "history.csv")
    save_model([member.model for member in group.members], spec, group.folder / "model", draws)
    best = min((row for rows in histories for row in rows), key=lambda row: row["validation_loss"])
    LOG.info("%s %s: best validation loss %.3f at epoch %d", name, group.name, best["validation_loss"], best["epoch"])
