"""Names that sections of a region use of each other: each once, and each declared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hybridmap.errors import nearest

if TYPE_CHECKING:
    from hybridmap.config.region import Config

NAMED = ("observations", "auxiliary", "covariates", "forcing", "splits", "experiments", "totals")
"""Sections whose entries have names."""


def check_names(config: Config) -> None:
    """Raise ValueError for a name that is used twice, or refers to nothing."""
    for section in NAMED:
        _each_once(section, [entry.name for entry in getattr(config, section)])
    for section in ("downloads", "baselines"):
        _each_once(section, getattr(config, section))
    covariates, auxiliary = ({layer.name for layer in layers} for layers in (config.covariates, config.auxiliary))
    if shared := sorted(covariates & auxiliary):
        raise ValueError(f"the name {shared[0]!r} is used by a covariate and an auxiliary layer")
    _check_experiments(config)
    _check_layers(config)


def _each_once(section: str, names: list[str]) -> None:
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{section}: the name {repeated[0]!r} is used twice")


def _check_experiments(config: Config) -> None:
    schemes = [split.name for split in config.splits]
    for experiment in config.experiments:
        if unknown := [scheme for scheme in experiment.splits if scheme not in schemes]:
            raise ValueError(f"experiment {experiment.name!r}: no split scheme {unknown[0]!r}; there are {schemes}")
        # The settings of some stages have no layers; what has none cannot be held to them.
        positional = experiment.encoder.options()["positional"] if config.covariates else []
        _known(f"experiment '{experiment.name}': encoder.positional", positional, [c.name for c in config.covariates])


def _check_layers(config: Config) -> None:
    forcing = [layer.name for layer in config.forcing]
    if forcing:
        for name, changes in config.predict.scenarios.items():
            _known(f"predict.scenarios.{name}", changes, forcing, "forcing")
    layers = [*(layer.name for layer in config.covariates), *forcing]
    if layers:
        for split in config.splits:
            if split.kind == "strata":
                _known(f"split '{split.name}'", [str(split.layer)], layers)


def _known(subject: str, names: Iterable[str], choices: list[str], kind: str = "layer") -> None:
    for name in names:
        if name not in choices:
            raise ValueError(f"{subject}: no {kind} '{name}'{nearest(name, choices)}; there are {choices}")
