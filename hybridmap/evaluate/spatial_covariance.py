"""How errors at two places go together, learned from their means over squares of many sizes.

A variogram of residuals hides what regions share: a few soils rich in carbon make it noisy, and a twentieth of the
variance that reaches over 200 km decides the error of a district. Squared mean errors of squares see it: each is the
sum of nugget and sills times what the geometry of its sites says, so they are fitted by least squares without negative
numbers (a restricted variance-component fit).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]
EARTH_KM = 6371.0
MOST_PLACES = 200
"""Sites that stand for a set of them."""
MOST_SQUARES = 300
"""Squares of one size."""
SHORTEST_KM, RANGES = 3.0, 8
"""Shortest range, and number of ranges that are offered."""
ROUNDS = 8
"""Fits, each weighted by the last."""
MOST_DEVIATIONS = 4.0
"""A mean error beyond counts as this many: one field must not rule the variance of all."""


class Covariance(NamedTuple):
    """Exponential models of covariance on top of each other.

    Attributes
    ----------
    nugget : float
        Variance of what no two places share: soils within a cell, and measurement.
    sills : tuple of float
        Variance of what neighbours share, of each range.
    ranges_km : tuple of float
        Distances at which 1/e of that is left.
    """

    nugget: float
    sills: tuple[float, ...]
    ranges_km: tuple[float, ...]

    def variance(self, places: Array, weights: Array) -> float:
        """Variance of a weighted mean over places.

        Parameters
        ----------
        places : array, shape (place, 3)
            As :func:`places_of` [km].
        weights : array, shape (place,)
            Need not add up to 1.

        Returns
        -------
        float
            Mean covariance of all pairs; the nugget enters each place by itself, and vanishes with their number.
        """
        return float(geometry(places, weights, np.array(self.ranges_km)) @ [self.nugget, *self.sills])


class Means(NamedTuple):
    """Mean errors of some sets of sites, and the geometry of the sets.

    Attributes
    ----------
    error : array, shape (set,)
        Mean error over mean scale.
    geometry : array, shape (set, 1 + range)
        What nugget and sills are multiplied by.
    """

    error: Array
    geometry: Array


def places_of(lon: ArrayLike, lat: ArrayLike) -> Array:
    """Places on a sphere [km], so that distances between them are straight; (place, 3)."""
    east, north = np.radians(np.asarray(lon, float)), np.radians(np.asarray(lat, float))
    return EARTH_KM * np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], axis=1)


def geometry(places: Array, weights: Array, ranges_km: Array) -> Array:
    """Factors of nugget and sills in the variance of a weighted mean.

    Parameters
    ----------
    places : array, shape (place, 3)
        As :func:`places_of` [km].
    weights : array, shape (place,)
        Need not add up to 1.
    ranges_km : array, shape (range,)
        Of the exponential models.

    Returns
    -------
    array, shape (1 + range,)
        From 0 to 1.

    Examples
    --------
    >>> geometry(np.zeros((2, 3)), np.ones(2), np.array([10.0])).tolist()
    [0.5, 1.0]
    """
    shares = weights / weights.sum()
    distance = cdist(places, places)
    shared = [float(shares @ np.exp(-distance / range_km) @ shares) for range_km in ranges_km]
    return np.array([float(shares @ shares), *shared])


def offered_ranges(places: Array) -> Array:
    """Ranges [km] from 3 km to half the extent of the places; (range,)."""
    extent = float(np.ptp(places, axis=0).max(initial=0.0))
    return np.geomspace(SHORTEST_KM, max(0.5 * extent, 2.0 * SHORTEST_KM), RANGES)


def set_means(places: Array, errors: Array, scales: Array, sets: list[NDArray[np.int64]], ranges_km: Array) -> Means:
    """Mean errors of sets of sites.

    Parameters
    ----------
    places : array, shape (site, 3)
        As :func:`places_of` [km].
    errors, scales : array, shape (site,)
        Observed less predicted, and the scale of the interval there, in one unit.
    sets : list of array of int
        Sites of each set; of more than 200 a seeded sample is taken.
    ranges_km : array, shape (range,)
        As :func:`offered_ranges`.

    Returns
    -------
    Means
    """
    random = np.random.default_rng(0)
    sets = [s if len(s) <= MOST_PLACES else random.choice(s, MOST_PLACES, replace=False) for s in sets]
    means = np.array([errors[s].mean() / scales[s].mean() for s in sets])
    shapes = [geometry(places[s], scales[s], ranges_km) for s in sets]
    return Means(means, np.reshape(shapes, (len(sets), 1 + len(ranges_km))))


def squares(lon: Array, lat: Array, edge_km: float) -> NDArray[np.int64]:
    """Number of the square in which each place lies, of equal areas.

    Parameters
    ----------
    lon, lat : array, shape (site,)
        Degrees.
    edge_km : float
        Edge of a square [km].

    Returns
    -------
    array of int, shape (site,)
        From 0.

    Examples
    --------
    >>> squares(np.array([0.0, 0.1, 5.0]), np.array([50.0, 50.0, 50.0]), 100.0).tolist()
    [0, 0, 1]
    """
    # Sinusoidal about the middle.
    x = EARTH_KM * np.radians(lon - np.mean(lon)) * np.cos(np.radians(lat))
    index = np.floor(np.stack([x - x.min(), EARTH_KM * np.radians(lat - lat.min())], axis=1) / edge_km)
    return np.unique(index, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def members_of(codes: NDArray[np.int64], fewest: int) -> list[NDArray[np.int64]]:
    """Sites of each set that has enough of them."""
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    return [part for part in parts if len(part) >= fewest]


def many_sets(lon: Array, lat: Array, ranges_km: Array) -> list[NDArray[np.int64]]:
    """Single sites, and squares of every size that hold two sites or more.

    Parameters
    ----------
    lon, lat : array, shape (site,)
        Degrees.
    ranges_km : array, shape (range,)
        Edges of the squares [km].

    Returns
    -------
    list of array of int
        Sites of each; at most 300 sets of one size.
    """
    random = np.random.default_rng(0)

    def thinned(sets: list[NDArray[np.int64]]) -> Iterator[NDArray[np.int64]]:
        numbers = random.choice(len(sets), min(len(sets), MOST_SQUARES), replace=False)
        return (sets[k] for k in np.sort(numbers))

    sizes: list[list[NDArray[np.int64]]] = [[np.array([k]) for k in range(len(lon))]]
    sizes += [members_of(squares(lon, lat, float(edge)), fewest=2) for edge in ranges_km]
    return [members for sets in sizes for members in thinned(sets)]


def fit_covariance(means: Means, centre: float, ranges_km: Array) -> Covariance:
    """Fit nugget and sills to squared mean errors.

    Parameters
    ----------
    means : Means
        Of sets of many sizes.
    centre : float
        Mean error of all, on the same scale.
    ranges_km : array, shape (range,)
        As :func:`offered_ranges`.

    Returns
    -------
    Covariance
        Never negative; of the ranges those with a sill are left.
    """
    from scipy.optimize import nnls

    squared = (means.error - centre) ** 2
    fit = np.full(1 + len(ranges_km), float(np.median(squared / means.geometry.mean(1))) / (1 + len(ranges_km)))
    for _ in range(ROUNDS):
        variance = means.geometry @ fit
        if not (variance > 0).all():
            break
        target = np.minimum(squared, MOST_DEVIATIONS**2 * variance)
        fit = nnls(means.geometry / variance[:, None], target / variance)[0]
    sills = [(float(sill), float(r)) for sill, r in zip(fit[1:], ranges_km, strict=True) if sill > 0]
    return Covariance(float(fit[0]), tuple(s for s, _ in sills), tuple(r for _, r in sills))
