"""What drives the predictions of a trained model, and in which direction: one input moved, the others as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from hybridmap.model import Model
from hybridmap.options.layer_depth import LAYER_INPUTS
from hybridmap.options.position import POSITION

SITES = 400
"""Most sites at which inputs are moved."""
QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Of an input over the sites: the values that it is given."""
ONE_WAY = 0.8
"""Share of all movement of the mean from which on it counts as one direction."""
RISES, FALLS, UP_AND_DOWN, BY_CLASS = "rises", "falls", "rises and falls", "differs by class"
NAMED = 3
"""Inputs that a sentence names, of each direction."""
LEAST = 0.1
"""Effect below which an input is not named, as a share of the largest."""
Array = NDArray[np.float64]


def drivers(model: Model, samples: pd.DataFrame, target: str) -> list[dict[str, Any]]:
    """How predictions move with each input, the strongest first.

    Each input is given five quantiles of its values over the sites (a covariate and a forcing of one name together),
    or each class that occurs, with all others as they are. Inputs that go together in nature are moved apart, so this
    is what the model has learned, and no proof of a cause.

    Parameters
    ----------
    model : HybridModel or NetworkModel
        Trained.
    samples : DataFrame
        Covariates and forcing at the sites.
    target : str
        Output that is looked at.

    Returns
    -------
    list of dict
        ``input``; ``effect``, the root mean square by which predictions move [unit of the target]; ``direction``
        (rises, falls, rises and falls, differs by class); ``change`` of the mean from the 10th to the 90th percentile
        and these two as ``low`` and ``high``, None for classes.
    """
    covariates, forcing = model.tensors(_thinned(samples))
    columns = [] if model.inputs is None else model.inputs.class_columns
    classes = [model.covariate_names[column] for column in columns]
    names = [*model.covariate_names, *(n for n in model.forcing_names if n not in model.covariate_names)]
    rows = [
        _driver(model, covariates, forcing, name, target, name in classes)
        for name in names
        if name not in (*LAYER_INPUTS, *POSITION)
    ]
    return sorted((row for row in rows if row is not None), key=lambda row: -float(row["effect"]))


def _thinned(samples: pd.DataFrame) -> pd.DataFrame:
    """At most so many sites, spread over the table."""
    step = -(-len(samples) // SITES)
    return samples.iloc[:: max(step, 1)]


def _driver(
    model: Model, covariates: Tensor, forcing: dict[str, Tensor], name: str, target: str, is_class: bool
) -> dict[str, Any] | None:
    """What one input does; None where it has one value, or nothing is predicted."""
    values = covariates[:, model.covariate_names.index(name)] if name in model.covariate_names else forcing[name]
    sites = values[values.isfinite()].double().numpy()
    points = np.unique(sites) if is_class else np.unique(np.quantile(sites, QUANTILES)) if sites.size else sites
    if points.size < 2:
        return None
    curves = np.stack([_predicted(model, covariates, forcing, name, float(point), target) for point in points])
    curves = curves[:, np.isfinite(curves).all(axis=0)]
    if not curves.size:
        return None
    effect = float(np.sqrt(((curves - curves.mean(axis=0)) ** 2).mean()))
    mean = curves.mean(axis=1)
    if is_class:
        return {"input": name, "effect": effect, "direction": BY_CLASS, "change": None, "low": None, "high": None}
    ends = {"change": float(mean[-1] - mean[0]), "low": float(points[0]), "high": float(points[-1])}
    return {"input": name, "effect": effect, "direction": _direction(mean), **ends}


def _predicted(
    model: Model, covariates: Tensor, forcing: dict[str, Tensor], name: str, value: float, target: str
) -> Array:
    """Predictions (site,) with an input set to a value everywhere."""
    x, driven = covariates.clone(), dict(forcing)
    if name in model.covariate_names:
        x[:, model.covariate_names.index(name)] = value
    if name in driven:
        driven[name] = torch.full_like(driven[name], value)
    return np.asarray(model.outputs_of(x, driven)[target].double().numpy())


def _direction(mean: Array) -> str:
    """Which way a mean goes along an input.

    Examples
    --------
    >>> _direction(np.array([1.0, 2.0, 3.0])), _direction(np.array([3.0, 1.0])), _direction(np.array([1.0, 3.0, 1.0]))
    ('rises', 'falls', 'rises and falls')
    """
    steps = np.diff(mean)
    total = float(np.abs(steps).sum())
    up = float(steps[steps > 0].sum()) / total if total > 0 else 0.5
    return RISES if up >= ONE_WAY else FALLS if up <= 1 - ONE_WAY else UP_AND_DOWN


def sentence(rows: Sequence[dict[str, Any]], label: str, unit: str) -> str:
    """What drives a quantity, in a sentence.

    Parameters
    ----------
    rows : sequence of dict
        As of :func:`drivers`.
    label, unit : str
        Of the quantity.

    Returns
    -------
    str
        Of each direction the strongest inputs with the change that they bring; "" without inputs.

    Examples
    --------
    >>> rows = [{"input": "rain", "effect": 2.0, "direction": "rises", "change": 5.1, "low": 400, "high": 900},
    ...         {"input": "mat", "effect": 1.0, "direction": "falls", "change": -2.0, "low": 4, "high": 9}]
    >>> sentence(rows, "SOC", "kg m-3")
    'SOC rises with rain (+5.1) and falls with mat (-2) [kg m-3, from the 10th to the 90th percentile of each]'
    """
    strongest = [row for row in rows if row["effect"] >= LEAST * rows[0]["effect"] > 0]
    parts = []
    for direction in (RISES, FALLS, UP_AND_DOWN, BY_CLASS):
        inputs = [row for row in strongest if row["direction"] == direction][:NAMED]
        words = [f"{row['input']} ({_size(row)})" for row in inputs]
        if words:
            parts.append(f"{direction}{' of' if direction == BY_CLASS else ' with'} {_and(words)}")
    if not parts:
        return ""
    return f"{label} {_and(parts)} [{unit}, from the 10th to the 90th percentile of each]"


def _size(row: dict[str, Any]) -> str:
    """Change of the mean where it goes one way, else by how much predictions move."""
    one_way = row["direction"] in (RISES, FALLS)
    return f"{row['change']:+.2g}" if one_way else f"±{row['effect']:.2g}"


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
