"""How predictions of a target become intervals, learned from held-out sites: scale, factor, and factors of groups."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hybridmap.errors import HybridmapError
from hybridmap.evaluate import metrics
from hybridmap.evaluate.block_sums import FEWEST_BLOCKS
from hybridmap.evaluate.interval_scale import BELOW_LOG, ScaleForm, scale_of
from hybridmap.evaluate.strata import UNKNOWN
from hybridmap.model.draws import SMALLEST_SPREAD, conformal_factor, conformal_rank
from hybridmap.model.spread_head import OFFSET_SHARE

TERCILES = ("lowest third", "middle third", "highest third")
"""Thirds of the predictions."""


class RuleOptions(NamedTuple):
    """What a rule is asked for.

    Attributes
    ----------
    level : float
        Share of observations in the interval.
    groups : str
        "none", "tercile", or a column of the classes.
    is_signed : bool
        Whether values below zero make sense.
    counts_once : {"block", "site"}
        What counts once.
    """

    level: float
    groups: str
    is_signed: bool
    counts_once: str = "block"


class HeldOutScores(NamedTuple):
    """Scores of sites whose models never saw them, and the block of each, (site,); and what counts once."""

    scores: pd.Series
    blocks: pd.Series
    counts_once: str = "block"

    @property
    def block_count(self) -> int:
        """Blocks with a score."""
        return int(self.blocks[np.isfinite(self.scores)].nunique())

    def part(self, members: pd.Index) -> HeldOutScores:
        """Those of some sites."""
        return HeldOutScores(self.scores.loc[members], self.blocks.loc[members], self.counts_once)

    def factor(self, level: float) -> float:
        """Factor that holds `level` of new blocks, or sites; not finite where there are too few blocks."""
        return conformal_factor(self.scores, 1.0, self.blocks, level, self.counts_once)


@dataclass(frozen=True)
class IntervalRule:
    """From a prediction to its interval.

    Attributes
    ----------
    target : str
        Whose rule it is.
    options : RuleOptions
        Level and groups.
    form : ScaleForm
        What a factor stretches.
    thresholds : tuple of float
        Ends of the lowest and the middle third of the predictions, in the unit of the target.
    pooled : HeldOutScores
        Of all held-out sites.
    of_group : mapping of str to HeldOutScores
        Of groups with enough blocks.
    notes : tuple of str
        What a reader must know.
    """

    target: str
    options: RuleOptions
    form: ScaleForm
    thresholds: tuple[float, ...]
    pooled: HeldOutScores
    of_group: Mapping[str, HeldOutScores]
    notes: tuple[str, ...]

    def ends(self, rows: pd.DataFrame, sites: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
        """Lower and upper end of some rows, in the unit of the target; arguments as of :meth:`columns`."""
        return scale_of(rows, self.target, self.form).ends(self._factors(self._labels(rows, sites)))

    def columns(self, rows: pd.DataFrame, sites: pd.DataFrame) -> dict[str, pd.Series]:
        """Interval of some rows, and where in it they lie.

        Parameters
        ----------
        rows : DataFrame
            Observed, predicted and drawn columns.
        sites : DataFrame
            Classes of the same rows.

        Returns
        -------
        dict of str to Series, shape (site,)
            ``conformal_lower.T`` and ``conformal_upper.T`` in the unit of the target; ``pit.T``, the share of the
            distribution below the observation, from 0 to 1.
        """
        labels = self._labels(rows, sites)
        scale = scale_of(rows, self.target, self.form)
        lower, upper = scale.ends(self._factors(labels))
        is_below = rows[f"observed.{self.target}"] < rows[f"predicted.{self.target}"]
        ranks = self._ranks(scale.scores(), labels)
        return {
            f"conformal_lower.{self.target}": lower,
            f"conformal_upper.{self.target}": upper,
            f"pit.{self.target}": 0.5 * (1.0 + ranks.where(~is_below, -ranks)),
        }

    def relative_errors(self, rows: pd.DataFrame, sites: pd.DataFrame) -> pd.Series:
        """Error of each row over the half-width of its interval on that side; above 1 the interval misses.

        Parameters
        ----------
        rows : DataFrame
            Observed, predicted and drawn columns.
        sites : DataFrame
            Classes of the same rows.

        Returns
        -------
        Series, shape (site,)
        """
        observed, predicted = (rows[f"{kind}.{self.target}"].astype(float) for kind in ("observed", "predicted"))
        lower, upper = self.ends(rows, sites)
        centre = predicted if self.options.is_signed else predicted.clip(lower=0.0)
        half_width = (upper - centre).where(observed >= centre, centre - lower)
        return (observed - centre).abs() / half_width.clip(lower=SMALLEST_SPREAD)

    def _labels(self, rows: pd.DataFrame, sites: pd.DataFrame) -> pd.Series:
        """Group of each row."""
        return group_labels(rows[f"predicted.{self.target}"], sites, self.options.groups, self.thresholds)

    def _factors(self, labels: pd.Series) -> pd.Series:
        """Factor of the group of each row; that of all where the group has none."""
        of_group = {name: part.factor(self.options.level) for name, part in self.of_group.items()}
        return labels.map(of_group).astype(float).fillna(self.pooled.factor(self.options.level))

    def _ranks(self, scores: pd.Series, labels: pd.Series) -> pd.Series:
        """Level at which each interval begins to hold its observation."""
        ranks = pd.Series(np.nan, index=scores.index)
        for name, members in scores.groupby(labels):
            part = self.of_group.get(str(name), self.pooled)
            ranks[members.index] = conformal_rank(members, part.scores, part.blocks, part.counts_once)
        return ranks

    def facts(self) -> dict[str, Any]:
        """Plain values that maps need."""
        return {
            "scale": self.form.name,
            "grouped_by": self.options.groups,
            "counts_once": self.options.counts_once,
            "rms": self.form.rms,
            "step": self.form.step,
            "offset": self.form.offset,
            "thresholds": list(self.thresholds),
            "groups": {name: part.factor(self.options.level) for name, part in self.of_group.items()},
        }


def learn_rule(
    rows: pd.DataFrame, sites: pd.DataFrame, target: str, options: RuleOptions, form: ScaleForm | None = None
) -> IntervalRule:
    """Learn how predictions of a target become intervals.

    Parameters
    ----------
    rows : DataFrame
        Held-out sites: ``observed.T``, ``predicted.T``, and what heads or draws gave.
    sites : DataFrame
        ``block`` and classes of the same rows.
    target : str
        The target.
    options : RuleOptions
        Level and groups.
    form : ScaleForm, optional
        What :func:`better_form` gave for these rows, where it is known: it does not depend on groups.

    Returns
    -------
    IntervalRule
        On the scale with the lower interval score; a group with fewer than 20 blocks takes the factor of all.

    Raises
    ------
    HybridmapError
        If there are no classes by which to group.
    """
    if options.groups not in ("none", "tercile", *sites):
        raise HybridmapError(
            f"uncertainty.groups: {options.groups}, but no sample has a {options.groups}; set it to none or tercile."
        )
    form = form or better_form(rows, sites["block"], target, options)
    predicted = rows[f"predicted.{target}"]
    is_observed = rows[f"observed.{target}"].notna() & predicted.notna()
    thresholds: tuple[float, ...] = ()
    if options.groups == "tercile" and is_observed.any():
        low, high = predicted[is_observed].astype(float).quantile([1 / 3, 2 / 3])
        thresholds = (float(low), float(high))
    pooled = HeldOutScores(scale_of(rows, target, form).scores(), sites["block"], options.counts_once)
    labels = group_labels(predicted, sites, options.groups, thresholds)[is_observed]
    parts = {str(name): pooled.part(members.index) for name, members in labels.groupby(labels) if name}
    of_group = {name: part for name, part in parts.items() if _is_enough(part, options.level)}
    notes = [*_spread_notes(rows[is_observed], target), *_group_notes(parts, of_group, options)]
    return IntervalRule(target, options, form, thresholds, pooled, of_group, tuple(f"{target}: {n}" for n in notes))


def group_labels(
    predicted: pd.Series, sites: pd.DataFrame, groups: str, thresholds: tuple[float, ...] = ()
) -> pd.Series:
    """Group of each site; "" where all are one.

    Parameters
    ----------
    predicted : Series, shape (site,)
        In the unit of the target.
    sites : DataFrame
        Classes of the same rows.
    groups : str
        "none", "tercile", or a column of `sites`.
    thresholds : tuple of float
        Of terciles, in the unit of the target.

    Returns
    -------
    Series of str, shape (site,)

    Examples
    --------
    >>> group_labels(pd.Series([1.0, 2.0, 5.0]), pd.DataFrame(), "tercile", (1.0, 3.0)).tolist()
    ['lowest third', 'middle third', 'highest third']
    """
    if groups == "tercile" and thresholds:
        return pd.Series(np.array(TERCILES)[np.searchsorted(thresholds, predicted)], predicted.index)
    if groups in sites:
        labels: pd.Series = sites.loc[predicted.index, groups].fillna("").astype(str).str.strip()
        return labels.replace("", UNKNOWN)
    return pd.Series("", index=predicted.index)


def better_form(rows: pd.DataFrame, blocks: pd.Series, target: str, options: RuleOptions) -> ScaleForm:
    """Plain or on logarithms, whichever gives the lower interval score here; plain where they are equal.

    Parameters
    ----------
    rows : DataFrame
        Held-out sites, as for :func:`learn_rule`.
    blocks : Series
        Block of the same rows.
    target : str
        The target.
    options : RuleOptions
        All but the groups, which the form does not depend on.

    Returns
    -------
    ScaleForm
    """
    observed = rows[f"observed.{target}"].astype(float)
    least = -math.inf if options.is_signed else 0.0
    residuals = (observed - rows[f"predicted.{target}"].astype(float).clip(lower=least)).dropna()
    rms = float(np.sqrt((residuals**2).mean())) if len(residuals) else 0.0
    mean = float(observed.mean())
    has_heads = f"{BELOW_LOG}.{target}" in rows
    plain = ScaleForm(has_heads=has_heads, rms=rms, step=_longest_distance(rows, target), least=least)
    if not has_heads and (options.is_signed or not mean > 0):
        return plain

    def score(form: ScaleForm) -> float:
        scale = scale_of(rows, target, form)
        ends = scale.ends(HeldOutScores(scale.scores(), blocks, options.counts_once).factor(options.level))
        value = metrics.interval_score(*ends, observed, options.level)
        return value if math.isfinite(value) else math.inf

    return min(plain, plain._replace(is_log=True, offset=OFFSET_SHARE * mean), key=score)


def _longest_distance(rows: pd.DataFrame, target: str) -> float:
    """Of learned ends from the prediction, in the unit of the target, so that no score is below 0; 1 without heads."""
    if f"{BELOW_LOG}.{target}" not in rows:
        return 1.0
    centre = rows[f"predicted.{target}"].astype(float).clip(lower=0.0)
    longest = max((rows[f"{end}.{target}"].astype(float) - centre).abs().max() for end in ("lower", "upper"))
    return float(longest) if longest > 0 else 1.0


def _is_enough(part: HeldOutScores, level: float) -> bool:
    return part.block_count >= FEWEST_BLOCKS and math.isfinite(part.factor(level))


def _spread_notes(rows: pd.DataFrame, target: str) -> list[str]:
    """What draws and predictions lack."""
    notes = []
    if len(rows) and rows[f"predicted.{target}"].nunique() == 1:
        notes.append("predictions are constant, so there are no thirds of them")
    if len(rows) and f"sd.{target}" in rows and (rows[f"sd.{target}"] == 0).all():
        notes.append("all draws agree everywhere, so intervals have the width of the calibration error alone")
    return notes


def _group_notes(
    parts: Mapping[str, HeldOutScores], of_group: Mapping[str, HeldOutScores], options: RuleOptions
) -> list[str]:
    if options.groups in ("none", "tercile") and len(parts) < 2:
        return []
    if len(parts) == 1:
        return [f"all sites are one {options.groups}, '{next(iter(parts))}', so there are no groups"]
    small = [f"'{name}' ({part.block_count})" for name, part in parts.items() if name not in of_group]
    if not small:
        return []
    return [
        f"groups with fewer than {FEWEST_BLOCKS} blocks, or too few for the level, take the factor of all sites:"
        f" {', '.join(small)}"
    ]


def raw_factor(rows: pd.DataFrame, blocks: pd.Series, target: str, level: float) -> float:
    """Factor on the spread of draws as it is, by which parameters are scaled that nobody observes.

    Parameters
    ----------
    rows : DataFrame
        Held-out sites: ``observed.T``, ``predicted.T`` and ``sd.T``.
    blocks : Series
        Block of the same rows.
    target : str
        The target.
    level : float
        Share of observations to hold.

    Returns
    -------
    float
        Not finite where there are too few blocks.
    """
    return conformal_factor(scale_of(rows, target).scores(), 1.0, blocks, level)
