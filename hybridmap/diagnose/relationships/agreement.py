"""Whether trainings agree on what matters and how, and how far learned importances are from the true ones."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.diagnose.relationships.effects import Effect, accumulated_effect
from hybridmap.evaluate.importance import Function, shares
from hybridmap.evaluate.metrics import kl_importance

Array = NDArray[np.float64]

CORRELATED = 0.7
"""Inputs whose rank correlation is as strong stand for each other."""
HALVES = 10
"""Random pairs of halves of the sites from which the floor of the divergence is taken."""


def _ranks(values: Array) -> Array:
    """Average ranks down the first axis, from 1; NaN of all that stand with a NaN."""
    ranks: Array = pd.DataFrame(values).rank().to_numpy() + 0.0 * values.reshape(len(values), -1).sum(axis=0)
    return ranks.reshape(values.shape)


def rank_correlation(importance: Array) -> Array:
    """Mean Spearman correlation of the importances of inputs between trainings.

    Parameters
    ----------
    importance : array, shape (training, input, output)
        Any measure of it.

    Returns
    -------
    array, shape (output,)
        NaN with a single training, fewer than three inputs, or no difference between inputs.
    """
    count, inputs, outputs = importance.shape
    if count < 2 or inputs < 3:
        return np.full(outputs, np.nan)
    ranks = np.stack([_ranks(values) for values in importance])
    ranks -= ranks.mean(axis=1, keepdims=True)
    size = np.sqrt((ranks**2).sum(axis=1))
    pairs = []
    for a, b in combinations(range(count), 2):
        product = size[a] * size[b]
        dot = (ranks[a] * ranks[b]).sum(axis=0)
        pairs.append(np.divide(dot, product, out=np.full(outputs, np.nan), where=product > 0))
    return np.asarray(np.mean(pairs, axis=0))


def spread(effects: Sequence[Array]) -> Array:
    """Root mean square over the sites of the standard deviation between trainings.

    Parameters
    ----------
    effects : sequence of array, shape (site, output)
        Effect of an input at the sites, one a training.

    Returns
    -------
    array, shape (output,)
        In the unit of the output; NaN with a single training.
    """
    if len(effects) < 2:
        return np.full(effects[0].shape[1], np.nan)
    between = np.std(np.stack(effects), axis=0, ddof=1)
    return np.asarray(np.sqrt(np.nanmean(between**2, axis=0)))


def correlated_inputs(x: Array, names: Sequence[str]) -> dict[str, list[dict[str, float | str]]]:
    """Other inputs that each input goes with, the strongest first.

    Parameters
    ----------
    x : array, shape (site, input)
        Of the sites, with no input constant.
    names : sequence of str
        Of the inputs.

    Returns
    -------
    dict of list of dict
        Name → ``input`` and ``r``, the rank correlation, where its size is at least :data:`CORRELATED`.
    """
    if len(names) < 2:
        return {name: [] for name in names}
    r = np.atleast_2d(np.corrcoef(_ranks(x), rowvar=False))
    rows: dict[str, list[dict[str, float | str]]] = {}
    for i, name in enumerate(names):
        near = sorted(
            (k for k in range(len(names)) if k != i and abs(r[i, k]) >= CORRELATED), key=lambda k: -abs(r[i, k])
        )
        rows[name] = [{"input": names[k], "r": round(float(r[i, k]), 2)} for k in near]
    return rows


def direction(effect: Effect, output: int) -> str:
    """Whether an effect rises or falls with its input, or does neither throughout.

    Parameters
    ----------
    effect : Effect
        Of a number.
    output : int
        Which output.

    Returns
    -------
    str
        "rises" or "falls" where the rank correlation over the points is beyond 0.9, else "turns".
    """
    curve = effect.effect[:, output]
    if len(curve) < 2 or not np.isfinite(curve).all() or np.ptp(curve) == 0:
        return ""
    r = float(np.corrcoef(_ranks(effect.points), _ranks(curve))[0, 1])
    return "rises" if r > 0.9 else "falls" if r < -0.9 else "turns"


def importance_of(function: Function, x: Array, inputs: int) -> Array:
    """Amplitude of the accumulated effect of each of the first inputs, (input, output).

    Parameters
    ----------
    function : callable
        Inputs (site, input) to outputs (site, output).
    x : array, shape (site, input)
        Of the sites.
    inputs : int
        How many of the first columns are inputs.

    Returns
    -------
    array, shape (input, output)
        0 of an input that is the same at all sites.
    """
    rows = [
        accumulated_effect(function, x, k).amplitude
        if np.ptp(x[:, k]) > 0
        else np.zeros(np.asarray(function(x[:1])).shape[1])
        for k in range(inputs)
    ]
    return np.stack(rows)


def divergence(true: Array, learned: Array) -> Array:
    """Kullback-Leibler divergence of learned from true shares, both importances (input, output); (output,)."""
    t, p = shares(true), shares(learned)
    return np.array([kl_importance(t[:, [k]], p[:, [k]]) for k in range(t.shape[1])])


def divergence_floor(true: Function, x: Array, inputs: int, seed: int = 0) -> Array:
    """Divergence that the truth itself has, from one half of the sites to the other.

    Parameters
    ----------
    true : callable
        Inputs (site, input) to true outputs (site, output).
    x : array, shape (site, input)
        Of the sites.
    inputs : int
        How many of the first columns are inputs.
    seed : int
        Of the halves.

    Returns
    -------
    array, shape (output,)
        Mean over :data:`HALVES` pairs.
    """
    random, values = np.random.default_rng(seed), []
    for _ in range(HALVES):
        order = random.permutation(len(x))
        halves = [importance_of(true, x[part], inputs) for part in (order[: len(x) // 2], order[len(x) // 2 :])]
        values.append(divergence(*halves))
    return np.asarray(np.mean(values, axis=0))
