"""What observations determine of parameters that are smooth functions of covariates, if errors are small.

Parameters are given a wide prior, a level and a pattern along the covariates, each as random as the range allows. The
process is linearised at the trained parameters. The posterior then has a closed form, whatever encoder was trained:
where it is as wide as the prior, the value of a map is the start of a training and the habit of a network, not data.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve

from hybridmap.diagnose.identifiability.sensitivity import Sensitivity

Array = NDArray[np.float64]

RANGE_SD = 12.0**-0.5
"""Standard deviation of a parameter that lies anywhere in its range, as a share of it."""
LEVEL_SHARE = 0.5
"""Share of the prior variance that is the same at all sites; the rest is a pattern along the covariates."""
WAVES = 48
"""Random waves along the covariates that patterns are made of."""


class Posterior(NamedTuple):
    """Standard deviations and covariances of parameters, as shares of their ranges.

    Attributes
    ----------
    sd : array, shape (site, parameter)
        After the observations.
    prior_sd : float
        Before them.
    covariance : array, shape (site, parameter, parameter)
        After the observations.
    """

    sd: Array
    prior_sd: float
    covariance: Array


def waves(features: ArrayLike, count: int = WAVES, seed: int = 0) -> Array:
    """Random waves along features whose products are a Gaussian kernel (Rahimi & Recht 2007).

    Parameters
    ----------
    features : array_like, shape (site, feature)
        Standardised; those that do not vary are left out.
    count : int
        How many waves.
    seed : int
        Of their directions.

    Returns
    -------
    array, shape (site, count)
        Mean square 1 / `count` each; one length scale is the root of the number of features.
    """
    x = np.asarray(features, float)
    spread = x.std(axis=0)
    x = x[:, spread > 0] / spread[spread > 0]
    random = np.random.default_rng(seed)
    directions = random.normal(size=(x.shape[1], count)) / np.sqrt(max(x.shape[1], 1))
    return np.asarray(np.sqrt(2.0 / count) * np.cos(x @ directions + random.uniform(0, 2 * np.pi, count)))


def posterior(jacobian: Sensitivity, basis: ArrayLike, all_sites: ArrayLike | None = None) -> Posterior:
    """Posterior of all learned parameters at all sites.

    Parameters
    ----------
    jacobian : Sensitivity
        Of the observations.
    basis : array_like, shape (site, wave)
        Of :func:`waves`, at the sites that `jacobian` counts.
    all_sites : array_like, shape (other site, wave), optional
        Where to tell the posterior; the same sites by default.

    Returns
    -------
    Posterior
        Global parameters have one level and no pattern.
    """
    pattern, count = np.asarray(basis, float), len(jacobian.names)
    level, along = np.sqrt(LEVEL_SHARE) * RANGE_SD, np.sqrt(1 - LEVEL_SHARE) * RANGE_SD
    design = np.concatenate([np.full((len(pattern), 1), level), along * pattern], axis=1)
    width, neural = design.shape[1], jacobian.neural
    columns = [
        (jacobian.rows[:, :neural, None] * design[jacobian.site][:, None, :]).reshape(len(jacobian.rows), -1),
        jacobian.rows[:, neural:] * RANGE_SD,
    ]
    matrix = np.concatenate(columns, axis=1)
    inverse = cho_solve(cho_factor(matrix.T @ matrix + np.eye(matrix.shape[1])), np.eye(matrix.shape[1]))
    elsewhere = pattern if all_sites is None else np.asarray(all_sites, float)
    design = np.concatenate([np.full((len(elsewhere), 1), level), along * elsewhere], axis=1)
    covariance = np.zeros((len(elsewhere), count, count))
    size = neural * width
    inner = inverse[:size, :size].reshape(neural, width, neural, width)
    for a in range(neural):
        for b in range(neural):
            covariance[:, a, b] = np.einsum("sk,kl,sl->s", design, inner[a, :, b], design)
        cross = design @ inverse[a * width : (a + 1) * width, size:] * RANGE_SD
        covariance[:, a, neural:], covariance[:, neural:, a] = cross, cross
    covariance[:, neural:, neural:] = inverse[size:, size:] * RANGE_SD**2
    sd = np.sqrt(np.einsum("spp->sp", covariance).clip(min=0))
    return Posterior(sd, RANGE_SD, covariance)
