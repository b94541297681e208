"""The ladder on the page: one table a quantity, and the badges of a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hybridmap.config.baselines import BASELINES
from hybridmap.report.results import Results

COLUMNS = {
    "r": ("all", "pearson"),
    "r log": ("all", "pearson_log"),
    "NSE": ("all", "nse"),
    "NSE ≤ 95 %": ("below_tail", "nse"),
    "KGE": ("all", "kge"),
    "KGE rescaled": ("all", "kge_rescaled"),
    "CCC": ("all", "ccc"),
    "RMSE": ("all", "rmse"),
    "held": ("all", "coverage"),
    "width": ("all", "width"),
    "interval score": ("all", "interval_score"),
}
"""Column of the table → stratum and score."""
WITH_RANGE = ("r", "r log", "NSE")
TITLES = {
    "mean": "mean",
    "climatology": "climatology",
    **{name: kind.title for name, kind in BASELINES.items()},
    "ceiling_block": "ceiling: one value a block",
    "ceiling_cell": "ceiling: one value a cell",
}
"""Rung → its name on the page, from the lowest; experiments keep theirs, below the ceilings."""
STRATA = {"landcover": "land cover", "source": "source", "depth": "depth"}


class Badge(NamedTuple):
    """A coloured word of a verdict: its class in the page, and its text."""

    kind: str
    text: str


def badges(verdict: Mapping[str, Any]) -> list[Badge]:
    """Physics and skill beside each other; what is possible is green only where it also predicts.

    Parameters
    ----------
    verdict : mapping
        ``verdict.json``.

    Returns
    -------
    list of Badge
        Of physics, then of skill, then of parameters.

    Examples
    --------
    >>> [badge.text for badge in badges({"physics": "passes"})]
    ['physics passes', 'skill not judged']
    """
    texts = {"passes": "physics passes", "fails": "physics fails", "none": "no physics to check"}
    physics = verdict.get("physics", "none")
    kind = {"fails": "bad", "passes": "plain"}.get(physics, "none")
    return [
        Badge(kind, texts.get(physics, physics)),
        _skill_badge(verdict.get("skill", {})),
        *_parameter_badge(verdict.get("identified")),
    ]


def _parameter_badge(identified: float | str | None) -> list[Badge]:
    """How many parameters mean something; a verdict that does not speak of them has no such badge."""
    if identified is None:
        return []
    if isinstance(identified, str):
        return [Badge("none", f"parameters {identified}")]
    return [Badge("fair" if identified < 1 else "plain", f"{identified:.0%} of parameters identified")]


def _skill_badge(skill: Mapping[str, Any]) -> Badge:
    rests_on = skill.get("scores", {}).get("beats_mean", {})
    if rests_on.get("low") is None:
        return Badge("none", "skill not judged")
    if not skill["beats_mean"]:
        return Badge("bad", "no better than the mean")
    if skill["beats_coordinates"] is None:
        return Badge("fair", "better than the mean")
    if not skill["beats_coordinates"]:
        return Badge("fair", "no better than coordinates")
    if not skill["beats_best_baseline"]:
        return Badge("fair", "better than coordinates")
    return Badge("good", "better than every baseline")


def rungs_of(results: Results, target: str) -> pd.DataFrame:
    """Rows of one quantity in the first scheme, every rung once, from the lowest.

    Parameters
    ----------
    results : Results
        Of a region.
    target : str
        The quantity.

    Returns
    -------
    DataFrame
        As ``ladder.csv``.
    """
    table = results.rungs
    table = table[(table["scheme"] == results.first_scheme) & (table["target"] == target)]
    table = table.drop_duplicates(["rung", "stratum", "class", "score"])
    names = list(TITLES)
    ceiling = names.index("ceiling_block")
    order = {name: k if k < ceiling else k + len(table) for k, name in enumerate(names)}
    height = table["rung"].map(lambda rung: order.get(rung, ceiling))
    return table.iloc[np.argsort(height.to_numpy(), kind="stable")]


def ladder_tables(results: Results) -> list[dict[str, Any]]:
    """One table a quantity: rungs from the top with their scores, and r of every rung by class of site.

    Parameters
    ----------
    results : Results
        Of a region.

    Returns
    -------
    list of dict
        ``target``, ``label``, ``unit``, ``n``, ``blocks``, ``rows`` and ``classes``.
    """
    tables = []
    for name, quantity in results.config.all_quantities.items():
        rungs = rungs_of(results, name)
        if rungs.empty:
            continue
        main = rungs[rungs["stratum"] == "all"]
        rows = [_row(str(rung), group) for rung, group in rungs.groupby("rung", sort=False)]
        tables.append(
            {
                "target": name,
                "label": quantity.label,
                "unit": quantity.unit,
                "n": int(main["n"].iloc[0]),
                "blocks": int(main["blocks"].iloc[0]),
                "rows": rows[::-1],
                "classes": _classes(rungs),
            }
        )
    return tables


def _row(rung: str, scores: pd.DataFrame) -> dict[str, Any]:
    plain = scores[scores["stratum"].isin(["all", "below_tail"])]
    lines = {(line["stratum"], line["score"]): line for line in plain.to_dict("records")}
    cells = {column: _cell(lines.get(key, {}), column in WITH_RANGE) for column, key in COLUMNS.items()}
    return {"rung": rung, "title": TITLES.get(rung, rung), "is_experiment": rung not in TITLES, "cells": cells}


def _cell(line: Mapping[Any, Any], has_range: bool) -> dict[str, Any]:
    """A score, with its range where there is room and one is known."""
    low, high = line.get("low"), line.get("high")
    return {"value": line.get("value"), "range": (low, high) if has_range and pd.notna(low) else None}


def _classes(rungs: pd.DataFrame) -> dict[str, Any]:
    """Correlation of every rung by land cover, source and depth class."""
    table = rungs[rungs["stratum"].isin(STRATA) & (rungs["score"] == "pearson")]
    names = list(dict.fromkeys(table["rung"]))
    rows = []
    for (stratum, name), group in table.groupby(["stratum", "class"], sort=False):
        of_rung = group.set_index("rung")["value"]
        cells = [of_rung.get(rung) for rung in names]
        first = group.iloc[0]
        rows.append({"stratum": STRATA[str(stratum)], "class": name, "n": first["n"], "blocks": first["blocks"],
                     "cells": cells})  # fmt: skip
    return {"rungs": [TITLES.get(rung, rung) for rung in names], "rows": rows}
