"""Trainings of an experiment from random places of the range, with a covariate that means nothing beside the others."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from hybridmap.config import Experiment
from hybridmap.diagnose.identifiability import NO_MAP, NotJudgedError
from hybridmap.diagnose.identifiability.starts import random_starts
from hybridmap.diagnose.relationships.agreement import importance_of
from hybridmap.errors import HybridmapError
from hybridmap.experiment.layers import ModelLayers
from hybridmap.experiment.site_data import COVARIATE, names_in, site_data
from hybridmap.experiment.specification import checked_model, model_spec, training_options
from hybridmap.model import HybridModel
from hybridmap.train import Member, fit_members

LOG = logging.getLogger("hybridmap")
Array = NDArray[np.float64]

PLACEBO = "placebo"
"""Name of the covariate that means nothing: values of another one, dealt to the sites at random."""
EQUAL_SKILL = 0.1
"""Trainings count whose validation loss is at most this share above the lowest."""
MOVED_SITES = 500
"""Whose covariates are moved to see which of them matter."""
PROFILE_POSITIONS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Places in the range at which a parameter is held for its profile."""


class StartRuns(NamedTuple):
    """What trainings from random starts ended in.

    Attributes
    ----------
    positions : array, shape (run, site, parameter)
        Places in the range, of trainings at equal skill.
    validation_loss : list of float
        The lowest of every training.
    placebo : array, shape (parameter,)
        Standard deviation of the change of a parameter where the placebo is dealt anew, over that of its map.
    importance : array, shape (run, covariate, parameter)
        Amplitude of the accumulated effect of each covariate but the placebo, of trainings at equal skill.
    """

    positions: Array
    validation_loss: list[float]
    placebo: Array
    importance: Array


def with_placebo(samples: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Samples with the covariate :data:`PLACEBO` last: the first covariate that varies, shuffled."""
    names = [name for name in names_in(samples, COVARIATE) if samples[COVARIATE + name].nunique() > 1]
    if not names:
        raise NotJudgedError(NO_MAP)
    shuffled = np.random.default_rng(seed).permutation(samples[COVARIATE + names[0]].to_numpy())
    return samples.assign(**{COVARIATE + PLACEBO: shuffled})


def train_starts(
    experiment: Experiment, layers: ModelLayers, samples: pd.DataFrame, parts: pd.Series, runs: int
) -> StartRuns:
    """Train an experiment from random starts, one network each.

    Parameters
    ----------
    experiment : Experiment
        Block of the configuration.
    layers : ModelLayers
        Of the region.
    samples : DataFrame
        One row a site.
    parts : Series
        Role of each sample: "train" and "validation" take part.
    runs : int
        How many.

    Returns
    -------
    StartRuns
    """
    table = with_placebo(samples)
    model = checked_model(experiment, model_spec(experiment, layers.at_sites(table)))
    assert isinstance(model, HybridModel)
    starts = random_starts(model, runs, experiment.seed)
    variants = [
        experiment.model_copy(update={"start": start, "seed": experiment.seed + number})
        for number, start in enumerate(starts)
    ]
    models, losses = _fit(variants, layers, table, parts)
    anew = with_placebo(samples, seed=1)
    positions, moved = (np.array([positions_of(m, values) for m in models]) for values in (table, anew))
    alike = [loss <= min(losses) + EQUAL_SKILL * abs(min(losses)) for loss in losses]
    spread = positions.std(axis=1).mean(axis=0)
    change = np.sqrt(((moved - positions) ** 2).mean(axis=(0, 1)))
    placebo = np.divide(change, spread, out=np.full(len(spread), np.nan), where=spread > 1e-9)
    LOG.info("%s: %d of %d trainings from random starts at equal skill", experiment.name, sum(alike), runs)
    importance = np.array([_importance(m, table) for m, is_alike in zip(models, alike, strict=True) if is_alike])
    return StartRuns(positions[alike], losses, placebo, importance)


def _importance(model: HybridModel, table: pd.DataFrame) -> Array:
    """Amplitude of the effect of each covariate but the last, the placebo, on each parameter."""
    sites = table.iloc[np.random.default_rng(0).permutation(len(table))[:MOVED_SITES]]
    covariates, forcing = model.tensors(sites)

    def positions(x: Array) -> Array:
        rows = torch.from_numpy(x[:, -1].astype(int))
        places = torch.from_numpy(x[:, :-1]).to(covariates.dtype)
        with torch.no_grad():
            moved = model.learned_positions(places, {name: values[rows] for name, values in forcing.items()})
        return np.asarray(moved.double().numpy())

    x = np.column_stack([covariates.double().numpy(), np.arange(len(sites))])
    return importance_of(positions, x, covariates.shape[1] - 1)


def positions_of(model: HybridModel, table: pd.DataFrame) -> Array:
    """Places of the learned parameters in their ranges at the rows of a table, (site, parameter)."""
    with torch.no_grad():
        return np.asarray(model.learned_positions(*model.tensors(table)).double().numpy())


def profile(
    experiment: Experiment, layers: ModelLayers, samples: pd.DataFrame, parts: pd.Series, parameter: str
) -> list[dict[str, Any]]:
    """Train an experiment with one parameter held at places of its range.

    Parameters
    ----------
    experiment, layers, samples, parts
        As for :func:`train_starts`.
    parameter : str
        One that the experiment learns.

    Returns
    -------
    list of dict
        ``parameter``, ``position``, ``value`` in its unit, and ``validation_loss``, the lowest that was reached.
    """
    model = checked_model(experiment, model_spec(experiment, layers.at_sites(samples)))
    assert isinstance(model, HybridModel)
    names = [*model.neural_names, *model.shared_names]
    if parameter not in names:
        raise HybridmapError(
            f"identifiability.profile: experiment '{experiment.name}' does not learn '{parameter}'; it learns {names}."
        )
    rows = []
    for position in PROFILE_POSITIONS:
        value = model.parameters_at([position] * len(names))[parameter]
        variant = experiment.model_copy(
            update={
                "neural": [n for n in model.neural_names if n != parameter],
                "global_": [n for n in model.shared_names if n != parameter],
                "fixed": {**experiment.fixed, parameter: value},
                "start": {n: v for n, v in experiment.start.items() if n != parameter},
            }
        )
        _, losses = _fit([variant], layers, samples, parts)
        rows.append({"parameter": parameter, "position": position, "value": value, "validation_loss": losses[0]})
    return rows


def _fit(
    variants: Sequence[Experiment], layers: ModelLayers, samples: pd.DataFrame, parts: pd.Series
) -> tuple[list[HybridModel], list[float]]:
    """Models of variants of an experiment that differ in seed and start, and their lowest validation losses."""
    places = layers.at_sites(samples)
    spec: Mapping[str, Any] = model_spec(variants[0], places)
    rows = [torch.tensor(np.flatnonzero((parts == part).to_numpy())) for part in ("train", "validation")]
    members = []
    for number, variant in enumerate(variants):
        model = checked_model(variant, model_spec(variant, places), variant.seed)
        members.append(Member(model, rows[0], rows[1], variant.seed, f"start {number}"))
    quantities = [layers.quantities[target] for target in variants[0].targets]
    data = site_data(samples, quantities, has_columns=members[0].model.has_columns)
    try:
        histories = fit_members(members, data, training_options(variants[0], dict(spec)))
    except HybridmapError as error:
        raise HybridmapError(f"experiment '{variants[0].name}', {error}") from None
    models = [member.model for member in members]
    return (
        [m for m in models if isinstance(m, HybridModel)],
        [min(row["validation_loss"] for row in h) for h in histories],
    )
