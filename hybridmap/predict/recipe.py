"""What decides the values of a set of maps, and the work of making them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from hybridmap.config import Predict
from hybridmap.grid.depth_axis import Interval
from hybridmap.options import UncertaintyOptions
from hybridmap.predict.worker_start import passes_of


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what the maps hold, besides the cube.

    Attributes
    ----------
    model : Path
        Folder of a trained model.
    predict : Predict
        Block of the configuration.
    uncertainty : UncertaintyOptions
        Block of the experiment.
    interval : Interval
        The interval that is modelled; of layers at several depths the span of them.
    calibration : Path or None
        ``conformal.json`` of the evaluation.
    applicability : Path or None
        File of ``hybridmap applicability``.
    keep_draws : bool
        Also keep every draw of the SOC stock, which intervals of totals need.
    trust : bool
        Run a process model that is kept with the trained one, as the region file names it.
    depths : tuple of Interval
        Intervals that are mapped; none for the one interval that is modelled.
    expected_error : Path or None
        File of ``hybridmap expected-error``; only with that of the applicability.
    """

    model: Path
    predict: Predict
    uncertainty: UncertaintyOptions
    interval: Interval
    calibration: Path | None = None
    applicability: Path | None = None
    keep_draws: bool = False
    trust: bool = False
    depths: tuple[Interval, ...] = ()
    expected_error: Path | None = None

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """Those that are mapped: the depths, or the one interval that is modelled."""
        return self.depths or (self.interval,)

    @property
    def passes(self) -> int:
        """How often a cell is predicted."""
        return passes_of(self.uncertainty, self.predict) * len(self.intervals)

    def absolute(self) -> Recipe:
        """The same with absolute paths, for workers that run elsewhere."""
        paths = {name: getattr(self, name) for name in ("model", "calibration", "applicability", "expected_error")}
        return replace(self, **{name: path.absolute() for name, path in paths.items() if path is not None})


@dataclass(frozen=True)
class Job:
    """A set of maps to make, as every worker needs to know it; it opens everything else itself.

    Attributes
    ----------
    recipe : Recipe
        What to map.
    cube_path : Path
        The cube.
    out : Path
        Store to write.
    years : tuple of int
        First and last year of the observations; none where no year is known.
    """

    recipe: Recipe
    cube_path: Path
    out: Path
    years: tuple[int, ...] = ()

    def absolute(self) -> Job:
        """The same with absolute paths, for workers that run elsewhere."""
        return Job(self.recipe.absolute(), self.cube_path.absolute(), self.out.absolute(), self.years)
