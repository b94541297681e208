"""How an output follows one input: accumulated local effects, classes, and partial dependence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridmap.evaluate.importance import Function, partial_dependence

Array = NDArray[np.float64]

BINS = 16
"""Intervals of an input, with equally many sites each as far as values allow."""


class Effect(NamedTuple):
    """What one input does to the outputs.

    Attributes
    ----------
    points : array, shape (point,)
        Values of the input, in its unit.
    effect : array, shape (point, output)
        Difference from the mean over the sites, in the unit of the output.
    at_sites : array, shape (site, output)
        The same at the values of the sites.
    sites : array of int, shape (point,)
        Sites in the interval that ends there; of a class, those that have it.
    """

    points: Array
    effect: Array
    at_sites: Array
    sites: NDArray[np.int64]

    @property
    def amplitude(self) -> Array:
        """Standard deviation over the sites, (output,)."""
        return np.asarray(np.sqrt(np.nanmean(self.at_sites**2, axis=0)))


def accumulated_effect(function: Function, x: Array, column: int, bins: int = BINS) -> Effect:
    """Accumulated local effect of a number (Apley & Zhu 2020, doi 10.1111/rssb.12377).

    Every site moves only between the ends of the interval that it lies in, so correlated inputs are never combined as
    no site has them.

    Parameters
    ----------
    function : callable
        (sample, input) to (sample, output).
    x : array, shape (sample, input)
        Sites.
    column : int
        Input to move, of which not all values are equal.
    bins : int
        Intervals at most.

    Returns
    -------
    Effect
        Its mean over the sites is 0. NaN from the first interval on in which the function has no value at any site.

    Examples
    --------
    >>> x = np.array([[0.0, 5.0], [1.0, 7.0], [2.0, 9.0]])
    >>> accumulated_effect(lambda rows: 3.0 * rows[:, :1] + rows[:, 1:], x, column=0).effect.ravel()
    array([-3.,  0.,  3.])
    """
    values = x[:, column]
    edges = np.unique(np.quantile(values, np.linspace(0.0, 1.0, bins + 1), method="inverted_cdf"))
    place = np.clip(np.searchsorted(edges, values, side="left") - 1, 0, len(edges) - 2)
    ends = []
    for side in (0, 1):
        moved = x.copy()
        moved[:, column] = edges[place + side]
        ends.append(np.asarray(function(moved)))
    change = ends[1] - ends[0]
    steps = np.stack([_mean(change[place == k]) for k in range(len(edges) - 1)])
    effect = np.concatenate([np.zeros((1, change.shape[1])), np.cumsum(steps, axis=0)])
    return _centred(edges, effect, values, np.concatenate([[0], np.bincount(place, minlength=len(edges) - 1)]))


def class_effect(function: Function, x: Array, column: int) -> Effect:
    """Mean output where all sites have one class, for each: classes have no order to accumulate over.

    Parameters
    ----------
    function : callable
        (sample, input) to (sample, output).
    x : array, shape (sample, input)
        Sites.
    column : int
        Input of class codes.

    Returns
    -------
    Effect
        At the codes; its mean over the sites is 0.
    """
    codes, place = np.unique(x[:, column], return_inverse=True)
    means = []
    for code in codes:
        moved = x.copy()
        moved[:, column] = code
        means.append(_mean(np.asarray(function(moved))))
    effect = np.stack(means)
    effect = effect - np.nanmean(effect[place], axis=0)
    return Effect(codes, effect, effect[place], np.bincount(place))


def dependence(function: Function, x: Array, column: int, points: int) -> tuple[Array, Array]:
    """Partial dependence at quantiles.

    Parameters
    ----------
    function : callable
        (sample, input) to (sample, output).
    x : array, shape (sample, input)
        Sites to average over.
    column : int
        Input to move.
    points : int
        Of the curve.

    Returns
    -------
    values : array, shape (point,)
        Of the input.
    mean : array, shape (point, output)
        Mean outputs.
    """
    curve = partial_dependence(function, x, column, points, grid="quantile")
    return curve.grid, curve.mean


def _mean(values: Array) -> Array:
    """Mean over the samples that have a value, NaN where none has."""
    is_known = np.isfinite(values)
    total = np.where(is_known, values, 0.0).sum(axis=0)
    mean: Array = np.divide(
        total, is_known.sum(axis=0), out=np.full(values.shape[1], np.nan), where=is_known.any(axis=0)
    )
    return mean


def _centred(edges: Array, effect: Array, values: Array, count: NDArray[np.int64]) -> Effect:
    at_sites = np.stack([np.interp(values, edges, column) for column in effect.T], axis=1)
    mean = np.nanmean(at_sites, axis=0)
    return Effect(edges, effect - mean, at_sites - mean, count)
