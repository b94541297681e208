"""How full is the mineral surface? MOC over its capacity, and whether a steady state exists at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = np.linspace(0.0, 1.5, 31)
"""Edges of the histogram of MOC/Qmax; what lies outside is counted in `below` and `above`."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
NEARLY_FULL = 0.95
"""MOC/Qmax from which mineral surfaces count as full."""
VARIABLES = ("moc_saturation", "margin_uptake", "margin_poc", "feasible")


def summarise(values: Mapping[str, ArrayLike]) -> dict[str, Any]:
    """Summarise saturation and feasibility over sites or map cells.

    Parameters
    ----------
    values : mapping of str to array
        ``moc_saturation`` (MOC/Qmax), ``margin_uptake``, ``margin_poc``, ``feasible``, all dimensionless and of one
        shape; NaN cells are left out.

    Returns
    -------
    dict
        ``n``; shares ``above_capacity`` (MOC/Qmax over 1), ``nearly_full`` (0.95 to 1), ``negative``,
        ``infeasible`` (no steady state of the leak-free structure); ``quantiles`` of each variable; ``histogram``.

    Examples
    --------
    >>> ones = [1.0, 1.0, 1.0, 1.0]
    >>> soil = {"moc_saturation": [0.4, 0.97, 1.2, float("nan")], "feasible": [1.0, 1.0, 0.0, 1.0]}
    >>> summary = summarise(soil | {"margin_uptake": ones, "margin_poc": ones})
    >>> summary["n"], round(summary["above_capacity"], 2), round(summary["infeasible"], 2)
    (3, 0.33, 0.33)
    """
    arrays = {name: np.asarray(values[name], dtype=float).ravel() for name in VARIABLES}
    complete = np.isfinite(arrays["moc_saturation"])
    arrays = {name: array[complete] for name, array in arrays.items()}
    saturation = arrays["moc_saturation"]
    n = int(saturation.size)
    if n == 0:
        return {"n": 0}
    counts, _ = np.histogram(saturation, BINS)
    return {
        "n": n,
        "above_capacity": float((saturation > 1.0).mean()),
        "nearly_full": float(((saturation > NEARLY_FULL) & (saturation <= 1.0)).mean()),
        "negative": float((saturation < 0.0).mean()),
        "infeasible": float((arrays["feasible"] <= 0).mean()),
        "quantiles": {name: _quantiles(arrays[name]) for name in VARIABLES[:3]},
        "histogram": {
            "edges": BINS.tolist(),
            "counts": counts.tolist(),
            "below": int((saturation < BINS[0]).sum()),
            "above": int((saturation > BINS[-1]).sum()),
        },
    }


def _quantiles(values: NDArray[np.float64]) -> dict[str, float]:
    return {f"{q:g}": float(v) for q, v in zip(QUANTILES, np.quantile(values, QUANTILES), strict=True)}
