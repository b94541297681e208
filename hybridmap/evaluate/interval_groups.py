"""Which groups a rule of intervals goes by and what counts once, chosen on blocks held out of its calibration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hybridmap.evaluate import metrics
from hybridmap.evaluate.block_sums import FEWEST_BLOCKS
from hybridmap.evaluate.interval_rule import IntervalRule, RuleOptions, better_form, group_labels, learn_rule
from hybridmap.evaluate.interval_scale import ScaleForm
from hybridmap.model.draws import BLOCK, SITE

AUTO, UNGROUPED = "auto", "none"
UNITS = (BLOCK, SITE)
CANDIDATES = (UNGROUPED, "tercile", "depth", "landcover")
"""From the simplest; the first of equals is taken."""
LEAST_GAIN = 0.01
"""Share by which the interval score must fall below that of the first."""


def best_rule(
    rows: pd.DataFrame, sites: pd.DataFrame, target: str, options: RuleOptions, of_maps: bool = False
) -> IntervalRule:
    """Learn a rule by the options that are asked for, or by those that nested folds choose.

    Parameters
    ----------
    rows : DataFrame
        Held-out sites, as for :func:`learn_rule`, with their ``fold``.
    sites : DataFrame
        ``block`` and classes of the same rows.
    target : str
        The target.
    options : RuleOptions
        Groups and what counts once are chosen where they are "auto".
    of_maps : bool
        Whether maps follow the rule; then land cover is no choice, which cells of a map do not know.

    Returns
    -------
    IntervalRule
        Its options are those that were chosen.
    """
    groups = [name for name in CANDIDATES if not (of_maps and name == "landcover")]
    groups = groups if options.groups == AUTO else [options.groups]
    units = UNITS if options.counts_once == AUTO else (options.counts_once,)
    candidates = [options._replace(groups=name, counts_once=unit) for name in groups for unit in units]
    if len(candidates) > 1:
        options = choose_options(rows, sites, target, candidates)
    return learn_rule(rows, sites, target, options)


def choose_options(
    rows: pd.DataFrame, sites: pd.DataFrame, target: str, candidates: Sequence[RuleOptions]
) -> RuleOptions:
    """Options with the lowest interval score on folds that the rule did not see.

    Parameters
    ----------
    rows, sites, target
        As for :func:`best_rule`.
    candidates : sequence of RuleOptions
        The first is taken unless another is better by a hundredth.

    Returns
    -------
    RuleOptions
        One of `candidates`.
    """
    possible = [c for c in candidates if _is_possible(rows, sites, target, c.groups)]
    scores = {c: _interval_score(ends, c.level) for c, ends in _nested_ends(rows, sites, target, possible).items()}
    first = candidates[0]
    best = min(scores, key=lambda name: scores[name]) if scores else first
    return best if best != first and scores[best] < (1.0 - LEAST_GAIN) * scores[first] else first


def _is_possible(rows: pd.DataFrame, sites: pd.DataFrame, target: str, groups: str) -> bool:
    """Whether two groups or more have enough blocks."""
    if groups in (UNGROUPED, "tercile"):
        return True
    if groups not in sites:
        return False
    is_observed = rows[f"observed.{target}"].notna() & rows[f"predicted.{target}"].notna()
    labels = group_labels(rows[f"predicted.{target}"][is_observed], sites, groups)
    blocks = sites["block"].loc[labels.index].groupby(labels).nunique()
    return int((blocks >= FEWEST_BLOCKS).sum()) > 1


def _interval_score(ends: Sequence[pd.DataFrame], level: float) -> float:
    """Interval score of all folds; infinite where none has an interval."""
    if not ends:
        return np.inf
    table = pd.concat(ends)
    score = metrics.interval_score(table["lower"], table["upper"], table["observed"], level)
    return score if np.isfinite(score) and np.isfinite(table[["lower", "upper"]].to_numpy()).all() else np.inf


def _nested_ends(
    rows: pd.DataFrame, sites: pd.DataFrame, target: str, candidates: Sequence[RuleOptions]
) -> dict[RuleOptions, list[pd.DataFrame]]:
    """Ends and observations of every fold by rules of the others, for each candidate."""
    ends: dict[RuleOptions, list[pd.DataFrame]] = {options: [] for options in candidates}
    is_observed = rows[f"observed.{target}"].notna() & rows[f"predicted.{target}"].notna()
    for fold in rows.groupby("fold").groups:
        is_tested = rows["fold"] == fold
        if not (is_tested & is_observed).any() or not (~is_tested & is_observed).any():
            continue
        tested, rest = rows[is_tested & is_observed], rows[~is_tested]
        tested_sites, rest_sites = sites.loc[tested.index], sites.loc[rest.index]
        forms: dict[RuleOptions, ScaleForm] = {}
        for options in candidates:
            key = options._replace(groups=UNGROUPED)
            if key not in forms:
                forms[key] = better_form(rest, rest_sites["block"], target, key)
            rule = learn_rule(rest, rest_sites, target, options, forms[key])
            lower, upper = rule.ends(tested, tested_sites)
            ends[options].append(
                pd.DataFrame({"lower": lower, "upper": upper, "observed": tested[f"observed.{target}"]})
            )
    return ends
