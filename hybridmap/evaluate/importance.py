"""What inputs do to outputs: partial dependence, Shapley values, and shuffled covariates; torch and numpy only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from math import factorial
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hybridmap.model import TableModel

Array = NDArray[np.float64]
Function = Callable[[Array], Array]
"""From inputs (sample, input) to outputs (sample,) or (sample, output)."""
EXACT_INPUTS = 12
"""Most inputs for which all 2^n coalitions are worked out."""
SHUFFLED_SITES = 4000
"""Most sites among which covariates are shuffled."""


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

    Returns
    -------
    Dependence
        The grid and the mean output at each of its points.

    Examples
    --------
    >>> x = np.array([[0.0, 5.0], [1.0, 7.0]])
    >>> partial_dependence(lambda rows: 3.0 * rows[:, 0] + rows[:, 1], x, column=0, points=2).mean.ravel()
    array([6., 9.])
    """
    values = x[:, column]
    fractions = np.linspace(0.0, 1.0, points)
    grid_values = np.quantile(values, fractions) if grid == "quantile" else values.min() + fractions * np.ptp(values)
    rows = np.repeat(x[None], points, axis=0)
    rows[:, :, column] = grid_values[:, None]
    out = np.asarray(function(rows.reshape(-1, x.shape[1]))).reshape(points, len(x), -1)
    return Dependence(grid_values, out.mean(axis=1))


def dependence_importance(
    function: Function,
    x: Array,
    points: int = 100,
    grid: Literal["uniform", "quantile"] = "uniform",
    categorical: Sequence[int] = (),
) -> Array:
    """Standard deviation of the partial dependence on every input (Greenwell et al. 2018, arXiv 1805.04755).

    Over the grid (ddof 1), or a quarter of the range for categorical inputs. Correlated inputs are extrapolated: read
    it beside the correlation matrix.

    Parameters
    ----------
    function : callable
        (sample, input) to (sample,) or (sample, output).
    x : array, shape (sample, input)
        Samples to average over.
    points : int
        Size of the grid.
    grid : {"uniform", "quantile"}
        As in :func:`partial_dependence`.
    categorical : sequence of int
        Inputs that are classes.

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
    return np.asarray(importance / np.maximum(importance.sum(axis=0, keepdims=True), 1e-300))


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

    Examples
    --------
    >>> x, background = np.array([[1.0, 2.0]]), np.zeros((4, 2))
    >>> values, base = shapley_values(lambda rows: rows[:, 0] + 10.0 * rows[:, 1], x, background)
    >>> values
    array([[ 1., 20.]])
    """
    n = x.shape[1]
    outputs: dict[tuple[int, ...], Array] = {}

    def output(coalition: tuple[int, ...]) -> Array:
        if coalition not in outputs:
            rows = np.repeat(background[None], len(x), axis=0)
            rows[:, :, list(coalition)] = x[:, None, list(coalition)]
            outputs[coalition] = np.asarray(function(rows.reshape(-1, n))).reshape(len(x), -1).mean(axis=1)
        return outputs[coalition]

    values = np.zeros(x.shape)
    for coalition, j, weight in _exact_steps(n) if n <= EXACT_INPUTS else _sampled_steps(n, permutations, seed):
        values[:, j] += weight * (output(tuple(sorted((*coalition, j)))) - output(coalition))
    return values, output(())


Step = tuple[tuple[int, ...], int, float]
"""A coalition of inputs, the input that joins it, and the weight of what that changes."""


def _exact_steps(n: int) -> Iterator[Step]:
    for j in range(n):
        for size in range(n):
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            yield from ((c, j, weight) for c in combinations([i for i in range(n) if i != j], size))


def _sampled_steps(n: int, permutations: int, seed: int) -> Iterator[Step]:
    random = np.random.default_rng(seed)
    for _ in range(permutations):
        order = [int(i) for i in random.permutation(n)]
        yield from ((tuple(sorted(order[:rank])), j, 1.0 / permutations) for rank, j in enumerate(order))


def covariate_importance(
    model: TableModel, covariates: Tensor, forcing: Mapping[str, Tensor], outputs: Sequence[str]
) -> NDArray[np.float32]:
    """How much predictions move when one covariate is shuffled among sites.

    Root mean square change over the standard deviation, mean over `outputs`.

    Parameters
    ----------
    model : HybridModel or NetworkModel
        Trained.
    covariates : Tensor, shape (site, covariate)
        Physical units.
    forcing : mapping of str to Tensor, shape (site, ...)
        In the units of the model.
    outputs : sequence of str
        Outputs of the model.

    Returns
    -------
    array, shape (covariate,)
    """
    random = np.random.default_rng(0)
    rows = torch.from_numpy(np.sort(random.permutation(len(covariates))[:SHUFFLED_SITES]))
    x, driven = covariates[rows], {name: values[rows] for name, values in forcing.items()}
    order = torch.from_numpy(random.permutation(len(x)))
    with torch.inference_mode():
        plain = model(x, driven)
        sd = {name: plain[name].double().std().clamp(min=1e-12) for name in outputs}
        importance = np.zeros(x.shape[1], "float32")
        for i in range(x.shape[1]):
            changed = x.clone()
            changed[:, i] = x[order, i]
            shuffled = model(changed, driven)
            changes = [((shuffled[n] - plain[n]).double().square().nanmean().sqrt() / sd[n]) for n in outputs]
            importance[i] = float(torch.stack(changes).mean())
    return importance
