"""What a function's inputs do to its outputs: partial dependence and Shapley values; torch and numpy only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from math import factorial
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Function = Callable[[Array], Array]
"""From inputs (sample, input) to outputs (sample,) or (sample, output)."""
EXACT_INPUTS = 12
"""Most inputs for which all 2^n coalitions are worked out."""


class Dependence(NamedTuple):
    """Partial dependence of one input: `grid` (point,) and `mean` (point, output)."""

    grid: Array
    mean: Array


def partial_dependence(
    function: Function, x: Array, column: int, points: int = 100, grid: Literal["uniform", "quantile"] = "uniform"
) -> Dependence:
    """Mean output with one input set to each of `points` values for all samples.

    Parameters
    ----------
    function : callable
        (sample, input) to (sample,) or (sample, output).
    x : array, shape (sample, input)
        Samples to average over.
    column : int
        Input to vary.
    points : int
        Size of the grid.
    grid : {"uniform", "quantile"}
        Equally spaced from the smallest to the largest value, or at quantiles, which does not over-count empty tails.
    """
    values = x[:, column]
    places = np.linspace(0.0, 1.0, points)
    spots = np.quantile(values, places) if grid == "quantile" else values.min() + places * np.ptp(values)
    rows = np.repeat(x[None], points, axis=0)
    rows[:, :, column] = spots[:, None]
    out = np.asarray(function(rows.reshape(-1, x.shape[1]))).reshape(points, len(x), -1)
    return Dependence(spots, out.mean(axis=1))


def dependence_importance(
    function: Function,
    x: Array,
    points: int = 100,
    grid: Literal["uniform", "quantile"] = "uniform",
    categorical: Sequence[int] = (),
) -> Array:
    """Spread of the partial dependence of every input (Greenwell et al. 2018, arXiv 1805.04755).

    The standard deviation over the grid (ddof 1), or a quarter of the range for categorical inputs. Correlated inputs
    are extrapolated: read it beside the correlation matrix.

    Returns
    -------
    array, shape (input, output)
    """
    rows = []
    for column in range(x.shape[1]):
        if column in categorical:
            means = []
            for value in np.unique(x[:, column]):
                changed = x.copy()
                changed[:, column] = value
                means.append(np.asarray(function(changed)).reshape(len(x), -1).mean(axis=0))
            rows.append(np.ptp(np.stack(means), axis=0) / 4.0)
        else:
            rows.append(partial_dependence(function, x, column, points, grid).mean.std(axis=0, ddof=1))
    return np.stack(rows)


def shares(importance: Array) -> Array:
    """Columns of (input, output) scaled to sum to 1."""
    return importance / np.maximum(importance.sum(axis=0, keepdims=True), 1e-300)


def shapley_values(
    function: Function, x: Array, background: Array, permutations: int = 200, seed: int = 0
) -> tuple[Array, Array]:
    """Interventional Shapley values: how each input moves the output away from the mean over the background.

    Exact for up to 12 inputs, from all coalitions; beyond, by sampling permutations (Strumbelj & Kononenko 2014).

    Parameters
    ----------
    function : callable
        (sample, input) to (sample,).
    x : array, shape (sample, input)
        Samples to explain.
    background : array, shape (background sample, input)
        What absent inputs are drawn from.
    permutations, seed : int
        Of the sampling estimator.

    Returns
    -------
    values : array, shape (sample, input)
        They sum to the output minus `base`.
    base : array, shape (sample,)
        Mean output over the background.
    """
    n = x.shape[1]
    worth: dict[tuple[int, ...], Array] = {}

    def value(coalition: tuple[int, ...]) -> Array:
        if coalition not in worth:
            rows = np.repeat(background[None], len(x), axis=0)
            rows[:, :, list(coalition)] = x[:, None, list(coalition)]
            worth[coalition] = np.asarray(function(rows.reshape(-1, n))).reshape(len(x), -1).mean(axis=1)
        return worth[coalition]

    result = np.zeros(x.shape)
    if n <= EXACT_INPUTS:
        for j in range(n):
            others = [i for i in range(n) if i != j]
            for size in range(n):
                weight = factorial(size) * factorial(n - size - 1) / factorial(n)
                for coalition in combinations(others, size):
                    joined = tuple(sorted((*coalition, j)))
                    result[:, j] += weight * (value(joined) - value(coalition))
        return result, value(())
    random = np.random.default_rng(seed)
    for _ in range(permutations):
        order = random.permutation(n)
        for place, j in enumerate(order):
            before = tuple(sorted(int(i) for i in order[:place]))
            result[:, j] += (value(tuple(sorted((*before, int(j))))) - value(before)) / permutations
    return result, value(())
