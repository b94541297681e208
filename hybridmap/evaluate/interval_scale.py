"""What a conformal factor stretches: a spread around a prediction, plain or on logarithms."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from hybridmap.model.draws import SMALLEST_SPREAD
from hybridmap.model.spread_head import SpreadHead, exponential_of, log_of

BELOW_LOG, ABOVE_LOG, OFFSET = "below_log", "above_log", "log_offset"
"""Columns of predictions that an interval on logarithms is made of."""


class IntervalScale(ABC):
    """Scores of observations, and the interval that a factor on the scale gives."""

    @abstractmethod
    def scores(self) -> pd.Series:
        """How many scales an observation lies from its prediction, (site,)."""

    @abstractmethod
    def ends(self, factor: float | pd.Series) -> tuple[pd.Series, pd.Series]:
        """Lower and upper end, in the unit of the target, (site,); never one number, and none below what it can be."""


@dataclass(frozen=True)
class PlainScale(IntervalScale):
    """One number on either side, in the unit of the target.

    Attributes
    ----------
    observed, predicted, spread : Series, shape (site,)
        In the unit of the target.
    least : float
        What the target can be, in its unit; a prediction below counts as it.
    """

    observed: pd.Series
    predicted: pd.Series
    spread: pd.Series
    least: float = -math.inf

    def scores(self) -> pd.Series:
        """Absolute residuals over the spread."""
        return (self.observed - self.predicted.clip(lower=self.least)).abs() / self.spread

    def ends(self, factor: float | pd.Series) -> tuple[pd.Series, pd.Series]:
        """The prediction and the same distance on both sides."""
        centre, half_width = self.predicted.clip(lower=self.least), factor * self.spread
        return _opened(centre - half_width, centre, centre + half_width, self.least)


@dataclass(frozen=True)
class WidenedScale(IntervalScale):
    """Distances of its own for every soil, to which one number is added on both sides (Romano et al. 2019).

    Attributes
    ----------
    observed, predicted : Series, shape (site,)
        In the unit of the target; a prediction below 0 counts as 0.
    below, above : Series, shape (site,)
        Distances of the ends at a factor of 1, in the unit of the target.
    step : float
        What a factor of 2 adds, and one of 0 takes away, in the unit of the target.
    """

    observed: pd.Series
    predicted: pd.Series
    below: pd.Series
    above: pd.Series
    step: float

    def scores(self) -> pd.Series:
        """How far beyond its end an observation lies, in steps, where 1 is on the end; at least 0."""
        residual = self.observed - self.predicted.clip(lower=0.0)
        beyond = residual.abs() - self.below.where(residual < 0, self.above)
        return (1.0 + beyond / self.step).clip(lower=0.0)

    def ends(self, factor: float | pd.Series) -> tuple[pd.Series, pd.Series]:
        """The prediction, and what the distances come to."""
        centre, more = self.predicted.clip(lower=0.0), (factor - 1.0) * self.step
        below, above = ((distance + more).clip(lower=0.0) for distance in (self.below, self.above))
        return _opened(centre - below, centre, centre + above, 0.0)


@dataclass(frozen=True)
class LogScale(IntervalScale):
    """Distances below and above the logarithm, which are never the same for two soils; the interval is never negative.

    Attributes
    ----------
    observed, predicted, offset : Series, shape (site,)
        In the unit of the target.
    below, above : Series, shape (site,)
        Distances of the ends on the logarithm.
    """

    observed: pd.Series
    predicted: pd.Series
    below: pd.Series
    above: pd.Series
    offset: pd.Series

    def scores(self) -> pd.Series:
        """Distances of logarithms over that of the end on the same side."""
        centre = np.log(self.predicted.clip(lower=0.0) + self.offset)
        difference = np.log(self.observed.clip(lower=0.0) + self.offset) - centre
        return pd.Series(
            np.where(difference < 0, -difference / self.below, difference / self.above), self.observed.index
        )

    def ends(self, factor: float | pd.Series) -> tuple[pd.Series, pd.Series]:
        """Back from the logarithm."""
        positive = self.predicted.clip(lower=0.0)
        centre = positive + self.offset
        lower, upper = centre * np.exp(-factor * self.below), centre * np.exp(factor * self.above)
        return _opened(lower - self.offset, positive, upper - self.offset, 0.0)

    def widened(self, step: float) -> WidenedScale:
        """The same ends in the unit: a factor then does not raise a ratio to its power."""
        (lower, upper), centre = self.ends(1.0), self.predicted.clip(lower=0.0)
        return WidenedScale(self.observed, self.predicted, centre - lower, upper - centre, step)


def _opened(lower: pd.Series, centre: pd.Series, upper: pd.Series, least: float) -> tuple[pd.Series, pd.Series]:
    """An interval that is no single number where scores are 0, and holds nothing that cannot be."""
    sliver = SMALLEST_SPREAD * (1.0 + centre.abs())
    bottom, top = centre - sliver, centre + sliver
    return lower.where(~(lower > bottom), bottom).clip(lower=least), upper.where(~(upper < top), top)


class ScaleForm(NamedTuple):
    """What the scale of a target is made of.

    Attributes
    ----------
    is_log : bool
        Whether distances are those on the logarithm.
    has_heads : bool
        Whether they are those that the encoder learned; else they are one number, or the spread of draws.
    rms : float
        Error of calibration, in the unit of the target: what the spread of draws is added to, as variances.
    step : float
        Of a :class:`WidenedScale`, in the unit of the target.
    offset : float
        What is added before the logarithm, in the unit of the target.
    least : float
        What the target can be, in its unit.
    """

    is_log: bool = False
    has_heads: bool = False
    rms: float = 0.0
    step: float = 1.0
    offset: float = 1.0
    least: float = -math.inf

    @property
    def name(self) -> str:
        """As calibrations call it."""
        return SCALE_NAMES[self.is_log, self.has_heads]


PLAIN = ScaleForm()
LOG, WIDENED = "log", "widened"
SCALE_NAMES = {(False, False): "plain", (True, False): LOG, (True, True): "log_distances", (False, True): WIDENED}
"""Of distances on the logarithm or not, learned or not. Calibrations of before call learned ones "plain"."""


def scale_of(table: pd.DataFrame, target: str, form: ScaleForm = PLAIN) -> IntervalScale:
    """Scale of a target in a table of predictions: of heads or draws, or 1 in its unit, or one on the logarithm.

    Parameters
    ----------
    table : DataFrame
        ``observed.T``, ``predicted.T`` and what :func:`head_columns` or the draws gave.
    target : str
        The target.
    form : ScaleForm
        Which.

    Returns
    -------
    IntervalScale
    """
    observed, predicted = table[f"observed.{target}"].astype(float), table[f"predicted.{target}"].astype(float)
    if form.has_heads:
        below, above, offset = (table[f"{c}.{target}"].astype(float) for c in (BELOW_LOG, ABOVE_LOG, OFFSET))
        logs = LogScale(observed, predicted, below, above, offset)
        return logs if form.is_log else logs.widened(form.step)
    spread = pd.Series(1.0, index=table.index)
    if form.is_log:
        return LogScale(observed, predicted, spread, spread, form.offset * spread)
    if f"sd.{target}" in table:
        squares = table[f"sd.{target}"].astype(float) ** 2 + form.rms**2
        spread = (squares**0.5).clip(lower=SMALLEST_SPREAD)
    return PlainScale(observed, predicted, spread, form.least)


def head_columns(
    heads: SpreadHead, outputs: Mapping[str, Tensor], target: str, level: float
) -> dict[str, NDArray[Any]]:
    """Interval of a target by the heads of a model, and what it is made of.

    Parameters
    ----------
    heads : SpreadHead
        Of the model.
    outputs : mapping of str to Tensor, shape (site,)
        What the model gave.
    target : str
        Whose interval it is.
    level : float
        Share of the observations in it.

    Returns
    -------
    dict of str to array, shape (site,)
        ``lower.T``, ``upper.T`` and ``log_offset.T`` in the unit of the target, ``below_log.T`` and ``above_log.T``.
    """
    below, above = heads.distances(outputs, target, level)
    offset = heads.offset_of(target)
    centre = log_of(outputs[target], offset)
    columns = {
        "lower": exponential_of(centre - below, offset),
        "upper": exponential_of(centre + above, offset),
        BELOW_LOG: below,
        ABOVE_LOG: above,
        OFFSET: offset.expand_as(centre),
    }
    return {f"{name}.{target}": values.numpy() for name, values in columns.items()}
