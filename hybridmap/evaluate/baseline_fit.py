"""An ordinary model fitted to one fold, its options chosen on the part that stops the training."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridmap.config.baselines import FEW_SITES, TAILS, Baseline, Candidate
from hybridmap.errors import HybridmapError
from hybridmap.train.losses import MIN_OBSERVATIONS

Array = NDArray[np.float64]


class FoldSites(NamedTuple):
    """Sites of a fold: predictors (site, column), whether each trains, and whether it stops the training."""

    predictors: Array
    trains: NDArray[np.bool_]
    stops: NDArray[np.bool_]


class _Fit(NamedTuple):
    """A fitted candidate: its squared error on the stopping part (inf without one), and how it predicts."""

    error: float
    model: Any
    predict: Callable[[Array], Array]


def fit_fold(kind: Baseline, sites: FoldSites, observed: Array) -> dict[str, NDArray[np.float32]]:
    """Fit every candidate to the training part, and predict with the one that the stopping part prefers.

    Parameters
    ----------
    kind : Baseline
        What is fitted.
    sites : FoldSites
        The fold.
    observed : array, shape (site,)
        Observations in the unit of the target; NaN where there is none.

    Returns
    -------
    dict of str to array, shape (site,)
        ``predicted``, and with quantiles ``lower`` and ``upper``, in the unit of the target. With fewer than
        :data:`~hybridmap.train.losses.MIN_OBSERVATIONS` observations to stop on, the first candidate predicts.
    """
    measured = np.isfinite(observed)
    train, stop = measured & sites.trains, measured & sites.stops
    x = _standardised(sites.predictors, train) if kind.standardised else sites.predictors
    if stop.sum() < MIN_OBSERVATIONS:
        stop = np.zeros_like(stop)
    best = _best(kind, x, observed, train, stop)
    values = {"predicted": best.predict(x)}
    if kind.has_quantiles:
        values["lower"], values["upper"] = best.model.predict(x, quantiles=list(TAILS)).T
    return {name: np.asarray(array, "float32") for name, array in values.items()}


def _best(kind: Baseline, x: Array, observed: Array, train: NDArray[np.bool_], stop: NDArray[np.bool_]) -> _Fit:
    """The candidate with the least error on the stopping part, fitted; the first without such a part."""
    if len(kind.candidates) == 1 or not stop.any():
        return _fit(kind.candidates[0], x, observed, train, stop)
    trials = [replace(candidate, options={**candidate.options, **kind.search}) for candidate in kind.candidates]
    fits = [_fit(trial, x, observed, train, stop) for trial in trials]
    best = int(np.argmin([fit.error for fit in fits]))
    return _fit(kind.candidates[best], x, observed, train, stop) if kind.search else fits[best]


def _fit(candidate: Candidate, x: Array, observed: Array, train: NDArray[np.bool_], stop: NDArray[np.bool_]) -> _Fit:
    model = _estimator(candidate, int(train.sum())).fit(x[train], observed[train])
    if not stop.any():
        return _Fit(np.inf, model, _mean_of(model))
    if not candidate.staged:
        predict = _mean_of(model)
        return _Fit(float(np.mean((predict(x[stop]) - observed[stop]) ** 2)), model, predict)
    errors = [float(np.mean((p - observed[stop]) ** 2)) for p in model.staged_predict(x[stop])]
    best = int(np.argmin(errors))
    return _Fit(errors[best], model, lambda values: _at_stage(model, values, best))


def _at_stage(model: Any, x: Array, stage: int) -> Array:
    return next(np.asarray(p) for k, p in enumerate(model.staged_predict(x)) if k == stage)


def _mean_of(model: Any) -> Callable[[Array], Array]:
    """How a model predicts its mean; a quantile forest would give its median unless asked."""
    is_quantile = type(model).__module__.startswith("quantile_forest")
    return lambda x: np.asarray(model.predict(x, quantiles="mean") if is_quantile else model.predict(x))


def _standardised(x: Array, train: NDArray[np.bool_]) -> Array:
    """Inputs (site, column) at mean 0 and spread 1 of the training sites; a constant one stays at 0."""
    spread = x[train].std(axis=0)
    return np.asarray((x - x[train].mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _estimator(candidate: Candidate, sites: int) -> Any:
    module, _, name = candidate.estimator.partition(":")
    options = {**candidate.options, **(candidate.few_sites if sites < FEW_SITES else {})}
    try:
        return getattr(importlib.import_module(module), name)(**options)
    except ModuleNotFoundError as error:
        package = str(error.name).replace("_", "-")
        raise HybridmapError(f"baselines: the package '{package}' is missing; pip install {package}.") from None
