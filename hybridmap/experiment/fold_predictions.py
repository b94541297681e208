"""One experiment trained and judged in memory: parts of the samples in, predictions out, nothing on disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from hybridmap.config import Experiment
from hybridmap.errors import HybridmapError
from hybridmap.experiment.layers import ModelLayers
from hybridmap.experiment.site_data import check_forcing, site_data
from hybridmap.experiment.specification import checked_model, model_spec, training_options
from hybridmap.experiment.training import SEED_STEP
from hybridmap.model import Model
from hybridmap.train import Member, fit_members
from hybridmap.train.posteriors import METHODS

Rows = NDArray[np.int64]


class Parts(NamedTuple):
    """Rows of the samples that train, that stop the training, and that are predicted."""

    training: Rows
    stopping: Rows
    predicted: Rows


def parts_of_folds(fold: NDArray[np.int64], folds: int) -> list[Parts]:
    """The parts of every test fold: the next fold (cyclic) stops, the others train, as in every scheme.

    Examples
    --------
    >>> parts_of_folds(np.array([0, 1, 2, 3, 4]), 5)[4].training.tolist()
    [1, 2, 3]
    """
    return [
        Parts(
            np.flatnonzero((fold != k) & (fold != (k + 1) % folds)),
            np.flatnonzero(fold == (k + 1) % folds),
            np.flatnonzero(fold == k),
        )
        for k in range(folds)
    ]


def train_parts(
    experiment: Experiment, layers: ModelLayers, samples: pd.DataFrame, parts: Sequence[Parts]
) -> list[list[Model]]:
    """Train the experiment once for each of `parts`, side by side.

    Parameters
    ----------
    experiment : Experiment
        Block of the configuration.
    layers : ModelLayers
        Of the region.
    samples : DataFrame
        One row a site.
    parts : sequence of Parts
        What trains, stops and is predicted.

    Returns
    -------
    list of list of Model
        Those of each part: one, or the members of an ensemble.

    Raises
    ------
    HybridmapError
        If the block, the forcing or a target does not allow a training.
    """
    spec = model_spec(experiment, layers.at_sites(samples))
    check_forcing(checked_model(experiment, spec), samples)
    data = site_data(samples, [layers.quantities[target] for target in experiment.targets])
    seeds = [experiment.seed + SEED_STEP * k for k in range(experiment.uncertainty.ensemble_size)]
    members = [
        Member(
            checked_model(experiment, spec, seed),
            METHODS[experiment.uncertainty.method].rows(torch.from_numpy(part.training), seed),
            torch.from_numpy(part.stopping),
            seed,
            f"part {number}",
        )
        for number, part in enumerate(parts)
        for seed in seeds
    ]
    try:
        fit_members(members, data, training_options(experiment, spec))
    except HybridmapError as error:
        raise HybridmapError(f"experiment '{experiment.name}', {error}") from None
    size = len(seeds)
    return [[member.model for member in members[k * size : (k + 1) * size]] for k in range(len(parts))]


def predict_parts(
    experiment: Experiment, layers: ModelLayers, samples: pd.DataFrame, parts: Sequence[Parts]
) -> list[pd.DataFrame]:
    """Train the experiment once for each of `parts`, and predict what it predicts.

    Parameters
    ----------
    experiment, layers, samples, parts
        As for :func:`train_parts`.

    Returns
    -------
    list of DataFrame
        One a part: a column a target, in its unit, indexed by the row of the samples; the mean of an ensemble.
    """
    tables = []
    for part, models in zip(parts, train_parts(experiment, layers, samples, parts), strict=True):
        outputs = [model.sample_outputs(samples.iloc[part.predicted]) for model in models]
        means = {target: np.mean([out[target] for out in outputs], axis=0) for target in experiment.targets}
        tables.append(pd.DataFrame(means, index=part.predicted))
    return tables
