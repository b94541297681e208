"""How much of a known truth a straight line through the covariates explains: what is left for a process model."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

COVARIATE = "covariate."
"""Prefix of the covariates in the samples."""


def linear_share(true_soc: NDArray[np.floating], samples: pd.DataFrame) -> float:
    """R² of ordinary least squares of the true SOC at the sites on their covariates.

    Parameters
    ----------
    true_soc : array, shape (row, column)
        SOC density [kg m-3], noise apart.
    samples : DataFrame
        Sites with ``row``, ``col`` and ``covariate.*``.

    Returns
    -------
    float
        At most 1.
    """
    truth = true_soc[samples["row"], samples["col"]].astype("float64")
    covariates = samples[[name for name in samples if str(name).startswith(COVARIATE)]].to_numpy("float64")
    is_known = np.isfinite(truth) & np.isfinite(covariates).all(axis=1)
    truth, covariates = truth[is_known], covariates[is_known]
    spread = covariates.std(axis=0)
    scaled = (covariates - covariates.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    design = np.column_stack([np.ones(len(truth)), scaled])
    residual = truth - design @ np.linalg.lstsq(design, truth, rcond=None)[0]
    return float(1.0 - residual.var() / truth.var())
