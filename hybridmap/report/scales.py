"""One range of colours for one quantity: in all figures of a report and in its explorer, whatever the experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridmap.predict.portrayal import Portrayal
from hybridmap.report.results import Results

Limits = tuple[float, float]
SHARE = (0.02, 0.98)
"""Quantiles of the values of a map that lie within its colours, where no observations say what is usual."""
ENDS = ("lower", "upper")


def variable_of(entry: Mapping[str, Any]) -> str:
    """Name of what a map shows, without the depth of which it is.

    Examples
    --------
    >>> variable_of({"name": "soc_0-5cm", "depth_top_cm": 0}), variable_of({"name": "soc_lower"})
    ('soc', 'soc_lower')
    """
    name = str(entry["name"])
    return name.rpartition("_")[0] if "depth_top_cm" in entry else name


def scale_name(entry: Mapping[str, Any]) -> str:
    """Name of the scale of a map: maps of one name have the same colours over the same range.

    Examples
    --------
    >>> scale_name({"name": "soc", "units": "kg m-3", "figure_group": "quantity", "figure_subject": "soc"})
    'quantity soc'
    >>> drawn = {"figure_group": "interval", "figure_subject": "soc", "figure_role": "upper"}
    >>> scale_name({"name": "soc_upper", "units": "kg m-3", **drawn})
    'quantity soc'
    """
    portrayal = Portrayal.of(entry)
    if portrayal.group == "quantity" or portrayal.role in ENDS:
        return f"quantity {portrayal.subject}"
    if portrayal.group == "scenario":
        return f"change {portrayal.subject}"
    return f"{variable_of(entry)} {entry['units']}"


def scales_of(results: Results) -> dict[str, Limits]:
    """Ends of the colours of every scale of a region.

    Parameters
    ----------
    results : Results
        Of the region.

    Returns
    -------
    dict of str to (float, float)
        By the name of the scale, in the unit of its maps: of a quantity from 0, or from the 5th percentile of one that
        may be negative, to the 95th percentile of its observations; of all others the bulk of their values.
    """
    scales: dict[str, Limits] = {}
    for experiment in results.mapped:
        maps = results.maps(experiment)
        for entry in results.map_list(experiment):
            name = scale_name(entry)
            if entry.get("flag_values") or entry["name"] not in maps or name.startswith("quantity "):
                continue
            limits = _bulk(maps[entry["name"]], Portrayal.of(entry).symmetric)
            scales[name] = _joined(scales.get(name, limits), limits)
    for quantity in results.config.all_quantities:
        observed = observed_limits(results, quantity)
        scales |= {f"quantity {quantity}": observed} if observed else {}
    return scales


def observed_limits(results: Results, quantity: str) -> Limits | None:
    """Of the observations of a quantity; none where it was not measured."""
    declared = results.config.all_quantities[quantity]
    observed = results.samples[declared.column].dropna()
    if not len(observed):
        return None
    low = float(observed.quantile(0.05)) if declared.is_signed else 0.0
    return low, float(observed.quantile(0.95))


def _joined(limits: Limits, further: Limits) -> Limits:
    return min(limits[0], further[0]), max(limits[1], further[1])


def _bulk(values: NDArray[np.float32], symmetric: bool) -> Limits:
    """Most of the values; about zero of a change."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    if symmetric:
        far = float(np.quantile(np.abs(finite), SHARE[1])) or 1.0
        return -far, far
    low, high = (float(end) for end in np.quantile(finite, SHARE))
    return (low, high) if high > low else (low, low + max(abs(low) * 1e-3, 1e-9))
