"""How dense the sites are around a point: the distance within which there are several places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hybridmap.samples.clustered_regions import unit_vectors

EARTH_RADIUS_KM = 6371.0088
NEIGHBOURS = 5
"""Places within the distance: one site alone says little of the soils around it."""
Array = NDArray[np.float64]


class SiteDensity:
    """Places of sites to measure distances from, on the sphere.

    Parameters
    ----------
    points : array, shape (place, 3)
        On the unit sphere, as :func:`~hybridmap.samples.clustered_regions.unit_vectors` gives them.
    """

    def __init__(self, points: Array) -> None:
        self.points = points
        self._tree = cKDTree(points)

    @classmethod
    def of(cls, lon: Array, lat: Array) -> SiteDensity:
        """Of places in degrees."""
        return cls(unit_vectors(lon, lat))

    def distance_km(self, lon: Array, lat: Array) -> Array:
        """Distance [km] from points in degrees to their fifth nearest place, (point,); infinite with fewer places.

        Examples
        --------
        >>> sites = SiteDensity.of(np.arange(5.0), np.zeros(5))
        >>> sites.distance_km(np.array([0.0]), np.array([0.0])).round(1).tolist()
        [444.8]
        """
        if len(self.points) < NEIGHBOURS:
            return np.full(len(lon), np.inf)
        chord = self._tree.query(unit_vectors(lon, lat), k=[NEIGHBOURS])[0][:, 0]
        return np.asarray(2.0 * EARTH_RADIUS_KM * np.arcsin(np.minimum(0.5 * chord, 1.0)))
