"""How far points are from training sites: on the map, among the samples, and in cross-validation."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.stats import wasserstein_distance

from hybridmap.config import Split
from hybridmap.covariates.cube import Cube
from hybridmap.samples.fold_assignment import TARGET_COLUMNS, assign_units, target_shares

LOG = logging.getLogger("hybridmap")
CELLS = 4000
"""Cells of the map that stand for all."""
SIZES = 12
"""Numbers of clusters that are tried."""
Points = NDArray[np.float64]
"""``x`` and ``y`` in units of the grid's CRS, shape (point, 2)."""
Distances = NDArray[np.float64]


def map_points(cube: Cube, cells: int = CELLS) -> Points:
    """Centres of complete cells drawn from the map."""
    rows, columns = np.nonzero(cube.valid_mask())
    # At random: a fixed step through the rows of a grid would make stripes.
    order = np.random.default_rng(0).permutation(len(rows))[:cells]
    return np.stack([cube.grid.x[columns[order]], cube.grid.y[rows[order]]], axis=1)


def prediction_distances(samples: Points, cells: Points) -> Distances:
    """From each cell of the map to the nearest sample, in units of the CRS.

    Examples
    --------
    >>> prediction_distances(np.array([[0.0, 0.0], [10.0, 0.0]]), np.array([[3.0, 4.0], [10.0, 1.0]]))
    array([5., 1.])
    """
    return np.asarray(cKDTree(samples).query(cells)[0])


def sample_distances(samples: Points) -> Distances:
    """From each place of samples to the nearest other place."""
    places = np.unique(samples, axis=0)
    return np.asarray(cKDTree(places).query(places, k=2)[0][:, 1])


def validation_distances(samples: Points, fold: NDArray[np.int64]) -> Distances:
    """From each sample to the nearest one of another fold."""
    distances = np.full(len(samples), np.nan)
    for k in np.unique(fold):
        distances[fold == k] = cKDTree(samples[fold != k]).query(samples[fold == k])[0]
    return distances


def matched_clusters(
    samples: pd.DataFrame, cells: Points, scheme: Split, columns: Sequence[str] = TARGET_COLUMNS
) -> pd.Series:
    """Clusters of places that, assigned to folds, put test sites as far from training as the map's cells are.

    Many cluster sizes are tried, from single places to one cluster a fold; the one whose distances in cross-validation
    are nearest to those of the map (Wasserstein distance) is taken. Where samples are spread evenly that is close to
    random, where they are clumped it is close to blocks.

    Parameters
    ----------
    samples : DataFrame
        ``group_id``, ``x``, ``y`` [units of the CRS], and the target columns.
    cells : array, shape (cell, 2)
        Points that the map will predict.
    scheme : Split
        Folds and seed.
    columns : sequence of str
        Columns of the targets, of which every fold shall hold as much.

    Returns
    -------
    Series of str
        Cluster of each sample.

    Notes
    -----
    k-fold nearest-neighbour distance matching, Linnenbrink et al. 2024, doi 10.5194/gmd-17-5897-2024.
    """
    from sklearn.cluster import KMeans

    group, places = pd.factorize(samples["group_id"], sort=True)
    xy = samples[["x", "y"]].to_numpy(float)
    centres = samples.groupby("group_id", sort=True)[["x", "y"]].mean().to_numpy(float)
    goal = prediction_distances(xy, cells)
    least, clusters = np.inf, np.zeros(len(places), dtype=int)
    for count in np.unique(np.geomspace(scheme.folds, len(places), SIZES).astype(int)):
        if count == len(places):
            labels = np.arange(count)
        else:
            labels = KMeans(int(count), n_init=1, random_state=scheme.seed, max_iter=50).fit(centres).labels_
        # Assigned as they will be, so that the distances are those of the folds.
        shares = target_shares(samples, labels[group], int(count), columns)
        fold = assign_units(shares, scheme.folds, scheme.seed)[labels[group]]
        mismatch = float(wasserstein_distance(validation_distances(xy, fold), goal))
        LOG.info("split %s: %d clusters, distances off by %.4g", scheme.name, count, mismatch)
        if mismatch < least:
            least, clusters = mismatch, labels
    return pd.Series(clusters[group], index=samples.index).map("cluster {:05d}".format)


def distance_table(samples: pd.DataFrame, splits: pd.DataFrame, cube: Cube) -> dict[str, Distances]:
    """Distances for the plot: on the map, among samples, and in each scheme.

    Parameters
    ----------
    samples : DataFrame
        ``site_id``, ``x`` and ``y`` [units of the grid's CRS].
    splits : DataFrame
        ``site_id``, ``scheme`` and ``fold``.
    cube : Cube
        For the cells of the map.

    Returns
    -------
    dict of str to array
        What from and to, in words → distances [km].
    """
    xy = samples[["x", "y"]].to_numpy(float)
    km = cube.grid.metres_per_unit() / 1000.0
    table = {
        "map to samples": prediction_distances(xy, map_points(cube)) * km,
        "sample to sample": sample_distances(xy) * km,
    }
    for scheme, rows in splits.groupby("scheme", sort=False):
        fold = rows.set_index("site_id")["fold"].reindex(samples["site_id"]).to_numpy()
        table[f"test to training: {scheme}"] = validation_distances(xy, fold) * km
    return table
