"""Places on the ground: which coordinates are one, by distance."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

EARTH_RADIUS_M = 6_371_000.0
SAME_PLACE_M = 20.0
"""Coordinates within this distance are one place, and so are chains of them; more than four decimals of a degree."""


def distances_m(
    lon: NDArray[np.float64], lat: NDArray[np.float64], to_lon: NDArray[np.float64], to_lat: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distances between pairs of points along the chord [m], shape (point,).

    Parameters
    ----------
    lon, lat : array, shape (point,)
        The one [degrees].
    to_lon, to_lat : array, shape (point,)
        The other [degrees].

    Returns
    -------
    array, shape (point,)
    """
    return np.asarray(np.linalg.norm(_on_sphere(lon, lat) - _on_sphere(to_lon, to_lat), axis=1), np.float64)


def same_places(lon: pd.Series, lat: pd.Series) -> pd.Series:
    """Number of the place of each point: points within 20 m, and whatever these link, are one.

    Examples
    --------
    1.4 m apart, on both sides of a rounded decimal; the third is 200 m away.

    >>> import pandas as pd
    >>> same_places(pd.Series([10.00004, 10.00006, 10.003]), pd.Series([50.0, 50.0, 50.0])).tolist()
    [0, 0, 1]
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    points, index = np.unique(np.column_stack([lon, lat]).astype(float), axis=0, return_inverse=True)
    pairs = cKDTree(_on_sphere(points[:, 0], points[:, 1])).query_pairs(SAME_PLACE_M, output_type="ndarray")
    links = (np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1]))
    place = connected_components(coo_matrix(links, shape=(len(points), len(points))), directed=False)[1]
    return pd.Series(pd.factorize(place[index.reshape(-1)])[0], index=lon.index)


def _on_sphere(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points [m] on the sphere, shape (point, 3)."""
    east, north = np.radians(lon), np.radians(lat)
    along = np.cos(north)
    return EARTH_RADIUS_M * np.column_stack([along * np.cos(east), along * np.sin(east), np.sin(north)])
