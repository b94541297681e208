"""How far points are from training sites: on the map, among the samples, and in cross-validation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hybridmap.covariates.cube import Cube

CELLS = 4000
"""Cells of the map that stand for all."""
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
