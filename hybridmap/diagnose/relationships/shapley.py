"""Shapley values of several outputs at once, from walks between two sites."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hybridmap.evaluate.importance import Function

Array = NDArray[np.float64]


def shapley_walks(
    function: Function, x: Array, background: Array, inputs: int, walks: int, seed: int = 0
) -> tuple[Array, Array]:
    """Interventional Shapley values by sampled permutations, each walked forth and back.

    Every walk starts at a random row of the background and exchanges its inputs for those of the sample, one after the
    other in random order and then in the opposite one (Strumbelj & Kononenko 2014, doi 10.1007/s10115-013-0679-x;
    antithetic pairs as in Mitchell et al. 2022).

    Parameters
    ----------
    function : callable
        (sample, column) to (sample, output).
    x : array, shape (sample, column)
        Samples to explain.
    background : array, shape (row, column)
        What absent inputs are drawn from.
    inputs : int
        How many of the first columns are inputs; the others stay those of the sample.
    walks : int
        Pairs of walks of every sample.
    seed : int
        Of the permutations and the rows.

    Returns
    -------
    values : array, shape (sample, input, output)
        They sum to the output less `base`, exactly.
    base : array, shape (sample, output)
        Mean output over the rows that were drawn.

    Examples
    --------
    >>> values, base = shapley_walks(lambda r: r[:, :1] + 10 * r[:, 1:], np.array([[1.0, 2.0]]), np.zeros((4, 2)), 2, 1)
    >>> values.ravel()
    array([ 1., 20.])
    """
    random = np.random.default_rng(seed)
    count = len(x)
    values = base = np.zeros(0)
    for walk in range(walks):
        start = x.copy()
        start[:, :inputs] = background[random.integers(len(background), size=count), :inputs]
        order = np.argsort(random.random((count, inputs)), axis=1)
        for path in (order, order[:, ::-1]):
            outputs = _walk(function, start, x, path)
            if walk == 0 and path is order:
                values, base = np.zeros((count, inputs, outputs.shape[-1])), np.zeros(outputs.shape[1:])
            steps = np.diff(outputs, axis=0)
            for step in range(inputs):
                values[np.arange(count), path[:, step]] += steps[step] / (2 * walks)
            base += outputs[0] / (2 * walks)
    return values, base


def _walk(function: Function, start: Array, x: Array, path: NDArray[np.int64]) -> Array:
    """Outputs of all stations of a walk, (input + 1, sample, output)."""
    row, rows = start.copy(), [start]
    sample = np.arange(len(x))
    for column in path.T:
        row = row.copy()
        row[sample, column] = x[sample, column]
        rows.append(row)
    out = np.asarray(function(np.concatenate(rows)))
    return out.reshape(len(rows), len(x), -1)
