"""Scores from sums over blocks: thousands of resamples of whole blocks cost one product of matrices.

Every score of the ladder is a function of a few sums over sites. A resample draws blocks with replacement, so its sums
are the blocks' sums times how often each was drawn; two models scored on one table of draws are paired.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FEWEST_BLOCKS = 20
"""Blocks below which no range is given and nothing is claimed."""
CHUNK = 100
"""Resamples that are drawn at once, so that many thousands of blocks fit in memory."""
TINY = 1e-12
"""A variance this small beside the squares that it is the difference of is the rounding of a constant."""


@dataclass(frozen=True)
class Pairs:
    """Predictions beside observations, all finite.

    Attributes
    ----------
    predicted, observed : array, shape (site,)
        In one unit.
    block : array of int, shape (site,)
        Number of the block of each site.
    """

    predicted: Array
    observed: Array
    block: NDArray[np.int64]


@dataclass(frozen=True)
class BlockSums:
    """Sums of one model over the sites of every block.

    Attributes
    ----------
    sums : array, shape (block, term)
        Of a pair: number, prediction, observation, their squares and product, after `shift` was subtracted.
    shift : float
        About the mean of the observations, so that squares lose no digits.
    """

    sums: Array
    shift: float = 0.0

    @classmethod
    def of(cls, pairs: Pairs, blocks: int) -> BlockSums:
        """Sums of `pairs` over `blocks` blocks."""
        shift = float(pairs.observed.mean()) if pairs.observed.size else 0.0
        p, o = pairs.predicted - shift, pairs.observed - shift
        terms = (np.ones_like(p), p, o, p * p, o * o, p * o)
        return cls(np.stack([np.bincount(pairs.block, term, blocks) for term in terms], axis=1), shift)


@dataclass(frozen=True)
class _Moments:
    """Moments of one or many resamples, each an array (resample,)."""

    mean_p: Array
    mean_o: Array
    variance_p: Array
    variance_o: Array
    covariance: Array

    @classmethod
    def of(cls, sums: Array, shift: float) -> _Moments:
        n, p, o, pp, oo, po = np.moveaxis(sums, -1, 0)
        n = np.where(n > 0, n, np.nan)
        p, o, pp, oo = p / n, o / n, pp / n, oo / n
        return cls(p + shift, o + shift, _variance(pp, p), _variance(oo, o), po / n - p * o)

    @property
    def r(self) -> Array:
        """Pearson correlation; 0 for a constant prediction, NaN for constant observations."""
        scatter = np.sqrt(self.variance_p * self.variance_o)
        r = np.divide(self.covariance, scatter, out=np.zeros_like(scatter), where=scatter > 0)
        return np.where(self.variance_o > 0, r, np.nan)

    @property
    def squared_error(self) -> Array:
        """Mean squared error."""
        bias = self.mean_p - self.mean_o
        return np.asarray(np.maximum(self.variance_p + self.variance_o - 2.0 * self.covariance, 0.0) + bias**2)


def _variance(mean_of_squares: Array, mean: Array) -> Array:
    variance = mean_of_squares - mean**2
    return np.where(variance > TINY * mean_of_squares, variance, 0.0)


def _ratio(numerator: Array, denominator: Array) -> Array:
    return np.divide(numerator, denominator, out=np.full_like(denominator, np.nan), where=denominator != 0)


def _nse(m: _Moments) -> Array:
    return 1.0 - _ratio(m.squared_error, m.variance_o)


def _kge(m: _Moments) -> Array:
    is_stable = np.abs(m.mean_o) >= 1e-8 * np.sqrt(m.variance_o)
    beta = np.where(is_stable, _ratio(m.mean_p, m.mean_o), np.nan)
    alpha = np.sqrt(_ratio(m.variance_p, m.variance_o))
    return np.asarray(1.0 - np.sqrt((m.r - 1.0) ** 2 + (alpha - 1.0) ** 2 + (beta - 1.0) ** 2))


def _ccc(m: _Moments) -> Array:
    return _ratio(2.0 * m.covariance, m.variance_p + m.variance_o + (m.mean_p - m.mean_o) ** 2)


PAIR_SCORES: Mapping[str, Callable[[_Moments], Array]] = {
    "pearson": lambda m: m.r,
    "nse": _nse,
    "kge": _kge,
    "ccc": _ccc,
    "rmse": lambda m: np.sqrt(m.squared_error),
}
"""Scores of pairs by name, as in :mod:`hybridmap.evaluate.metrics`."""


def pair_score(name: str, sums: Array, shift: float) -> Array:
    """One score from sums of pairs.

    Parameters
    ----------
    name : str
        A key of :data:`PAIR_SCORES`.
    sums : array, shape (resample, 6)
        As in :class:`BlockSums`, summed over blocks.
    shift : float
        What was subtracted from predictions and observations.

    Returns
    -------
    array, shape (resample,)
        NaN where the score is undefined.
    """
    return PAIR_SCORES[name](_Moments.of(sums, shift))


def resampled_sums(sums: Array, resamples: int, seed: int) -> Array:
    """Sums of resamples that draw as many blocks as there are, with replacement.

    Parameters
    ----------
    sums : array, shape (block, term)
        Sums of every block; sums of several models side by side are resampled together.
    resamples : int
        How many.
    seed : int
        Same seed and number of blocks, same draws.

    Returns
    -------
    array, shape (resample, term)
        Sums of each.
    """
    random, blocks = np.random.default_rng(seed), len(sums)
    parts = [np.empty((0, sums.shape[1]))]
    for start in range(0, resamples, CHUNK):
        draws = random.integers(0, blocks, size=(min(CHUNK, resamples - start), blocks))
        offsets = np.arange(len(draws))[:, None] * blocks
        counts = np.bincount((draws + offsets).ravel(), minlength=draws.size).reshape(draws.shape)
        parts.append(counts.astype(float) @ sums)
    return np.concatenate(parts)
