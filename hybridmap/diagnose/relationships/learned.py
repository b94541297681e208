"""Relationships that the trainings of an experiment have learned, and the files that hold them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.config import Experiment
from hybridmap.diagnose.relationships.agreement import divergence_floor, spread
from hybridmap.diagnose.relationships.effects import Effect, accumulated_effect, class_effect, dependence
from hybridmap.diagnose.relationships.response import PARAMETER, Input, Response, inputs_of
from hybridmap.diagnose.relationships.shapley import shapley_walks
from hybridmap.errors import HybridmapError
from hybridmap.experiment.folds import load_folds
from hybridmap.experiment.site_data import COVARIATE, FORCING, is_observed
from hybridmap.model import TableModel
from hybridmap.quantities import Quantity
from hybridmap.train import load_members

LOG = logging.getLogger("hybridmap")
Array = NDArray[np.float64]
Relations = Callable[[dict[str, Array]], dict[str, Array]]
"""Covariates → true parameters, both (row,) and in their units."""

ROWS = 200_000
"""Runs of the model for each of the three methods, about; with more inputs or trainings fewer sites are moved."""
FEWEST_SITES, MOST_SITES = 100, 500
EXPLAINED_SITES = 100
"""Sites at most whose Shapley values are computed, and over which partial dependence is averaged."""
MOST_WALKS = 16
FEWEST_POINTS, MOST_POINTS = 5, 17
"""Of a curve of partial dependence."""


class NotDrawnError(HybridmapError):
    """Why no relationship can be drawn; the files are written with this sentence and no curve."""


class Truth(NamedTuple):
    """True parameters that vary between the sites.

    Attributes
    ----------
    names : list of str
        As among the outputs.
    effects : list of Effect
        Of every input.
    level : array, shape (parameter,)
        Mean over the sites.
    floor : array, shape (parameter,)
        Divergence of their shares between halves of the sites.
    """

    names: list[str]
    effects: list[Effect]
    level: Array
    floor: Array


class Learned(NamedTuple):
    """What trainings have learned, at the same sites.

    Attributes
    ----------
    outputs : list of str
        ``parameter.NAME`` of neural parameters, and targets.
    inputs : list of Input
        What was moved.
    x : array, shape (site, input + 1)
        Where the inputs are, with the number of the site last.
    base : array, shape (fold, site, output)
        What the folds predict.
    folds, seeds : list of list of Effect
        Of every input, (training, input): of the folds, and of the members of the first fold.
    truth : Truth or None
        Where it is known.
    """

    outputs: list[str]
    inputs: list[Input]
    x: Array
    base: Array
    folds: list[list[Effect]]
    seeds: list[list[Effect]]
    truth: Truth | None

    @property
    def level(self) -> Array:
        """Mean output over folds and sites, (output,)."""
        return np.asarray(self.base.mean(axis=(0, 1)))

    def importance(self, trainings: Sequence[Sequence[Effect]]) -> Array:
        """Amplitudes, (training, input, output)."""
        return np.array([[effect.amplitude for effect in effects] for effects in trainings])

    def between(self, trainings: Sequence[Sequence[Effect]]) -> Array:
        """Root mean square difference of effects between trainings, (input, output)."""
        return np.array([spread([e[k].at_sites for e in trainings]) for k in range(len(self.inputs))])


class Curves(NamedTuple):
    """Beside the accumulated effects: partial dependence by fold, and Shapley values of the mean of the folds.

    Attributes
    ----------
    dependence : list of tuple
        Points (point,) and values (fold, point, output) of every input.
    shapley : array, shape (site, input, output)
        Of the explained sites.
    explained : array of int, shape (site,)
        Their places among the sites that were moved.
    """

    dependence: list[tuple[Array, Array]]
    shapley: Array
    explained: NDArray[np.int64]


def observed_sites(samples: pd.DataFrame, targets: Sequence[Quantity]) -> pd.DataFrame:
    """Samples with an observation of a target and no gap in covariates and forcing."""
    layers = [c for c in samples if str(c).startswith((COVARIATE, FORCING))]
    return samples.loc[is_observed(samples, targets) & samples[layers].notna().all(axis=1)]


def learn(
    experiment: Experiment, table: pd.DataFrame, models: Mapping[str, Path], relations: Relations | None
) -> tuple[Learned, Curves, pd.DataFrame, list[str]]:
    """Move every input of every training.

    Parameters
    ----------
    experiment : Experiment
        Block of the configuration.
    table : DataFrame
        Of :func:`observed_sites`.
    models : mapping of str to Path
        Fold → folder of its model.
    relations : callable or None
        True parameters, where they are known.

    Returns
    -------
    tuple
        Effects, the other curves, the sites that were moved, and notes.

    Raises
    ------
    NotDrawnError
        If there is no site, or no input that varies.
    """
    trained = list(load_folds(models, experiment.own_process).values())
    ensemble = load_members(next(iter(models.values())), experiment.own_process)
    inputs, notes = inputs_of(trained[0], table) if len(table) else ([], [])
    if not inputs:
        raise NotDrawnError(
            f"experiment '{experiment.name}' has no input that varies between its {len(table)} observed sites, so no"
            " relationship can be drawn; give covariates that vary."
        )
    members = 0 if ensemble is None else len(ensemble.standardise.mean)
    table = _chosen(table, experiment.seed, ROWS // (2 * len(inputs) * (len(trained) + members)))
    inputs, notes = inputs_of(trained[0], table)
    table, base, more = _with_values(trained, table, inputs)
    responses = [Response(model, table, inputs) for model in trained]
    x = responses[0].start
    folds = [[_effect(r, x, k, place) for k, place in enumerate(inputs)] for r in responses]
    seeds = [] if ensemble is None else _members(ensemble, table, inputs, x)
    truth, absent = _truth(relations, responses[0], x)
    learned = Learned(responses[0].outputs, inputs, x, base, folds, seeds, truth)
    return learned, _curves(responses, x), table, [*notes, *more, *absent]


def _chosen(table: pd.DataFrame, seed: int, affordable: int) -> pd.DataFrame:
    count = min(max(affordable, FEWEST_SITES), MOST_SITES, len(table))
    rows = np.random.default_rng(seed).permutation(len(table))[:count]
    return table.iloc[np.sort(rows)]


def _with_values(
    models: Sequence[TableModel], table: pd.DataFrame, inputs: Sequence[Input]
) -> tuple[pd.DataFrame, Array, list[str]]:
    """Sites at which all trainings have all outputs, these (fold, site, output), and a note on the others."""
    base = np.stack([r(r.start) for r in (Response(model, table, inputs) for model in models)])
    is_known: NDArray[np.bool_] = np.asarray(np.isfinite(base).all(axis=(0, 2)))
    if not is_known.any():
        raise NotDrawnError("no observed site has values of all outputs in all folds, so no relationship can be drawn.")
    note = [] if is_known.all() else [f"{int((~is_known).sum())} sites without a value of some output are left out"]
    return table.loc[is_known], base[:, is_known], note


def _effect(function: Callable[[Array], Array], x: Array, column: int, place: Input) -> Effect:
    return (class_effect if place.kind == "class" else accumulated_effect)(function, x, column)


def _members(ensemble: TableModel, table: pd.DataFrame, inputs: Sequence[Input], x: Array) -> list[list[Effect]]:
    """Effects of every member of an ensemble, (member, input)."""
    response, count = Response(ensemble, table, inputs), len(ensemble.standardise.mean)
    together = [_effect(response, x, k, place) for k, place in enumerate(inputs)]
    width = len(response.outputs)
    parts = [slice(k * width, (k + 1) * width) for k in range(count)]
    return [[Effect(e.points, e.effect[:, part], e.at_sites[:, part], e.sites) for e in together] for part in parts]


def _truth(relations: Relations | None, response: Response, x: Array) -> tuple[Truth | None, list[str]]:
    """Effects on those true parameters that vary, and a note where they cannot be had."""
    if relations is None:
        return None, []
    covariates = response.model.covariate_names

    def all_of(rows: Array) -> dict[str, Array]:
        columns = response.moved(rows).T
        return {PARAMETER + n: v for n, v in relations(dict(zip(covariates, columns, strict=False))).items()}

    try:
        at_sites = all_of(x)
    except KeyError as error:
        return None, [f"the truth is not shown: it needs the covariate {error}"]
    names = [name for name, values in at_sites.items() if name in response.outputs and np.ptp(values) > 0]
    if not names:
        return None, []

    def function(rows: Array) -> Array:
        values = all_of(rows)
        return np.stack([values[name] for name in names], axis=1)

    effects = [_effect(function, x, k, place) for k, place in enumerate(response.inputs)]
    return Truth(names, effects, function(x).mean(axis=0), divergence_floor(function, x, len(response.inputs))), []


def _curves(responses: Sequence[Response], x: Array) -> Curves:
    inputs = responses[0].inputs
    part = x[np.random.default_rng(0).permutation(len(x))[:EXPLAINED_SITES]]
    part = part[np.argsort(part[:, -1])]
    runs = len(part) * len(responses)
    points = int(np.clip(ROWS // (runs * len(inputs)), FEWEST_POINTS, MOST_POINTS))
    walks = int(np.clip(ROWS // (2 * runs * (len(inputs) + 1)), 1, MOST_WALKS))
    curves = []
    for k, place in enumerate(inputs):
        if place.kind == "class":  # their effects are dependence already
            curves.append((np.zeros(0), np.zeros((len(responses), 0, len(responses[0].outputs)))))
            continue
        of_folds = [dependence(r, part, k, points) for r in responses]
        curves.append((of_folds[0][0], np.stack([values for _, values in of_folds])))

    def mean(rows: Array) -> Array:
        return np.asarray(np.mean([r(rows) for r in responses], axis=0))

    values, _ = shapley_walks(mean, part, x, len(inputs), walks)
    return Curves(curves, values, part[:, -1].astype(int))
