"""Units assigned to folds of equal size, in sites and in the observations of every target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.quantities import QUANTITIES

TARGET_COLUMNS = tuple(quantity.column for quantity in QUANTITIES.values())
"""Columns of the quantities of every region."""


def target_shares(
    samples: pd.DataFrame, codes: NDArray[np.intp], units: int, columns: Sequence[str] = TARGET_COLUMNS
) -> NDArray[np.float64]:
    """Share of all observations of each target, and of all sites, that each unit holds.

    Parameters
    ----------
    samples : DataFrame
        Observations; missing where not measured.
    codes : array of int, shape (site,)
        Number of the unit of each site.
    units : int
        How many units there are.
    columns : sequence of str
        Columns of the targets; those that are absent are left out.

    Returns
    -------
    array, shape (unit, target + 1)
        The last column is that of the sites.
    """
    weights = [samples[c].notna().to_numpy().astype(float) for c in columns if c in samples] + [np.ones(len(samples))]
    counts = np.stack([np.bincount(codes, weights=w, minlength=units) for w in weights], axis=1)
    return np.asarray(counts / np.maximum(counts.sum(axis=0), 1.0))


def assign_units(shares: NDArray[np.float64], folds: int, seed: int) -> NDArray[np.int64]:
    """Assign units to folds: the largest first, each to the fold that is emptiest in what the unit holds.

    Parameters
    ----------
    shares : array, shape (unit, column)
        Shares of each unit in whatever shall be even over folds, as :func:`target_shares`.
    folds, seed : int
        Number of folds; seed that decides between equals.

    Returns
    -------
    array of int, shape (unit,)
        Fold of each unit, from 0.
    """
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(shares))
    order = order[np.argsort(-shares[order].max(axis=1), kind="stable")]
    load = np.zeros((folds, shares.shape[1]))
    fold = np.empty(len(shares), dtype=int)
    for unit in order:
        share = shares[unit]
        cost = (np.square(load + share) - np.square(load)).sum(axis=1)
        cheapest = np.flatnonzero(cost <= cost.min() + 1e-15)
        fold[unit] = generator.choice(cheapest)
        load[fold[unit]] += share
    return fold


def assign_groups(groups: pd.Series, folds: int, seed: int) -> NDArray[np.int64]:
    """Assign rows to folds, groups as a whole, in any order of groups of one size.

    Parameters
    ----------
    groups : Series, shape (row,)
        Group of each row.
    folds, seed : int
        Number of folds; seed that decides between equals.

    Returns
    -------
    array of int, shape (row,)
        Fold of each row, from 0.

    Examples
    --------
    >>> fold = assign_groups(pd.Series(["a", "a", "b", "b", "c", "c"]), folds=3, seed=0)
    >>> bool((fold[::2] == fold[1::2]).all()), sorted(set(fold.tolist()))
    (True, [0, 1, 2])
    """
    codes = pd.factorize(groups, sort=True)[0]
    shares = np.bincount(codes)[:, None] / len(codes)
    return assign_units(shares, folds, seed)[codes]
