"""Units dealt into folds of equal size, in sites and in the observations of every target."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.quantities import QUANTITIES


def target_shares(samples: pd.DataFrame, codes: NDArray[np.intp], units: int) -> NDArray[np.float64]:
    """Share of all observations of each target (and of all sites) that each unit holds, shape (unit, target + 1)."""
    columns = [
        samples[c].notna().to_numpy().astype(float) for c in (q.column for q in QUANTITIES.values()) if c in samples
    ]
    columns.append(np.ones(len(samples)))
    counts = np.stack([np.bincount(codes, weights=c, minlength=units) for c in columns], axis=1)
    return counts / np.maximum(counts.sum(axis=0), 1.0)


def deal(shares: NDArray[np.float64], folds: int, seed: int) -> NDArray[np.int64]:
    """Largest units first, each to the fold that is emptiest in what the unit holds; ties by the seed."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(shares))
    order = order[np.argsort(-shares[order].max(axis=1), kind="stable")]
    load = np.zeros((folds, shares.shape[1]))
    fold = np.empty(len(shares), dtype=int)
    for unit in order:
        share = shares[unit]
        cost = (np.square(load + share) - np.square(load)).sum(axis=1)
        best = np.flatnonzero(cost <= cost.min() + 1e-15)
        fold[unit] = generator.choice(best)
        load[fold[unit]] += share
    return fold


def deal_groups(groups: pd.Series, folds: int, seed: int) -> NDArray[np.int64]:
    """Fold of each row, whole groups dealt at random, largest first to the emptiest fold."""
    codes = pd.factorize(groups, sort=True)[0]
    shares = np.bincount(codes)[:, None] / len(codes)
    return deal(shares, folds, seed)[codes]
