"""Intervals of the evaluation: from ensemble or dropout, calibrated on held-out blocks, and how much they hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hybridmap.config import Experiment
from hybridmap.evaluate import metrics
from hybridmap.model import HybridModel, Model
from hybridmap.model.draws import SMALLEST_SPREAD, conformal_factor, dropout_draws, ensemble_draws, interval, mean_of
from hybridmap.train import load_members

POOLED = "pooled"


def drawn_columns(experiment: Experiment, model: Model, folder: Path, samples: pd.DataFrame) -> dict[str, np.ndarray]:
    """Columns ``lower.X``, ``upper.X`` and ``sd.X`` of every target and learned parameter, in its unit.

    Empty where the experiment has no source of spread. `folder` holds the trained model, `samples` the sites.
    """
    source = experiment.uncertainty
    if source.method == "none":
        return {}
    covariates, forcing = model.tensors(samples)
    if source.method == "ensemble":
        members = load_members(folder, experiment.own_process)
        assert members is not None
        draws = ensemble_draws(members, covariates, forcing)
    else:
        draws = dropout_draws(model, covariates, forcing, source.passes, source.layers == "last")
    names: list[str] = list(experiment.targets)
    if isinstance(model, HybridModel):
        names += [f"parameter.{p}" for p in (*model.neural_names, *model.shared_names)]
    columns = {}
    for name in names:
        found = interval(draws[name], source.level)
        for key in ("lower", "upper", "sd"):
            columns[f"{key}.{name}"] = getattr(found, key).numpy()
    return columns


def central(experiment: Experiment, model: Model, folder: Path, samples: pd.DataFrame) -> dict[str, np.ndarray]:
    """Predictions of every output at the sites: the mean of the members of an ensemble, else those of the model."""
    if experiment.uncertainty.method != "ensemble":
        return dict(model.predict(samples))
    members = load_members(folder, experiment.own_process)
    assert members is not None
    return {n: mean_of(v).numpy() for n, v in ensemble_draws(members, *model.tensors(samples)).items()}


def calibrate(predictions: pd.DataFrame, blocks: pd.Series, experiment: Experiment) -> pd.DataFrame:
    """Add ``conformal_lower.X`` and ``conformal_upper.X`` of every target and learned parameter to all test rows.

    The factor of a fold comes from the test sites of the scheme's other folds, whose models never saw them, and each
    block counts once. It multiplies the spread of the drawn intervals where there is one, else 1 kg m-3. Parameters
    are not observed: they get the mean of the targets' factors on their own spread, which is no guarantee.

    Parameters
    ----------
    predictions : DataFrame
        ``scheme``, ``fold``, ``part``, observed, predicted and drawn columns.
    blocks : Series
        Block of every row.
    experiment : Experiment
        Says targets and level.
    """
    table = predictions.copy()
    level = experiment.uncertainty.level
    drawn = [c.removeprefix("sd.") for c in map(str, table.columns) if c.startswith("sd.")]
    parameters = [name for name in drawn if name.startswith("parameter.")]
    ends = [f"conformal_{end}.{n}" for n in (*experiment.targets, *parameters) for end in ("lower", "upper")]
    table[ends] = np.nan
    test = table["part"] == "test"
    for (scheme, fold), group in table[test].groupby(["scheme", "fold"]):
        others = test & (table["scheme"] == scheme) & (table["fold"] != fold)
        factors = []
        for target in experiment.targets:
            spread = _spread(table, target)
            residual = table[f"observed.{target}"] - table[f"predicted.{target}"]
            factor = conformal_factor(residual[others], spread[others], blocks[others], level)
            factors.append(factor)
            _widen(table, group.index, target, f"predicted.{target}", factor * spread[group.index])
        for name in parameters:
            _widen(table, group.index, name, name, float(np.mean(factors)) * table.loc[group.index, f"sd.{name}"])
    return table


def map_factors(predictions: pd.DataFrame, blocks: pd.Series, experiment: Experiment) -> dict[str, Any]:
    """What intervals of a map need: for each target the factor on its spread, from all test sites of the first scheme.

    Returns
    -------
    dict
        ``scheme``, ``method`` (source of the spread), ``level``, ``blocks`` (number of them) and ``factors``: target →
        factor on the standard deviation, or with method "none" the half width in kg m-3; None where there are too few
        blocks for the level.
    """
    source, scheme = experiment.uncertainty, experiment.splits[0]
    test = (predictions["part"] == "test") & (predictions["scheme"] == scheme)
    factors: dict[str, float | None] = {}
    for target in experiment.targets:
        residual = predictions[f"observed.{target}"] - predictions[f"predicted.{target}"]
        factor = conformal_factor(residual[test], _spread(predictions, target)[test], blocks[test], source.level)
        factors[target] = factor if np.isfinite(factor) else None
    return {
        "scheme": scheme,
        "method": source.method,
        "level": source.level,
        "blocks": int(blocks[test].nunique()),
        "factors": factors,
    }


def _spread(table: pd.DataFrame, target: str) -> pd.Series:
    column = f"sd.{target}"
    if column not in table:
        return pd.Series(1.0, index=table.index)
    return table[column].clip(lower=SMALLEST_SPREAD)


def _widen(table: pd.DataFrame, rows: pd.Index, name: str, centre: str, width: pd.Series) -> None:
    table.loc[rows, f"conformal_lower.{name}"] = table.loc[rows, centre] - width
    table.loc[rows, f"conformal_upper.{name}"] = table.loc[rows, centre] + width


def interval_table(predictions: pd.DataFrame, experiment: Experiment) -> pd.DataFrame:
    """How much the intervals of the targets hold: per scheme, source, fold (and pooled) and target.

    Returns
    -------
    DataFrame
        ``experiment, scheme, source, fold, target, level, n, coverage, error, width, interval_score``; width and score
        in the unit of the target. `error` is coverage minus level.
    """
    sources: Mapping[str, str] = {experiment.uncertainty.method: "", "conformal": "conformal_"}
    test = predictions[predictions["part"] == "test"]
    groups = [((s, str(f)), g) for (s, f), g in test.groupby(["scheme", "fold"])]
    groups += [((s, POOLED), g) for s, g in test.groupby("scheme")]
    level, rows = experiment.uncertainty.level, []
    for (scheme, fold), group in groups:
        for source, prefix in sources.items():
            for target in experiment.targets:
                if f"{prefix}lower.{target}" not in group:
                    continue
                low, high = group[f"{prefix}lower.{target}"], group[f"{prefix}upper.{target}"]
                seen = group[f"observed.{target}"]
                held = metrics.coverage(low, high, seen)
                width, score = metrics.interval_width(low, high), metrics.interval_score(low, high, seen, level)
                n = int(seen.notna().sum())
                rows.append([experiment.name, scheme, source, fold, target, level, n, held, held - level, width, score])
    key = ["experiment", "scheme", "source", "fold", "target", "level", "n"]
    return pd.DataFrame(rows, columns=[*key, "coverage", "error", "width", "interval_score"])
