"""What a ladder says in words: better than the mean, than coordinates, than the best ordinary model, or not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hybridmap.config.baselines import BASELINES
from hybridmap.evaluate.block_sums import FEWEST_BLOCKS
from hybridmap.evaluate.rungs import CLIMATOLOGY, EXPERIMENT, MEAN, HeldOutSites
from hybridmap.evaluate.strata import SMALL_CLASSES, TAIL, UNKNOWN, class_names
from hybridmap.quantities import Quantity

COORDINATES = "coordinates"
COMPARISONS = {"beats_mean": "nse", "beats_coordinates": "pearson", "beats_best_baseline": "pearson"}
"""Comparison → the score that it rests on: a correlation would let a wrong scale pass for better than the mean."""
DIFFERENCE = {"difference": "difference", "low": "difference_low", "high": "difference_high"}
"""What a comparison says → column of the ladder."""


class Ladder(NamedTuple):
    """One quantity in one scheme: its held-out sites, and the table of their scores."""

    scheme: str
    quantity: Quantity
    held_out: HeldOutSites
    table: pd.DataFrame


def skill(ladders: Sequence[Ladder], level: float) -> dict[str, Any]:
    """What the first scheme says of every quantity.

    Parameters
    ----------
    ladders : sequence of Ladder
        Of one experiment; the first scheme and its first quantity speak for the experiment.
    level : float
        Share that intervals should hold.

    Returns
    -------
    dict
        ``scheme``, ``quantity``, ``skill``, ``intervals``, ``sentence`` and ``notes`` of that quantity, and
        ``quantities``: the same of each.
    """
    first = ladders[0].scheme
    of_first = [ladder for ladder in ladders if ladder.scheme == first]
    judged = {ladder.quantity.name: judge_skill(ladder, level) for ladder in of_first}
    main = of_first[0].quantity.name
    return {"scheme": first, "quantity": main, **judged[main], "quantities": judged}


def judge_skill(ladder: Ladder, level: float) -> dict[str, Any]:
    """Comparisons of one quantity, in numbers and in a sentence.

    Parameters
    ----------
    ladder : Ladder
        One quantity in one scheme.
    level : float
        Share that intervals should hold.

    Returns
    -------
    dict
        ``n``, ``blocks``; ``skill``: ``beats_mean``, ``beats_coordinates``, ``beats_best_baseline`` (True where the
        90 % range of the paired difference is above zero, False where it is not or there are too few blocks, None
        without such a rung) and ``scores``, what each rests on; ``intervals``; ``sentence``; ``notes``.
    """
    scores = Scores(ladder)
    scored = {name: scores.comparison(against, COMPARISONS[name]) for name, against in _rivals(scores).items()}
    beats: dict[str, bool | None] = dict.fromkeys(COMPARISONS)
    beats |= {name: bool(row["low"] is not None and row["low"] > 0) for name, row in scored.items()}
    counts = {"n": len(ladder.held_out.observed), "blocks": scores.blocks}
    return {
        **counts,
        "skill": {**beats, "scores": scored},
        "intervals": scores.intervals(level),
        "sentence": f"{ladder.quantity.label}: {_sentence(scores, beats, scored)}",
        "notes": _notes(ladder),
    }


class Scores:
    """Rows of all sites of a ladder by rung and score."""

    def __init__(self, ladder: Ladder) -> None:
        rows = ladder.table[ladder.table["stratum"] == "all"]
        self._rows = rows.set_index(["rung", "score"])
        self.blocks = int(ladder.held_out.sites["block"].nunique())
        self.experiment = str(ladder.table["experiment"].iloc[0]) if len(ladder.table) else EXPERIMENT
        self.rungs = list(dict.fromkeys(rows["rung"]))

    def value(self, rung: str, score: str, column: str = "value") -> float | None:
        """A score, or another column of its row.

        Parameters
        ----------
        rung, score : str
            Row of the ladder, of all sites.
        column : str
            Column of the ladder.

        Returns
        -------
        float or None
            None where there is no such row, or no number in it.
        """
        return _finite(self._rows[column].get((rung, score), np.nan))

    def comparison(self, rung: str, score: str) -> dict[str, Any]:
        """Experiment and rung beside each other, and their difference with its 90 % range."""
        difference = {key: self.value(rung, score, column) for key, column in DIFFERENCE.items()}
        values = {"value": self.value(self.experiment, score), "of_rung": self.value(rung, score)}
        return {"score": score, "against": rung, **values, **difference}

    def intervals(self, level: float) -> dict[str, Any]:
        """Coverage of the experiment's intervals, and whether they score better than the climatology of all sites."""
        has_both = all(self.value(rung, "interval_score") is not None for rung in (self.experiment, CLIMATOLOGY))
        row = self.comparison(CLIMATOLOGY, "interval_score") if has_both else {}
        return {
            "level": level,
            "coverage": self.value(self.experiment, "coverage"),
            "sharper_than_climatology": bool(row["high"] is not None and row["high"] < 0) if row else None,
            **({"scores": row} if row else {}),
        }


def _finite(value: Any) -> float | None:
    """A number for JSON, which knows neither NaN nor infinity."""
    return round(float(value), 6) if math.isfinite(value) else None


def _rivals(scores: Scores) -> dict[str, str]:
    """Comparison → rung that it is made with, where there is one and the scores are defined."""
    if scores.value(scores.experiment, "nse") is None:
        return {}
    fitted = {name: r for name in BASELINES if (r := scores.value(name, "pearson")) is not None}
    rivals = {"beats_mean": MEAN}
    if COORDINATES in fitted:
        rivals["beats_coordinates"] = COORDINATES
    if fitted:
        rivals["beats_best_baseline"] = max(fitted, key=lambda name: fitted[name])
    return rivals


def _sentence(scores: Scores, beats: Mapping[str, bool | None], scored: Mapping[str, Mapping[str, Any]]) -> str:
    if not scored:
        return "not judged, the observations of the test sites have no spread"
    r = scores.value(scores.experiment, "pearson")
    if scores.blocks < FEWEST_BLOCKS:
        of_best = scored.get("beats_best_baseline")
        beside = f", of {_title(of_best['against'])} {of_best['of_rung']:.2f}" if of_best else ""
        return (
            f"not judged, {scores.blocks} blocks hold observations and {FEWEST_BLOCKS} are needed (r {r:.2f}{beside})"
        )
    # Where coordinates are the best baseline, they are told once.
    rivals = {row["against"]: row for name, row in scored.items() if name != "beats_mean"}
    phrases = [_against_mean(scored["beats_mean"]), *map(_against, rivals.values())]
    suffix = " in r" if rivals else ""
    absent = "; not compared with coordinates, which are not among the baselines"
    return ", ".join(phrases) + suffix + (absent if beats["beats_coordinates"] is None else "")


def _against_mean(row: Mapping[str, Any]) -> str:
    low, high = row["low"] or 0.0, row["high"] or 0.0
    if low > 0:
        return "better than the mean"
    verb = "worse" if high < 0 else "no better"
    return f"{verb} than the mean in squared error (NSE {row['value']:.2f}, {low:.2f} to {high:.2f} against it)"


def _against(row: Mapping[str, Any]) -> str:
    """How an experiment compares with a baseline: "below tuned boosting by 0.09 (0.06–0.12)"."""
    title, low, high = _title(row["against"]), row["low"], row["high"]
    if low is None or low <= 0 <= high:
        return f"no better than {title}"
    ends = sorted((abs(low), abs(high)))
    digits = 2 if ends[0] >= 0.005 else 3
    size = f"{abs(row['difference']):.{digits}f} ({ends[0]:.{digits}f}–{ends[1]:.{digits}f})"
    return f"{'above' if low > 0 else 'below'} {title} by {size}"


def _title(baseline: str) -> str:
    return BASELINES[baseline].title.removesuffix(" alone")


def _notes(ladder: Ladder) -> list[str]:
    """What a reader of the scores must know: of folds, classes, spread, ceilings and intervals."""
    held_out, label = ladder.held_out, ladder.quantity.label
    rung = held_out.rungs[EXPERIMENT]
    notes = [*_folds_without_tail(held_out), *_classes_in_one_fold(held_out)]
    if rung.rescaled is None:
        notes.append("predictions do not vary within the folds, so there is no spread to restore")
    if rung.ends is None:
        notes.append("there are no conformal intervals of finite width to score")
    if not held_out.sites["cell"].duplicated().any():
        notes.append("no cell of the grid holds two sites, so the ceiling of a cell is not known")
    return [f"{label}: {note}" for note in notes]


def _folds_without_tail(held_out: HeldOutSites) -> list[str]:
    if not held_out.observed.size:
        return []
    is_tail = held_out.observed > np.quantile(held_out.observed, TAIL)
    folds = sorted(set(held_out.sites["fold"]) - set(held_out.sites["fold"][is_tail]))
    if not folds or not is_tail.any():
        return []
    numbers = ", ".join(map(str, folds))
    subject = f"folds {numbers} test" if len(folds) > 1 else f"fold {numbers} tests"
    return [f"{subject} none of the highest {1 - TAIL:.0%} of the observations, whose scores miss the tail"]


def _classes_in_one_fold(held_out: HeldOutSites) -> list[str]:
    if "landcover" not in held_out.sites:
        return []
    names = class_names(held_out.sites["landcover"])
    notes = []
    for name, folds in held_out.sites.groupby(names)["fold"]:
        if name not in (SMALL_CLASSES, UNKNOWN) and folds.nunique() == 1:
            text = "all {} observations of land cover '{}' are tested by fold {}, whose model trained on none"
            notes.append(text.format(len(folds), name, folds.iloc[0]))
    return notes
