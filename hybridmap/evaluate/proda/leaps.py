"""Proposals of emcee that need no gradient, beside the trajectories: they follow a bent ridge from end to end.

Each is made from an archive of places near the posterior of the site that does not change within a round, so that no
chain learns from what it is judged by.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hybridmap.evaluate.proda.annealing import differences

Array = NDArray[np.float64]

WIDTHS = (0.2, 0.5)
"""Widths of the kernels about the places of the archive, as shares of its standard deviations."""
ANYWHERE = 0.05
"""Share of the leaps that end anywhere in the prior: the density of leaps then has no hole, and no chain is stuck."""
LEAST_VARIANCE = 1e-6
REDRAWN = 3.0
"""Parameters that are drawn anew at a time, on average."""
SHARES = (0.2, 1.0)
"""How much of a parameter is new."""


class Leap:
    """To a kernel about a place of the archive, wherever the chain is.

    Parameters
    ----------
    archive : array, shape (site, place, parameter)
        In normal quantiles.
    """

    def __init__(self, archive: Array) -> None:
        self.archive = archive
        offset = archive - archive.mean(axis=1, keepdims=True)
        covariance = np.einsum("sni,snj->sij", offset, offset) / offset.shape[1]
        self.factor = np.linalg.cholesky(covariance + LEAST_VARIANCE * np.eye(archive.shape[2]))
        self.volume = np.log(np.diagonal(self.factor, axis1=1, axis2=2)).sum(axis=1)[:, None]
        self.white = self._whitened(archive)

    def __call__(self, coordinates: Array, random: np.random.RandomState) -> tuple[Array, Array]:
        """Where to go from `coordinates` (walker, parameter), and the logarithm of the factor of its acceptance."""
        count, places, dimension = self.archive.shape
        start = coordinates.reshape(count, -1, dimension)
        shape = start.shape[:2]
        centre = self.archive[np.arange(count)[:, None], random.randint(places, size=shape)]
        noise = np.einsum("sij,scj->sci", self.factor, random.standard_normal(start.shape))
        end = centre + random.choice(WIDTHS, size=shape)[..., None] * noise
        is_anywhere = random.uniform(size=shape) < ANYWHERE
        end = np.where(is_anywhere[..., None], random.standard_normal(start.shape), end)
        return end.reshape(coordinates.shape), (self.log_density(start) - self.log_density(end)).ravel()

    def log_density(self, places: Array) -> Array:
        """Of ending at `places` (site, walker, parameter), but for a constant; (site, walker)."""
        dimension = places.shape[2]
        square = np.square(self._whitened(places)[:, :, None] - self.white[:, None]).sum(axis=3)
        near = [
            np.logaddexp.reduce(-0.5 * square / width**2, axis=2) - dimension * np.log(width) - self.volume
            for width in WIDTHS
        ]
        share = np.log((1.0 - ANYWHERE) / (len(WIDTHS) * square.shape[2]))
        anywhere = np.log(ANYWHERE) - 0.5 * np.square(places).sum(axis=2)
        return np.asarray(np.logaddexp.reduce([*(share + part for part in near), anywhere], axis=0))

    def _whitened(self, places: Array) -> Array:
        return np.asarray(np.linalg.solve(self.factor[:, None], places[..., None])[..., 0])


class Difference:
    """Along the difference of two places of the archive.

    Parameters
    ----------
    archive : array, shape (site, place, parameter)
        In normal quantiles.
    """

    def __init__(self, archive: Array) -> None:
        self.archive = archive

    def __call__(self, coordinates: Array, random: np.random.RandomState) -> tuple[Array, Array]:
        """Where to go from `coordinates` (walker, parameter), and 0: there and back are as probable."""
        start = coordinates.reshape(len(self.archive), -1, coordinates.shape[1])
        end = start + differences(start, self.archive, 1.0, random)
        return end.reshape(coordinates.shape), np.zeros(len(coordinates))


def redraw(coordinates: Array, random: np.random.RandomState) -> tuple[Array, Array]:
    """A few parameters drawn anew, in part, from the prior: what is not observed forgets where it was.

    Parameters
    ----------
    coordinates : array, shape (walker, parameter)
        Where chains are, in normal quantiles.
    random : RandomState
        Of emcee.

    Returns
    -------
    tuple of arrays
        Where to go, and the logarithm of the factor of its acceptance, which leaves the likelihood alone.
    """
    share = random.uniform(*SHARES, size=(len(coordinates), 1))
    is_new = random.uniform(size=coordinates.shape) < REDRAWN / coordinates.shape[1]
    mixed = np.sqrt(1.0 - share**2) * coordinates + share * random.standard_normal(coordinates.shape)
    end = np.where(is_new, mixed, coordinates)
    return end, 0.5 * (np.square(end) - np.square(coordinates)).sum(axis=1)
