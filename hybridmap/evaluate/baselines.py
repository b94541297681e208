"""Ordinary models on the same folds: what a hybrid model must be compared with."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression

from hybridmap.config import Config
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.scores import SITE_COLUMNS, score_table
from hybridmap.experiment.site_data import COVARIATE, FORCING
from hybridmap.files.reading import read_parquet
from hybridmap.files.tables import write_csv, write_parquet
from hybridmap.quantities import QUANTITIES
from hybridmap.samples.folds import MAP_FOLD, fold_ids, roles_in_fold
from hybridmap.train.losses import MIN_OBSERVATIONS

LOG = logging.getLogger("hybridmap")


def baseline(config: Config, name: str, samples_path: Path, splits_path: Path, out: Path) -> None:
    """Fit one kind of ordinary model to every target and fold; write ``predictions.parquet`` and ``metrics.csv``.

    A model a target, on covariates and forcing alike: the information that a hybrid model has. They train on the
    training part of a fold; gradient boosting stops on the fold's validation part.

    Parameters
    ----------
    config : Config
        The region.
    name : {"linear", "random_forest", "gradient_boosting"}
        Kind of model.
    samples_path, splits_path : Path
        Tables of the sample and split stages.
    out : Path
        Folder of the baseline.
    """
    samples, splits = read_parquet(samples_path), read_parquet(splits_path)
    columns = [c for c in samples.columns if c.startswith((COVARIATE, FORCING))]
    categorical = [COVARIATE + layer.name in columns and layer.kind == "categorical" for layer in config.covariates]
    classes = [COVARIATE + layer.name for layer, yes in zip(config.covariates, categorical, strict=True) if yes]
    x = _inputs(samples[columns], classes if name == "linear" else [])
    targets = [t for t, q in QUANTITIES.items() if samples[q.column].notna().sum() >= MIN_OBSERVATIONS]
    schemes = {s.name: s.runs for s in config.splits}
    tables = []
    for fold in fold_ids(schemes):
        if fold == MAP_FOLD:
            continue
        parts = roles_in_fold(samples, splits, fold, next(iter(schemes)))
        scheme, _, number = fold.rpartition("-")
        columns_out: dict[str, Any] = {"scheme": scheme, "fold": int(number), "part": parts}
        for target in targets:
            seen = samples[QUANTITIES[target].column].to_numpy(float)
            columns_out[f"observed.{target}"] = seen.astype("float32")
            columns_out[f"predicted.{target}"] = _predict(name, x, seen, parts.to_numpy(), fold).astype("float32")
            columns_out[f"mean.{target}"] = np.float32(np.nanmean(seen[(parts == "train").to_numpy()]))
        tables.append(pd.concat([samples[SITE_COLUMNS], pd.DataFrame(columns_out, index=samples.index)], axis=1))
    predictions = pd.concat(tables, ignore_index=True)
    table = score_table(predictions, name, targets)
    write_parquet(predictions, out / "predictions.parquet")
    write_csv(table[table["model"] != "mean"], out / "metrics.csv")
    LOG.info("%s: %d folds of %s", name, len(tables), ", ".join(targets))


def _inputs(table: pd.DataFrame, classes: list[str]) -> NDArray[np.float64]:
    """Predictors (site, column); classes as one column each."""
    plain = table.drop(columns=classes).to_numpy(float)
    return np.hstack([plain, *(pd.get_dummies(table[c]).to_numpy(float) for c in classes)])


def _predict(
    name: str, x: NDArray[np.float64], y: NDArray[np.float64], part: NDArray[Any], fold: str
) -> NDArray[np.float64]:
    known = np.isfinite(y)
    train, stop = known & (part == "train"), known & (part == "validation")
    if train.sum() < MIN_OBSERVATIONS:
        raise HybridmapError(
            f"baseline '{name}', fold '{fold}': {train.sum()} observations in the training part,"
            f" {MIN_OBSERVATIONS} are needed; use fewer folds."
        )
    if name == "linear":
        return LinearRegression().fit(x[train], y[train]).predict(x)
    if name == "random_forest":
        return RandomForestRegressor(200, min_samples_leaf=2, random_state=0).fit(x[train], y[train]).predict(x)
    boosting = HistGradientBoostingRegressor(max_iter=300, learning_rate=0.06, random_state=0, early_stopping=False)
    if train.sum() < 40:  # leaves of the default size would hold all sites
        boosting.set_params(min_samples_leaf=3)
    boosting.fit(x[train], y[train])
    if stop.sum() < MIN_OBSERVATIONS:
        return boosting.predict(x)
    errors = [np.mean((p - y[stop]) ** 2) for p in boosting.staged_predict(x[stop])]
    best = int(np.argmin(errors)) + 1
    return next(p for k, p in enumerate(boosting.staged_predict(x), 1) if k == best)
