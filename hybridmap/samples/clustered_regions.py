"""Contiguous regions made of the places of the sites alone, on the sphere, whatever the CRS of the grid."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.errors import HybridmapError

STARTS = 10
"""Clusterings that start elsewhere; the most compact one is taken."""


def unit_vectors(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points on the unit sphere, (point, 3), of degrees.

    Examples
    --------
    >>> unit_vectors(np.array([0.0, 90.0]), np.array([0.0, 0.0])).round(3).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    along, up = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(up) * np.cos(along), np.cos(up) * np.sin(along), np.sin(up)], axis=1)


def places_of(samples: pd.DataFrame) -> pd.DataFrame:
    """Mean ``lon`` and ``lat`` of every place, indexed by ``group_id``.

    Raises
    ------
    HybridmapError
        If a sample has no coordinates.
    """
    absent = [column for column in ("lon", "lat") if column not in samples or samples[column].isna().any()]
    if absent:
        raise HybridmapError(
            f"regions need the coordinates of every site; samples lack {absent[0]}; give it in the observations."
        )
    return samples.groupby("group_id", sort=True)[["lon", "lat"]].mean()


def clustered_regions(samples: pd.DataFrame, count: int, seed: int = 0) -> NDArray[np.int64]:
    """Region of each sample: clusters of the places, each place counting once.

    Parameters
    ----------
    samples : DataFrame
        ``group_id``, ``lon`` and ``lat`` [degrees].
    count : int
        Number of regions; fewer where there are fewer places.
    seed : int
        Same seed, same regions.

    Returns
    -------
    array of int, shape (site,)
        From 0.

    Raises
    ------
    HybridmapError
        If a sample has no coordinates.
    """
    from sklearn.cluster import KMeans

    places = places_of(samples)
    points = unit_vectors(places["lon"].to_numpy(float), places["lat"].to_numpy(float))
    count = min(count, len(np.unique(points.round(9), axis=0)))
    region = KMeans(count, random_state=seed, n_init=STARTS).fit_predict(points)
    return pd.Series(region, index=places.index)[samples["group_id"]].to_numpy("int64")
