"""The rungs of a ladder: what each model, baseline and constant predicts at the same test sites of one scheme."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.config.baselines import TAILS
from hybridmap.evaluate.predictions import one_row_a_site

Array = NDArray[np.float64]
MEAN, CLIMATOLOGY, EXPERIMENT = "mean", "climatology", "experiment"
"""Mean of the training sites; their median, and the range of their quantiles; what is compared with all others."""
LEVEL_OF_BASELINES = TAILS[1] - TAILS[0]
"""What the intervals of baselines should hold; those of another level are not compared with them."""


@dataclass(frozen=True)
class Rung:
    """Predictions of one rung at the test sites, in the unit of the quantity.

    Attributes
    ----------
    predicted : array, shape (site,)
        Prediction.
    ends : tuple of two arrays (site,), optional
        Lower and upper end of its interval.
    rescaled : array, shape (site,), optional
        Predictions with their spread restored; None where they have none, see :func:`restore_spread`.
    """

    predicted: Array
    ends: tuple[Array, Array] | None
    rescaled: Array | None


@dataclass(frozen=True)
class HeldOutSites:
    """Test sites of one scheme with an observation of one quantity, and all rungs there.

    Attributes
    ----------
    sites : DataFrame
        ``site_id``, ``fold``, and labels and blocks of the samples.
    observed : array, shape (site,)
        In the unit of the quantity.
    rungs : mapping of str to Rung
        From the lowest to the experiment, which comes last.
    level : float
        Share that intervals should hold.
    """

    sites: pd.DataFrame
    observed: Array
    rungs: Mapping[str, Rung]
    level: float


def restore_spread(predicted: Array, observed: Array, fold: NDArray[np.int64]) -> Array | None:
    """Predictions stretched about their mean to the spread of observations, by one factor of the other folds.

    A model that minimises squared error varies less than what it predicts; KGE asks for the same spread. The factor of
    a fold, and the mean, are those of the test sites of all other folds: nothing is learned where it is scored.

    Parameters
    ----------
    predicted, observed : array, shape (site,)
        In one unit.
    fold : array of int, shape (site,)
        Fold that tested the site.

    Returns
    -------
    array, shape (site,), or None
        None where predictions are constant within every fold, or other folds have no spread to go by.

    Examples
    --------
    >>> fold = np.array([0, 0, 1, 1])
    >>> restore_spread(np.array([1.0, 2.0, 1.0, 2.0]), np.array([0.0, 2.0, 0.0, 2.0]), fold).tolist()
    [0.5, 2.5, 0.5, 2.5]
    """
    folds = np.unique(fold)
    if all(np.ptp(predicted[fold == k]) == 0.0 for k in folds):
        return None
    rescaled = np.full_like(predicted, np.nan)
    for k in folds:
        tested, outside = fold == k, fold != k
        spread = float(predicted[outside].std()) if outside.any() else 0.0
        if spread == 0.0:
            return None
        centre = float(predicted[outside].mean())
        rescaled[tested] = centre + observed[outside].std() / spread * (predicted[tested] - centre)
    return rescaled


def held_out_sites(
    predictions: pd.DataFrame, baselines: Mapping[str, pd.DataFrame], target: str, labels: pd.DataFrame, level: float
) -> HeldOutSites:
    """Rungs of one quantity at the test sites of one scheme.

    Parameters
    ----------
    predictions : DataFrame
        Of the experiment, all parts of this scheme, as :func:`hybridmap.evaluate.scores.evaluate` writes them.
    baselines : mapping of str to DataFrame
        Test rows of this scheme of every baseline; one that left the quantity out is no rung.
    target : str
        The quantity.
    labels : DataFrame
        Indexed by ``site_id``: what describes the sites.
    level : float
        Share that the interval of the climatology should hold.

    Returns
    -------
    HeldOutSites
        Sites with an observation and a prediction of the experiment; "mean" and "climatology" come first.
    """
    test = one_row_a_site(with_climatology(predictions, target, level))
    test = test[test[f"observed.{target}"].notna() & test[f"predicted.{target}"].notna()]
    observed, fold = test[f"observed.{target}"].to_numpy(float), test["fold"].to_numpy()

    def rung(table: pd.DataFrame, centre: str, *ends: str) -> Rung:
        values = table[centre].to_numpy(float)
        is_bounded = bool(ends) and all(end in table and np.isfinite(table[end]).all() for end in ends)
        bounds = (table[ends[0]].to_numpy(float), table[ends[1]].to_numpy(float)) if is_bounded else None
        return Rung(values, bounds, restore_spread(values, observed, fold))

    rungs = {
        MEAN: rung(test, f"mean.{target}"),
        CLIMATOLOGY: rung(test, "climatology.middle", "climatology.lower", "climatology.upper"),
    }
    for name, table in baselines.items():
        if f"predicted.{target}" in table:
            rows = one_row_a_site(table).set_index("site_id").loc[test["site_id"]]
            limits = (f"lower.{target}", f"upper.{target}") if np.isclose(level, LEVEL_OF_BASELINES) else ()
            rungs[name] = rung(rows, f"predicted.{target}", *limits)
    ends = f"conformal_lower.{target}", f"conformal_upper.{target}"
    rungs[EXPERIMENT] = rung(test, f"predicted.{target}", *ends)
    sites = labels.loc[test["site_id"]].reset_index().assign(fold=fold)
    return HeldOutSites(sites, observed, rungs, level)


def with_climatology(predictions: pd.DataFrame, target: str, level: float) -> pd.DataFrame:
    """Test rows of one scheme with median and range of the training sites of their fold as ``climatology.*``.

    Parameters
    ----------
    predictions : DataFrame
        All parts of this scheme.
    target : str
        Whose observations are meant.
    level : float
        Share of the training sites in the range.

    Returns
    -------
    DataFrame
        With ``climatology.lower``, ``.middle`` and ``.upper`` in the unit of the target.
    """
    observed = predictions[predictions["part"] == "train"].groupby("fold")[f"observed.{target}"]
    tail = (1.0 - level) / 2.0
    test = predictions[predictions["part"] == "test"]
    shares = {"lower": tail, "middle": 0.5, "upper": 1.0 - tail}
    columns = {f"climatology.{n}": test["fold"].map(observed.quantile(share)) for n, share in shares.items()}
    return test.assign(**columns)
