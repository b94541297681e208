"""Ordinary models that a region may ask for: name → the scikit-learn estimator and how it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Baseline:
    """One ordinary model; nothing of scikit-learn is imported until it is fitted.

    Attributes
    ----------
    estimator : str
        ``module:class`` of a scikit-learn regressor.
    options : mapping
        Its keyword arguments.
    few_sites : mapping
        Options in their place where fewer than :data:`FEW_SITES` sites train.
    one_hot : bool
        Whether covariates of classes become one column a class.
    staged : bool
        Whether the validation part of a fold decides after how many stages to stop.
    """

    estimator: str
    options: Mapping[str, object] = field(default_factory=dict)
    few_sites: Mapping[str, object] = field(default_factory=dict)
    one_hot: bool = False
    staged: bool = False


FEW_SITES = 40
"""Training sites below which the leaves of a default tree would hold all of them."""
BASELINES = {
    "linear": Baseline("sklearn.linear_model:LinearRegression", one_hot=True),
    "random_forest": Baseline(
        "sklearn.ensemble:RandomForestRegressor", {"n_estimators": 200, "min_samples_leaf": 2, "random_state": 0}
    ),
    "gradient_boosting": Baseline(
        "sklearn.ensemble:HistGradientBoostingRegressor",
        {"max_iter": 300, "learning_rate": 0.06, "random_state": 0, "early_stopping": False},
        few_sites={"min_samples_leaf": 3},
        staged=True,
    ),
}
"""The baselines of a configuration by name."""
