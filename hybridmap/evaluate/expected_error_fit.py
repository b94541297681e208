"""Learn expected errors from held-out regions, and test on each region what was learned without it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from hybridmap.evaluate.block_sums import FEWEST_BLOCKS
from hybridmap.evaluate.expected_error import ExpectedError
from hybridmap.model.draws import conformal_factor

PREDICTORS = ["dissimilarity", "distance_km"]
"""Columns of held-out sites that their errors are explained by; an error never falls with either."""
VALIDATION, REGION = "cross-validation", "region"
"""What held a site out: the folds that promise an error, or a region."""
Choice = tuple[str, ...]
CHOICES: tuple[Choice, ...] = (("distance_km",), ("dissimilarity",), ("dissimilarity", "distance_km"))
"""Sets of predictors that are tried: the one whose errors of regions left out are the least is taken."""
BINS, STEPS = 40, 20
"""Bins of each predictor, by quantiles of the held-out sites; steps of the curve, at most."""
LARGEST = 0.99
"""Quantile at which errors are cut, so that single sites do not make steps."""
RESAMPLES, UPPER = 1000, 0.95
"""Resamples of blocks, and the quantile of their means that the promise may reach: the end of a 90 % range."""
CLASSES = 3
"""Classes of expected errors above the threshold, at most."""
Array = NDArray[np.float64]


class Promise(NamedTuple):
    """Mean error of the cross-validation, and the upper end of its 90 % range by resampled blocks."""

    mean: float
    upper: float


def fit_expected_error(rows: pd.DataFrame, level: float, target: str, model: str, places: Array) -> ExpectedError:
    """Learn the expected error, its threshold and what intervals need beyond.

    Parameters
    ----------
    rows : DataFrame
        Held-out sites: ``held_out`` (:data:`VALIDATION` or :data:`REGION`), ``region`` in which each lies, ``block``,
        ``error`` (absolute, of logarithms where the target is not signed), ``relative_error`` (over the half-width of
        the interval), ``dissimilarity`` and ``distance_km``.
    level : float
        Share of observations that intervals hold.
    target, model : str
        Whose errors they are.
    places : array, shape (place, 3)
        Places of the sites on the unit sphere.

    Returns
    -------
    ExpectedError
        The threshold is the upper end of the 90 % range of the mean error in the cross-validation, by resampled
        blocks; each block counts once throughout.
    """
    promise = promised_error(rows)
    ends = {name: _ends(rows[name]) for name in PREDICTORS}
    table = _table(rows, ends) / promise.mean
    judged = ExpectedError(
        target=target,
        reason="",
        model=model,
        index_ends=ends["dissimilarity"],
        distance_ends_km=ends["distance_km"],
        table=table,
        largest_index=float(rows["dissimilarity"].max()),
        largest_distance_km=float(rows["distance_km"].max()),
        threshold=promise.upper / promise.mean,
        class_ends=np.zeros(0),
        factors=np.ones(1),
        places=places,
    )
    index, distance = predictor_tensors(rows)
    outside = rows.assign(expected=judged.expected(index, distance).numpy())
    outside = outside[~judged.is_inside(index, distance).numpy()]
    class_ends, factors = _classes(outside, level)
    return replace(judged, class_ends=class_ends, factors=factors)


def predictor_tensors(rows: pd.DataFrame) -> tuple[torch.Tensor, torch.Tensor]:
    """Dissimilarity and distance of some rows."""
    index, distance = (torch.from_numpy(np.array(rows[column], "float64")) for column in PREDICTORS)
    return index, distance


def block_weights(rows: pd.DataFrame) -> pd.Series:
    """One over the number of sites of its block that were held out alike, (row,)."""
    return 1.0 / rows.groupby(["held_out", "block"])["error"].transform("size")


def weighted_mean(values: pd.Series, weights: pd.Series) -> float:
    """Mean of values with weights; NaN of none."""
    return float(np.average(values, weights=weights.loc[values.index])) if len(values) else math.nan


def promised_error(rows: pd.DataFrame) -> Promise:
    """What the cross-validation promises, by the means of its blocks."""
    validated = rows[rows["held_out"] == VALIDATION]
    of_block = validated.groupby("block")["error"].mean().to_numpy(float)
    draws = np.random.default_rng(0).integers(0, len(of_block), (RESAMPLES, len(of_block)))
    return Promise(float(of_block.mean()), float(np.quantile(of_block[draws].mean(axis=1), UPPER)))


def nested_test(rows: pd.DataFrame, level: float) -> pd.DataFrame:
    """What each held-out region shows of thresholds and factors that were learned without it.

    Parameters
    ----------
    rows : DataFrame
        As for :func:`fit_expected_error`.
    level : float
        Share of observations that intervals hold.

    Returns
    -------
    DataFrame
        Rows held out with their region, with ``inside`` and ``factor``.
    """
    tested = []
    for region, members in rows[rows["held_out"] == REGION].groupby("region"):
        learned = fit_expected_error(rows[rows["region"] != region], level, "", "", np.zeros((0, 3)))
        index, distance = predictor_tensors(members)
        inside = learned.is_inside(index, distance).numpy()
        factor = learned.interval_factor(index, distance).numpy()
        expected = learned.expected(index, distance).numpy()
        tested.append(members.assign(inside=inside, factor=factor, expected=expected))
    return pd.concat(tested).sort_index()


def held_out_scores(rows: pd.DataFrame, tested: pd.DataFrame) -> dict[str, Any]:
    """Errors and coverage of held-out regions inside and outside, beside those of the cross-validation.

    Parameters
    ----------
    rows : DataFrame
        As for :func:`fit_expected_error`.
    tested : DataFrame
        Of :func:`nested_test`.

    Returns
    -------
    dict
        ``promised_error``, ``promised_error_upper``; ``inside`` and ``outside``: ``n``, ``blocks``, ``share`` of the
        blocks' weight, ``error``, ``coverage`` and ``widened_coverage``; ``outside_minus_inside``: ``value``, ``low``
        and ``high`` of the difference of the errors, with its 90 % range by resampled blocks, or None.
    """
    promise, weights = promised_error(rows), block_weights(tested)
    parts = {"inside": tested[tested["inside"]], "outside": tested[~tested["inside"]]}
    scores = {name: _scores(part, weights) for name, part in parts.items()}
    return {
        "promised_error": promise.mean,
        "promised_error_upper": promise.upper,
        **scores,
        "outside_minus_inside": _difference(tested, weights),
    }


def _difference(tested: pd.DataFrame, weights: pd.Series) -> dict[str, float] | None:
    """Mean error outside less that inside; None where one of them is empty."""
    block = pd.factorize(tested["block"])[0]
    sums = []
    for is_part in (~tested["inside"].to_numpy(bool), tested["inside"].to_numpy(bool)):
        weight = weights.to_numpy(float) * is_part
        sums += [np.bincount(block, weights=w) for w in (weight * tested["error"].to_numpy(float), weight)]
    of_block = np.stack(sums)
    if not of_block[[1, 3]].sum(axis=1).all():
        return None
    draws = np.random.default_rng(0).multinomial(of_block.shape[1], np.full(of_block.shape[1], 1 / of_block.shape[1]),
                                                 RESAMPLES)  # fmt: skip
    totals = np.vstack([np.ones(of_block.shape[1]), draws]) @ of_block.T
    with np.errstate(invalid="ignore", divide="ignore"):
        differences = totals[:, 0] / totals[:, 1] - totals[:, 2] / totals[:, 3]
    low, high = np.nanquantile(differences[1:], (1 - UPPER, UPPER))
    return {"value": float(differences[0]), "low": float(low), "high": float(high)}


def region_scores(tested: pd.DataFrame) -> pd.DataFrame:
    """Scores of each held-out region: inside, outside and all of it.

    Parameters
    ----------
    tested : DataFrame
        Of :func:`nested_test`.

    Returns
    -------
    DataFrame
        ``region, part, n, blocks, share, error, coverage, widened_coverage``; place of the region as ``lon``, ``lat``.
    """
    weights, scores = block_weights(tested), []
    for region, members in tested.groupby("region"):
        centre = {column: float(members[column].mean()) for column in ("lon", "lat") if column in members}
        parts = {"inside": members[members["inside"]], "outside": members[~members["inside"]], "all": members}
        for name, part in parts.items():
            share = float(weights[part.index].sum() / weights[members.index].sum())
            scores.append({"region": region, "part": name, **_scores(part, weights), "share": share, **centre})
    return pd.DataFrame(scores)


def _scores(part: pd.DataFrame, weights: pd.Series) -> dict[str, Any]:
    error = part["error"]
    return {
        "n": len(part),
        "blocks": int(part["block"].nunique()),
        "share": float(weights[part.index].sum() / weights.sum()),
        "error": weighted_mean(error, weights),
        "coverage": weighted_mean((part["relative_error"] <= 1.0).astype(float), weights),
        "widened_coverage": weighted_mean((part["relative_error"] <= part["factor"]).astype(float), weights),
    }


def _ends(values: pd.Series) -> Array:
    """Ends between bins that hold as many sites, each once."""
    ends: Array = np.unique(np.quantile(values.to_numpy(float), np.linspace(0, 1, BINS + 1)[1:-1]))
    return ends


def _position(rows: pd.DataFrame, choice: Choice, ends: Mapping[str, Array]) -> Array:
    """How far out each site is by a choice of predictors, from 0 to 1: the mean of its bins, (row,)."""
    bins = [np.searchsorted(ends[name], rows[name].to_numpy(float)) / max(len(ends[name]), 1) for name in choice]
    return np.asarray(np.mean(bins, axis=0))


def _weighted_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """What a curve is fitted to: predictors, ``weight``, and ``error`` without its largest values."""
    error = rows["error"].clip(upper=float(rows["error"].quantile(LARGEST)))
    return rows[PREDICTORS].assign(weight=block_weights(rows), error=error)


def _curve(rows: pd.DataFrame, choice: Choice, ends: Mapping[str, Array]) -> Any:
    """Isotonic regression of errors on positions, each step of a twentieth of the weight or so."""
    from sklearn.isotonic import IsotonicRegression

    position, weights, errors = _position(rows, choice, ends), *rows[["weight", "error"]].to_numpy(float).T
    order = np.argsort(position, kind="stable")
    cuts = np.searchsorted(np.cumsum(weights[order]), weights.sum() * np.arange(1, STEPS) / STEPS)
    # Sites at one position are in one step.
    step = np.searchsorted(np.unique(position[order][np.minimum(cuts, len(order) - 1)]), position)
    sums = np.stack([np.bincount(step, weights=w) for w in (weights, weights * position, weights * errors)])
    weight, x, y = sums[:, sums[0] > 0]
    return IsotonicRegression(out_of_bounds="clip").fit(x / weight, y / weight, sample_weight=weight)


def _best_choice(rows: pd.DataFrame, ends: Mapping[str, Array]) -> Choice:
    """Predictors by which errors of regions are told best by all other regions, in squares."""
    squares: dict[Choice, list[pd.Series]] = {choice: [] for choice in CHOICES}
    for region, members in rows[rows["held_out"] == REGION].groupby("region"):
        learned_from = _weighted_rows(rows[rows["region"] != region])
        for choice in CHOICES:
            curve = _curve(learned_from, choice, ends)
            squares[choice].append((members["error"] - curve.predict(_position(members, choice, ends))) ** 2)
    weights = block_weights(rows)
    losses = [weighted_mean(pd.concat(squares[choice]), weights) for choice in CHOICES]
    return CHOICES[int(np.argmin(losses))]


def _table(rows: pd.DataFrame, ends: Mapping[str, Array]) -> Array:
    """Expected error in every pair of bins; the same along a predictor that is not of the best choice."""
    choice = _best_choice(rows, ends)
    bins = np.meshgrid(
        *(np.arange(len(ends[name]) + 1) / max(len(ends[name]), 1) for name in PREDICTORS), indexing="ij"
    )
    position = np.mean([bins[PREDICTORS.index(name)] for name in choice], axis=0)
    table: Array = _curve(_weighted_rows(rows), choice, ends).predict(position.ravel()).reshape(position.shape)
    return table


def _classes(outside: pd.DataFrame, level: float) -> tuple[Array, Array]:
    """Classes of expected errors beyond the threshold and their factors, from held-out sites there.

    A class has 20 blocks or more; with fewer in all, intervals take the largest error of any of them.
    """
    if outside.empty:
        return np.zeros(0), np.ones(1)
    blocks = outside["block"].nunique()
    count = max(1, min(CLASSES, blocks // FEWEST_BLOCKS))
    ends = np.unique(np.quantile(outside["expected"], np.linspace(0, 1, count + 1)[1:-1]))
    number = np.searchsorted(ends, outside["expected"])
    factors = []
    for k in range(len(ends) + 1):
        part = outside[number == k]
        factor = conformal_factor(part["relative_error"], 1.0, part["block"], level)
        factors.append(factor if math.isfinite(factor) else float(outside["relative_error"].max()))
    return ends, np.maximum.accumulate(np.maximum(factors, 1.0))
