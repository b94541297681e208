"""Folds that put test sites as far from training as the cells of the map are: nearest-neighbour distance matching."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.hierarchy import cut_tree, linkage
from scipy.stats import wasserstein_distance

from hybridmap.config import Split
from hybridmap.samples.distances import Points, prediction_distances, validation_distances
from hybridmap.samples.fold_assignment import TARGET_COLUMNS, assign_units, target_shares

LOG = logging.getLogger("hybridmap")
SIZES, SIZES_BY_MEANS = 100, 12
"""Numbers of clusters that are tried, by Ward's method and by k-means."""
MOST_LEAVES = 3000
"""Most places from which the tree of clusters is grown; of more, their means in that many groups."""
LARGEST_FOLD = 0.5
"""Most of all sites that one fold may hold."""
Labels = NDArray[np.int64]


class Folds(NamedTuple):
    """Fold and cluster of each site, and how far its distances are from those of the map, in units of the CRS."""

    fold: Labels
    cluster: Labels
    mismatch: float


class Sites(NamedTuple):
    """Sites by place: number of the place of each, all coordinates, and the mean coordinates of the places."""

    place: NDArray[np.intp]
    xy: Points
    centres: Points


def matched_folds(
    samples: pd.DataFrame, cells: Points, scheme: Split, columns: Sequence[str] = TARGET_COLUMNS
) -> Folds:
    """Folds of clusters whose distances in cross-validation are nearest to those of the map (Wasserstein distance).

    Many numbers of clusters are tried, from single places to one cluster a fold, and for each two ways to make folds
    of them: evenly full, or neighbours far apart. Where samples are spread evenly the result is close to random, where
    they are clumped it is close to blocks, and folds may differ in size.

    Parameters
    ----------
    samples : DataFrame
        ``group_id``, ``x``, ``y`` [units of the CRS], and the target columns.
    cells : array, shape (cell, 2)
        Points that the map will predict.
    scheme : Split
        Folds and seed.
    columns : sequence of str
        Columns of the targets; a fold holds some of each.

    Returns
    -------
    Folds

    Notes
    -----
    k-fold nearest-neighbour distance matching, Linnenbrink et al. 2024, doi 10.5194/gmd-17-5897-2024, with clusters by
    Ward's method as there; k-means and evenly full folds are ours.
    """
    place, names = pd.factorize(samples["group_id"], sort=True)
    centres = samples.groupby("group_id", sort=True)[["x", "y"]].mean().to_numpy(float)
    sites = Sites(np.asarray(place, np.int64), samples[["x", "y"]].to_numpy(float), centres)
    goal = prediction_distances(sites.xy, cells)
    best: Folds | None = None
    for cluster, fold in _candidates(samples, sites, scheme, columns):
        if best is not None and not _is_usable(target_shares(samples, fold, scheme.folds, columns)):
            continue
        mismatch = float(wasserstein_distance(validation_distances(sites.xy, fold), goal))
        if best is None or mismatch < best.mismatch:
            best = Folds(fold, cluster, mismatch)
    assert best is not None
    LOG.info(
        "split %s: %d clusters of %d places in %d folds of %s sites, distances off by %.4g",
        scheme.name, len(np.unique(best.cluster)), len(names), scheme.folds, np.bincount(best.fold).tolist(),
        best.mismatch,
    )  # fmt: skip
    return best


def _candidates(
    samples: pd.DataFrame, sites: Sites, scheme: Split, columns: Sequence[str]
) -> Iterator[tuple[Labels, Labels]]:
    """Cluster and fold of each site, the single places first."""
    for unit in _clusterings(sites.centres, scheme.folds, scheme.seed):
        cluster = unit[sites.place]
        shares = target_shares(samples, cluster, int(cluster.max()) + 1, columns)
        yield cluster, assign_units(shares, scheme.folds, scheme.seed)[cluster]
        if len(shares) < len(unit):
            yield cluster, spread_clusters(sites.xy, cluster, scheme.folds)


def _clusterings(centres: Points, folds: int, seed: int) -> Iterator[Labels]:
    """Cluster of each place: each by itself, then from many clusters to as many as folds."""
    from sklearn.cluster import KMeans

    yield np.arange(len(centres))
    for count in _counts(folds, len(centres) - 1, SIZES_BY_MEANS):
        label = KMeans(int(count), n_init=1, random_state=seed, max_iter=50).fit(centres).labels_
        yield np.unique(label, return_inverse=True)[1]
    leaf, leaves = _leaves(centres, seed)
    if len(leaves) <= folds:
        return
    counts = _counts(folds, len(leaves) - 1, SIZES)
    for column in cut_tree(linkage(leaves, "ward"), n_clusters=counts).T:
        yield np.asarray(column, np.int64)[leaf]


def _counts(fewest: int, most: int, sizes: int) -> Labels:
    """Numbers of clusters, closer together where few, the most clusters first."""
    return (
        np.unique(np.geomspace(fewest, most, sizes).round().astype(int))[::-1] if most >= fewest else np.empty(0, int)
    )


def _leaves(centres: Points, seed: int) -> tuple[Labels, Points]:
    """Leaf of each place, and the leaves' means."""
    if len(centres) <= MOST_LEAVES:
        return np.arange(len(centres)), centres
    from sklearn.cluster import MiniBatchKMeans

    label = MiniBatchKMeans(MOST_LEAVES, random_state=seed, n_init=1, batch_size=4096, max_iter=30).fit(centres).labels_
    leaf = np.unique(label, return_inverse=True)[1]
    count = np.bincount(leaf)
    return leaf, np.stack([np.bincount(leaf, weights=axis) / count for axis in centres.T], axis=1)


def spread_clusters(xy: Points, cluster: Labels, folds: int) -> Labels:
    """Fold of each site, neighbouring clusters in different folds.

    Clusters are taken along the direction in which sites spread most; one that fills a fold has it to itself, the
    others go to the remaining folds in turn.

    Parameters
    ----------
    xy : array, shape (site, 2)
        Coordinates in units of the CRS.
    cluster : array of int, shape (site,)
        Cluster of each site, from 0 without gaps.
    folds : int
        Number of folds.

    Returns
    -------
    array of int, shape (site,)
        From 0.

    Examples
    --------
    >>> xy = np.array([[0.0, 0], [1, 0], [2, 0], [3, 0], [9, 0], [9, 0], [9, 0]])
    >>> spread_clusters(xy, np.array([0, 1, 2, 3, 4, 4, 4]), folds=3).tolist()
    [1, 2, 1, 2, 0, 0, 0]
    """
    size = np.bincount(cluster)
    centred = xy - xy.mean(axis=0)
    along = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    order = np.argsort(np.bincount(cluster, weights=along) / size, kind="stable")
    fills_fold = size[order] >= len(xy) / folds
    alone = order[fills_fold][: folds - 1]
    shared = order[~np.isin(order, alone)]
    fold = np.empty(len(size), np.int64)
    fold[alone] = np.arange(len(alone))
    fold[shared] = len(alone) + np.arange(len(shared)) % (folds - len(alone))
    return np.asarray(fold[cluster])


def _is_usable(shares: NDArray[np.float64]) -> bool:
    """Whether each fold has some of all that was observed, and none more than half the sites."""
    is_observed = shares.sum(axis=0) > 0
    return bool((shares[:, is_observed] > 0).all() and shares[:, -1].max() <= LARGEST_FOLD)
