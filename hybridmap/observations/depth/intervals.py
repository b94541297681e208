"""Layers of each site onto target intervals: means and stocks.

Densities [kg m-3] are harmonised, not contents: carbon and bulk density vary together with depth, so the mean of a
product is not the product of means.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.observations.depth.segments import (
    ROUNDING,
    Array,
    Segments,
    coverage_of,
    disjoint_segments,
    extent_of,
    slice_means,
)
from hybridmap.observations.depth.spline import fit_spline

LEAST_OF_STOCK = 0.5
"""Share of the depth of a stock that a profile must show to be continued below its deepest layer."""


@dataclass(frozen=True)
class DepthRules:
    """How profiles are brought onto intervals.

    Attributes
    ----------
    method : str
        "slice" or "spline".
    smoothing : float
        Of the spline.
    min_coverage : float
        Share of the interval that layers must cover for a mean, or of the depth of a stock.
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
    layers: pd.DataFrame,
    columns: list[str],
    top_cm: float,
    bottom_cm: float,
    rules: DepthRules,
    signed: Collection[str] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means of the layers of each site on one interval.

    Parameters
    ----------
    layers : DataFrame
        ``site_id``, ``top_cm``, ``bottom_cm`` and `columns`; no missing depths.
    columns : list of str
        Each uses the layers where it is measured.
    top_cm, bottom_cm : float
        The interval.
    rules : DepthRules
        Method and coverage.
    signed : collection of str
        Those of `columns` that may be negative.

    Returns
    -------
    means, flags : DataFrame
        Indexed by ``site_id`` (sorted), one column a quantity. A mean is NaN where coverage or gaps break the rules; a
        flag is "clipped" where the spline went below 0 and was cut, else "".

    Examples
    --------
    10 cm with 30 and 10 of the 20 cm below with 20; the second site covers 15 of 20 cm, less than 80 %.

    >>> import pandas as pd
    >>> layers = pd.DataFrame(
    ...     {"site_id": ["a", "a", "b"], "top_cm": [0, 10, 0], "bottom_cm": [10, 30, 15], "soc": [30.0, 20.0, 9.0]}
    ... )
    >>> interval_means(layers, ["soc"], 0, 20, DepthRules())[0]["soc"].tolist()
    [25.0, nan]
    """
    site, names = pd.factorize(layers["site_id"], sort=True)
    means, flags = {}, {}
    for column in columns:
        segments = _segments(layers, column, site, len(names))
        coverage = coverage_of(segments, top_cm, bottom_cm)
        is_covered = coverage.thickness >= rules.min_coverage * (bottom_cm - top_cm) - ROUNDING
        is_dense = coverage.widest_gap <= rules.max_gap_cm + ROUNDING
        mean = np.where(is_covered & is_dense, _means(segments, top_cm, bottom_cm, rules), np.nan)
        means[column] = mean if column in signed else mean.clip(0.0)
        flags[column] = np.where((mean < 0) & (column not in signed), "clipped", "")
    index = pd.Index(names, name="site_id")
    return pd.DataFrame(means, index=index), pd.DataFrame(flags, index=index)


def stocks(layers: pd.DataFrame, column: str, to_cm: float, rules: DepthRules) -> pd.DataFrame:
    """Stock of each site from the surface to a depth [kg m-2].

    Parameters
    ----------
    layers : DataFrame
        As :func:`interval_means`.
    column : str
        A density [kg m-3].
    to_cm : float
        Lower end [cm].
    rules : DepthRules
        Method, coverage, gaps, whether to go below the deepest layer.

    Returns
    -------
    DataFrame
        Indexed by ``site_id``: ``stock`` [kg m-2], NaN where the layers do not reach from the surface to `to_cm`, and
        ``flag``: "filled" where a gap has the mean of the layers that are known, "extrapolated" where the deepest layer
        was continued ("filled, extrapolated" for both), "clipped" as above.

    Examples
    --------
    0.1 m with 30 kg m-3 and 0.2 m with 20: 3 + 4 kg m-2, or 70 Mg ha-1.

    >>> import pandas as pd
    >>> layers = pd.DataFrame({"site_id": "a", "top_cm": [0, 10], "bottom_cm": [10, 30], "soc": [30.0, 20.0]})
    >>> stocks(layers, "soc", 30, DepthRules())["stock"].round(9).tolist()
    [7.0]
    """
    site, names = pd.factorize(layers["site_id"], sort=True)
    segments = _segments(layers, column, site, len(names))
    coverage = coverage_of(segments, 0.0, to_cm)
    first, last = extent_of(segments)
    depth = last.clip(0.0, to_cm)
    stock = _means(segments, 0.0, to_cm, rules) * depth / 100.0
    flag = np.where(stock < 0, "clipped", np.where(coverage.thickness < depth - ROUNDING, "filled", ""))
    flag = flag.astype(object)
    gap = np.maximum(coverage.widest_gap, first)
    is_sound = (coverage.thickness > 0) & (gap <= rules.max_gap_cm + ROUNDING)
    is_sound &= coverage.thickness >= rules.min_coverage * depth - ROUNDING
    is_short = last < to_cm - ROUNDING
    if rules.extrapolate:
        is_continued = is_short & (coverage.thickness >= LEAST_OF_STOCK * to_cm)
        below = _deepest_values(segments) * (to_cm - depth) / 100.0
        stock = np.where(is_continued, stock + below, stock)
        flag[is_continued] = np.where(flag[is_continued] == "filled", "filled, extrapolated", "extrapolated")
        is_sound &= ~is_short | is_continued
    else:
        is_sound &= ~is_short
    table = {"stock": np.where(is_sound, stock.clip(0.0), np.nan), "flag": np.where(is_sound, flag, "")}
    return pd.DataFrame(table, index=pd.Index(names, name="site_id"))


def _deepest_values(segments: Segments) -> Array:
    """Value of the last segment of each profile; 0 without any."""
    deepest = np.zeros(segments.profiles)
    deepest[segments.profile] = segments.value  # segments are sorted, so the last one stays
    return deepest


def _segments(layers: pd.DataFrame, column: str, site: NDArray[np.intp], sites: int) -> Segments:
    top, bottom, value = (layers[name].to_numpy(float) for name in ("top_cm", "bottom_cm", column))
    return disjoint_segments(Segments(site, top, bottom, value, sites))


def _means(segments: Segments, top_cm: float, bottom_cm: float, rules: DepthRules) -> Array:
    if rules.method == "spline":
        return fit_spline(segments, rules.smoothing).means(top_cm, bottom_cm)
    return slice_means(segments, top_cm, bottom_cm)
