"""What makes a prediction an interval that holds what it promises, as the evaluation found it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hybridmap.errors import HybridmapError
from hybridmap.evaluate.interval_rule import TERCILES
from hybridmap.evaluate.interval_scale import LOG, WIDENED
from hybridmap.files.reading import read_state
from hybridmap.model.draws import SMALLEST_SPREAD
from hybridmap.model.spread_head import exponential_of, log_of
from hybridmap.options import UncertaintyOptions

Ends = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class MapRule:
    """From a map to its interval.

    Attributes
    ----------
    factor : float
        On the scale of the interval.
    is_log : bool
        Whether the scale is a distance on the logarithm.
    step : float
        What a factor of 2 adds to learned distances, in the unit of the map; 0 stretches them on its logarithm.
    rms : float
        Error of calibration, in the unit of the map, which is added to the spread of draws as variances are.
    offset : float
        What is added before the logarithm, in the unit of the map.
    thresholds, of_tercile : tuple of float
        Ends of the lowest and the middle third of the predictions, and the factors of all three; or empty.
    """

    factor: float
    is_log: bool = False
    step: float = 0.0
    rms: float = 0.0
    offset: float = 1.0
    thresholds: tuple[float, ...] = ()
    of_tercile: tuple[float, ...] = ()

    def ends(self, centre: Tensor, sd: Tensor | None, least: float) -> Ends:
        """Lower and upper end.

        Parameters
        ----------
        centre : Tensor, shape (site,)
            The map.
        sd : Tensor, shape (site,), optional
            Spread of its draws.
        least : float
            What it can be, in its unit.

        Returns
        -------
        tuple of two Tensors, shape (site,)
            In the unit of the map.
        """
        centre = centre.clamp(min=least)
        if self.is_log:
            distance = torch.ones_like(centre)
            return self.log_ends(centre, (distance, distance), self.offset)
        spread = torch.ones_like(centre) if sd is None else torch.hypot(sd, torch.full_like(sd, self.rms))
        half_width = self._factors(centre) * spread.clamp(min=SMALLEST_SPREAD)
        return _opened(centre - half_width, centre, centre + half_width, least)

    def log_ends(self, centre: Tensor, distances: Ends, offset: Tensor | float) -> Ends:
        """Ends at distances from the logarithm.

        Parameters
        ----------
        centre : Tensor, shape (site,)
            The map.
        distances : tuple of two Tensors, shape (site,)
            Below and above the logarithm.
        offset : float or Tensor, shape ()
            What is added before it, in the unit of the map.

        Returns
        -------
        tuple of two Tensors, shape (site,)
            In the unit of the map.
        """
        centre = centre.clamp(min=0.0)
        logs, factor = log_of(centre, offset), self._factors(centre)
        on_logs = 1.0 if self.step else factor
        lower, upper = (exponential_of(logs + s * on_logs * d, offset) for s, d in zip((-1, 1), distances, strict=True))
        if self.step:
            below, above = _opened(lower, centre, upper, 0.0)
            more = (factor - 1.0) * self.step
            lower = centre - (centre - below + more).clamp(min=0.0)
            upper = centre + (above - centre + more).clamp(min=0.0)
        return _opened(lower, centre, upper, 0.0)

    def _factors(self, centre: Tensor) -> Tensor | float:
        """The factor of all, or that of the third in which each value lies."""
        if not self.thresholds:
            return self.factor
        third = torch.bucketize(centre, torch.tensor(self.thresholds, dtype=centre.dtype, device=centre.device))
        return torch.tensor(self.of_tercile, dtype=centre.dtype, device=centre.device)[third]


def _opened(lower: Tensor, centre: Tensor, upper: Tensor, least: float) -> Ends:
    """An interval that is no single number where scores were 0, and holds nothing that cannot be."""
    sliver = SMALLEST_SPREAD * (1.0 + centre.abs())
    return torch.minimum(lower, centre - sliver).clamp(min=least), torch.maximum(upper, centre + sliver)


def calibrated_rules(
    path: Path | None, uncertainty: UncertaintyOptions, is_target: Mapping[str, bool], depth: str
) -> dict[str, MapRule]:
    """Rule of each map that gets an interval.

    Parameters
    ----------
    path : Path or None
        ``conformal.json`` of the evaluation.
    uncertainty : UncertaintyOptions
        Block of the experiment: the calibration must be of its method, level and groups.
    is_target : mapping of str to bool
        Each map that gets an interval, and whether it is a target: a parameter takes the mean of the targets' factors
        on the spread of its draws.
    depth : str
        Depth class of the maps.

    Returns
    -------
    dict of str to MapRule
        By map.

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
    _check_settings(path, stored, uncertainty)
    try:
        rules = {name: _rule(stored, name if observed else None, depth) for name, observed in is_target.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise HybridmapError(f"{path}: not a conformal.json of 'hybridmap evaluate' ({error}).") from None
    for name, rule in rules.items():
        if rule is None:
            raise HybridmapError(
                f"{path}: {stored['blocks']} blocks are too few for an interval of '{name}' at level"
                f" {uncertainty.level:g}; set predict.intervals to spread or none, or lower uncertainty.level."
            )
    return {name: rule for name, rule in rules.items() if rule is not None}


def _check_settings(path: Path, stored: Mapping[str, Any], uncertainty: UncertaintyOptions) -> None:
    calibrated = stored["method"], stored["level"], stored.get("groups", "none")
    groups = calibrated[2] if uncertainty.groups == "auto" else uncertainty.groups
    counts_once = stored.get("counts_once", "block")
    if counts_once != uncertainty.counts_once:
        raise HybridmapError(
            f"{path}: calibrated with uncertainty.counts_once: {counts_once}, the experiment asks for"
            f" {uncertainty.counts_once}; run 'hybridmap evaluate' again."
        )
    if calibrated != (uncertainty.method, uncertainty.level, groups):
        of = "{} at level {}{}"
        grouped = [f" by {groups}" if groups not in ("none", "auto") else "" for groups in (calibrated[2], groups)]
        raise HybridmapError(
            f"{path}: calibrated for {of.format(*calibrated[:2], grouped[0])}, the experiment"
            f" asks for {uncertainty.method} at {uncertainty.level}{grouped[1]}; run 'hybridmap evaluate' again."
        )


def _rule(stored: Mapping[str, Any], target: str | None, depth: str) -> MapRule | None:
    """Rule of a target, or with None of what nobody observes; None where there were too few blocks."""
    if target is None:
        # Calibrations of earlier versions have no rules: their factors are of the spread as it is.
        factors = [factor for factor in stored["factors"].values() if factor is not None]
        factor = stored["parameter_factor"] if "rules" in stored else float(np.mean(factors)) if factors else None
        return None if factor is None else MapRule(factor)
    factor = stored["factors"].get(target)
    if factor is None:
        return None
    if "rules" not in stored:
        return MapRule(factor)
    rule = stored["rules"][target]
    of_group, thresholds = rule["groups"], tuple(rule["thresholds"])
    return MapRule(
        of_group.get(depth, factor) if rule.get("grouped_by", stored["groups"]) == "depth" else factor,
        is_log=rule["scale"] == LOG,
        step=rule["step"] if rule["scale"] == WIDENED else 0.0,
        rms=rule["rms"],
        offset=rule["offset"],
        thresholds=thresholds,
        of_tercile=tuple(of_group.get(name, factor) for name in TERCILES) if thresholds else (),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        stored = read_state(path)
        _ = [stored[key] for key in ("factors", "method", "level", "blocks")]
    except (KeyError, TypeError) as error:
        raise HybridmapError(f"{path}: not a conformal.json of 'hybridmap evaluate' ({error}).") from None
    return stored
