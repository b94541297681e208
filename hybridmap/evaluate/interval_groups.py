"""Which groups a rule of intervals goes by and what counts once, chosen on blocks held out of its calibration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from hybridmap.evaluate import metrics
from hybridmap.evaluate.block_sums import FEWEST_BLOCKS
from hybridmap.evaluate.interval_rule import IntervalRule, RuleOptions, group_labels, learn_rule
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
    scores = {
        c: _nested_score(rows, sites, target, c) for c in candidates if _is_possible(rows, sites, target, c.groups)
    }
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


def _nested_score(rows: pd.DataFrame, sites: pd.DataFrame, target: str, options: RuleOptions) -> float:
    """Interval score of every fold by a rule of the others; infinite where a fold has no others or no interval."""
    ends = list(_nested_ends(rows, sites, target, options))
    if not ends:
        return np.inf
    table = pd.concat(ends)
    columns = (table["lower"], table["upper"], table["observed"])
    score = metrics.interval_score(*columns, options.level)
    return score if np.isfinite(score) and np.isfinite(table[["lower", "upper"]].to_numpy()).all() else np.inf


def _nested_ends(rows: pd.DataFrame, sites: pd.DataFrame, target: str, options: RuleOptions) -> Iterator[pd.DataFrame]:
    for fold, tested in rows.groupby("fold"):
        rest = rows[rows["fold"] != fold]
        tested = tested[tested[f"observed.{target}"].notna() & tested[f"predicted.{target}"].notna()]
        if tested.empty or not (rest[f"observed.{target}"].notna() & rest[f"predicted.{target}"].notna()).any():
            continue
        rule = learn_rule(rest, sites.loc[rest.index], target, options)
        lower, upper = rule.ends(tested, sites.loc[tested.index])
        yield pd.DataFrame({"lower": lower, "upper": upper, "observed": tested[f"observed.{target}"]})
