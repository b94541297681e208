"""Factors that make a spread an interval that holds what it promises, as the evaluation found them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hybridmap.errors import HybridmapError
from hybridmap.files.reading import read_state
from hybridmap.options import UncertaintyOptions


def calibrated_factors(
    path: Path | None, uncertainty: UncertaintyOptions, is_target: Mapping[str, bool]
) -> dict[str, float]:
    """Factor on the standard deviation of each target.

    Parameters
    ----------
    path : Path or None
        ``conformal.json`` of the evaluation.
    uncertainty : UncertaintyOptions
        Block of the experiment: the calibration must be of its method and level.
    is_target : mapping of str to bool
        Each map that gets an interval, and whether it is a target: a parameter takes the mean of the targets' factors.

    Returns
    -------
    dict of str to float
        By target; with method "none" the half width in the unit of the target.

    Raises
    ------
    HybridmapError
        If there is no calibration, it is of other settings, or there were too few blocks for it.
    """
    if path is None:
        raise HybridmapError(
            "predict.intervals: conformal intervals need --calibration, the conformal.json of 'hybridmap evaluate';"
            " or set predict.intervals to spread or none."
        )
    stored = _read(path)
    factors = stored["factors"]
    if (stored["method"], stored["level"]) != (uncertainty.method, uncertainty.level):
        raise HybridmapError(
            f"{path}: calibrated for {stored['method']} at level {stored['level']}, the experiment"
            f" asks for {uncertainty.method} at {uncertainty.level}; run 'hybridmap evaluate' again."
        )
    for name, observed in is_target.items():
        if (observed and factors.get(name) is None) or not any(factors.values()):
            raise HybridmapError(
                f"{path}: {stored['blocks']} blocks are too few for an interval of '{name}' at level"
                f" {uncertainty.level:g}; set predict.intervals to spread or none, or lower uncertainty.level."
            )
    return {name: value for name, value in factors.items() if value is not None}


def _read(path: Path) -> dict[str, Any]:
    try:
        stored = read_state(path)
        _ = [stored[key] for key in ("factors", "method", "level", "blocks")]
    except (KeyError, TypeError) as error:
        raise HybridmapError(f"{path}: not a conformal.json of 'hybridmap evaluate' ({error}).") from None
    return stored
