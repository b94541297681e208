"""How many sites or cells fail the checks of a process model, and how full the pool is that has a capacity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridmap.process import Capacity, Check, ProcessModel

BINS = np.linspace(0.0, 1.5, 31)
"""Edges of the histogram of a pool over its capacity; what lies outside is counted in `below` and `above`."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def checked_outputs(process: ProcessModel) -> list[str]:
    """Outputs that a summary needs: those of the checks, and the capacity with its margins."""
    capacity = [] if process.capacity is None else [process.capacity.output, *process.capacity.margins]
    return list(dict.fromkeys([*capacity, *(check.output for check in process.checks)]))


def share_name(check: Check) -> str:
    """Key of the share that fails a check in a summary."""
    return check.share_name or check.name


def summarise(values: Mapping[str, ArrayLike], process: ProcessModel) -> dict[str, Any]:
    """Summarise the outputs that a process model wants to be checked, over sites or map cells.

    Parameters
    ----------
    values : mapping of str to array
        Its :func:`checked_outputs`, in their units and of one shape; what lacks one, margins aside, is left out.
    process : ProcessModel
        Whose checks and capacity are taken.

    Returns
    -------
    dict
        ``n``; the share that fails each check; with a capacity also ``quantiles`` of it and its margins, and its
        ``histogram``.

    Examples
    --------
    >>> from hybridmap.process import get_process
    >>> ones = [1.0, 1.0, 1.0, 1.0]
    >>> soil = {"moc_saturation": [0.4, 0.97, 1.2, float("nan")], "feasible": [1.0, 1.0, 0.0, 1.0]}
    >>> summary = summarise(soil | {"margin_uptake": ones, "margin_poc": ones}, get_process("five_pool"))
    >>> summary["n"], round(summary["above_capacity"], 2), round(summary["infeasible"], 2)
    (3, 0.33, 0.33)
    """
    arrays = {name: np.asarray(values[name], dtype=float).ravel() for name in checked_outputs(process)}
    margins = () if process.capacity is None else process.capacity.margins
    complete = np.all([np.isfinite(array) for name, array in arrays.items() if name not in margins], axis=0)
    arrays = {name: array[complete] for name, array in arrays.items()}
    n = int(complete.sum())
    if n == 0:
        return {"n": 0}
    summary: dict[str, Any] = {"n": n}
    summary |= {share_name(check): _failing(check, arrays[check.output]) for check in process.checks}
    return summary if process.capacity is None else summary | _filling(arrays, process.capacity)


def _failing(check: Check, values: NDArray[np.float64]) -> float:
    return float(((values > check.above) & (values < check.below)).mean())


def _filling(arrays: Mapping[str, NDArray[np.float64]], capacity: Capacity) -> dict[str, Any]:
    """Quantiles and histogram of a pool over its capacity."""
    filling = arrays[capacity.output]
    counts, _ = np.histogram(filling, BINS)
    return {
        "quantiles": {name: _quantiles(arrays[name]) for name in (capacity.output, *capacity.margins)},
        "histogram": {
            "edges": BINS.tolist(),
            "counts": counts.tolist(),
            "below": int((filling < BINS[0]).sum()),
            "above": int((filling > BINS[-1]).sum()),
        },
    }


def _quantiles(values: NDArray[np.float64]) -> dict[str, float]:
    return {f"{q:g}": float(v) for q, v in zip(QUANTILES, np.quantile(values, QUANTILES), strict=True)}
