"""Ordinary models on the same folds: what a hybrid model must be compared with."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.config import Raster, Split
from hybridmap.config.baselines import BASELINES, FEW_SITES, Baseline
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.predictions import SITE_COLUMNS, fold_columns
from hybridmap.evaluate.scores import score_table
from hybridmap.experiment.site_data import COVARIATE, FORCING
from hybridmap.files.reading import read_parquet
from hybridmap.files.tables import write_csv, write_parquet
from hybridmap.quantities import QUANTITIES, Quantity
from hybridmap.samples.folds import MAP_FOLD, fold_ids, roles_in_fold
from hybridmap.train.losses import MIN_OBSERVATIONS

LOG = logging.getLogger("hybridmap")
Array = NDArray[np.float64]


class _Fold(NamedTuple):
    """Sites of a fold: predictors (site, column), whether each trains, and whether it stops the training."""

    predictors: Array
    trains: NDArray[np.bool_]
    stops: NDArray[np.bool_]


def baseline(
    name: str,
    covariates: Sequence[Raster],
    schemes: Sequence[Split],
    samples_path: Path,
    splits_path: Path,
    out: Path,
    quantities: Mapping[str, Quantity] = QUANTITIES,
) -> None:
    """Fit one kind of ordinary model to every target and fold; write ``predictions.parquet`` and ``metrics.csv``.

    A model a target, on covariates and forcing alike: the information that a hybrid model has. They train on the
    training part of a fold; gradient boosting stops on the fold's validation part.

    Parameters
    ----------
    name : str
        A key of :data:`hybridmap.config.baselines.BASELINES`.
    covariates : sequence of Raster
        Covariates of the region; those of kind "categorical" are classes.
    schemes : sequence of Split
        Split schemes of the region.
    samples_path, splits_path : Path
        Tables of the sample and split stages.
    out : Path
        Folder of the baseline.
    quantities : mapping of str to Quantity
        What the region measures, by name; those that were measured are targets.

    Raises
    ------
    HybridmapError
        If no quantity has enough observations to train in every fold.
    """
    samples, splits = read_parquet(samples_path), read_parquet(splits_path)
    predictors = _predictors(samples, covariates if BASELINES[name].one_hot else [])
    folds = [fold for fold in fold_ids({scheme.name: scheme.runs for scheme in schemes}) if fold != MAP_FOLD]
    roles = {fold: roles_in_fold(samples, splits, fold, schemes[0].name) for fold in folds}
    targets = _trainable(samples, roles, quantities)
    tables = []
    for fold, parts in roles.items():
        sites = _Fold(predictors, (parts == "train").to_numpy(), (parts == "validation").to_numpy())
        predicted = {}
        for target in targets:
            observed = samples[quantities[target].column].to_numpy(float)
            predicted[target] = _predict(BASELINES[name], sites, observed).astype("float32")
        columns = pd.DataFrame(fold_columns(samples, fold, parts, predicted, quantities), index=samples.index)
        tables.append(pd.concat([samples[SITE_COLUMNS], columns], axis=1))
    predictions = pd.concat(tables, ignore_index=True)
    table = score_table(predictions, name, [quantities[target] for target in targets])
    write_parquet(predictions, out / "predictions.parquet")
    write_csv(table[table["model"] != "mean"], out / "metrics.csv")
    LOG.info("%s: %d folds of %s", name, len(tables), ", ".join(targets))


def _trainable(samples: pd.DataFrame, roles: Mapping[str, pd.Series], quantities: Mapping[str, Quantity]) -> list[str]:
    """Quantities with enough observations in the training part of every fold; those with fewer are said."""
    targets = []
    for name, quantity in quantities.items():
        is_measured = samples[quantity.column].notna()
        counts = {fold: int((is_measured & (parts == "train")).sum()) for fold, parts in roles.items()}
        fold = min(counts, key=lambda key: counts[key])
        if counts[fold] >= MIN_OBSERVATIONS:
            targets.append(name)
        elif is_measured.any():
            text = "'%s' is left out: %d observations train in fold '%s', %d are needed; use fewer folds"
            LOG.warning(text, name, counts[fold], fold, MIN_OBSERVATIONS)
    if not targets:
        raise HybridmapError("baselines: no quantity has enough observations to train in every fold; use fewer folds.")
    return targets


def _predictors(samples: pd.DataFrame, layers: Sequence[Raster]) -> Array:
    """Covariates and forcing (site, column); those of `layers` that are classes as one column a class."""
    table = samples[[c for c in samples.columns if c.startswith((COVARIATE, FORCING))]]
    classes = [COVARIATE + layer.name for layer in layers if layer.kind == "categorical"]
    classes = [column for column in classes if column in table]
    plain = table.drop(columns=classes).to_numpy(float)
    return np.hstack([plain, *(pd.get_dummies(table[column]).to_numpy(float) for column in classes)])


def _predict(kind: Baseline, sites: _Fold, observed: Array) -> Array:
    """Predictions at all sites (site,) of a model that is trained on the fold."""
    x, measured = sites.predictors, np.isfinite(observed)
    train, stop = measured & sites.trains, measured & sites.stops
    model = _estimator(kind, int(train.sum())).fit(x[train], observed[train])
    if not kind.staged or stop.sum() < MIN_OBSERVATIONS:
        return np.asarray(model.predict(x))
    errors = [np.mean((p - observed[stop]) ** 2) for p in model.staged_predict(x[stop])]
    best = int(np.argmin(errors)) + 1
    return next(np.asarray(p) for k, p in enumerate(model.staged_predict(x), 1) if k == best)


def _estimator(kind: Baseline, sites: int) -> Any:
    module, _, name = kind.estimator.partition(":")
    options = {**kind.options, **(kind.few_sites if sites < FEW_SITES else {})}
    return getattr(importlib.import_module(module), name)(**options)
