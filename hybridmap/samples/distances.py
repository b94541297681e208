"""How far places are from training sites: on the map, among the samples, and in cross-validation."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.stats import wasserstein_distance

from hybridmap.config import Split
from hybridmap.covariates.cube import Cube
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.samples.fold_assignment import deal, target_shares

LOG = logging.getLogger("hybridmap")
CELLS = 4000
"""Cells of the map that stand for all."""
Places = NDArray[np.float64]
Distances = NDArray[np.float64]


def prediction_places(cube: Cube, cells: int = CELLS) -> Places:
    """Centres of complete cells drawn from the map; ``x`` and ``y``, shape (cell, 2)."""
    valid = cube.valid_mask()
    rows, columns = np.nonzero(valid)
    # At random: a fixed step through the rows of a grid would make stripes.
    order = np.random.default_rng(0).permutation(len(rows))[:cells]
    return np.stack([cube.grid.x[columns[order]], cube.grid.y[rows[order]]], axis=1)


def to_samples(samples: Places, cells: Places) -> Distances:
    """From each cell of the map to the nearest sample, in units of the CRS."""
    return np.asarray(cKDTree(samples).query(cells)[0])


def among_samples(samples: Places) -> Distances:
    """From each sample to the nearest other place."""
    places = np.unique(samples, axis=0)
    return np.asarray(cKDTree(places).query(places, k=2)[0][:, 1])


def in_validation(samples: Places, fold: NDArray[np.int64]) -> Distances:
    """From each sample to the nearest one of another fold."""
    out = np.full(len(samples), np.nan)
    for k in np.unique(fold):
        out[fold == k] = cKDTree(samples[fold != k]).query(samples[fold == k])[0]
    return out


def matched_clusters(samples: pd.DataFrame, cells: Places, scheme: Split) -> pd.Series:
    """Clusters of places that, dealt into folds, put test sites as far from training as the map's cells are.

    Many cluster sizes are tried, from single places to one cluster a fold; the one whose distances in cross-validation
    are nearest to those of the map (Wasserstein distance) is taken. Where samples are spread evenly that is close to
    random, where they are clumped it is close to blocks.

    Parameters
    ----------
    samples : DataFrame
        ``group_id``, ``x``, ``y`` [units of the CRS], and the target columns.
    cells : array, shape (cell, 2)
        Places that the map will predict.
    scheme : Split
        Folds and seed.

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
    centre = samples.groupby("group_id", sort=True)[["x", "y"]].mean().to_numpy(float)
    wanted = to_samples(xy, cells)
    best, chosen = np.inf, np.zeros(len(places), dtype=int)
    for count in np.unique(np.geomspace(scheme.folds, len(places), 12).astype(int)):
        if count == len(places):
            label = np.arange(count)
        else:
            label = KMeans(int(count), n_init=1, random_state=scheme.seed, max_iter=50).fit(centre).labels_
        # Dealt as they will be, so that the distances are those of the folds.
        fold = deal(target_shares(samples, label[group], int(count)), scheme.folds, scheme.seed)[label[group]]
        off = float(wasserstein_distance(in_validation(xy, fold), wanted))
        LOG.info("split %s: %d clusters, distances off by %.4g", scheme.name, count, off)
        if off < best:
            best, chosen = off, label
    return pd.Series(chosen[group], index=samples.index).map("cluster {:05d}".format)


def distance_table(samples: pd.DataFrame, splits: pd.DataFrame, cube: Cube, grid: RegionGrid) -> dict[str, Distances]:
    """Distances [km] for the plot: on the map, among samples, and in each scheme of `splits`."""
    xy = samples[["x", "y"]].to_numpy(float)
    km = grid.metres_per_unit() / 1000.0
    out = {"map to samples": to_samples(xy, prediction_places(cube)) * km, "sample to sample": among_samples(xy) * km}
    for scheme, rows in splits.groupby("scheme", sort=False):
        fold = rows.set_index("site_id")["fold"].reindex(samples["site_id"]).to_numpy()
        out[f"test to training: {scheme}"] = in_validation(xy, fold) * km
    return out
