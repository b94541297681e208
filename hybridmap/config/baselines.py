"""Ordinary models that a region may ask for: name → what is fitted, what it sees, and among what it is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Literal


@dataclass(frozen=True)
class Candidate:
    """One estimator with its options; nothing of scikit-learn is imported until it is fitted.

    Attributes
    ----------
    estimator : str
        ``module:class`` of a regressor with the interface of scikit-learn.
    options : mapping
        Its keyword arguments.
    few_sites : mapping
        Options in their place where fewer than :data:`FEW_SITES` sites train.
    staged : bool
        Whether the validation part of a fold decides after how many stages to stop.
    """

    estimator: str
    options: Mapping[str, object] = field(default_factory=dict)
    few_sites: Mapping[str, object] = field(default_factory=dict)
    staged: bool = False


@dataclass(frozen=True)
class Baseline:
    """One ordinary model.

    Attributes
    ----------
    title : str
        In words, for the report.
    candidates : tuple of Candidate
        Where there are several, the one with the least squared error on the validation part of a fold.
    inputs : {"layers", "layers_and_coordinates", "coordinates", "depth", "coordinates_depth"}
        What it sees: covariates and forcing (and the ends of layers, where they are observations), with the place or
        without, or nothing but the place, the depth, or both.
    one_hot : bool
        Whether covariates of classes become one column a class.
    standardised : bool
        Whether every input is brought to mean 0 and spread 1 of the training sites.
    search : mapping
        Options in which candidates are cheaper while they are compared; the chosen one is fitted again without.
    has_quantiles : bool
        Whether it predicts an interval too.
    """

    title: str
    candidates: tuple[Candidate, ...]
    inputs: Literal["layers", "layers_and_coordinates", "coordinates", "depth", "coordinates_depth"] = "layers"
    one_hot: bool = False
    standardised: bool = False
    search: Mapping[str, object] = field(default_factory=dict)
    has_quantiles: bool = False


FEW_SITES = 40
"""Training sites below which the leaves of a default tree would hold all of them."""
TAILS = (0.05, 0.95)
"""Quantiles that are the ends of an interval of a baseline."""
SEED = {"random_state": 0}


def _forest(trees: int, **options: object) -> Candidate:
    return Candidate("sklearn.ensemble:RandomForestRegressor", {"n_estimators": trees, **options, **SEED})


def _boosting(**options: object) -> Candidate:
    """Boosting by histograms, stopped on the validation part of a fold."""
    fixed = {"early_stopping": False, **SEED}
    few = {"min_samples_leaf": 3}
    return Candidate("sklearn.ensemble:HistGradientBoostingRegressor", {**options, **fixed}, few, staged=True)


FORESTS = tuple(
    _forest(100, min_samples_leaf=leaf, max_features=share) for leaf, share in product((2, 4, 10), (0.15, 1 / 3))
)
FEW_TREES = {"n_estimators": 25}
BOOSTINGS = tuple(
    _boosting(max_iter=180, learning_rate=0.06, max_leaf_nodes=leaves, l2_regularization=1.0) for leaves in (5, 10, 25)
)
BASELINES = {
    "coordinates": Baseline(
        "coordinates alone",
        (
            _boosting(max_iter=200, learning_rate=0.06, min_samples_leaf=20),
            *(_forest(50, min_samples_leaf=leaf) for leaf in (5, 20)),
        ),
        inputs="coordinates",
    ),
    "depth": Baseline("depth alone", (_boosting(max_iter=100, learning_rate=0.1),), inputs="depth"),
    "coordinates_depth": Baseline(
        "coordinates and depth alone",
        (_boosting(max_iter=200, learning_rate=0.06, min_samples_leaf=20),),
        inputs="coordinates_depth",
    ),
    "linear": Baseline("linear", (Candidate("sklearn.linear_model:LinearRegression"),), one_hot=True),
    "ridge": Baseline(
        "ridge",
        tuple(Candidate("sklearn.linear_model:Ridge", {"alpha": 10.0**power}) for power in range(6)),
        one_hot=True,
        standardised=True,
    ),
    "random_forest": Baseline("random forest", (_forest(200, min_samples_leaf=2),)),
    "gradient_boosting": Baseline("gradient boosting", (_boosting(max_iter=300, learning_rate=0.06),)),
    "tuned_forest": Baseline("tuned forest", FORESTS, search=FEW_TREES),
    "tuned_boosting": Baseline("tuned boosting", BOOSTINGS),
    "position_forest": Baseline(
        "tuned forest with position", FORESTS, inputs="layers_and_coordinates", search=FEW_TREES
    ),
    "position_boosting": Baseline("tuned boosting with position", BOOSTINGS, inputs="layers_and_coordinates"),
    "quantile_forest": Baseline(
        "quantile forest",
        (
            Candidate(
                "quantile_forest:RandomForestQuantileRegressor",
                {"n_estimators": 100, "min_samples_leaf": 5, "max_features": 1 / 3, **SEED},
            ),
        ),
        has_quantiles=True,
    ),
}
"""The baselines of a configuration by name, in the order of the ladder."""
OF_LAYERS = ("depth", "coordinates_depth")
"""Those that have something to go by only where observations are layers."""
