"""The passport in numbers: one row a parameter, one a site, and what is said of all together."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.diagnose.identifiability.agreement import compensation, pattern_agreement, patterns, spread
from hybridmap.diagnose.identifiability.combinations import Scales, determined, directions
from hybridmap.diagnose.identifiability.decision import MOST_SITES, expected_error, is_kept
from hybridmap.diagnose.identifiability.posterior import Posterior
from hybridmap.diagnose.identifiability.sensitivity import Sensitivity
from hybridmap.diagnose.identifiability.start_runs import StartRuns
from hybridmap.diagnose.identifiability.starts import START_SD
from hybridmap.diagnose.relationships.agreement import rank_correlation
from hybridmap.model import HybridModel

Array = NDArray[np.float64]

START_COLUMNS = (
    "spread_starts",
    "contraction_starts",
    "placebo",
    "rank_correlation_starts",
    "r_starts",
    "slope_starts_lowest",
    "slope_starts_highest",
)
"""NaN without trainings from random starts."""
NO_STARTS = "there are no trainings from random starts to compare; run 'snakemake identifiability'"
YES, NO, OPEN = "yes", "no", "not judged"
"""Whether a parameter is identified."""
ON_BOUND = 0.01
"""A parameter this near to a bound, as a share of its range, counts as lying on it."""


class Judgement(NamedTuple):
    """What a passport rests on, at the same sites.

    Attributes
    ----------
    model : HybridModel
        Whose process was linearised, for units and bounds.
    jacobian : Sensitivity
        Of the observations.
    posterior : Posterior
        Of the parameters.
    folds : array, shape (fold, site, parameter)
        Places in the range.
    starts : StartRuns or None
        Where trainings from random starts were asked for.
    """

    model: HybridModel
    jacobian: Sensitivity
    posterior: Posterior
    folds: Array
    starts: StartRuns | None

    @property
    def runs(self) -> Array:
        """The trainings that are compared, (run, site, parameter)."""
        return self.folds if self.starts is None else self.starts.positions

    @property
    def error(self) -> Array:
        """Expected error, (site, parameter)."""
        return expected_error(self.posterior.sd, spread(self.runs))


def parameter_rows(judged: Judgement) -> pd.DataFrame:
    """One row a learned parameter; errors and spreads are shares of its range at the median site.

    Parameters
    ----------
    judged : Judgement
        Of an experiment.

    Returns
    -------
    DataFrame
        As ``identifiability.csv``.
    """
    model, names = judged.model, judged.jacobian.names
    assert model.process is not None
    units = {p.name: p.unit for p in model.process.parameters}
    keeps = is_kept(judged.error)
    between_folds, middle = spread(judged.folds), judged.folds.mean(axis=0)
    rows = []
    for k, name in enumerate(names):
        low, high = model.bounds_of(name)
        share = float(keeps[:, k].mean())
        posterior_sd = float(np.median(judged.posterior.sd[:, k]))
        on_bound = (middle[:, k] < ON_BOUND) | (middle[:, k] > 1 - ON_BOUND)
        row: dict[str, Any] = {
            "parameter": name,
            "role": "neural" if k < judged.jacobian.neural else "global",
            "unit": units[name],
            "lower": low,
            "upper": high,
            "kept": share,
            "identified": _outcome(share >= MOST_SITES, judged.starts is not None),
            "expected_error": float(np.median(judged.error[:, k])),
            "posterior_sd": posterior_sd,
            "contraction": 1 - posterior_sd / judged.posterior.prior_sd,
            "spread_folds": float(np.median(between_folds[:, k])),
            "on_bound": float(on_bound.mean()),
        }
        rows.append(row | _start_columns(judged.starts, k, keeps[:, k]))
    return pd.DataFrame(rows)


def _outcome(is_small: bool, has_starts: bool) -> str:
    """Folds start at one place: that they agree lets a parameter fail or leaves it open, but never pass."""
    if not is_small:
        return NO
    return YES if has_starts else OPEN


def _start_columns(starts: StartRuns | None, k: int, is_kept_at: NDArray[np.bool_]) -> dict[str, float]:
    if starts is None:
        return dict.fromkeys(START_COLUMNS, float("nan"))
    between = float(np.median(spread(starts.positions)[:, k]))
    return {
        "spread_starts": between,
        "contraction_starts": 1 - between / START_SD,
        "placebo": float(starts.placebo[k]),
        "rank_correlation_starts": float(rank_correlation(starts.importance)[k]),
        **dict(zip(START_COLUMNS[-3:], pattern_agreement(starts.positions[:, is_kept_at, k]), strict=True)),
    }


def site_rows(judged: Judgement, site_id: pd.Series) -> pd.DataFrame:
    """Expected error of every neural parameter at every site, and whether it is kept there.

    Parameters
    ----------
    judged : Judgement
        Of an experiment.
    site_id : Series
        Of the sites.

    Returns
    -------
    DataFrame
        ``site_id``, ``expected_error.P`` [share of the range] and ``kept.P``.
    """
    keeps, error = is_kept(judged.error), judged.error
    columns: dict[str, Any] = {"site_id": site_id.to_numpy()}
    for k, name in enumerate(judged.jacobian.names[: judged.jacobian.neural]):
        columns |= {f"expected_error.{name}": error[:, k].astype("float32"), f"kept.{name}": keeps[:, k]}
    return pd.DataFrame(columns)


def summary(judged: Judgement, table: pd.DataFrame) -> dict[str, Any]:
    """What is said of all parameters together.

    Parameters
    ----------
    judged : Judgement
        Of an experiment.
    table : DataFrame
        Its :func:`parameter_rows`.

    Returns
    -------
    dict
        ``identified``, the share of neural parameters that are, None where some were not judged; ``not_judged``, why;
        ``parameters``, names of the identified, and ``open``, of those not judged; ``basis``;
        ``combinations``, ``directions``, ``patterns``, ``compensation``; ``validation_loss`` of the starts,
        and ``rank_correlation_starts``, of the importances of covariates between them; ``sentence``.
    """
    neural = table[table["role"] == "neural"]
    names, undecided = (neural.loc[neural["identified"] == kind, "parameter"].tolist() for kind in (YES, OPEN))
    maps = judged.folds.mean(axis=0)[:, : judged.jacobian.neural]
    count, shares = patterns(maps)
    runs = judged.runs
    alone = maps - maps.mean(axis=0)
    padded = np.zeros((1, len(maps), len(judged.jacobian.names)))
    padded[0, :, : judged.jacobian.neural] = alone
    basis = "sensitivity and folds" if judged.starts is None else "sensitivity and trainings from random starts"
    return {
        "identified": None if undecided else round(len(names) / len(neural), 4),
        "not_judged": NO_STARTS if undecided else "",
        "parameters": names,
        "open": undecided,
        "basis": basis,
        "combinations": determined(
            _scales(judged), judged.posterior.covariance, judged.posterior.prior_sd, judged.jacobian.rows
        ),
        "directions": directions(judged.jacobian.names, judged.jacobian.rows),
        "patterns": {"parameters": len(neural), "for_90_percent": count, "shares": [round(s, 4) for s in shares]},
        "compensation": {
            "between_trainings": _number(compensation(judged.jacobian, runs - runs.mean(axis=0))),
            "between_sites": _number(compensation(judged.jacobian, padded)),
        },
        "rank_correlation_starts": _agreement_of_starts(table),
        "validation_loss": [] if judged.starts is None else judged.starts.validation_loss,
        "sentence": sentence(names, undecided, len(neural), basis),
    }


def _agreement_of_starts(table: pd.DataFrame) -> dict[str, float]:
    """Parameter → rank correlation of importances between random starts, of those that vary."""
    varying = table.dropna(subset="rank_correlation_starts")
    return {
        str(name): round(float(value), 4)
        for name, value in zip(varying["parameter"], varying["rank_correlation_starts"], strict=True)
    }


def sentence(names: list[str], undecided: list[str], count: int, basis: str) -> str:
    """What the verdict says.

    Parameters
    ----------
    names, undecided : list of str
        Neural parameters that are identified, and that are not judged.
    count : int
        Of all neural parameters.
    basis : str
        What decided.

    Returns
    -------
    str

    Examples
    --------
    >>> sentence(["q_max"], [], 5, "sensitivity and trainings from random starts")
    '1 of 5 neural parameters is identified (q_max), by sensitivity and trainings from random starts'
    """
    if undecided:
        failed = count - len(undecided)
        verb = "is" if failed == 1 else "are"
        left = f"{failed} of {count} neural parameters {verb} not identified, by {basis}; " if failed else ""
        return f"{left}{', '.join(undecided)} not judged: {NO_STARTS}"
    verb, listed = ("is" if len(names) == 1 else "are"), f" ({', '.join(names)})" if names else ""
    return f"{len(names) or 'none'} of {count} neural parameters {verb} identified{listed}, by {basis}"


def _scales(judged: Judgement) -> Scales:
    """Natural logarithms of the parameters, where all of their range is positive; others keep out of combinations."""
    model, middle = judged.model, judged.folds.mean(axis=0)
    assert model.process is not None
    is_log = {p.name: p.scale == "log" for p in model.process.parameters}
    slope = np.zeros_like(middle)
    for k, name in enumerate(judged.jacobian.names):
        low, high = model.bounds_of(name)
        width = np.log(high / low) if is_log[name] else (high - low) / (low + middle[:, k] * (high - low)).clip(1e-9)
        slope[:, k] = width
    return Scales(judged.jacobian.names, slope)


def _number(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
