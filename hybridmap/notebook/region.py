"""A region opened from its folder of results."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from hybridmap.errors import HybridmapError, nearest
from hybridmap.files.reading import read_csv, read_parquet
from hybridmap.files.results import RegionFiles, metadata
from hybridmap.model import Model
from hybridmap.model.ensemble import Ensemble
from hybridmap.notebook.cube import cube_dataset
from hybridmap.notebook.experiment import Experiment
from hybridmap.notebook.parts import Part, as_html, as_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hybridmap.notebook.figures import ReportFigures


class Region:
    """Results of a region; each part is read when it is first asked for. ``region["NAME"]`` is an experiment.

    Parameters
    ----------
    folder : Path
        ``results/REGION``.
    trust : bool
        Whether to run process models that are kept with trained ones.
    """

    def __init__(self, folder: Path, trust: bool = False) -> None:
        self.folder, self.trust, self.name = folder, trust, folder.resolve().name
        self.files = RegionFiles(folder)

    @property
    def parts(self) -> dict[str, Part]:
        """What there can be beside the experiments, by the name of its attribute."""
        files = self.files
        rows = [
            Part("observations", files.observations, files.observations, "sites after quality control", "build"),
            Part("dropped", files.dropped, files.dropped, "what was dropped, and why", "build"),
            Part("covariates", files.cube, metadata(files.cube), "every layer, a lazy Dataset", "cube"),
            Part("samples", files.samples, files.samples, "sites with covariates, a frame", "sample"),
            Part("splits", files.splits, files.splits, "folds of the sites, a frame", "split"),
        ]
        return {part.name: part for part in rows}

    @cached_property
    def experiments(self) -> dict[str, Experiment]:
        """All experiments by name."""
        folders = sorted(path for path in (self.folder / "experiments").glob("*") if path.is_dir())
        return {path.name: Experiment(path, self.trust) for path in folders}

    def __getitem__(self, name: str) -> Experiment:
        if name not in self.experiments:
            names = ", ".join(self.experiments) or "none"
            raise HybridmapError(f"no experiment '{name}'{nearest(name, self.experiments)}; there are {names}.")
        return self.experiments[name]

    def __iter__(self) -> Any:
        return iter(self.experiments)

    def __len__(self) -> int:
        return len(self.experiments)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.experiments)

    def _table(self, part: str) -> pd.DataFrame:
        return read_parquet(self.parts[part].required())

    @cached_property
    def observations(self) -> pd.DataFrame:
        """Sites after quality control."""
        return self._table("observations")

    @cached_property
    def dropped(self) -> pd.DataFrame:
        """Rows and values that quality control dropped, each with its reason."""
        return self._table("dropped")

    @cached_property
    def samples(self) -> pd.DataFrame:
        """Sites with covariates and forcing."""
        return self._table("samples")

    @cached_property
    def splits(self) -> pd.DataFrame:
        """Folds of the sites."""
        return self._table("splits")

    @cached_property
    def covariates(self) -> xr.Dataset:
        """Every layer by the name that it has in the samples, read when computed; ``predict`` takes it."""
        return cube_dataset(self.parts["covariates"].required())

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Scores of all experiments that are evaluated, one below the other."""
        tables = [e.metrics for e in self.experiments.values() if not e.parts["metrics"].absence()]
        tables += [read_csv(path) for path in sorted((self.folder / "baselines").glob("*/metrics.csv"))]
        if not tables:
            raise HybridmapError(f"{self.folder}: no experiment is evaluated yet; 'hybridmap run' does it.")
        return pd.concat(tables, ignore_index=True)

    @property
    def model(self) -> Model | Ensemble:
        """Model of the only experiment."""
        return self._only("model").model

    @property
    def maps(self) -> xr.Dataset:
        """Maps of the only experiment."""
        return self._only("maps").maps

    def predict(self, table: Any) -> Any:
        """As :meth:`Experiment.predict` of the only experiment."""
        return self._only("predictions").predict(table)

    def _only(self, part: str) -> Experiment:
        if len(self.experiments) != 1:
            names = ", ".join(self.experiments) or "none yet"
            raise HybridmapError(
                f"region '{self.name}': {part} of which experiment? region['NAME']; there are {names}."
            )
        return next(iter(self.experiments.values()))

    @cached_property
    def _figures(self) -> ReportFigures:
        from hybridmap.notebook.figures import ReportFigures

        return ReportFigures(self.files)

    def figures(self) -> dict[str, str]:
        """Figures of the report by name, and how each is read."""
        return self._figures.captions()

    def figure(self, name: str) -> Figure:
        """A figure of the report, as matplotlib has it; HybridmapError where there is none of this name."""
        return self._figures.draw(name)

    @property
    def title(self) -> str:
        """What it is, in a line."""
        return f"Region '{self.name}' with experiments {', '.join(self.experiments) or 'none yet'}"

    def __repr__(self) -> str:
        return as_text(self.title, list(self.parts.values()))

    def _repr_html_(self) -> str:
        return as_html(self.title, list(self.parts.values()))
