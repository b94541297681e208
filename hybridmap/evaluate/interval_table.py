"""How much intervals hold: of all test sites, of every fold, of classes of sites and of the worst blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from hybridmap.config import Experiment
from hybridmap.evaluate import metrics
from hybridmap.evaluate.interval_rule import TERCILES
from hybridmap.evaluate.predictions import POOLED
from hybridmap.evaluate.rungs import CLIMATOLOGY, with_climatology
from hybridmap.evaluate.strata import CLASSES, strata

FEWEST_SITES = 5
"""Observations of a block that has a coverage; of one or two it is 0 or 1 by chance."""
WORST = 0.1
"""Share of the blocks that is the worst tenth."""
KEYS = ["experiment", "scheme", "source", "fold", "target", "stratum", "class", "level", "n"]
SCORES = ["coverage", "error", "width", "interval_score", "climatology_score", "worst_tenth"]
GROUPS = "groups"


def interval_table(predictions: pd.DataFrame, sites: pd.DataFrame, experiment: Experiment) -> pd.DataFrame:
    """How much the intervals of the targets hold: per scheme, source, fold (and pooled), target and class.

    Parameters
    ----------
    predictions : DataFrame
        All parts, with the columns that :func:`hybridmap.evaluate.intervals.calibrate` adds.
    sites : DataFrame
        ``block`` and classes of the same rows.
    experiment : Experiment
        Says targets, level and the source of uncertainty.

    Returns
    -------
    DataFrame
        ``experiment, scheme, source, fold, target, stratum, class, level, n, coverage, error, width, interval_score,
        climatology_score, worst_tenth, groups``; width and scores in the unit of the target. `error` is coverage minus
        level. `groups` are those by which the intervals were calibrated, of several folds all. Classes are those of the
        pooled test sites.
    """
    sources: Mapping[str, str] = {experiment.uncertainty.method: "", "conformal": "conformal_"}
    level = experiment.uncertainty.level
    rows: list[list[Any]] = []
    for scheme, parts in predictions.groupby("scheme"):
        for target in experiment.targets:
            test = with_climatology(parts, target, level)
            for source, prefix in sources.items():
                if f"{prefix}lower.{target}" not in test:
                    continue
                for fold, stratum, name, members in _parts(test, sites, target):
                    key = [experiment.name, scheme, source, fold, target, stratum, name, level]
                    groups = _groups_of(members, target) if prefix else ""
                    rows.append([*key, *_scores(members, sites, (prefix, target), level), groups])
    return pd.DataFrame(rows, columns=[*KEYS, *SCORES, GROUPS])


def _groups_of(rows: pd.DataFrame, target: str) -> str:
    """Groups of the rules of some rows, each once."""
    column = f"interval_groups.{target}"
    return ", ".join(sorted(set(rows[column]) - {""})) if column in rows else ""


def _parts(test: pd.DataFrame, sites: pd.DataFrame, target: str) -> Iterator[tuple[str, str, str, pd.DataFrame]]:
    """Fold, stratum and class of some test rows: every fold, all together, and classes of all."""
    for fold, group in test.groupby("fold"):
        yield str(fold), "all", "", group
    yield POOLED, "all", "", test
    test = test[test[f"observed.{target}"].notna() & test[f"predicted.{target}"].notna()]
    for name, thirds in test.groupby(_thirds(test[f"predicted.{target}"]), sort=True):
        yield POOLED, "tercile", TERCILES[int(str(name))], thirds
    of_class = strata(sites.loc[test.index], test[f"observed.{target}"].to_numpy(float))
    for (stratum, label), members in of_class.items():
        if stratum in CLASSES:
            yield POOLED, stratum, label, test[members]


def _thirds(predicted: pd.Series) -> pd.Series:
    """0, 1 or 2 for the lowest, middle and highest third of the predictions; constant ones are all in the lowest."""
    ends = np.quantile(predicted, [1 / 3, 2 / 3]) if len(predicted) else []
    return pd.Series(np.searchsorted(ends, predicted), predicted.index)


def _scores(rows: pd.DataFrame, sites: pd.DataFrame, names: tuple[str, str], level: float) -> list[float]:
    """Number of observations, and the columns :data:`SCORES`."""
    prefix, target = names
    observed = rows[f"observed.{target}"].astype(float)
    ends = rows[f"{prefix}lower.{target}"], rows[f"{prefix}upper.{target}"]
    climatology = rows[f"{CLIMATOLOGY}.lower"], rows[f"{CLIMATOLOGY}.upper"]
    coverage = metrics.coverage(*ends, observed)
    return [
        int(observed.notna().sum()),
        coverage,
        coverage - level,
        metrics.interval_width(*ends),
        metrics.interval_score(*ends, observed, level),
        metrics.interval_score(*climatology, observed, level),
        worst_tenth(*ends, observed, sites.loc[rows.index, "block"]),
    ]


def worst_tenth(lower: pd.Series, upper: pd.Series, observed: pd.Series, blocks: pd.Series) -> float:
    """Mean coverage of the tenth of the blocks that are held least.

    Parameters
    ----------
    lower, upper, observed : Series, shape (site,)
        In one unit.
    blocks : Series, shape (site,)
        Block of each site.

    Returns
    -------
    float
        From 0 to 1, of blocks with 5 observations or more; NaN where there are fewer than 10 of them.
    """
    is_scored = observed.notna() & lower.notna() & upper.notna()
    inside = ((lower <= observed) & (observed <= upper))[is_scored].groupby(blocks[is_scored])
    of_block = inside.mean()[inside.size() >= FEWEST_SITES].sort_values()
    count = math.ceil(WORST * len(of_block))
    return float(of_block.head(count).mean()) if len(of_block) * WORST >= 1 else math.nan
