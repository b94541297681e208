"""Where an experiment is wrong in one direction: residuals by class of site, beside the best baseline, and their range.

A residual is prediction less observation at a held-out site. Divided by the observation it is the normalised bias that
maps of soil carbon are compared by: a forest soil may be 10 kg m-3 off, a desert may not.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.evaluate.block_sums import FEWEST_BLOCKS
from hybridmap.evaluate.rungs import CLIMATOLOGY, EXPERIMENT, MEAN, HeldOutSites
from hybridmap.evaluate.spatial_covariance import (
    Covariance,
    fit_covariance,
    many_sets,
    offered_ranges,
    places_of,
    set_means,
)
from hybridmap.evaluate.strata import DEPTHS, class_names

Array = NDArray[np.float64]

KINDS = {"depth": "depth", "landcover": "land cover", "source": "source", "density": "bulk density"}
"""Column of the sites → how it is called."""
RESAMPLES, SEED = 1000, 0
TAILS = (0.05, 0.95)
MOST_SITES = 1500
"""Sites whose pairs make the variogram; more are thinned."""
BIAS = [
    "experiment", "scheme", "target", "unit", "by", "class", "n", "blocks", "bias", "low", "high", "normalised",
    "normalised_median", "mae", "against", "mae_difference", "mae_difference_low", "mae_difference_high",
]  # fmt: skip
"""Columns of ``bias.csv``."""
VARIOGRAM = ["experiment", "scheme", "target", "unit", "distance_km", "pairs", "semivariance", "fitted"]
"""Columns of ``variogram.csv``."""
NEAREST = 0.002
"""Share of the pairs in the first distance class; the last one ends at half of them."""
LAGS = 12
"""Distance classes of the variogram."""


def bias_rows(held_out: HeldOutSites, key: dict[str, str]) -> list[dict[str, Any]]:
    """Residuals of all test sites and of every class of them.

    Parameters
    ----------
    held_out : HeldOutSites
        One quantity in one scheme.
    key : dict of str to str
        Columns that say of what: experiment, scheme, target and unit.

    Returns
    -------
    list of dict
        ``by``, ``class``, ``n``, ``blocks``; ``bias`` [unit of the quantity] with the 90 % range ``low`` to ``high`` of
        resampled blocks; ``normalised``, the bias over the mean of the observations; ``normalised_median``, the median
        of residual over observation; ``mae``; ``against``, the baseline with the highest r, and the paired difference
        ``mae_difference`` of absolute errors (below 0: ours are smaller) with its range.
    """
    rows: list[dict[str, Any]] = []
    if not held_out.observed.size:
        return rows
    predicted, observed = held_out.rungs[EXPERIMENT].predicted, held_out.observed
    rival = best_baseline(held_out)
    block = pd.factorize(held_out.sites["block"])[0]
    for by, name, is_in in _classes(held_out.sites):
        error = (predicted - observed)[is_in]
        in_block = np.unique(block[is_in], return_inverse=True)[1]
        rows.append(
            {
                **key, "by": by, "class": name, "n": int(is_in.sum()), "blocks": int(in_block.max() + 1),
                **_means("bias", error, in_block),
                "normalised": _over(float(error.mean()), float(observed[is_in].mean())),
                "normalised_median": _median_ratio(error, observed[is_in]),
                "mae": float(np.abs(error).mean()),
                **_paired(held_out, rival, is_in, in_block),
            }
        )  # fmt: skip
    return rows


def best_baseline(held_out: HeldOutSites) -> str:
    """Baseline with the highest correlation; the training mean where there is none."""
    names = [name for name in held_out.rungs if name not in (MEAN, CLIMATOLOGY, EXPERIMENT)]
    return max(names, key=lambda name: _correlation(held_out.rungs[name].predicted, held_out.observed), default=MEAN)


def _classes(sites: pd.DataFrame) -> list[tuple[str, str, NDArray[np.bool_]]]:
    """All sites, then the classes of every kind that is known of them; a kind with one class is left out."""
    parts = [("all", "", np.ones(len(sites), dtype=bool))]
    for column, title in KINDS.items():
        names = class_names(sites[column]) if column in sites else pd.Series(dtype=str)
        if names.nunique() > 1:
            order = [n for n in DEPTHS if n in set(names)] if column == "depth" else sorted(names.unique())
            parts += [(title, name, (names == name).to_numpy()) for name in order]
    return parts


def _means(name: str, values: Array, block: NDArray[np.int64]) -> dict[str, float]:
    """Mean of values, and its range from resamples of whole blocks; no range with few blocks."""
    count = int(block.max()) + 1
    low = high = float("nan")
    if count >= FEWEST_BLOCKS:
        total, size = np.bincount(block, values, count), np.bincount(block, minlength=count)
        draws = np.random.default_rng(SEED).integers(0, count, (RESAMPLES, count))
        low, high = np.quantile(total[draws].sum(axis=1) / size[draws].sum(axis=1), TAILS)
    prefix = "" if name == "bias" else f"{name}_"
    return {name: float(values.mean()), f"{prefix}low": float(low), f"{prefix}high": float(high)}


def _paired(
    held_out: HeldOutSites, rival: str, is_in: NDArray[np.bool_], block: NDArray[np.int64]
) -> dict[str, str | float]:
    errors = {name: np.abs(held_out.rungs[name].predicted - held_out.observed)[is_in] for name in (EXPERIMENT, rival)}
    difference = errors[EXPERIMENT] - errors[rival]
    return {"against": rival, **_means("mae_difference", difference, block)}


def _median_ratio(error: Array, observed: Array) -> float:
    is_positive = observed > 0
    return float(np.median(error[is_positive] / observed[is_positive])) if is_positive.any() else float("nan")


def _over(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else float("nan")


def _correlation(predicted: Array, observed: Array) -> float:
    if np.ptp(predicted) == 0 or np.ptp(observed) == 0:
        return -1.0
    return float(np.corrcoef(predicted, observed)[0, 1])


def variogram_rows(held_out: HeldOutSites, key: dict[str, str]) -> list[dict[str, Any]]:
    """How alike residuals of neighbours are: half the mean squared difference by distance.

    Parameters
    ----------
    held_out : HeldOutSites
        One quantity in one scheme; sites with ``lon`` and ``lat`` [degrees].
    key : dict of str to str
        Columns that say of what.

    Returns
    -------
    list of dict
        ``distance_km``, ``pairs``, ``semivariance`` as a share of the variance of the residuals, and ``fitted``, the
        same of the model of covariance that intervals of areas use. Empty without coordinates or variance.
    """
    if not {"lon", "lat"} <= set(held_out.sites):
        return []
    error = held_out.rungs[EXPERIMENT].predicted - held_out.observed
    places_used = np.arange(len(error))
    if len(error) > MOST_SITES:
        places_used = np.sort(np.random.default_rng(SEED).choice(len(error), MOST_SITES, replace=False))
    lon, lat = (held_out.sites[name].to_numpy(float)[places_used] for name in ("lon", "lat"))
    scaled, places = error[places_used], places_of(lon, lat)
    if len(scaled) < LAGS or scaled.std() == 0:
        return []
    scaled = (scaled - scaled.mean()) / scaled.std()
    ranges = offered_ranges(places)
    means = set_means(places, scaled, np.ones(len(scaled)), many_sets(lon, lat, ranges), ranges)
    model = fit_covariance(means, 0.0, ranges)
    return [key | row for row in _by_distance(places, scaled, model)]


def _by_distance(places: Array, scaled: Array, model: Covariance) -> list[dict[str, float]]:
    first, second = np.triu_indices(len(places), 1)
    distance = np.linalg.norm(places[first] - places[second], axis=1)
    half = 0.5 * (scaled[first] - scaled[second]) ** 2
    ends = np.unique(np.quantile(distance, [0.0, *np.geomspace(NEAREST, 0.5, LAGS)]))
    rows = []
    for low, high in pairwise(ends):
        is_in = (distance > low) & (distance <= high)
        if not is_in.any():
            continue
        middle = float(distance[is_in].mean())
        fitted = model.nugget + sum(
            sill * (1 - np.exp(-middle / r)) for sill, r in zip(model.sills, model.ranges_km, strict=True)
        )
        rows.append(
            {
                "distance_km": middle, "pairs": int(is_in.sum()), "semivariance": float(half[is_in].mean()),
                "fitted": float(fitted),
            }
        )  # fmt: skip
    return rows
