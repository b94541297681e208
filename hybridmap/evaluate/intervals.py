"""Intervals of the evaluation: from ensemble or dropout, and calibrated on held-out blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.config import Experiment
from hybridmap.evaluate.interval_groups import best_rule
from hybridmap.evaluate.interval_rule import RuleOptions, raw_factor
from hybridmap.evaluate.interval_scale import head_columns
from hybridmap.model import HybridModel, Model
from hybridmap.model.draws import dropout_draws, ends_for_another, ensemble_draws, interval, mean_of, within_bounds
from hybridmap.quantities import QUANTITIES, Quantity
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
        outputs = model.outputs_of(covariates, forcing)
        return {
            k: v for t in experiment.targets for k, v in head_columns(model.heads, outputs, t, source.level).items()
        }
    if source.has_members:
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
        if source.is_posterior:
            lower, upper = within_bounds(model, name, ends_for_another(draws[name], source.level))
            limits = limits._replace(lower=lower, upper=upper)
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
    if not experiment.uncertainty.has_members:
        return model.sample_outputs(samples)
    members = load_members(folder, experiment.own_process)
    assert members is not None
    return {n: mean_of(v).numpy() for n, v in ensemble_draws(members, *model.tensors(samples)).items()}


def calibrate(
    predictions: pd.DataFrame,
    sites: pd.DataFrame,
    experiment: Experiment,
    quantities: Mapping[str, Quantity] = QUANTITIES,
) -> pd.DataFrame:
    """Add ``conformal_lower.X``, ``conformal_upper.X`` and ``pit.X`` of every target to all test rows.

    The rule of a fold comes from the test sites of the scheme's other folds, whose models never saw them, and each
    block counts once. Learned parameters are not observed: they get the mean of the targets' factors on the spread of
    their draws, which is no guarantee; a posterior its own range.

    Parameters
    ----------
    predictions : DataFrame
        ``scheme``, ``fold``, ``part``, observed, predicted and drawn columns.
    sites : DataFrame
        ``block`` of every row, and its classes.
    experiment : Experiment
        Says targets, level and groups.
    quantities : mapping of str to Quantity
        What the region measures, by name.

    Returns
    -------
    DataFrame
        A copy of `predictions` with these columns, NaN outside the test part, and ``interval_groups.T``: by which
        groups the interval of a test row was calibrated.
    """
    table = predictions.copy()
    level = experiment.uncertainty.level
    parameters = [c.removeprefix("sd.") for c in map(str, table.columns) if c.startswith("sd.parameter.")]
    ends = [f"conformal_{end}.{n}" for n in (*experiment.targets, *parameters) for end in ("lower", "upper")]
    table[[*ends, *(f"pit.{target}" for target in experiment.targets)]] = np.nan
    table[[f"interval_groups.{target}" for target in experiment.targets]] = ""
    test = table["part"] == "test"
    for (scheme, fold), group in table[test].groupby(["scheme", "fold"]):
        held_out = table[test & (table["scheme"] == scheme) & (table["fold"] != fold)]
        for target in experiment.targets:
            options = _options(experiment, quantities[target])
            rule = best_rule(held_out, sites.loc[held_out.index], target, options, experiment.map)
            table.loc[group.index, f"interval_groups.{target}"] = rule.options.groups
            for name, values in rule.columns(group, sites.loc[group.index]).items():
                table.loc[group.index, name] = values
        factor = _mean_factor(held_out, sites, experiment.targets, level) if parameters else np.nan
        for name in parameters:
            centre, half_width = group[name], factor * group[f"sd.{name}"]
            # A posterior says itself how wide it is: observations of targets know nothing better of parameters.
            for end, sign in (("lower", -1.0), ("upper", 1.0)):
                is_posterior = experiment.uncertainty.is_posterior
                values = group[f"{end}.{name}"] if is_posterior else centre + sign * half_width
                table.loc[group.index, f"conformal_{end}.{name}"] = values
    return table


def _options(experiment: Experiment, quantity: Quantity) -> RuleOptions:
    source = experiment.uncertainty
    return RuleOptions(source.level, source.groups, quantity.is_signed, source.counts_once)


def _mean_factor(rows: pd.DataFrame, sites: pd.DataFrame, targets: Sequence[str], level: float) -> float:
    """Mean of the factors of the targets that have one; NaN where none has."""
    factors = np.array([raw_factor(rows, sites.loc[rows.index, "block"], target, level) for target in targets])
    is_known = np.isfinite(factors)
    return float(factors[is_known].mean()) if is_known.any() else np.nan


def map_calibration(
    predictions: pd.DataFrame,
    sites: pd.DataFrame,
    experiment: Experiment,
    quantities: Mapping[str, Quantity] = QUANTITIES,
) -> dict[str, Any]:
    """What intervals of a map need, from all test sites of the first scheme.

    Parameters
    ----------
    predictions, sites : DataFrame
        As for :func:`calibrate`.
    experiment : Experiment
        Says targets, level, groups and the source of uncertainty.
    quantities : mapping of str to Quantity
        What the region measures, by name.

    Returns
    -------
    dict
        ``scheme``, ``method`` (source of the spread), ``level``, ``groups``, ``counts_once``, ``blocks`` (number of
        them), ``factors``: target → factor on its scale, None where there are too few blocks for the level; ``rules``:
        target → scale and what it is made of, with factors of groups; ``parameter_factor`` on the spread of draws;
        ``notes``.
    """
    source, scheme = experiment.uncertainty, experiment.splits[0]
    rows = predictions[(predictions["part"] == "test") & (predictions["scheme"] == scheme)]
    of_rows = sites.loc[rows.index]
    options = {target: _options(experiment, quantities[target]) for target in experiment.targets}
    rules = {target: best_rule(rows, of_rows, target, o, experiment.map) for target, o in options.items()}
    factors = {target: _finite(rule.pooled.factor(source.level)) for target, rule in rules.items()}
    return {
        "scheme": scheme,
        "method": source.method,
        "level": source.level,
        "groups": source.groups,
        "counts_once": source.counts_once,
        "blocks": int(of_rows["block"].nunique()),
        "factors": factors,
        "rules": {target: rule.facts() for target, rule in rules.items()},
        "parameter_factor": _finite(_mean_factor(rows, sites, experiment.targets, source.level)),
        "notes": [note for rule in rules.values() for note in rule.notes],
    }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
