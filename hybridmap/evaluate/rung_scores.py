"""Scores of all rungs in all strata, with ranges by paired resamples of blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.evaluate.block_sums import FEWEST_BLOCKS, PAIR_SCORES, BlockSums, Pairs, pair_score, resampled_sums
from hybridmap.evaluate.ceiling import ceiling, ceiling_sums
from hybridmap.evaluate.rungs import EXPERIMENT, HeldOutSites, Rung
from hybridmap.evaluate.strata import strata
from hybridmap.quantities import Quantity

Array = NDArray[np.float64]
RESAMPLES, SEED = 1000, 0
RANGE = (0.05, 0.95)
"""Quantiles of the resamples that are the ends of a 90 % range."""
LOWEST = 0.01
"""Quantile of the positive observations that smaller values count as on logarithms."""
CEILINGS = {"ceiling_cell": "cell", "ceiling_block": "area"}
"""Ceiling → column of the sites with the groups that inputs cannot tell apart."""
INTERVAL_SCORES = ("coverage", "width", "interval_score")
SCORES = {
    **{name: ("plain", name) for name in PAIR_SCORES},
    **{f"{name}_rescaled": ("rescaled", name) for name in ("nse", "kge")},
    **{f"{name}_log": ("log", name) for name in ("pearson", "nse", "ccc", "rmse")},
    **{name: ("interval", name) for name in INTERVAL_SCORES},
}
"""Score → view of a rung that it is computed from, and its name there."""
CLASS_SCORES = ("pearson", "nse", "rmse", "pearson_log", "coverage")
"""Scores of land covers, sources and depths."""
KEYS = ["experiment", "scheme", "target", "unit", "stratum", "class", "rung"]
VALUES = ["n", "blocks", "score", "value", "low", "high", "difference", "difference_low", "difference_high"]


class _Score(NamedTuple):
    """A score of a rung: of all sites, and of every resample (resample,)."""

    value: float
    resampled: Array


def score_rungs(held_out: HeldOutSites, quantity: Quantity, key: Mapping[str, str]) -> pd.DataFrame:
    """Every score of every rung in every stratum, with ranges and paired differences of the experiment from the rung.

    Parameters
    ----------
    held_out : HeldOutSites
        Rungs of one quantity in one scheme.
    quantity : Quantity
        For its name and unit, and whether logarithms make sense.
    key : mapping of str to str
        ``experiment`` and ``scheme`` of the rows.

    Returns
    -------
    DataFrame
        Columns :data:`KEYS` and :data:`VALUES`. `difference` is experiment minus rung on the same resamples.
    """
    floor = _floor(held_out.observed, quantity)
    rows: list[dict[str, Any]] = []
    for (stratum, name), members in strata(held_out.sites, held_out.observed).items():
        names = list(SCORES) if stratum in ("all", "below_tail") else list(CLASS_SCORES)
        place = {**key, "target": quantity.name, "unit": quantity.unit, "stratum": stratum, "class": name}
        part = _part(held_out, members)
        if stratum == "all":
            rows += [{**place, **row} for row in _ceiling_rows(part, floor)]
        rows += [{**place, **row} for row in _rung_rows(part, floor, names)]
    table = pd.DataFrame(rows, columns=[*KEYS, *VALUES])
    return table.assign(rung=table["rung"].replace(EXPERIMENT, key["experiment"]))


def _floor(observed: Array, quantity: Quantity) -> float | None:
    """Least value that logarithms see; None for a quantity that may be negative, or has no positive observation."""
    positive = observed[observed > 0]
    return None if quantity.is_signed or not positive.size else float(np.quantile(positive, LOWEST))


def _part(held_out: HeldOutSites, members: NDArray[np.bool_]) -> HeldOutSites:
    """Rungs at some of the sites."""

    def cut(rung: Rung) -> Rung:
        ends = None if rung.ends is None else (rung.ends[0][members], rung.ends[1][members])
        return Rung(rung.predicted[members], ends, None if rung.rescaled is None else rung.rescaled[members])

    rungs = {name: cut(rung) for name, rung in held_out.rungs.items()}
    return HeldOutSites(held_out.sites[members], held_out.observed[members], rungs, held_out.level)


def _views(rung: Rung, observed: Array, block: NDArray[np.int64], floor: float | None) -> dict[str, BlockSums]:
    """Sums over blocks of every view of a rung that exists."""
    count = int(block.max()) + 1
    pairs = {"plain": (rung.predicted, observed)}
    if rung.rescaled is not None:
        pairs["rescaled"] = (rung.rescaled, observed)
    if floor is not None:
        pairs["log"] = (np.log(np.maximum(rung.predicted, floor)), np.log(np.maximum(observed, floor)))
    views = {name: BlockSums.of(Pairs(p, o, block), count) for name, (p, o) in pairs.items()}
    if rung.ends is not None:
        views["interval"] = BlockSums(_interval_sums(rung.ends, observed, block, count))
    return views


def _interval_sums(ends: tuple[Array, Array], observed: Array, block: NDArray[np.int64], count: int) -> Array:
    """Sums over blocks (block, 4): number, observations inside, width, and misses beyond the ends."""
    low, high = ends
    misses = np.maximum(low - observed, 0.0) + np.maximum(observed - high, 0.0)
    terms = (np.ones_like(observed), ((low <= observed) & (observed <= high)).astype(float), high - low, misses)
    return np.stack([np.bincount(block, term, count) for term in terms], axis=1)


def _interval_score(name: str, sums: Array, level: float) -> Array:
    n, inside, width, misses = np.moveaxis(sums, -1, 0)
    values: dict[str, Array] = {
        "coverage": inside,
        "width": width,
        "interval_score": width + 2.0 / (1.0 - level) * misses,
    }
    mean: Array = np.divide(values[name], n, out=np.full_like(n, np.nan), where=n > 0)
    return mean


def _rung_rows(part: HeldOutSites, floor: float | None, names: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of all rungs in one stratum."""
    if not part.observed.size:
        return []
    block, labels = pd.factorize(part.sites["block"])
    views = {rung: _views(values, part.observed, block, floor) for rung, values in part.rungs.items()}
    resamples = _paired_resamples({(r, v): of.sums for r, of_rung in views.items() for v, of in of_rung.items()})
    scores: dict[tuple[str, str], _Score] = {}
    for rung, of_rung in views.items():
        for score in names:
            view, name = SCORES[score]
            if view not in of_rung:
                continue
            sums = resamples[rung, view]
            is_interval = view == "interval"
            values = (
                _interval_score(name, sums, part.level) if is_interval else pair_score(name, sums, of_rung[view].shift)
            )
            scores[rung, score] = _Score(float(values[0]), values[1:])
    counts = {"n": int(part.observed.size), "blocks": len(labels)}
    of_experiment = {score: scores.get((EXPERIMENT, score)) for score in names}
    return [
        {"rung": rung, **counts, "score": score, **_ends(values), **_difference(of_experiment[score], values)}
        for (rung, score), values in scores.items()
    ]


def _paired_resamples(sums: Mapping[tuple[str, str], Array]) -> dict[tuple[str, str], Array]:
    """Sums of all blocks, then of every resample (1 + resample, term), the same blocks for all views of all rungs."""
    ends = np.cumsum([0, *(table.shape[1] for table in sums.values())])
    joint = np.concatenate(list(sums.values()), axis=1)
    totals = np.concatenate([joint.sum(axis=0, keepdims=True), _resampled(joint)])
    return {key: totals[:, start:end] for key, start, end in zip(sums, ends[:-1], ends[1:], strict=True)}


def _resampled(sums: Array) -> Array:
    """Resamples of blocks, none where there are too few for a range."""
    return resampled_sums(sums, RESAMPLES if len(sums) >= FEWEST_BLOCKS else 0, SEED)


def _ends(score: _Score) -> dict[str, float]:
    """Value and 90 % range of a score."""
    low, high = _quantiles(score.resampled)
    return {"value": score.value, "low": low, "high": high}


def _difference(experiment: _Score | None, rung: _Score) -> dict[str, float]:
    """Experiment minus rung, resample by resample."""
    if experiment is None or experiment is rung:
        return {}
    low, high = _quantiles(experiment.resampled - rung.resampled)
    return {"difference": experiment.value - rung.value, "difference_low": low, "difference_high": high}


def _quantiles(values: Array) -> tuple[float, float]:
    defined = values[np.isfinite(values)]
    if not defined.size:
        return np.nan, np.nan
    low, high = np.quantile(defined, RANGE)
    return float(low), float(high)


def _ceiling_rows(part: HeldOutSites, floor: float | None) -> list[dict[str, Any]]:
    """Rows of the ceilings: NSE, r as its root, and both on logarithms."""
    block, labels = pd.factorize(part.sites["block"])
    scales = {"": part.observed}
    if floor is not None:
        scales["_log"] = np.log(np.maximum(part.observed, floor))
    rows = []
    for name, column in CEILINGS.items():
        group = part.sites[column].to_numpy()
        if not part.observed.size or (group == "").all():
            continue
        for suffix, observed in scales.items():
            sums = ceiling_sums(observed, group, block, len(labels))
            nse = ceiling(np.concatenate([sums.sum(axis=0, keepdims=True), _resampled(sums)]))
            for score, values in ((f"pearson{suffix}", np.sqrt(nse)), (f"nse{suffix}", nse)):
                counts = {"n": int(part.observed.size), "blocks": len(labels)}
                rows.append({"rung": name, **counts, "score": score, **_ends(_Score(float(values[0]), values[1:]))})
    return rows
