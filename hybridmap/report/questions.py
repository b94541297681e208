"""What people ask of a map of carbon: how much in each district, how sure, where not to trust it, what drives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hybridmap.export.totals import OUTSIDE
from hybridmap.report.results import Results
from hybridmap.units import typeset

DISTRICTS = 8
"""Most districts of the table on the first screens."""
NAMED = 3
"""Districts that a sentence names."""
NOTABLE = 0.05
"""Share of a stock outside the area where the model applies from which on a district is named."""
INPUTS = 6
"""Inputs that are listed as drivers."""
ARROWS = {"rises": "↑", "falls": "↓", "rises and falls": "↕", "differs by class": "≠"}
"""Direction of a driver → its sign."""
Row = Mapping[str, Any]


def questions(results: Results, experiment: str | None) -> dict[str, Any]:
    """Answers to the four questions, of the experiment that is shown first.

    Parameters
    ----------
    results : Results
        Of the region.
    experiment : str or None
        The best one; None where nothing is mapped.

    Returns
    -------
    dict
        ``districts`` (rows with ``name``, ``stock_Tg``, ends, ``mean_kg_m2`` and ``outside``) and how many ``more``
        there are; ``sure``, ``trust`` and ``driven`` in words; ``drivers``. Empty without maps.
    """
    if experiment is None:
        return {}
    rows = _districts(results, experiment)
    verdict = results.verdict(experiment)
    driven = verdict.get("drivers", {})
    largest = sorted(rows, key=lambda row: -float(row["stock_Tg"]))[:DISTRICTS]
    quantity = results.config.all_quantities[results.config.experiment(experiment).targets[0]]
    return {
        "set": results.config.totals[0].name if rows else "",
        "districts": [_district(row) for row in largest],
        "more": len(rows) - len(largest),
        "sure": f"{_cells_sure(verdict.get('intervals', {}))} {_sure(rows)}".strip(),
        "trust": _trust(rows, verdict.get("extent", {}).get("sentence", "")),
        "driven": str(driven.get("sentence", "")),
        "drivers": [_driver(row) for row in driven.get("inputs", [])[:INPUTS]],
        "label": quantity.label,
        "unit": typeset(quantity.unit),
    }


def _districts(results: Results, experiment: str) -> list[Row]:
    """Rows of the first set of polygons with a stock: of its first quantity, and of all depths together."""
    rows = [row for row in results.totals(experiment) if row["totals"] == results.config.totals[0].name]
    rows = [row for row in rows if row["quantity"] == rows[0]["quantity"] and row["polygon"] != OUTSIDE]
    spans = [(row["bottom_cm"] - row["top_cm"], row["bottom_cm"]) for row in rows if "top_cm" in row]
    if spans:
        rows = [row for row in rows if (row["bottom_cm"] - row["top_cm"], row["bottom_cm"]) == max(spans)]
    return [row for row in rows if row["area_km2"] > 0]


def _district(row: Row) -> dict[str, Any]:
    has_interval = np.isfinite(row["lower_Tg"])
    return {
        "name": row["polygon"], "stock_Tg": row["stock_Tg"], "mean_kg_m2": row["mean_kg_m2"],
        "lower_Tg": row["lower_Tg"] if has_interval else None, "upper_Tg": row["upper_Tg"], "outside": _outside(row),
    }  # fmt: skip


def _outside(row: Row) -> float:
    """Share of a stock where the model does not apply."""
    return float(row["stock_outside_applicability_Tg"] / row["stock_Tg"]) if row["stock_Tg"] > 0 else 0.0


def _cells_sure(intervals: Row) -> str:
    """How many held-out observations the intervals of cells held."""
    if intervals.get("coverage") is None:
        return "Intervals of cells were not judged."
    level, coverage = float(intervals["level"]), float(intervals["coverage"])
    return f"Intervals of cells that should hold {level:.0%} of the held-out observations held {coverage:.0%}."


def _sure(rows: Sequence[Row]) -> str:
    """How wide intervals of districts are, or why there are none."""
    if not rows:
        return ""
    with_interval = [row for row in rows if np.isfinite(row["lower_Tg"]) and row["stock_Tg"] > 0]
    if not with_interval:
        return f"Districts have no interval: {str(rows[0]['interval']).removeprefix('none: ')}."
    widths = [50.0 * (row["upper_Tg"] - row["lower_Tg"]) / row["stock_Tg"] for row in with_interval]
    low, middle, high = (float(np.quantile(widths, q)) for q in (0, 0.5, 1))
    how_many = (
        "" if len(with_interval) == len(rows) else f"{len(with_interval)} of {len(rows)} districts have an interval. "
    )
    return (
        f"{how_many}Half the width of a district's interval is {middle:.2g} % of its stock ({low:.2g} to {high:.2g} %)."
    )


def _trust(rows: Sequence[Row], extent: str) -> str:
    """Where the model does not apply, and the districts that have most of it."""
    sentence = f"{extent[:1].upper()}{extent[1:]}." if extent else "Where the map ends was not judged."
    worst = sorted((row for row in rows if _outside(row) >= NOTABLE), key=lambda row: -_outside(row))[:NAMED]
    if not extent or not worst:
        return sentence
    words = [f"{_outside(row):.0%} in {row['polygon']}" for row in worst]
    return f"{sentence} Of the stock lie outside: {', '.join(words)}."


def _driver(row: Row) -> dict[str, Any]:
    return {**row, "arrow": ARROWS.get(row["direction"], ""), "name": str(row["input"]).replace("_", " ")}
