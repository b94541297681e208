"""Intervals of the evaluation: from ensemble or dropout, calibrated on held-out blocks, and how much they hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from hybridmap.config import Experiment
from hybridmap.evaluate import metrics
from hybridmap.evaluate.interval_scale import head_columns, scale_of
from hybridmap.evaluate.predictions import POOLED
from hybridmap.model import HybridModel, Model
from hybridmap.model.draws import conformal_factor, dropout_draws, ensemble_draws, interval, mean_of
from hybridmap.train import load_members

Columns = dict[str, NDArray[Any]]


def interval_columns(experiment: Experiment, model: Model, folder: Path, samples: pd.DataFrame) -> Columns:
    """Interval and standard deviation of every target and learned parameter, from ensemble or dropout.

    Parameters
    ----------
    experiment : Experiment
        Says source, level and targets.
    model : HybridModel or NetworkModel
        Trained model of a fold.
    folder : Path
        Where it is stored, with its members.
    samples : DataFrame
        Sites with covariates and forcing.

    Returns
    -------
    dict of str to array, shape (site,)
        ``lower.X``, ``upper.X`` and ``sd.X`` in the unit of X, of heads instead of the latter what the ends are made
        of; empty where the experiment has no source of uncertainty.
    """
    source = experiment.uncertainty
    if source.method == "none":
        return {}
    covariates, forcing = model.tensors(samples)
    if source.method == "head":
        with torch.no_grad():
            outputs = model(covariates, forcing)
        return {
            k: v for t in experiment.targets for k, v in head_columns(model.heads, outputs, t, source.level).items()
        }
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
        limits = interval(draws[name], source.level)
        for key in ("lower", "upper", "sd"):
            columns[f"{key}.{name}"] = getattr(limits, key).numpy()
    return columns


def central_predictions(experiment: Experiment, model: Model, folder: Path, samples: pd.DataFrame) -> Columns:
    """Predictions of every output at the sites: the mean of the members of an ensemble, else those of the model.

    Parameters
    ----------
    experiment : Experiment
        Says whether there is an ensemble.
    model : HybridModel or NetworkModel
        Trained model of a fold.
    folder : Path
        Where it is stored, with its members.
    samples : DataFrame
        Sites with covariates and forcing.

    Returns
    -------
    dict of str to array, shape (site,)
        Every output in its unit.
    """
    if experiment.uncertainty.method != "ensemble":
        return dict(model.predict(samples))
    members = load_members(folder, experiment.own_process)
    assert members is not None
    return {n: mean_of(v).numpy() for n, v in ensemble_draws(members, *model.tensors(samples)).items()}


def calibrate(predictions: pd.DataFrame, blocks: pd.Series, experiment: Experiment) -> pd.DataFrame:
    """Add ``conformal_lower.X`` and ``conformal_upper.X`` of every target and learned parameter to all test rows.

    The factor of a fold comes from the test sites of the scheme's other folds, whose models never saw them, and each
    block counts once. It multiplies the spread of the drawn intervals where there is one, else 1 in the unit of the
    target. Parameters are not observed: they get the mean of the targets' factors on their own spread, which is no
    guarantee.

    Parameters
    ----------
    predictions : DataFrame
        ``scheme``, ``fold``, ``part``, observed, predicted and drawn columns.
    blocks : Series
        Block of every row.
    experiment : Experiment
        Says targets and level.

    Returns
    -------
    DataFrame
        A copy of `predictions` with these columns; NaN outside the test part.
    """
    table = predictions.copy()
    level = experiment.uncertainty.level
    parameters = [c.removeprefix("sd.") for c in map(str, table.columns) if c.startswith("sd.parameter.")]
    ends = [f"conformal_{end}.{n}" for n in (*experiment.targets, *parameters) for end in ("lower", "upper")]
    table[ends] = np.nan
    test = table["part"] == "test"
    for (scheme, fold), group in table[test].groupby(["scheme", "fold"]):
        held_out = test & (table["scheme"] == scheme) & (table["fold"] != fold)
        factors = []
        for target in experiment.targets:
            scale = scale_of(table, target)
            factors.append(conformal_factor(scale.scores()[held_out], 1.0, blocks[held_out], level))
            _set_interval(table, target, *(end[group.index] for end in scale.ends(factors[-1])))
        for name in parameters:
            centre, half_width = (table.loc[group.index, c] for c in (name, f"sd.{name}"))
            half_width = float(np.mean(factors)) * half_width
            _set_interval(table, name, centre - half_width, centre + half_width)
    return table


def map_factors(predictions: pd.DataFrame, blocks: pd.Series, experiment: Experiment) -> dict[str, Any]:
    """What intervals of a map need: for each target the factor on its spread, from all test sites of the first scheme.

    Parameters
    ----------
    predictions : DataFrame
        As for :func:`calibrate`.
    blocks : Series
        Block of every row.
    experiment : Experiment
        Says targets, level and the source of uncertainty.

    Returns
    -------
    dict
        ``scheme``, ``method`` (source of the spread), ``level``, ``blocks`` (number of them) and ``factors``: target →
        factor on the standard deviation, or with method "none" the half width in the unit of the target; None where
        there are too few blocks for the level.
    """
    source, scheme = experiment.uncertainty, experiment.splits[0]
    test = (predictions["part"] == "test") & (predictions["scheme"] == scheme)
    factors: dict[str, float | None] = {}
    for target in experiment.targets:
        factor = conformal_factor(scale_of(predictions, target).scores()[test], 1.0, blocks[test], source.level)
        factors[target] = factor if np.isfinite(factor) else None
    return {
        "scheme": scheme,
        "method": source.method,
        "level": source.level,
        "blocks": int(blocks[test].nunique()),
        "factors": factors,
    }


def _set_interval(table: pd.DataFrame, name: str, lower: pd.Series, upper: pd.Series) -> None:
    """Fill both ends of an interval in their rows."""
    table.loc[lower.index, f"conformal_lower.{name}"] = lower
    table.loc[upper.index, f"conformal_upper.{name}"] = upper


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
                observed = group[f"observed.{target}"]
                coverage = metrics.coverage(low, high, observed)
                width, score = metrics.interval_width(low, high), metrics.interval_score(low, high, observed, level)
                key = [experiment.name, scheme, source, fold, target, level, int(observed.notna().sum())]
                rows.append([*key, coverage, coverage - level, width, score])
    names = ["experiment", "scheme", "source", "fold", "target", "level", "n"]
    return pd.DataFrame(rows, columns=[*names, "coverage", "error", "width", "interval_score"])
