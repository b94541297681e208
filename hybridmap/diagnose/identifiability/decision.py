"""Which parameters are kept at which sites: where their error is likely at most a tenth of their range."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

SMALL = 0.1
"""Largest expected error that is kept, as a share of the range."""
MOST_SITES = 0.5
"""A parameter counts as identified where it is kept at this share of the sites or more."""


def expected_error(posterior_sd: ArrayLike, spread: ArrayLike) -> Array:
    """Error to expect of a parameter, as a share of its range.

    Parameters
    ----------
    posterior_sd : array_like, shape (site, parameter)
        What observations leave open.
    spread : array_like, shape (site, parameter)
        What trainings disagree about: they may not reach what observations say.

    Returns
    -------
    array, shape (site, parameter)
        The larger of the two, as both see what is open to a training; NaN where one is not known. On the demo it
        decided better than the root of the sum of squares (benchmarks/identifiability.py).
    """
    return np.asarray(np.maximum(np.asarray(posterior_sd, float), np.asarray(spread, float)))


def is_kept(error: ArrayLike) -> NDArray[np.bool_]:
    """Where an expected error is at most :data:`SMALL`; False where it is not known.

    Examples
    --------
    >>> is_kept([0.05, 0.2, float("nan")]).tolist()
    [True, False, False]
    """
    return np.asarray(error, float) <= SMALL
