"""A search over keys of an experiment on nested folds: the test part of a fold never takes part in a choice."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hybridmap.config import Experiment
from hybridmap.config.search import FEWEST_FOLDS, Search, with_values
from hybridmap.errors import HybridmapError
from hybridmap.evaluate import metrics
from hybridmap.experiment.fold_predictions import Parts, predict_parts
from hybridmap.experiment.layers import ModelLayers
from hybridmap.experiment.specification import checked_model, model_spec, training_options
from hybridmap.files.reading import read_parquet
from hybridmap.files.tables import write_csv
from hybridmap.samples.folds import roles_in_fold

LOG = logging.getLogger("hybridmap")
ROLES = ("train", "validation", "test")


class Measure(NamedTuple):
    """What all candidates are compared by: a target, and the name of a score."""

    target: str
    score: str


def search(
    experiment: Experiment, options: Search, layers: ModelLayers, samples_path: Path, splits_path: Path, out: Path
) -> None:
    """Train every candidate inside the training part of every fold of the first scheme, and write a row for each.

    Parameters
    ----------
    experiment : Experiment
        Whose keys take other values.
    options : Search
        What is tried.
    layers : ModelLayers
        Of the region.
    samples_path, splits_path : Path
        Tables of the sample and split stages.
    out : Path
        Table to write, the best candidate first: its values, the mean `score` over folds and seeds, the lowest and
        highest fold, and in how many folds it is the best.

    Raises
    ------
    HybridmapError
        If the scheme has too few folds, a candidate is not possible, or too little was observed.
    """
    samples, splits = read_parquet(samples_path), read_parquet(splits_path)
    parts = inner_parts(samples, splits, experiment.splits[0])
    measure = Measure(options.target or experiment.targets[0], options.score)
    rows, by_fold = [], []
    for number, (values, candidate) in enumerate(candidates_of(experiment, options, layers.at_sites(samples))):
        scores = np.mean(
            [
                _fold_scores(candidate.model_copy(update={"seed": candidate.seed + k}), measure, layers, samples, parts)
                for k in range(options.seeds)
            ],
            axis=0,
        )
        by_fold.append(scores)
        rows.append({key: json.dumps(value) for key, value in values.items()} | {"score": scores.mean()})
        LOG.info("%s, candidate %d, %s: %s %.3f", experiment.name, number, values, options.score, scores.mean())
    table = pd.DataFrame(rows).assign(
        lowest_fold=np.min(by_fold, axis=1),
        highest_fold=np.max(by_fold, axis=1),
        best_in_folds=np.bincount(np.argmax(by_fold, axis=0), minlength=len(rows)),
    )
    write_csv(table.sort_values("score", ascending=False, kind="stable"), out)


def candidates_of(
    experiment: Experiment, options: Search, layers: ModelLayers
) -> list[tuple[dict[str, Any], Experiment]]:
    """The combinations of a search and the experiments that they make, each of which a model can be built of.

    Parameters
    ----------
    experiment : Experiment
        Whose keys take other values.
    options : Search
        What is tried.
    layers : ModelLayers
        Of the region.

    Returns
    -------
    list of tuple
        Key → value of each combination, and the experiment with them.

    Raises
    ------
    HybridmapError
        Naming the combination that is not possible.
    """
    candidates = []
    for values in options.candidates():
        try:
            candidate = with_values(experiment, values)
            spec = model_spec(candidate, layers)
            checked_model(candidate, spec)
            training_options(candidate, spec)
        except (HybridmapError, ValueError) as error:
            combination = ", ".join(f"{key} {value!r}" for key, value in values.items())
            raise HybridmapError(f"search: with {combination}: {str(error).removesuffix('.')}.") from None
        candidates.append((values, candidate))
    return candidates


def inner_parts(samples: pd.DataFrame, splits: pd.DataFrame, scheme: str) -> list[Parts]:
    """What trains, stops and is scored inside the training of every fold of a scheme.

    Parameters
    ----------
    samples, splits : DataFrame
        As :func:`~hybridmap.samples.folds.roles_in_fold` takes them.
    scheme : str
        Split scheme.

    Returns
    -------
    list of Parts
        One a fold, without any site of that fold: the next fold (cyclic) is scored, the one after stops, the others
        train, less a buffer around what is scored.

    Raises
    ------
    HybridmapError
        If there are fewer than :data:`FEWEST_FOLDS` folds.
    """
    rows = splits[splits["scheme"] == scheme]
    folds = int(rows["fold"].max()) + 1
    if folds < FEWEST_FOLDS:
        raise HybridmapError(
            f"search: split '{scheme}' has {folds} folds; {FEWEST_FOLDS} are needed, so that one is left to train when"
            " one tests, one scores and one stops."
        )
    parts = []
    for k in range(folds):
        inner = rows[rows["fold"] != k].assign(nested=False)
        inner["fold"] = (inner["fold"] - k - 1) % folds
        place = np.flatnonzero(samples["site_id"].isin(inner["site_id"]))
        roles = roles_in_fold(samples.iloc[place], inner, f"{scheme}-0", scheme).to_numpy()
        parts.append(Parts(*(place[roles == role] for role in ROLES)))
    return parts


def _fold_scores(
    candidate: Experiment, measure: Measure, layers: ModelLayers, samples: pd.DataFrame, parts: list[Parts]
) -> list[float]:
    """Score of one training in every fold."""
    observed = samples[layers.quantities[measure.target].column].to_numpy(float)
    tables = predict_parts(candidate, layers, samples, parts)
    score = getattr(metrics, measure.score)
    scores = []
    for part, table in zip(parts, tables, strict=True):
        is_measured = np.isfinite(observed[part.predicted])
        predicted = table[measure.target].to_numpy(float)
        scores.append(float(score(predicted[is_measured], observed[part.predicted][is_measured])))
    return scores
