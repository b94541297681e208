"""Where further samples would make a map most certain: places ranked by what each takes from the expected error.

A Gaussian process says how much a sample tells about other places: its correlation falls with the distance in weighted
covariates and on the ground, at rates that fit the samples there are. Places are chosen one by one, each the one that
lowers the expected squared error of the whole map most after those before it (Cohn 1996, active learning by variance
reduction).
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
FEATURE_RANGES = (0.25, 0.5, 1.0, 2.0)
"""In mean distances of samples in weighted covariates."""
GROUND_RANGES = (0.02, 0.1, 0.4, 2.0)
"""In shares of the extent of the samples."""
NOISES = (0.2, 0.4, 0.6, 0.8)
"""Shares of the variance that no other place tells."""
FIT_SITES, MOST_SITES = 400, 1500
"""Samples that the ranges are fitted to, and that count as there."""
JITTER = 1e-8


class Points(NamedTuple):
    """Places of samples or cells.

    Attributes
    ----------
    features : array, shape (place, feature)
        Weighted covariates; distances between them count.
    ground_km : array, shape (place, 2 or 3)
        Coordinates [km].
    """

    features: Array
    ground_km: Array

    def part(self, members: Numbers) -> Points:
        """Some of them."""
        return Points(self.features[members], self.ground_km[members])


class Likeness(NamedTuple):
    """How much two places have in common.

    Attributes
    ----------
    feature_range : float
        Distance in weighted covariates at which 1/e is left.
    ground_range_km : float
        On the ground [km].
    noise : float
        Share of the variance of a sample that no other place tells.
    """

    feature_range: float
    ground_range_km: float
    noise: float

    def between(self, places: Points, further: Points) -> Array:
        """Covariance of what places share, in shares of the variance of a sample, (place, place)."""
        apart = cdist(places.features, further.features) / self.feature_range
        apart += cdist(places.ground_km, further.ground_km) / self.ground_range_km
        return np.asarray((1.0 - self.noise) * np.exp(-apart))


class RankedPlaces(NamedTuple):
    """Places in the order in which they help most.

    Attributes
    ----------
    place : array of int, shape (rank,)
        Which candidate.
    gain : array, shape (rank,)
        Share of the expected squared error of the map, before any of them, that it takes away after those before it.
    served : array of int, shape (cell,)
        Rank that helps each cell of the map most, or -1.
    """

    place: Numbers
    gain: Array
    served: Numbers


def fit_likeness(sites: Points, values: Array, seed: int = 0) -> Likeness:
    """Ranges and noise of the highest likelihood.

    Parameters
    ----------
    sites : Points
        Samples.
    values : array, shape (site,)
        What was observed, on a scale on which errors are alike; finite.
    seed : int
        Of the 400 that many samples are thinned to.

    Returns
    -------
    Likeness
        The most noise, and so the least to be told, where all values are the same.
    """
    random = np.random.default_rng(seed)
    members = np.sort(random.permutation(len(values))[:FIT_SITES])
    sites, values = sites.part(members), values[members]
    apart = cdist(sites.features, sites.features)
    mean_apart = float(apart.mean()) or 1.0
    extent_km = float(np.ptp(sites.ground_km, axis=0).max()) or 1.0
    offered = [
        Likeness(feature * mean_apart, ground * extent_km, noise)
        for feature, ground, noise in itertools.product(FEATURE_RANGES, GROUND_RANGES, NOISES)
    ]
    spread = float(values.std())
    if spread == 0.0:
        return offered[-1]
    scaled = (values - values.mean()) / spread
    return max(offered, key=lambda likeness: _log_likelihood(likeness, sites, scaled))


def _log_likelihood(likeness: Likeness, sites: Points, values: Array) -> float:
    covariance = likeness.between(sites, sites) + (likeness.noise + JITTER) * np.eye(len(values))
    root = np.linalg.cholesky(covariance)
    whitened = solve_triangular(root, values, lower=True)
    return float(-0.5 * len(values) * np.log(whitened @ whitened) - np.log(np.diag(root)).sum())


def rank_places(
    sites: Points,
    candidates: Points,
    cells: Points,
    weights: Array,
    likeness: Likeness,
    count: int,
    spacing_km: float = 0.0,
) -> RankedPlaces:
    """Rank places by what a sample there would take from the expected squared error of a map.

    Parameters
    ----------
    sites : Points
        Samples that there are.
    candidates : Points
        Places that could be sampled.
    cells : Points
        Cells that stand for the map.
    weights : array, shape (cell,)
        Area times squared expected error of each cell.
    likeness : Likeness
        As :func:`fit_likeness`.
    count : int
        Places to choose, at most as many as there are candidates.
    spacing_km : float
        Distance [km] below which places chosen before push a candidate back; 0 for none.

    Returns
    -------
    RankedPlaces
    """
    sites = sites.part(np.sort(np.random.default_rng(0).permutation(len(sites.features))[:MOST_SITES]))
    root = np.linalg.cholesky(likeness.between(sites, sites) + (likeness.noise + JITTER) * np.eye(len(sites.features)))
    of_candidates = solve_triangular(root, likeness.between(sites, candidates), lower=True)
    of_cells = solve_triangular(root, likeness.between(sites, cells), lower=True)
    to_cells = likeness.between(cells, candidates) - of_cells.T @ of_candidates
    mutual = likeness.between(candidates, candidates) - of_candidates.T @ of_candidates
    untold = weights @ np.maximum(1.0 - likeness.noise - (of_cells**2).sum(0), JITTER)
    picks, gains = np.zeros(0, np.int64), []
    best, served = np.zeros(len(weights)), np.full(len(weights), -1, np.int64)
    push = np.ones(len(candidates.features))
    for rank in range(min(count, len(candidates.features))):
        variance = np.maximum(np.diag(mutual), JITTER) + likeness.noise
        gain = push * (weights @ to_cells**2) / variance
        gain[picks] = -1.0
        place = int(gain.argmax())
        help_of_place = to_cells[:, place] ** 2 / variance[place]
        gains.append(float(weights @ help_of_place / untold))
        is_better = help_of_place > best
        best, served = np.where(is_better, help_of_place, best), np.where(is_better, rank, served)
        row, column = mutual[:, place].copy(), to_cells[:, place].copy()
        to_cells -= np.outer(column, row) / variance[place]
        mutual -= np.outer(row, row) / variance[place]
        picks = np.append(picks, place)
        if spacing_km > 0:
            away_km = cdist(candidates.ground_km, candidates.ground_km[place : place + 1])[:, 0]
            push *= 1.0 - np.exp(-away_km / spacing_km)
    return RankedPlaces(picks, np.array(gains), served)
