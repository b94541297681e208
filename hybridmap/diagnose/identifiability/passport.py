"""The passport of an experiment: which of its parameters mean something, from its trained folds."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from hybridmap.config import Experiment, Identifiability
from hybridmap.diagnose.identifiability import NO_MAP, NotJudgedError
from hybridmap.diagnose.identifiability.posterior import posterior, waves
from hybridmap.diagnose.identifiability.sensitivity import sensitivity
from hybridmap.diagnose.identifiability.start_runs import StartRuns, positions_of, profile, train_starts
from hybridmap.diagnose.identifiability.statistics import Judgement, parameter_rows, site_rows, summary
from hybridmap.experiment.folds import load_folds
from hybridmap.experiment.layers import ModelLayers
from hybridmap.experiment.site_data import COVARIATE, is_observed, names_in, site_data
from hybridmap.files.reading import read_parquet
from hybridmap.files.results import IdentifiabilityFiles
from hybridmap.files.tables import write_csv, write_json, write_parquet
from hybridmap.model import HybridModel
from hybridmap.samples.folds import MAP_FOLD, roles_in_fold

LOG = logging.getLogger("hybridmap")

MOST_SITES_USED = 1500
"""Sites that the process is linearised at; with more, these stand for the others."""
FEWEST_FOLDS = 2


class Tables(NamedTuple):
    """Samples and folds of a region."""

    samples: Path
    splits: Path


def write_passport(
    experiment: Experiment,
    layers: ModelLayers,
    tables: Tables,
    models: Mapping[str, Path],
    out: Path,
    starts: Identifiability | None = None,
) -> None:
    """Write ``identifiability.json``, ``identifiability.csv`` and ``identifiability_sites.parquet``.

    Parameters
    ----------
    experiment : Experiment
        Block of the configuration.
    layers : ModelLayers
        Of the region.
    tables : Tables
        Of the sample and split stages.
    models : mapping of str to Path
        Fold → folder of its model; of an ensemble its first member is taken.
    out : Path
        Folder to write to.
    starts : Identifiability, optional
        Also train from random starts, and compare these instead of folds.
    """
    samples, splits = read_parquet(tables.samples), read_parquet(tables.splits)
    files = IdentifiabilityFiles(out)
    notes = constant_covariates(samples)
    profiles: list[dict[str, Any]] = []
    try:
        judged, rows = judge(experiment, layers, samples, splits, models)
        if starts is not None:
            profiles = _profiles(experiment, layers, samples, splits, starts)
            judged = judged._replace(starts=_at_rows(_starts(experiment, layers, samples, splits, starts), rows))
            _check_runs(judged)
        table = parameter_rows(judged)
        result = summary(judged, table)
        sites = site_rows(judged, samples["site_id"].iloc[rows])
    except NotJudgedError as error:
        table, sites, result = pd.DataFrame({"parameter": []}), pd.DataFrame({"site_id": []}), _unjudged(str(error))
    write_csv(table, files.table)
    write_parquet(sites, files.sites)
    write_json({"experiment": experiment.name, **result, "profiles": profiles, "notes": notes}, files.summary)
    LOG.info("%s: %s", experiment.name, result["sentence"])


def _unjudged(reason: str) -> dict[str, Any]:
    """What is written where nothing can be said: no share, and no list."""
    lists: dict[str, Any] = {key: [] for key in ("parameters", "open", "combinations", "directions", "validation_loss")}
    sentence = f"identifiability is not judged: {reason}"
    return {"identified": None, "not_judged": reason, "basis": "", **lists, "sentence": sentence}


def judge(
    experiment: Experiment,
    layers: ModelLayers,
    samples: pd.DataFrame,
    splits: pd.DataFrame,
    models: Mapping[str, Path],
) -> tuple[Judgement, NDArray[np.int64]]:
    """Linearise the process at the parameters of the first fold, and compare all folds.

    Parameters
    ----------
    experiment, layers, models
        As for :func:`write_passport`.
    samples, splits : DataFrame
        Of the sample and split stages.

    Returns
    -------
    tuple
        The judgement, and the rows of the samples that it is of.

    Raises
    ------
    NotJudgedError
        If there is no process model, no neural parameter, a single fold, or no derivative.
    """
    trained = load_folds(models, experiment.own_process)
    hybrids = {fold: model for fold, model in trained.items() if isinstance(model, HybridModel)}
    _check_models(hybrids)
    rows = _used_rows(experiment, layers, samples)
    sites = samples.iloc[rows]
    _check_sites(sites)
    model = next(iter(hybrids.values()))
    errors = _error_sds(experiment, layers, samples, splits, hybrids)
    if not errors:
        raise NotJudgedError("no fold tests a site with an observation, so errors of predictions are not known")
    covariates, forcing = model.tensors(sites)
    observed = site_data(sites, [layers.quantities[t] for t in errors]).targets
    jacobian = sensitivity(model, covariates, forcing, observed, errors)
    jacobian = jacobian._replace(rows=jacobian.rows * np.sqrt(_stood_for(experiment, layers, samples) / len(rows)))
    with torch.no_grad():
        features = model.features(model.encoder_inputs(covariates, forcing)).numpy()
    folds = np.array([positions_of(m, sites) for m in hybrids.values()])
    return Judgement(model, jacobian, posterior(jacobian, waves(features)), folds, None), rows


def constant_covariates(samples: pd.DataFrame) -> list[str]:
    """A note on each covariate that is the same at all sites."""
    names = [n for n in names_in(samples, COVARIATE) if samples[COVARIATE + n].nunique(dropna=False) <= 1]
    return [f"covariate '{name}' is the same at all sites: no parameter can follow it" for name in names]


def _check_models(hybrids: Mapping[str, HybridModel]) -> None:
    model = next(iter(hybrids.values()), None)
    if model is None or model.process is None:
        raise NotJudgedError("there is no process model, so there are no parameters")
    if not model.neural_names:
        raise NotJudgedError("all parameters are global or fixed, so there is no map of one")
    if len(hybrids) < FEWEST_FOLDS:
        raise NotJudgedError("there is one fold only, so no trainings can be compared; give the split more folds")


def _check_sites(sites: pd.DataFrame) -> None:
    """Raise NotJudgedError where nothing was observed, or all sites have the same covariates."""
    if not len(sites):
        raise NotJudgedError("no site has an observation of a target, so nothing speaks of a parameter")
    if len(constant_covariates(sites)) == len(names_in(sites, COVARIATE)):
        raise NotJudgedError(NO_MAP)


def _check_runs(judged: Judgement) -> None:
    if len(judged.runs) < FEWEST_FOLDS:
        raise NotJudgedError(
            f"{len(judged.runs)} training from random starts reached equal skill, so none can be compared; raise"
            " identifiability.runs"
        )


def _observed_rows(experiment: Experiment, layers: ModelLayers, samples: pd.DataFrame) -> NDArray[np.int64]:
    return np.flatnonzero(is_observed(samples, [layers.quantities[target] for target in experiment.targets]))


def _stood_for(experiment: Experiment, layers: ModelLayers, samples: pd.DataFrame) -> int:
    return len(_observed_rows(experiment, layers, samples))


def _used_rows(experiment: Experiment, layers: ModelLayers, samples: pd.DataFrame) -> NDArray[np.int64]:
    """Rows with an observation, a part of them where there are many."""
    rows = _observed_rows(experiment, layers, samples)
    if len(rows) <= MOST_SITES_USED:
        return rows
    return np.sort(np.random.default_rng(experiment.seed).choice(rows, MOST_SITES_USED, replace=False))


def _error_sds(
    experiment: Experiment,
    layers: ModelLayers,
    samples: pd.DataFrame,
    splits: pd.DataFrame,
    models: Mapping[str, HybridModel],
) -> dict[str, float]:
    """Root mean square error of every target at the test sites of the folds, in its unit."""
    squares: dict[str, list[NDArray[np.float64]]] = {target: [] for target in experiment.targets}
    for fold, model in models.items():
        parts = roles_in_fold(samples, splits, fold, experiment.splits[0])
        tested = samples[(parts == "test").to_numpy()]
        predicted = model.sample_outputs(tested)
        for target, values in squares.items():
            error = predicted[target] - tested[layers.quantities[target].column].to_numpy(float)
            values.append(error[np.isfinite(error)] ** 2)
    sizes = {target: np.concatenate(values) for target, values in squares.items()}
    return {target: float(np.sqrt(values.mean())) for target, values in sizes.items() if values.size and values.any()}


def _starts(
    experiment: Experiment,
    layers: ModelLayers,
    samples: pd.DataFrame,
    splits: pd.DataFrame,
    options: Identifiability,
) -> StartRuns:
    parts = roles_in_fold(samples, splits, MAP_FOLD, experiment.splits[0])
    return train_starts(experiment, layers, samples, parts, options.runs)


def _at_rows(starts: StartRuns, rows: NDArray[np.int64]) -> StartRuns:
    return starts._replace(positions=starts.positions[:, rows])


def _profiles(
    experiment: Experiment,
    layers: ModelLayers,
    samples: pd.DataFrame,
    splits: pd.DataFrame,
    options: Identifiability,
) -> list[dict[str, Any]]:
    parts = roles_in_fold(samples, splits, MAP_FOLD, experiment.splits[0])
    return [row for name in options.profile for row in profile(experiment, layers, samples, parts, name)]
