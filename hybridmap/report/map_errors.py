"""Errors of maps whose truth is known, where a model is said to apply and where not: whether that is so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridmap.diagnose.extent import INSIDE, NOT_JUDGED, OUTSIDE
from hybridmap.report.results import Results
from hybridmap.units import typeset

PARTS = {"inside": INSIDE, "outside": OUTSIDE, "not judged": NOT_JUDGED}
"""Parts of a map, and their codes in the map ``applicable``."""
Field = NDArray[np.floating]


def map_errors(true: Field, maps: Mapping[str, Field], name: str) -> list[dict[str, Any]]:
    """Errors of a map in each part of it.

    Parameters
    ----------
    true : array, shape (row, column)
        The truth in the unit of the map; NaN where there is none.
    maps : mapping of str to array, shape (row, column)
        The map by its `name`; ``applicable``; and if there is an interval, its ends, ``NAME_lower`` and ``NAME_upper``.
    name : str
        Of the map.

    Returns
    -------
    list of dict
        A row a part that has cells: ``part``, ``cells``, ``true`` (mean), ``bias``, ``rmse``; of the interval its mean
        ``width`` and the share of true values that it has ``held``, None without one.
    """
    is_known = np.isfinite(true) & np.isfinite(maps[name])
    of_part = {part: is_known & (maps["applicable"] == code) for part, code in PARTS.items()}
    return [{"part": part, **_errors(true, maps, name, members)} for part, members in of_part.items() if members.any()]


def _errors(true: Field, maps: Mapping[str, Field], name: str, members: NDArray[np.bool_]) -> dict[str, Any]:
    truth = true[members].astype("float64")
    error = maps[name][members] - truth
    scores = {"cells": len(truth), "true": truth.mean(), "bias": error.mean(), "rmse": np.sqrt((error**2).mean())}
    if f"{name}_lower" not in maps:
        return {**scores, "width": None, "held": None}
    lower, upper = (maps[f"{name}_{end}"][members] for end in ("lower", "upper"))
    return {**scores, "width": (upper - lower).mean(), "held": ((lower <= truth) & (truth <= upper)).mean()}


def errors_of(results: Results, experiment: str) -> list[dict[str, Any]]:
    """Rows of :func:`map_errors` of the first quantity of a mapped experiment; none without truth or ``applicable``."""
    name, maps = results.config.experiment(experiment).targets[0], results.maps(experiment)
    if name not in results.truth or not {name, "applicable"} <= set(maps):
        return []
    names = [n for n in (name, "applicable", f"{name}_lower", f"{name}_upper") if n in maps]
    return map_errors(results.truth[name], {n: maps[n] for n in names}, name)


def error_rows(results: Results) -> Iterator[dict[str, Any]]:
    """Rows of all mapped experiments, each with its ``experiment``, ``target`` and ``unit``."""
    for experiment in results.mapped:
        quantity = results.config.all_quantities[results.config.experiment(experiment).targets[0]]
        for row in errors_of(results, experiment):
            yield {"experiment": experiment, "target": quantity.label, "unit": quantity.unit, **row}


def error_sentence(results: Results, experiment: str) -> str:
    """How large the error of a mapped experiment truly is where the map ends; "" where that is not known."""
    rows = {row["part"]: row for row in errors_of(results, experiment)}
    if not {"inside", "outside"} <= set(rows):
        return ""
    inside, outside = rows["inside"], rows["outside"]
    quantity = results.config.all_quantities[results.config.experiment(experiment).targets[0]]
    worse = "worse" if outside["rmse"] > inside["rmse"] else "no worse"
    text = (
        f"The truth of this synthetic landscape is known, and the map is {worse} there:"
        f" RMSE {outside['rmse']:.3g} outside against {inside['rmse']:.3g} {typeset(quantity.unit)} inside"
    )
    if outside["held"] is None:
        return f"{text}."
    return f"{text}; intervals hold {outside['held']:.0%} of the true values outside and {inside['held']:.0%} inside."
