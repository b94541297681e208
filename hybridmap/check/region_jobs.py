"""How many jobs each rule of the workflow has for a region."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from hybridmap.config import Config
from hybridmap.report.expected import with_main_target, with_stock
from hybridmap.samples.folds import MAP_FOLD, fold_ids


class Counted(NamedTuple):
    """A region by what its rules are repeated for."""

    config: Config

    @property
    def mapped(self) -> list[str]:
        """Experiments with maps."""
        return [e.name for e in self.config.experiments if e.map]

    @property
    def trainings(self) -> int:
        """Jobs of training: one an experiment, or one a fold."""
        if not self.config.fan_out:
            return len(self.config.experiments)
        runs = {split.name: split.runs for split in self.config.splits}
        folds = [(e, fold_ids({scheme: runs[scheme] for scheme in e.splits})) for e in self.config.experiments]
        return sum(len([i for i in ids if e.map or i != MAP_FOLD]) for e, ids in folds)


def _experiments(region: Counted) -> int:
    return len(region.config.experiments)


def _mapped(region: Counted) -> int:
    return len(region.mapped)


def _once(region: Counted) -> int:
    return 1


JOBS: dict[str, Callable[[Counted], int]] = {
    "ingest": lambda region: len(region.config.observations),
    "build": _once,
    "cube": _once,
    "sample": _once,
    "split": _once,
    "train": lambda region: region.trainings,
    "evaluate": _experiments,
    "baseline": lambda region: len(region.config.baselines),
    "ladder": _experiments,
    "identifiability_of_folds": _experiments,
    "applicability": lambda region: _mapped(region) if region.config.predict.applicability else 0,
    "expected_error": lambda region: _mapped(region) if region.config.predict.applicability else 0,
    "predict_part": lambda region: _mapped(region) * region.config.predict.parts * (region.config.predict.parts > 1),
    "predict": _mapped,
    "export": _mapped,
    "totals": lambda region: len(with_stock(region.config)) if region.config.totals else 0,
    "diagnose_experiment": _experiments,
    "reference": lambda region: len(with_main_target(region.config)) if region.config.reference else 0,
    "report": _once,
    "provenance": _once,
}
"""Rules that a cluster gets, in the order of a run; those that the machine of the user runs itself are left out."""


def job_counts(config: Config) -> dict[str, int]:
    """Jobs of each rule of a region, without rules that have none.

    Examples
    --------
    >>> from hybridmap.config import Config
    >>> grid = {"crs": "EPSG:3035", "resolution": 1000, "bounds": [0, 0, 10_000, 10_000]}
    >>> job_counts(Config.model_validate({"grid": grid}))["cube"]
    1
    """
    counts = {rule: count(Counted(config)) for rule, count in JOBS.items()}
    return {rule: count for rule, count in counts.items() if count}
