"""Whether trainings agree on parameters, and whether their differences cancel in what they predict."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridmap.diagnose.identifiability.sensitivity import Sensitivity

Array = NDArray[np.float64]

FLAT = 1e-6
"""Standard deviation over the sites, as a share of the range, below which a map has no pattern."""

FEWEST_RUNS = 2
"""Trainings that can be compared."""
MOST_VARIANCE = 0.9
"""Share of the variance of parameter maps that the counted patterns hold."""


def spread(positions: ArrayLike) -> Array:
    """Standard deviation over trainings.

    Parameters
    ----------
    positions : array_like, shape (run, site, parameter)
        Shares of the range.

    Returns
    -------
    array, shape (site, parameter)
        Shares of the range; NaN with fewer than :data:`FEWEST_RUNS` trainings.
    """
    runs = np.asarray(positions, float)
    if len(runs) < FEWEST_RUNS:
        return np.full(runs.shape[1:], np.nan)
    return np.asarray(runs.std(axis=0, ddof=1))


def compensation(jacobian: Sensitivity, changes: ArrayLike) -> float:
    """How much of what single parameters do to predictions is undone by the others.

    Parameters
    ----------
    jacobian : Sensitivity
        Of the observations.
    changes : array_like, shape (case, site, parameter)
        Of positions: of a training from the mean of all, or of a site from the mean of its map.

    Returns
    -------
    float
        1 - (mean square effect of all changes together) / (sum of the mean squares of each alone). Near 1 the
        parameters move against each other and predictions stay as they are; 0 where they do not know of each other;
        below 0 where they act in the same direction. NaN where nothing changes.

    Examples
    --------
    >>> one = Sensitivity(("a", "b"), 2, np.array([[1.0, 1.0]]), np.array([0]), np.array(["soc"]))
    >>> compensation(one, [[[0.1, -0.1]]]), compensation(one, [[[0.1, 0.0]]])
    (1.0, 0.0)
    """
    moved = np.asarray(changes, float)[:, jacobian.site]
    effects = moved * jacobian.rows
    alone = float(np.mean((effects**2).sum(axis=-1)))
    return 1.0 - float(np.mean(effects.sum(axis=-1) ** 2)) / alone if alone > 0 else float("nan")


def patterns(positions: ArrayLike) -> tuple[int, list[float]]:
    """Number of independent patterns among parameter maps, by principal components of their correlations.

    Parameters
    ----------
    positions : array_like, shape (site, parameter)
        Of neural parameters.

    Returns
    -------
    tuple
        Components that hold 90 % of the variance, and the share of each component. Parameters that do not vary are
        left out; 0 where none does.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 2.0, 3.0])
    >>> patterns(np.stack([x, -2 * x, 0 * x], axis=1))[0]
    1
    """
    values = np.asarray(positions, float)
    sd = values.std(axis=0)
    varying = values[:, sd > 0] / sd[sd > 0]
    if varying.shape[1] == 0:
        return 0, []
    size = np.linalg.svd(varying - varying.mean(axis=0), compute_uv=False) ** 2
    share = size / size.sum()
    return int(np.searchsorted(np.cumsum(share), MOST_VARIANCE - 1e-12) + 1), share.tolist()


def pattern_agreement(runs: Array) -> tuple[float, float, float]:
    """Whether trainings agree on the pattern of a map: each is held against every other as if that were the truth.

    A spread of a tenth of the range hides a slope that is wrong by half where the map itself spans little more.

    Parameters
    ----------
    runs : array, shape (run, site)
        Places in the range of one parameter, where it is kept.

    Returns
    -------
    tuple of float
        Lowest correlation, lowest and highest slope of all pairs; NaN with fewer than two runs or three sites, or a
        run without a pattern.

    Examples
    --------
    >>> pattern_agreement(np.array([[0.1, 0.2, 0.3], [0.1, 0.3, 0.5]]))
    (1.0, 0.5, 2.0)
    """
    if len(runs) < 2 or runs.shape[1] < 3 or (runs.std(axis=1) < FLAT).any():
        return float("nan"), float("nan"), float("nan")
    covariance = np.cov(runs)
    variance = np.diagonal(covariance)
    is_pair = ~np.eye(len(runs), dtype=bool)
    slopes = (covariance / variance)[is_pair]
    r = (covariance / np.sqrt(np.outer(variance, variance)))[is_pair]
    return round(float(r.min()), 4), round(float(slopes.min()), 4), round(float(slopes.max()), 4)
