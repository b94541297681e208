"""Products and ratios of parameters that observations determine although the parameters themselves they do not."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

SHOWN = 8
"""Combinations that are listed, the best determined first."""
GAIN = 0.5
"""A combination counts where its spread is at most this share of what its parameters would give by themselves."""
DETERMINED = 0.5
"""... and at most this share of its spread before the observations."""


class Scales(NamedTuple):
    """How parameters become logarithms.

    Attributes
    ----------
    names : tuple of str
        Parameters.
    slope : array, shape (site, parameter)
        Change of the natural logarithm of a parameter for a change through its whole range.
    """

    names: tuple[str, ...]
    slope: Array


def determined(scales: Scales, covariance: ArrayLike, prior_sd: float) -> list[dict[str, object]]:
    """Pairs whose product or ratio is known better than they are.

    Parameters
    ----------
    scales : Scales
        Of the learned parameters.
    covariance : array_like, shape (site, parameter, parameter)
        Of positions after the observations.
    prior_sd : float
        Standard deviation of a position before them.

    Returns
    -------
    list of dict
        ``name`` such as ``k_ads/k_des``; ``sd`` of its natural logarithm at the median site; ``alone``, that of its two
        parameters if they were independent; ``before``, that before the observations.
    """
    slope = scales.slope
    logs = np.asarray(covariance, float) * slope[:, :, None] * slope[:, None, :]
    rows = []
    for a, b in combinations(range(len(scales.names)), 2):
        apart = logs[:, a, a] + logs[:, b, b]
        before = prior_sd * np.hypot(slope[:, a], slope[:, b])
        for sign, mark in ((1, "·"), (-1, "/")):
            sd = np.sqrt((apart + 2 * sign * logs[:, a, b]).clip(min=0))
            row = {"name": f"{scales.names[a]}{mark}{scales.names[b]}"}
            sizes = {"sd": sd, "alone": np.sqrt(apart), "before": before}
            row |= {key: float(np.median(values)) for key, values in sizes.items()}  # type: ignore[dict-item]
            rows.append(row)
    gained = [r for r in rows if r["sd"] <= GAIN * r["alone"] and r["sd"] <= DETERMINED * r["before"]]  # type: ignore[operator]
    return sorted(gained, key=lambda r: r["sd"] / r["alone"])[:SHOWN]  # type: ignore[operator,arg-type]


def directions(names: tuple[str, ...], rows: ArrayLike) -> list[dict[str, object]]:
    """Directions among parameters from the stiffest to the sloppiest, of the mean information of all observations.

    Parameters
    ----------
    names : tuple of str
        Parameters.
    rows : array_like, shape (observation, parameter)
        Of :class:`~hybridmap.diagnose.identifiability.sensitivity.Sensitivity`.

    Returns
    -------
    list of dict
        ``singular_value`` [standard deviations of an observation a range] and ``weights`` of the parameters.
    """
    matrix = np.asarray(rows, float)
    _, size, vectors = np.linalg.svd(matrix / np.sqrt(len(matrix)), full_matrices=False)
    return [
        {"singular_value": float(s), "weights": {n: round(float(w), 3) for n, w in zip(names, v, strict=True)}}
        for s, v in zip(size, vectors, strict=True)
    ]
