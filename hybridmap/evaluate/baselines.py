"""Ordinary models on the same folds: what a hybrid model must be compared with."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.config import Raster, Split
from hybridmap.config.baselines import BASELINES
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.baseline_fit import FoldSites, fit_fold
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
PLACE, DEPTH = ["lon", "lat"], ["top_cm", "bottom_cm"]
"""Columns of the samples that coordinates alone and depth alone see."""


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

    A model a target, on covariates and forcing alike: the information that a hybrid model has; or on the place or the
    depth alone. They train on the training part of a fold; its validation part chooses among candidates, and stops
    gradient boosting. The test part is only predicted.

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
        If no quantity has enough observations to train in every fold, or the samples lack what the model sees.
    """
    samples, splits = read_parquet(samples_path), read_parquet(splits_path)
    predictors = _inputs(name, samples, covariates)
    folds = [fold for fold in fold_ids({scheme.name: scheme.runs for scheme in schemes}) if fold != MAP_FOLD]
    roles = {fold: roles_in_fold(samples, splits, fold, schemes[0].name) for fold in folds}
    targets = _trainable(samples, roles, quantities)
    tables = []
    for fold, parts in roles.items():
        sites = FoldSites(predictors, (parts == "train").to_numpy(), (parts == "validation").to_numpy())
        fits = {t: fit_fold(BASELINES[name], sites, samples[quantities[t].column].to_numpy(float)) for t in targets}
        predicted = {target: fit["predicted"] for target, fit in fits.items()}
        ends = {f"{end}.{t}": fit[end] for t, fit in fits.items() for end in ("lower", "upper") if end in fit}
        columns = fold_columns(samples, fold, parts, predicted, quantities) | ends
        tables.append(pd.concat([samples[SITE_COLUMNS], pd.DataFrame(columns, index=samples.index)], axis=1))
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


def _inputs(name: str, samples: pd.DataFrame, layers: Sequence[Raster]) -> Array:
    """What a baseline sees (site, column)."""
    kind = BASELINES[name]
    if kind.inputs == "coordinates":
        return _complete(name, samples, PLACE)
    if kind.inputs in ("layers", "layers_and_coordinates"):
        layer_columns = _predictors(samples, layers if kind.one_hot else [])
        return layer_columns if kind.inputs == "layers" else np.hstack([layer_columns, _complete(name, samples, PLACE)])
    if any(column not in samples or samples[column].nunique() < 2 for column in DEPTH):
        raise HybridmapError(
            f"baselines: '{name}' has nothing to go by, all samples lie between the same top_cm and bottom_cm; take it"
            " off the list of baselines."
        )
    return _complete(name, samples, DEPTH if kind.inputs == "depth" else [*PLACE, *DEPTH])


def _complete(name: str, samples: pd.DataFrame, columns: Sequence[str]) -> Array:
    """Columns of the samples (site, column) of which no number may be missing."""
    for column in columns:
        if column not in samples:
            raise HybridmapError(f"baselines: '{name}' needs the column '{column}' of the samples; run sample again.")
        gaps = samples[column].isna()
        if gaps.any():
            site = samples["site_id"][gaps].iloc[0]
            raise HybridmapError(
                f"baselines: '{name}' needs '{column}' of every site; {int(gaps.sum())} of {len(samples)} samples lack"
                f" it, '{site}' the first; give it in the table of observations or take '{name}' off the baselines."
            )
    return samples[list(columns)].to_numpy(float)


def _predictors(samples: pd.DataFrame, layers: Sequence[Raster]) -> Array:
    """Covariates and forcing (site, column); those of `layers` that are classes as one column a class."""
    table = samples[[c for c in samples.columns if c.startswith((COVARIATE, FORCING))]]
    classes = [COVARIATE + layer.name for layer in layers if layer.kind == "categorical"]
    classes = [column for column in classes if column in table]
    plain = table.drop(columns=classes).to_numpy(float)
    return np.hstack([plain, *(pd.get_dummies(table[column]).to_numpy(float) for column in classes)])
