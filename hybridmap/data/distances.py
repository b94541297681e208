"""How far places are from training sites: on the map, among the samples, and in cross-validation."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.stats import wasserstein_distance

from hybridmap.config import Split
from hybridmap.data.cube import Cube
from hybridmap.data.grid import RegionGrid

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
        ``group_id``, ``x``, ``y``.
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

    place = samples.groupby("group_id", sort=True)[["x", "y"]].mean()
    xy = place.to_numpy(float)
    wanted = to_samples(samples[["x", "y"]].to_numpy(float), cells)
    counts = np.unique(np.geomspace(scheme.folds, len(xy), 12).astype(int))
    best: tuple[float, NDArray[np.int64]] | None = None
    for count in counts:
        if count >= len(xy):
            label = np.arange(len(xy))
        else:
            label = KMeans(int(count), n_init=1, random_state=scheme.seed, max_iter=50).fit(xy).labels_
        fold = _dealt(label, scheme)
        if len(np.unique(fold)) < scheme.folds:
            continue
        off = float(wasserstein_distance(in_validation(xy, fold), wanted))
        LOG.info("split %s: %d clusters, distances off by %.4g", scheme.name, count, off)
        if best is None or off < best[0]:
            best = off, label
    assert best is not None
    chosen = pd.Series(best[1], index=place.index)
    return samples["group_id"].map(chosen).map("cluster {:05d}".format)


def _dealt(label: NDArray[np.int64], scheme: Split) -> NDArray[np.int64]:
    """Clusters dealt into folds, the largest first to the emptiest fold."""
    size = np.bincount(label)
    order = np.random.default_rng(scheme.seed).permutation(len(size))
    order = order[np.argsort(-size[order], kind="stable")]
    load, fold = np.zeros(scheme.folds), np.empty(len(size), dtype=int)
    for cluster in order:
        fold[cluster] = int(load.argmin())
        load[fold[cluster]] += size[cluster]
    return fold[label]


def distance_table(samples: pd.DataFrame, splits: pd.DataFrame, cube: Cube, grid: RegionGrid) -> dict[str, Distances]:
    """Distances [km] for the plot: on the map, among samples, and in each scheme of `splits`."""
    xy = samples[["x", "y"]].to_numpy(float)
    km = grid.metres_per_unit() / 1000.0
    out = {"map to samples": to_samples(xy, prediction_places(cube)) * km, "sample to sample": among_samples(xy) * km}
    for scheme, rows in splits.groupby("scheme", sort=False):
        fold = rows.set_index("site_id")["fold"].reindex(samples["site_id"]).to_numpy()
        out[f"test to training: {scheme}"] = in_validation(xy, fold) * km
    return out
