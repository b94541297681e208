"""The ceiling: what no model can explain whose inputs are the same within a cell, or within a block."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]


def ceiling_sums(observed: Array, group: Array, block: NDArray[np.int64], blocks: int) -> Array:
    """Sums over blocks from which :func:`ceiling` comes.

    Parameters
    ----------
    observed : array, shape (site,)
        Observations, or their logarithms.
    group : array, shape (site,)
        Cell, or block, of each site; sites of one group in two blocks count as two groups.
    block : array of int, shape (site,)
        Number of the block that is resampled.
    blocks : int
        How many blocks there are.

    Returns
    -------
    array, shape (block, 5)
        Squares within groups, sites beyond the first of each group, number, sum and squares of centred observations.
    """
    centred = observed - (observed.mean() if observed.size else 0.0)
    frame = pd.DataFrame({"value": centred, "block": block, "group": group})
    by_group = frame.groupby(["block", "group"], sort=False)["value"]
    inner = frame["value"] - by_group.transform("mean")
    beyond = (by_group.cumcount() > 0).astype(float)
    terms = (inner**2, beyond, np.ones_like(centred), centred, centred**2)
    return np.stack([np.bincount(block, np.asarray(term, float), blocks) for term in terms], axis=1)


def ceiling(sums: Array) -> Array:
    """Largest R2 that is left to inputs which are the same within a group.

    One less the variance within groups over the variance of all; the variance within is taken as that of the groups
    with two sites or more.

    Parameters
    ----------
    sums : array, shape (resample, 5)
        As of :func:`ceiling_sums`, summed over blocks.

    Returns
    -------
    array, shape (resample,)
        At least 0; NaN where no group has two sites, or all observations are equal.

    Examples
    --------
    Two cells, each with two sites that differ by 2, around means that differ by 10:

    >>> group, block = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1])
    >>> sums = ceiling_sums(np.array([1.0, 3.0, 11.0, 13.0]), group, block, 2)
    >>> ceiling(sums.sum(axis=0, keepdims=True)).round(3).tolist()
    [0.942]
    """
    within, beyond, n, total, squares = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (squares - total**2 / n) / (n - 1.0)
        share = 1.0 - within / beyond / variance
    is_defined = (beyond > 0) & (variance > 0)
    return np.where(is_defined, np.maximum(share, 0.0), np.nan)
