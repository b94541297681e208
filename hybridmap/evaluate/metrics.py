"""Scores of predictions against observations.

Every function takes ``(predicted, observed)`` arrays of any equal shape, drops pairs with a missing member and
returns a float, NaN where the score is undefined. Moments are population moments (ddof 0).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

KgeVariant = Literal["2009", "2012", "bias_sd"]


class KgeComponents(NamedTuple):
    """Correlation, ratio of spreads and ratio of means, dimensionless."""

    r: float
    alpha: float
    beta: float


class _Moments(NamedTuple):
    n: int
    mean_p: float
    mean_o: float
    sd_p: float
    sd_o: float
    covariance: float


def kge_components(predicted: ArrayLike, observed: ArrayLike) -> KgeComponents:
    """Components of the Kling-Gupta efficiency; a constant prediction has r = 0 and alpha = 0."""
    m = _moments(predicted, observed)
    if m.n < 2 or m.sd_o == 0:
        return KgeComponents(np.nan, np.nan, np.nan)
    r = m.covariance / (m.sd_p * m.sd_o) if m.sd_p > 0 else 0.0
    beta = m.mean_p / m.mean_o if abs(m.mean_o) >= 1e-8 * m.sd_o else np.nan
    return KgeComponents(r, m.sd_p / m.sd_o, beta)


def kge(predicted: ArrayLike, observed: ArrayLike, variant: KgeVariant = "2009") -> float:
    """Kling-Gupta efficiency, 1 at best; a constant prediction at the observed mean scores 1 - sqrt(2).

    Parameters
    ----------
    predicted, observed : array_like
        On the natural scale of the target, never standardised (the ratio of means would be undefined).
    variant : {"2009", "2012", "bias_sd"}
        Gupta et al. (2009, doi 10.1016/j.jhydrol.2009.08.003); Kling et al. (2012) with coefficients of variation;
        or the bias over the observed standard deviation, for targets with a mean near zero.
    """
    m = _moments(predicted, observed)
    r, alpha, beta = kge_components(predicted, observed)
    bias_term = beta - 1.0
    if variant == "2012":
        alpha = alpha / beta if beta else np.nan
    elif variant == "bias_sd":
        bias_term = (m.mean_p - m.mean_o) / m.sd_o if m.sd_o else np.nan
    return float(1.0 - np.sqrt((r - 1.0) ** 2 + (alpha - 1.0) ** 2 + bias_term**2))


def nse(predicted: ArrayLike, observed: ArrayLike) -> float:
    """Nash-Sutcliffe (modelling) efficiency 1 - SSE/SST; what the field also calls R2."""
    p, o = _pairs(predicted, observed)
    total = float(((o - o.mean()) ** 2).sum()) if o.size else 0.0
    return float(1.0 - ((p - o) ** 2).sum() / total) if total > 0 else np.nan


r2 = nse


def pearson(predicted: ArrayLike, observed: ArrayLike) -> float:
    """Pearson correlation; 0 for a constant prediction."""
    return kge_components(predicted, observed).r


def rmse(predicted: ArrayLike, observed: ArrayLike) -> float:
    """Root mean squared error, in the unit of the target."""
    p, o = _pairs(predicted, observed)
    return float(np.sqrt(((p - o) ** 2).mean())) if o.size else np.nan


def mae(predicted: ArrayLike, observed: ArrayLike) -> float:
    """Mean absolute error, in the unit of the target."""
    p, o = _pairs(predicted, observed)
    return float(np.abs(p - o).mean()) if o.size else np.nan


def bias(predicted: ArrayLike, observed: ArrayLike) -> float:
    """Mean of predictions minus mean of observations; positive is over-prediction."""
    p, o = _pairs(predicted, observed)
    return float(p.mean() - o.mean()) if o.size else np.nan


def lin_ccc(predicted: ArrayLike, observed: ArrayLike) -> float:
    """Concordance correlation coefficient (Lin 1989); NaN if both are constant and equal."""
    m = _moments(predicted, observed)
    spread = m.sd_p**2 + m.sd_o**2 + (m.mean_p - m.mean_o) ** 2
    return float(2.0 * m.covariance / spread) if m.n and spread > 0 else np.nan


def coverage(lower: ArrayLike, upper: ArrayLike, observed: ArrayLike) -> float:
    """Share of observations inside the closed interval [lower, upper]."""
    low, high, o = np.broadcast_arrays(*(np.asarray(a, float) for a in (lower, upper, observed)))
    known = ~(np.isnan(low) | np.isnan(high) | np.isnan(o))  # an infinite interval holds everything
    return float(((low <= o) & (o <= high))[known].mean()) if known.any() else np.nan


def interval_width(lower: ArrayLike, upper: ArrayLike) -> float:
    """Mean width of the intervals, in the unit of the target."""
    width = np.asarray(upper, float) - np.asarray(lower, float)
    return float(np.nanmean(width)) if not np.isnan(width).all() else np.nan


def interval_score(lower: ArrayLike, upper: ArrayLike, observed: ArrayLike, level: float) -> float:
    """Interval score of Gneiting & Raftery (2007), smaller is better: width plus 2/(1 - level) times the misses."""
    low, high, o = np.broadcast_arrays(*(np.asarray(a, float) for a in (lower, upper, observed)))
    known = ~(np.isnan(low) | np.isnan(high) | np.isnan(o))  # an infinite interval holds everything
    low, high, o = low[known], high[known], o[known]
    misses = np.maximum(low - o, 0.0) + np.maximum(o - high, 0.0)
    return float((high - low + 2.0 / (1.0 - level) * misses).mean()) if o.size else np.nan


def pinball(predicted: ArrayLike, observed: ArrayLike, quantile: float) -> float:
    """Mean pinball loss of a predicted quantile, in the unit of the target."""
    p, o = _pairs(predicted, observed)
    return float(np.maximum(quantile * (o - p), (quantile - 1.0) * (o - p)).mean()) if o.size else np.nan


def kl_importance(true: ArrayLike, predicted: ArrayLike) -> float:
    """Mean over outputs of sum t ln(1e-6 + t/p) between importance shares.

    Parameters
    ----------
    true, predicted : array_like, shape (input, output)
        Columns sum to 1; zeros of `predicted` are floored at 1e-6 and the column renormalised.
    """
    t = np.asarray(true, float)
    p = np.asarray(predicted, float)
    if (p < 1e-6).any():
        p = np.maximum(p, 1e-6)
        p = p / p.sum(axis=0)
    return float(np.where(t > 0, t * np.log(1e-6 + t / p), 0.0).sum(axis=0).mean())


def _pairs(predicted: ArrayLike, observed: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    p, o = np.asarray(predicted, float).ravel(), np.asarray(observed, float).ravel()
    if p.shape != o.shape:
        raise ValueError(f"{p.size} predictions for {o.size} observations; give arrays of one shape.")
    known = ~(np.isnan(p) | np.isnan(o))
    return p[known], o[known]


def _moments(predicted: ArrayLike, observed: ArrayLike) -> _Moments:
    p, o = _pairs(predicted, observed)
    if not o.size:
        return _Moments(0, np.nan, np.nan, np.nan, np.nan, np.nan)
    mean_p, mean_o = float(p.mean()), float(o.mean())
    return _Moments(o.size, mean_p, mean_o, _spread(p), _spread(o), float(((p - mean_p) * (o - mean_o)).mean()))


def _spread(values: NDArray[np.float64]) -> float:
    """Standard deviation, exactly 0 where only rounding separates the values."""
    sd = float(values.std())
    return sd if sd > 1e-14 * float(np.abs(values).max()) else 0.0
