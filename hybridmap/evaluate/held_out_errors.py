"""Errors of sites that the cross-validation or a whole region held out, beside how far each was from what trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from hybridmap.config.baselines import Baseline, Candidate
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.applicability import Applicability, nearest
from hybridmap.evaluate.baseline_fit import FoldSites, fit_fold
from hybridmap.evaluate.expected_error_fit import REGION, VALIDATION
from hybridmap.evaluate.interval_groups import best_rule
from hybridmap.evaluate.interval_rule import RuleOptions
from hybridmap.evaluate.site_distance import SiteDensity
from hybridmap.experiment.site_data import COVARIATE, FORCING
from hybridmap.samples.clustered_regions import places_of

STAND_IN = "a forest in its place"
FOREST = Baseline(
    "forest",
    (
        Candidate(
            "sklearn.ensemble:RandomForestRegressor",
            {"n_estimators": 50, "min_samples_leaf": 4, "max_features": 1 / 3, "random_state": 0},
        ),
    ),
)
"""What stands in for an experiment that was not trained without regions: good, quick, and never tuned."""
ADDED_SHARE = 0.1
"""What is added before a logarithm, of the mean of the target: below it, soils are alike."""
Array = NDArray[np.float64]


class HeldOut(NamedTuple):
    """Test rows of some folds, ``site_id``, ``fold`` and columns of a target, by what held them out."""

    validation: pd.DataFrame
    region: pd.DataFrame


def stand_in_rows(samples: pd.DataFrame, folds: pd.Series, column: str, target: str) -> pd.DataFrame:
    """Predict every fold by a forest that is trained on all others.

    Parameters
    ----------
    samples : DataFrame
        With covariates and forcing.
    folds : Series, shape (site,)
        Fold of each sample.
    column : str
        Of the samples: observations of the target.
    target : str
        Its name.

    Returns
    -------
    DataFrame
        ``site_id``, ``fold``, ``observed.T``, ``predicted.T``; one row a sample.
    """
    predictors = samples[[c for c in samples if str(c).startswith((COVARIATE, FORCING))]].to_numpy(float)
    observed = samples[column].to_numpy(float)
    predicted = np.full(len(samples), np.nan)
    for fold in np.unique(folds):
        is_tested = (folds == fold).to_numpy()
        sites = FoldSites(predictors, ~is_tested, np.zeros(len(samples), bool))
        predicted[is_tested] = fit_fold(FOREST, sites, observed)["predicted"][is_tested]
    return pd.DataFrame(
        {
            "site_id": samples["site_id"], "fold": folds,
            f"observed.{target}": observed, f"predicted.{target}": predicted,
        }
    )  # fmt: skip


def absolute_errors(rows: pd.DataFrame, target: str, *, is_signed: bool) -> pd.Series:
    """Absolute errors: of logarithms, so that soils rich and poor in carbon count alike, where a target allows them.

    Parameters
    ----------
    rows : DataFrame
        ``observed.T`` and ``predicted.T``.
    target : str
        The target.
    is_signed : bool
        Whether values below zero make sense; their errors are in the unit of the target.

    Returns
    -------
    Series, shape (row,)

    Examples
    --------
    >>> rows = pd.DataFrame({"observed.soc": [9.0, 11.0], "predicted.soc": [9.0, 4.0]})
    >>> absolute_errors(rows, "soc", is_signed=False).round(3).tolist()
    [0.0, 0.875]
    """
    observed, predicted = (rows[f"{kind}.{target}"].astype(float) for kind in ("observed", "predicted"))
    mean = float(observed.mean())
    if is_signed or not mean > 0:
        return (observed - predicted).abs()
    offset = ADDED_SHARE * mean
    ratio = (observed.clip(lower=0.0) + offset) / (predicted.clip(lower=0.0) + offset)
    return pd.Series(np.abs(np.log(ratio)), rows.index)


def relative_errors(
    held_out: HeldOut, sites: pd.DataFrame, target: str, options: RuleOptions
) -> Mapping[str, pd.Series]:
    """Errors over the half-width of the interval that the cross-validation gives, as maps use it.

    Parameters
    ----------
    held_out : HeldOut
        Test rows.
    sites : DataFrame
        ``block`` and classes by ``site_id``.
    target : str
        The target.
    options : RuleOptions
        Level and groups.

    Returns
    -------
    mapping of str to Series
        Of the rows held out by the cross-validation and by regions.

    Raises
    ------
    HybridmapError
        If there are too few blocks for an interval.
    """
    of_rows = [sites.loc[rows["site_id"]].set_axis(rows.index) for rows in held_out]
    rule = best_rule(held_out.validation, of_rows[0], target, options, of_maps=True)
    if not np.isfinite(rule.pooled.factor(options.level)):
        raise HybridmapError(f"{rule.pooled.block_count} blocks are too few for an interval at level {options.level:g}")
    named = zip((VALIDATION, REGION), held_out, of_rows, strict=True)
    return {name: rule.relative_errors(rows, classes) for name, rows, classes in named}


def distances_to_training(samples: pd.DataFrame, held_out: pd.DataFrame, applicability: Applicability) -> pd.DataFrame:
    """How far test rows are from all sites of other folds.

    Parameters
    ----------
    samples : DataFrame
        ``site_id``, ``group_id``, ``lon``, ``lat`` and covariates.
    held_out : DataFrame
        ``site_id`` and ``fold`` of test rows; a sample may be in several.
    applicability : Applicability
        Weights and scale of the covariates, as of the map.

    Returns
    -------
    DataFrame
        ``dissimilarity`` [1] and ``distance_km`` to the fifth nearest place, indexed as `held_out`.
    """
    columns = [COVARIATE + str(name) for name in applicability.names]
    features = applicability.features(torch.from_numpy(np.array(samples[columns], "float32")))
    position = pd.Series(np.arange(len(samples)), index=samples["site_id"])
    places, tables = places_of(samples), []
    group = samples["group_id"].to_numpy()
    lon, lat = (samples[column].to_numpy(float) for column in ("lon", "lat"))
    for _, members in held_out.groupby("fold"):
        tested = np.array(position[members["site_id"]])
        is_tested = np.zeros(len(samples), bool)
        is_tested[tested] = True
        training = places.loc[np.unique(group[~is_tested])]
        density = SiteDensity.of(training["lon"].to_numpy(float), training["lat"].to_numpy(float))
        index = nearest(features[tested], features[~is_tested]) / applicability.mean_distance
        distance = density.distance_km(lon[tested], lat[tested])
        tables.append(pd.DataFrame({"dissimilarity": index.numpy(), "distance_km": distance}, index=members.index))
    return pd.concat(tables).loc[held_out.index]
