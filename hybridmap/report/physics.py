"""Checks of all experiments beside each other: what fails where, and how far from it the others are."""

from __future__ import annotations

from typing import Any

from hybridmap.report.results import Results

LOW, MIDDLE, HIGH = "0.05", "0.5", "0.95"
"""Quantiles that are shown."""


def physics_rows(results: Results) -> list[dict[str, Any]]:
    """One row an experiment and scope (sites, cells), of process models that declare checks.

    Parameters
    ----------
    results : Results
        Of a region.

    Returns
    -------
    list of dict
        ``experiment``, ``formulation``, ``where``, ``n``; ``checks``, the share that fails each; ``capacity``, median
        and 95 % of the pool over its capacity; ``margins``, the lowest 5 % of each by name.
    """
    rows = []
    for experiment in results.config.experiments:
        verdict = results.verdict(experiment.name)
        for scope, summary in results.saturation(experiment.name).items():
            checks = {c["name"]: c for c in verdict.get("checks", []) if c["where"] == scope}
            if not summary.get("n"):
                continue
            quantiles = summary.get("quantiles", {})
            capacity, margins = next(iter(quantiles), ""), list(quantiles)[1:]
            rows.append(
                {
                    "experiment": experiment.name,
                    "formulation": verdict.get("formulation", ""),
                    "where": scope,
                    "n": summary["n"],
                    "checks": checks,
                    "capacity": [quantiles[capacity][q] for q in (MIDDLE, HIGH)] if capacity else [None, None],
                    "margins": {name: quantiles[name][LOW] for name in margins},
                }
            )
    return rows
