"""Layers of soil profiles onto target intervals: thickness-weighted means, equal-area splines, stocks.

Densities [kg m-3] are harmonised, not contents: carbon and bulk density vary together with depth, so the mean of a
product is not the product of means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
ROUNDING = 1e-9


@dataclass(frozen=True)
class Segments:
    """Disjoint layers of many profiles, sorted by profile and depth, as flat arrays.

    Attributes
    ----------
    profile : array of int, shape (segment,)
        Number of the profile.
    top, bottom : array, shape (segment,)
        Depths [cm].
    value : array, shape (segment,)
        Mean of the layers there.
    profiles : int
        Number of profiles, with those that have no segment.
    """

    profile: NDArray[np.intp]
    top: Array
    bottom: Array
    value: Array
    profiles: int


def segments_of(profile: NDArray[np.intp], top: Array, bottom: Array, value: Array, profiles: int) -> Segments:
    """Sort layers and make them disjoint: where some overlap (replicates, campaigns), their mean counts once.

    Layers without a value, or no thicker than nothing, are left out.
    """
    known = np.isfinite(value) & (bottom > top)
    profile, top, bottom, value = profile[known], top[known], bottom[known], value[known]
    order = np.lexsort((bottom, top, profile))
    profile, top, bottom, value = profile[order], top[order], bottom[order], value[order]
    same = profile[1:] == profile[:-1]
    crossed = np.unique(profile[1:][same & (top[1:] < bottom[:-1] - ROUNDING)])
    if len(crossed):
        tangled = np.isin(profile, crossed)
        parts = [(profile[~tangled], top[~tangled], bottom[~tangled], value[~tangled])]
        start = np.searchsorted(profile, crossed)
        stop = np.searchsorted(profile, crossed, side="right")
        for number, a, b in zip(crossed, start, stop, strict=True):
            tops, bottoms, means = _untangle(top[a:b], bottom[a:b], value[a:b])
            parts.append((np.full(len(tops), number), tops, bottoms, means))
        profile, top, bottom, value = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.lexsort((top, profile))
        profile, top, bottom, value = profile[order], top[order], bottom[order], value[order]
    return Segments(profile, top, bottom, value, profiles)


def _untangle(top: Array, bottom: Array, value: Array) -> tuple[Any, Any, Any]:
    """Disjoint pieces of the overlapping layers of one profile."""
    edges = np.unique(np.concatenate([top, bottom]))
    inside = (top[:, None] <= edges[:-1]) & (bottom[:, None] >= edges[1:])
    count = inside.sum(axis=0)
    mean: Array = np.divide(value @ inside, count, out=np.zeros(len(count)), where=count > 0)
    some = count > 0
    return edges[:-1][some], edges[1:][some], mean[some]


def coverage_of(found: Segments, top_cm: float, bottom_cm: float) -> tuple[Array, Array, Array]:
    """Covered thickness [cm], widest gap between covered parts [cm], and depth reached [cm], of each profile."""
    low, high = found.top.clip(top_cm, bottom_cm), found.bottom.clip(top_cm, bottom_cm)
    covered = np.bincount(found.profile, high - low, found.profiles)
    reached = np.full(found.profiles, -np.inf)
    np.maximum.at(reached, found.profile, found.bottom)
    inside = high > low
    profile, low, high = found.profile[inside], low[inside], high[inside]
    gap = np.zeros(found.profiles)
    same = profile[1:] == profile[:-1]
    np.maximum.at(gap, profile[1:][same], (low[1:] - high[:-1])[same])
    return np.asarray(covered, np.float64), gap, reached


def slice_means(found: Segments, top_cm: float, bottom_cm: float) -> Array:
    """Thickness-weighted mean of each profile on one interval, over what is covered; NaN where nothing is."""
    overlap = found.bottom.clip(top_cm, bottom_cm) - found.top.clip(top_cm, bottom_cm)
    total = np.bincount(found.profile, overlap * found.value, found.profiles)
    thickness = np.bincount(found.profile, overlap, found.profiles)
    return np.divide(total, thickness, out=np.full(found.profiles, np.nan), where=thickness > 0)


@dataclass(frozen=True)
class Spline:
    """Equal-area quadratic splines of many profiles.

    In segment i, at the depth t below its top, the value is ``alpha + beta t + gamma t^2``; in gaps it is linear.

    Attributes
    ----------
    segments : Segments
        What was fitted.
    alpha, beta, gamma : array, shape (segment,)
        Coefficients.
    mean : array, shape (segment,)
        Mean of the spline in each segment; that of the data for no smoothing.
    """

    segments: Segments
    alpha: Array
    beta: Array
    gamma: Array
    mean: Array

    def at(self, segment: NDArray[np.intp], depth_cm: Array) -> Array:
        """Value at depths that lie in the given segments."""
        t = depth_cm - self.segments.top[segment]
        return self.alpha[segment] + self.beta[segment] * t + self.gamma[segment] * t**2

    def means(self, top_cm: float, bottom_cm: float) -> Array:
        """Mean of each profile on one interval, over its layers and the gaps between them; exact integration."""
        s = self.segments
        low, high = s.top.clip(top_cm, bottom_cm), s.bottom.clip(top_cm, bottom_cm)
        total = np.bincount(s.profile, self._integral(high - s.top) - self._integral(low - s.top), s.profiles)
        thickness = np.bincount(s.profile, high - low, s.profiles)
        after = np.flatnonzero((s.profile[1:] == s.profile[:-1]) & (s.top[1:] > s.bottom[:-1] + ROUNDING))
        if len(after):
            upper, lower = s.bottom[after], s.top[after + 1]
            from_, to = self.at(after, upper), self.alpha[after + 1]
            low, high = upper.clip(top_cm, bottom_cm), lower.clip(top_cm, bottom_cm)
            middle = from_ + (to - from_) * ((low + high) / 2 - upper) / (lower - upper)
            total += np.bincount(s.profile[after], middle * (high - low), s.profiles)
            thickness += np.bincount(s.profile[after], high - low, s.profiles)
        return np.divide(total, thickness, out=np.full(s.profiles, np.nan), where=thickness > 0)

    def _integral(self, t: Array) -> Array:
        return t * (self.alpha + t * (self.beta / 2 + t * self.gamma / 3))


def fit_spline(found: Segments, smoothing: float = 0.1) -> Spline:
    """Fit all profiles at once.

    Parameters
    ----------
    found : Segments
        Disjoint layers.
    smoothing : float
        Lambda of Bishop et al.; 0 keeps the mean of every layer exactly.

    Returns
    -------
    Spline

    Notes
    -----
    Bishop, McBratney & Laslett 1999, doi 10.1016/S0016-7061(99)00003-8. With Q the differences of neighbours and R as
    there, ``(I + 6 n lambda Q' R^-1 Q) s = y`` is solved through ``c = R^-1 Q s``: ``(R + 6 n lambda Q Q') c = Q y`` is
    tridiagonal, and ``s = y - 6 n lambda Q' c``. All systems advance together, a step a layer.
    """
    n = len(found.value)
    mean, slope = found.value.copy(), np.zeros(n)  # slope: 6 c at the lower edge of each segment, 0 at the last
    count = np.bincount(found.profile, minlength=found.profiles)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    # Profiles of similar length go together, so that a peat core of a thousand layers pads no other.
    size = np.where(count > 1, 2 ** np.ceil(np.log2(np.maximum(count, 2))), 0).astype(int)
    for length in np.unique(size[size > 0]):
        group = np.flatnonzero(size == length)
        _solve(found, first[group], count[group], smoothing, mean, slope)
    thickness = found.bottom - found.top
    before = np.concatenate([[0.0], slope[:-1]])
    before[first[count > 0]] = 0.0
    gamma = (slope - before) / (2 * thickness)
    alpha = mean - before * thickness / 2 - gamma * thickness**2 / 3
    return Spline(found, alpha, before, gamma, mean)


def _solve(
    found: Segments, first: NDArray[np.intp], count: NDArray[np.intp], smoothing: float, mean: Array, slope: Array
) -> None:
    """Thomas' algorithm over the inner edges of profiles of similar length; writes into `mean` and `slope`."""
    edges = int(count.max()) - 1
    step = np.arange(edges)
    real = step < (count - 1)[:, None]
    here = np.where(real, first[:, None] + step, first[:, None])
    below = np.where(real, here + 1, here)
    thickness = found.bottom - found.top
    weight = (6.0 * smoothing * count)[:, None]
    gap = np.where(real, found.top[below] - found.bottom[here], 0.0)
    diagonal = np.where(real, 2 * (thickness[here] + thickness[below]) + 6 * gap + 2 * weight, 1.0)
    last = real & (step == (count - 2)[:, None])
    off = np.where(real & ~last, thickness[below] - weight, 0.0)
    right = np.where(real, found.value[below] - found.value[here], 0.0)
    for k in range(1, edges):
        factor = off[:, k - 1] / diagonal[:, k - 1]
        diagonal[:, k] -= factor * off[:, k - 1]
        right[:, k] -= factor * right[:, k - 1]
    c = np.empty_like(right)
    c[:, -1] = right[:, -1] / diagonal[:, -1]
    for k in range(edges - 2, -1, -1):
        c[:, k] = (right[:, k] - off[:, k] * c[:, k + 1]) / diagonal[:, k]
    change = np.broadcast_to(weight, c.shape)[real] * c[real]
    np.add.at(mean, here[real], change)
    np.subtract.at(mean, below[real], change)
    slope[here[real]] = 6.0 * c[real]


@dataclass(frozen=True)
class Rules:
    """How profiles are brought onto intervals.

    Attributes
    ----------
    method : str
        "slice" or "spline".
    smoothing : float
        Of the spline.
    min_coverage : float
        Share of the interval that layers must cover for a mean.
    max_gap_cm : float
        Widest gap between layers inside an interval.
    extrapolate : bool
        Continue the deepest layer to the lower end of a stock.
    """

    method: str = "slice"
    smoothing: float = 0.1
    min_coverage: float = 0.8
    max_gap_cm: float = 5.0
    extrapolate: bool = False


def interval_means(
    layers: pd.DataFrame, columns: list[str], top_cm: float, bottom_cm: float, rules: Rules
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means of the layers of each site on one interval.

    Parameters
    ----------
    layers : DataFrame
        ``site_id``, ``top_cm``, ``bottom_cm`` and `columns`; no missing depths.
    columns : list of str
        Each uses the layers where it is known.
    top_cm, bottom_cm : float
        The interval.
    rules : Rules
        Method and coverage.

    Returns
    -------
    means, flags : DataFrame
        Indexed by ``site_id`` (sorted), one column a quantity. A mean is NaN where coverage or gaps break the rules; a
        flag is "clipped" where the spline went below 0 and was cut, else "".
    """
    site, names = pd.factorize(layers["site_id"], sort=True)
    means, flags = {}, {}
    for column in columns:
        found = _segments(layers, column, site, len(names))
        covered, gap, _ = coverage_of(found, top_cm, bottom_cm)
        enough = covered >= rules.min_coverage * (bottom_cm - top_cm) - ROUNDING
        mean = _means(found, top_cm, bottom_cm, rules)
        kept = np.where(enough & (gap <= rules.max_gap_cm + ROUNDING), mean, np.nan)
        means[column] = kept.clip(0.0)
        flags[column] = np.where(kept < 0, "clipped", "")
    index = pd.Index(names, name="site_id")
    return pd.DataFrame(means, index=index), pd.DataFrame(flags, index=index)


def stocks(layers: pd.DataFrame, column: str, to_cm: float, rules: Rules) -> pd.DataFrame:
    """Stock of each site from the surface to a depth [kg m-2].

    Parameters
    ----------
    layers : DataFrame
        As :func:`interval_means`.
    column : str
        A density [kg m-3].
    to_cm : float
        Lower end [cm].
    rules : Rules
        Method, gaps, whether to go below the deepest layer. Coverage is not asked for: a stock needs all of it.

    Returns
    -------
    DataFrame
        Indexed by ``site_id``: ``stock`` [kg m-2], NaN where the layers do not reach from the surface to `to_cm`, and
        ``flag``, "extrapolated" where the deepest layer was continued, "clipped" as above.
    """
    site, names = pd.factorize(layers["site_id"], sort=True)
    found = _segments(layers, column, site, len(names))
    covered, gap, reached = coverage_of(found, 0.0, to_cm)
    first = np.full(len(names), np.inf)
    np.minimum.at(first, found.profile, found.top)
    mean = _means(found, 0.0, to_cm, rules)
    depth = np.minimum(reached, to_cm)
    stock = mean * depth / 100.0
    short = reached < to_cm - ROUNDING
    sound = (covered > 0) & (gap <= rules.max_gap_cm + ROUNDING) & (first <= rules.max_gap_cm + ROUNDING)
    flag = np.where(stock < 0, "clipped", "").astype(object)
    if rules.extrapolate:
        deepest = np.zeros(len(names))
        deepest[found.profile] = found.value  # segments are sorted, so the last one stays
        # Only a profile that shows at least half of the interval is continued.
        enough = covered >= 0.5 * to_cm
        stock = np.where(short, stock + deepest * (to_cm - depth) / 100.0, stock)
        flag[short & enough & sound] = "extrapolated"
        sound &= ~short | enough
    else:
        sound &= ~short
    table = {"stock": np.where(sound, stock.clip(0.0), np.nan), "flag": np.where(sound, flag, "")}
    return pd.DataFrame(table, index=pd.Index(names, name="site_id"))


def _segments(layers: pd.DataFrame, column: str, site: NDArray[np.intp], sites: int) -> Segments:
    top, bottom = layers["top_cm"].to_numpy(float), layers["bottom_cm"].to_numpy(float)
    return segments_of(site, top, bottom, layers[column].to_numpy(float), sites)


def _means(found: Segments, top_cm: float, bottom_cm: float, rules: Rules) -> Array:
    if rules.method == "spline":
        return fit_spline(found, rules.smoothing).means(top_cm, bottom_cm)
    return slice_means(found, top_cm, bottom_cm)
