"""How much the intervals of held-out block means hold, beside what no model at all has."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.config import Experiment
from hybridmap.evaluate import metrics
from hybridmap.evaluate.area_errors import FEWEST_SITES, AreaErrors, AreaSites, learn_area_errors
from hybridmap.evaluate.block_sums import FEWEST_BLOCKS
from hybridmap.evaluate.predictions import one_row_a_site
from hybridmap.evaluate.spatial_covariance import EARTH_KM, members_of, places_of, squares

BLOCK = "block"
"""Area that is a block of the scheme."""
PARTS = (2, 4)
"""Blocks are also cut into squares of these parts of their edge."""
KEYS = ["experiment", "scheme", "target", "area", "level", "n"]
SCORES = ["coverage", "error", "width", "interval_score"]
CLIMATOLOGY = ["climatology_coverage", "climatology_width", "climatology_score"]
COLUMNS = [*KEYS, *SCORES, *CLIMATOLOGY, "note"]
Sets = list[NDArray[np.int64]]


def pooled_rows(predictions: pd.DataFrame, sites: pd.DataFrame, scheme: str) -> pd.DataFrame:
    """Test rows of a scheme, one a site.

    Parameters
    ----------
    predictions : DataFrame
        With conformal intervals.
    sites : DataFrame
        ``block`` of the same rows.
    scheme : str
        Name of the scheme.

    Returns
    -------
    DataFrame
        With ``block``.
    """
    is_test = (predictions["part"] == "test") & (predictions["scheme"] == scheme)
    return one_row_a_site(predictions[is_test].assign(block=sites["block"])).reset_index(drop=True)


def map_areas(predictions: pd.DataFrame, sites: pd.DataFrame, experiment: Experiment) -> dict[str, dict[str, Any]]:
    """What totals of maps need, from all test sites of the first scheme.

    Parameters
    ----------
    predictions : DataFrame
        With conformal intervals.
    sites : DataFrame
        ``block`` of the same rows.
    experiment : Experiment
        Says targets and level.

    Returns
    -------
    dict of str to dict
        By target, as :meth:`AreaErrors.facts`.
    """
    rows, level = pooled_rows(predictions, sites, experiment.splits[0]), experiment.uncertainty.level
    return {t: learn_area_errors(AreaSites.of(rows, t), level).facts() for t in experiment.targets}


def area_table(predictions: pd.DataFrame, sites: pd.DataFrame, experiment: Experiment) -> pd.DataFrame:
    """How much the intervals of block means hold, each fold judged by what the others taught.

    Parameters
    ----------
    predictions : DataFrame
        With conformal intervals.
    sites : DataFrame
        ``block`` of the same rows.
    experiment : Experiment
        Says targets and level.

    Returns
    -------
    DataFrame
        A row a scheme, target and size of area: ``n`` areas with five observations or more, ``coverage``, ``error``
        (coverage minus level), ``width`` and ``interval_score`` of the intervals of their mean, the same of the
        quantiles of the means of areas of that size in the other folds, and a ``note`` where there are none.
    """
    level, rows = experiment.uncertainty.level, []
    for scheme in experiment.splits:
        tested = pooled_rows(predictions, sites, scheme)
        for target in experiment.targets:
            for area, count, scores, note in _scores(tested, target, level):
                values = [scores.get(name, math.nan) for name in (*SCORES, *CLIMATOLOGY)]
                rows.append([experiment.name, scheme, target, area, level, count, *values, note])
    return pd.DataFrame(rows, columns=COLUMNS)


def _scores(rows: pd.DataFrame, target: str, level: float) -> Iterator[tuple[str, int, Mapping[str, float], str]]:
    """Name of each size of area, number of areas, their scores, and what is lacking."""
    sites = AreaSites.of(rows, target)
    folds = rows["fold"][AreaSites.known(rows, target)].to_numpy()
    learned = {fold: learn_area_errors(sites.part(folds != fold), level) for fold in np.unique(folds)}
    if not learned or not all(math.isfinite(errors.factor) for errors in learned.values()):
        reasons = [errors.note for errors in learned.values() if not math.isfinite(errors.factor)]
        yield BLOCK, len(sites.blocks), {}, (reasons or ["no site has place, observation and interval"])[0]
        return
    for area, codes in _areas(sites):
        areas = [_of_fold(sites, folds == fold, codes, errors) for fold, errors in learned.items()]
        ends = pd.concat(areas, ignore_index=True)
        if area == BLOCK or len(ends) >= FEWEST_BLOCKS:
            yield area, len(ends), _judged(ends, level), learned[folds[0]].note


def _areas(sites: AreaSites) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Blocks, then squares within them: name, and number of each site's area."""
    yield BLOCK, sites.block
    places = places_of(sites.lon, sites.lat)
    extents = [float(np.ptp(places[members], axis=0).max()) for members in sites.blocks]
    edge_km = float(np.median(extents))
    for part in PARTS if 0 < edge_km < EARTH_KM else ():
        square = squares(sites.lon, sites.lat, edge_km / part)
        pair = np.stack([sites.block, square], axis=1)
        codes = np.unique(pair, axis=0, return_inverse=True)[1].reshape(-1)
        yield f"{edge_km / part:.2g} km", codes.astype(np.int64)


def _of_fold(
    sites: AreaSites, is_tested: NDArray[np.bool_], codes: NDArray[np.int64], errors: AreaErrors
) -> pd.DataFrame:
    """Observed mean and ends of every area of a fold, with the quantiles of the others' block means."""
    rest, tested = sites.part(~is_tested), sites.part(is_tested)
    of_others = [float(rest.observed[members].mean()) for members in members_of(codes[~is_tested], FEWEST_SITES)]
    places, rows = places_of(tested.lon, tested.lat), []
    for members in members_of(codes[is_tested], FEWEST_SITES):
        half_width = tested.half_width[members]
        lower, upper = errors.interval(places[members], half_width)
        centre, scale = float(tested.predicted[members].mean()), float(half_width.mean())
        rows.append((tested.observed[members].mean(), centre + lower * scale, centre + upper * scale))
    return pd.DataFrame(rows, columns=["observed", "lower", "upper"]).assign(
        others=pd.Series([of_others] * len(rows), dtype=object)
    )


def _judged(ends: pd.DataFrame, level: float) -> dict[str, float]:
    tails = [0.5 * (1 - level), 0.5 * (1 + level)]
    low, high = np.reshape([np.quantile(means, tails) for means in ends["others"]], (-1, 2)).T
    scores: dict[str, float] = {}
    for prefix, lower, upper in (("", ends["lower"], ends["upper"]), ("climatology_", low, high)):
        coverage = metrics.coverage(lower, upper, ends["observed"])
        score = metrics.interval_score(lower, upper, ends["observed"], level)
        scores |= {f"{prefix}coverage": coverage, f"{prefix}width": metrics.interval_width(lower, upper)}
        scores |= {f"{prefix}interval_score": score, f"{prefix}score": score, f"{prefix}error": coverage - level}
    return scores
