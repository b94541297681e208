"""Products and ratios of parameters that observations determine although the parameters themselves they do not."""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

LISTED = 8
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


def determined(scales: Scales, covariance: ArrayLike, prior_sd: float, rows: ArrayLike) -> list[dict[str, Any]]:
    """Products of powers of parameters that are known better than the parameters are.

    Ratios and products of two are tried, and the stiffest directions of the observations with exponents rounded to
    halves, as a name should be short.

    Parameters
    ----------
    scales : Scales
        Of the learned parameters.
    covariance : array_like, shape (site, parameter, parameter)
        Of positions after the observations.
    prior_sd : float
        Standard deviation of a position before them.
    rows : array_like, shape (observation, parameter)
        Of :class:`~hybridmap.diagnose.identifiability.sensitivity.Sensitivity`.

    Returns
    -------
    list of dict
        ``name`` such as ``k_ads/k_des``; ``sd`` of its natural logarithm at the median site; ``alone``, what it would
        be if parameters were independent; ``before``, that before the observations. The best determined first.
    """
    slope = scales.slope
    logs = np.asarray(covariance, float) * slope[:, :, None] * slope[:, None, :]
    variances = np.einsum("spp->sp", logs)
    listed: list[dict[str, Any]] = []
    for powers in _candidates(len(scales.names), np.median(slope, axis=0), np.asarray(rows, float)):
        sizes = {
            "sd": np.einsum("p,spq,q->s", powers, logs, powers),
            "alone": variances @ powers**2,
            "before": prior_sd**2 * (slope**2 @ powers**2),
        }
        row = {key: float(np.sqrt(np.median(values.clip(min=0)))) for key, values in sizes.items()}
        if row["sd"] <= min(GAIN * row["alone"], DETERMINED * row["before"]):
            listed.append({"name": monomial(scales.names, powers), **row})
    return sorted(listed, key=lambda row: row["sd"] / row["before"])[:LISTED]


def _candidates(count: int, slope: Array, rows: Array) -> list[Array]:
    """Exponents of the products that are tried, each (parameter,), every one once."""
    monomials: list[Array] = []
    for a, b in combinations(range(count), 2):
        for sign in (1.0, -1.0):
            powers = np.zeros(count)
            powers[a], powers[b] = 1.0, sign
            monomials.append(powers)
    _, size, vectors = np.linalg.svd(rows / np.sqrt(len(rows)), full_matrices=False)
    for vector in vectors[size > 1]:
        exponents: Array = np.divide(vector, slope, out=np.zeros(count), where=slope > 0)
        powers = np.round(2 * exponents / exponents[np.argmax(np.abs(exponents))]) / 2
        if (powers != 0).sum() > 2:
            monomials.append(powers)
    return list({tuple(powers.tolist()): powers for powers in monomials}.values())


def monomial(names: tuple[str, ...], powers: ArrayLike) -> str:
    """A product of powers as it is written.

    Examples
    --------
    >>> monomial(("k_ads", "k_des", "k_mb"), [1.0, -1.0, -0.5])
    'k_ads/(k_des·k_mb^0.5)'
    """
    exponents = np.asarray(powers, float)

    def product(sign: int) -> str:
        factors = [
            name if abs(p) == 1 else f"{name}^{abs(p):g}"
            for name, p in zip(names, exponents, strict=True)
            if sign * p > 0
        ]
        return "·".join(factors) if len(factors) < 2 or sign > 0 else f"({'·'.join(factors)})"

    return f"{product(1) or '1'}/{product(-1)}" if product(-1) else product(1)


def directions(names: tuple[str, ...], rows: ArrayLike) -> list[dict[str, Any]]:
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
