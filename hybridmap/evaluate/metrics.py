"""Scores of predictions against observations.

Every function takes ``(predicted, observed)`` arrays of any equal shape, drops pairs with a missing member and
returns a float, NaN where the score is undefined. Moments are population moments (ddof 0).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

KgeVariant = Literal["2009", "2012", "bias_sd"]
Array = NDArray[np.float64]


class KgeComponents(NamedTuple):
    """Correlation `r`, ratio of standard deviations `alpha` and ratio of means `beta`, dimensionless."""

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
    """Components of the Kling-Gupta efficiency; a constant prediction has r = 0 and alpha = 0.

    Examples
    --------
    >>> kge_components([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    KgeComponents(r=1.0, alpha=2.0, beta=2.0)
    """
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

    Returns
    -------
    float
        From minus infinity to 1 [1].

    Examples
    --------
    >>> kge([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    1.0
    >>> round(kge([2.0, 2.0, 2.0], [1.0, 2.0, 3.0]), 4)
    -0.4142
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
    """Nash-Sutcliffe (modelling) efficiency 1 - SSE/SST; what the field also calls R2.

    Examples
    --------
    >>> nse([1.0, 2.0, 4.0], [1.0, 2.0, 3.0])
    0.5
    """
    p, o = _pairs(predicted, observed)
    total = float(((o - o.mean()) ** 2).sum()) if o.size else 0.0
    return float(1.0 - ((p - o) ** 2).sum() / total) if total > 0 else np.nan


r2 = nse


def pearson(predicted: ArrayLike, observed: ArrayLike) -> float:
    """Pearson correlation; 0 for a constant prediction.

    Examples
    --------
    >>> pearson([3.0, 2.0, 1.0], [1.0, 2.0, 3.0])
    -1.0
    """
    return kge_components(predicted, observed).r


def rmse(predicted: ArrayLike, observed: ArrayLike) -> float:
    """Root mean squared error, in the unit of the target.

    Examples
    --------
    >>> rmse([4.0, 6.0], [1.0, 2.0])
    3.5355339059327378
    """
    p, o = _pairs(predicted, observed)
    return float(np.sqrt(((p - o) ** 2).mean())) if o.size else np.nan


def mae(predicted: ArrayLike, observed: ArrayLike) -> float:
    """Mean absolute error, in the unit of the target.

    Examples
    --------
    A pair with a missing member does not count:

    >>> mae([4.0, 6.0, 9.0], [1.0, 2.0, float("nan")])
    3.5
    """
    p, o = _pairs(predicted, observed)
    return float(np.abs(p - o).mean()) if o.size else np.nan


def bias(predicted: ArrayLike, observed: ArrayLike) -> float:
    """Mean of predictions minus mean of observations; positive is over-prediction.

    Examples
    --------
    >>> bias([4.0, 6.0], [1.0, 2.0])
    3.5
    """
    p, o = _pairs(predicted, observed)
    return float(p.mean() - o.mean()) if o.size else np.nan


def lin_ccc(predicted: ArrayLike, observed: ArrayLike) -> float:
    """Concordance correlation coefficient (Lin 1989); NaN if both are constant and equal.

    Examples
    --------
    >>> round(lin_ccc([2.0, 3.0, 4.0], [1.0, 2.0, 3.0]), 4)
    0.5714
    """
    m = _moments(predicted, observed)
    scatter = m.sd_p**2 + m.sd_o**2 + (m.mean_p - m.mean_o) ** 2
    return float(2.0 * m.covariance / scatter) if m.n and scatter > 0 else np.nan


def coverage(lower: ArrayLike, upper: ArrayLike, observed: ArrayLike) -> float:
    """Share of observations inside the closed interval [lower, upper].

    Parameters
    ----------
    lower, upper, observed : array_like
        Of shapes that broadcast, in one unit; a missing number leaves its triple out.

    Returns
    -------
    float
        From 0 to 1.

    Examples
    --------
    >>> coverage([0.0, 0.0, 0.0, 0.0], 1.0, [0.0, 0.5, 1.0, 2.0])
    0.75
    """
    low, high, o = _triples(lower, upper, observed)
    return float(((low <= o) & (o <= high)).mean()) if o.size else np.nan


def interval_width(lower: ArrayLike, upper: ArrayLike) -> float:
    """Mean width of the intervals, in the unit of the target.

    Examples
    --------
    >>> interval_width([0.0, 1.0], [1.0, 4.0])
    2.0
    """
    width = np.asarray(upper, float) - np.asarray(lower, float)
    return float(np.nanmean(width)) if not np.isnan(width).all() else np.nan


def interval_score(lower: ArrayLike, upper: ArrayLike, observed: ArrayLike, level: float) -> float:
    """Interval score of Gneiting & Raftery (2007), smaller is better: width plus 2/(1 - level) times the misses.

    Parameters
    ----------
    lower, upper, observed : array_like
        Of shapes that broadcast, in one unit; a missing number leaves its triple out.
    level : float
        Share that the intervals should hold, between 0 and 1.

    Returns
    -------
    float
        In the unit of the target.

    Examples
    --------
    One of two observations is 0.5 above its interval of width 1:

    >>> interval_score([0.0, 0.0], [1.0, 1.0], [0.5, 1.5], level=0.5)
    2.0
    """
    low, high, o = _triples(lower, upper, observed)
    misses = np.maximum(low - o, 0.0) + np.maximum(o - high, 0.0)
    return float((high - low + 2.0 / (1.0 - level) * misses).mean()) if o.size else np.nan


def pinball(predicted: ArrayLike, observed: ArrayLike, quantile: float) -> float:
    """Mean pinball loss of a predicted quantile.

    Parameters
    ----------
    predicted, observed : array_like
        The predicted quantile and the observations, in one unit.
    quantile : float
        Which quantile, between 0 and 1.

    Returns
    -------
    float
        In the unit of the target.

    Examples
    --------
    >>> pinball([1.0, 1.0], [2.0, 0.0], quantile=0.75)
    0.5
    """
    p, o = _pairs(predicted, observed)
    return float(np.maximum(quantile * (o - p), (quantile - 1.0) * (o - p)).mean()) if o.size else np.nan


def kl_importance(true: ArrayLike, predicted: ArrayLike) -> float:
    """Mean over outputs of sum t ln(1e-6 + t/p) between importance shares.

    Parameters
    ----------
    true, predicted : array_like, shape (input, output)
        Columns sum to 1; zeros of `predicted` are floored at 1e-6 and the column renormalised.

    Returns
    -------
    float
        0 for equal shares, to 1e-6.

    Examples
    --------
    >>> round(kl_importance([[0.5], [0.5]], [[0.25], [0.75]]), 4)
    0.1438
    """
    t = np.asarray(true, float)
    p = np.asarray(predicted, float)
    if (p < 1e-6).any():
        p = np.maximum(p, 1e-6)
        p = p / p.sum(axis=0)
    return float(np.where(t > 0, t * np.log(1e-6 + t / p), 0.0).sum(axis=0).mean())


def _pairs(predicted: ArrayLike, observed: ArrayLike) -> tuple[Array, Array]:
    p, o = np.asarray(predicted, float).ravel(), np.asarray(observed, float).ravel()
    if p.shape != o.shape:
        raise ValueError(f"{p.size} predictions for {o.size} observations; give arrays of one shape.")
    complete = ~(np.isnan(p) | np.isnan(o))
    return p[complete], o[complete]


def _triples(lower: ArrayLike, upper: ArrayLike, observed: ArrayLike) -> tuple[Array, Array, Array]:
    """Intervals and observations of which no number is missing; an infinite interval holds everything."""
    low, high, o = np.broadcast_arrays(*(np.asarray(a, float) for a in (lower, upper, observed)))
    complete = ~(np.isnan(low) | np.isnan(high) | np.isnan(o))
    return low[complete], high[complete], o[complete]


def _moments(predicted: ArrayLike, observed: ArrayLike) -> _Moments:
    p, o = _pairs(predicted, observed)
    if not o.size:
        return _Moments(0, np.nan, np.nan, np.nan, np.nan, np.nan)
    mean_p, mean_o = float(p.mean()), float(o.mean())
    return _Moments(o.size, mean_p, mean_o, _sd(p), _sd(o), float(((p - mean_p) * (o - mean_o)).mean()))


def _sd(values: Array) -> float:
    """Standard deviation, exactly 0 where only rounding separates the values."""
    sd = float(values.std())
    return sd if sd > 1e-14 * float(np.abs(values).max()) else 0.0
