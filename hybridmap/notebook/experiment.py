"""An experiment opened from its folder: model, scores, maps, and predictions with the intervals of the maps."""

from __future__ import annotations

import warnings
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
import xarray as xr
from torch import Tensor

from hybridmap.config import Config
from hybridmap.config.reading import load_config
from hybridmap.files.reading import read_csv, read_json, read_parquet
from hybridmap.files.results import ExperimentFiles, RegionFiles, metadata
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.model import Model
from hybridmap.model.ensemble import Ensemble
from hybridmap.model.ensemble import load as load_trained
from hybridmap.model.table_prediction import predict_table
from hybridmap.model.training_range import TableWarning
from hybridmap.notebook.parts import Part, as_html, as_text, existing
from hybridmap.notebook.site_distance import COLUMN, with_site_distance
from hybridmap.predict.mapped_depths import mapped_depths, modelled_interval
from hybridmap.predict.predictor import Predictor
from hybridmap.predict.recipe import Recipe
from hybridmap.samples.folds import MAP_FOLD

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hybridmap.notebook.figures import ReportFigures

BATCH = 65_536
"""Rows that are predicted at a time."""


class Experiment:
    """Results of one experiment; each part is read when it is first asked for.

    Parameters
    ----------
    folder : Path
        ``results/REGION/experiments/NAME``.
    trust : bool
        Whether to run a process model that is kept with the trained one.

    Attributes
    ----------
    name : str
        Of the experiment.
    files : ExperimentFiles
        Where everything lies.
    """

    def __init__(self, folder: Path, trust: bool = False) -> None:
        self.folder, self.trust = folder, trust
        self.name = folder.name
        self.files = ExperimentFiles(folder)
        self.region_files = RegionFiles(folder.parent.parent)

    @property
    def parts(self) -> dict[str, Part]:
        """What there can be, by the name of its attribute."""
        files, model, name = self.files, self.files.fold(MAP_FOLD).model, f"--experiment {self.name}"
        scores = files.scores
        rows = [
            Part("model", model, model / "model.yaml", "the model that is mapped", f"train {name}"),
            Part("metrics", scores.metrics, scores.metrics, "scores of every fold, a frame", f"evaluate {name}"),
            Part(
                "predictions", scores.predictions, scores.predictions, "of held-out sites, a frame", f"evaluate {name}"
            ),
            Part("verdict", files.verdict, files.verdict, "physics, skill, intervals, a dict", f"diagnose {name}"),
            Part(
                "samples",
                self.region_files.samples,
                self.region_files.samples,
                "sites with covariates, a frame",
                "sample",
            ),
            Part("maps", files.maps, metadata(files.maps), "every map, a lazy Dataset", f"predict {name}"),
        ]
        return {part.name: part for part in rows}

    def _path(self, part: str) -> Path:
        return self.parts[part].required()

    @cached_property
    def model(self) -> Model | Ensemble:
        """The model of the maps, trained on all sites."""
        return load_trained(self._path("model"), self.trust)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Scores by scheme, fold, part and target, beside those of the mean and ordinary models."""
        return read_csv(self._path("metrics"))

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """Observed and predicted at every site, by the models that did not see it."""
        return read_parquet(self._path("predictions"))

    @cached_property
    def verdict(self) -> dict[str, Any]:
        """What the diagnosis says."""
        return dict(read_json(self._path("verdict")))

    @cached_property
    def samples(self) -> pd.DataFrame:
        """Sites of the region with covariates and forcing."""
        return read_parquet(self._path("samples"))

    @cached_property
    def maps(self) -> xr.Dataset:
        """Every map on the grid of the region, read when computed."""
        maps: xr.Dataset = xr.open_zarr(self._path("maps"), consolidated=False)
        return maps

    @cached_property
    def settings(self) -> Config:
        """Configuration of the experiment and of its maps."""
        return load_config(self.region_files.settings("predict"), self.files.settings)

    @cached_property
    def predictor(self) -> Predictor:
        """The model as maps are made by it, with calibrated intervals where the evaluation gave a calibration."""
        config, conformal = self.settings, self.files.scores.conformal
        experiment, predict = config.experiment(self.name), config.predict
        if not conformal.is_file() and predict.intervals == "conformal":
            warnings.warn(
                f"experiment '{self.name}': there is no {conformal.name} of its evaluation, so intervals are the spread"
                f" alone, which is not calibrated; hybridmap evaluate --experiment {self.name} makes it.",
                TableWarning,
                stacklevel=3,
            )
            predict = predict.model_copy(update={"intervals": "spread"})
        applicability = existing(self.files.applicability)
        return Predictor(
            Recipe(
                self._path("model"),
                predict,
                experiment.uncertainty,
                modelled_interval(config.build),
                calibration=existing(conformal),
                applicability=applicability,
                expected_error=existing(self.files.expected_error.table) if applicability else None,
                trust=self.trust,
                depths=mapped_depths(config.build, predict),
            )
        )

    def predict(self, table: Any) -> Any:
        """Predict every map, intervals included, for the rows of a table.

        Parameters
        ----------
        table : mapping, DataFrame, Series or Dataset
            As of :meth:`hybridmap.model.TableModel.predict`; ``region.covariates`` is one. With ``lon`` and ``lat``
            in degrees, or of a Dataset ``x`` and ``y`` of the grid, intervals are widened far from the sites.

        Returns
        -------
        dict of array, DataFrame, Series or Dataset
            Of the kind of the table, with its index or coordinates: the maps by name, with ``NAME_lower`` and
            ``NAME_upper``. Ends are calibrated on held-out blocks where the region has a calibration, and widened where
            expected errors are larger, by the rule and the files of the maps.

        Raises
        ------
        HybridmapError
            If there is no model, or a column is missing.
        """
        placed = with_site_distance(table, self.predictor.extent, RegionGrid.of(self.settings.grid))
        beside = [COLUMN] if self.predictor.extent.needs_places and COLUMN in placed else []
        return predict_table(self.predictor.model, placed, self._maps_of, beside)

    def _maps_of(self, covariates: Tensor, forcing: dict[str, Tensor]) -> dict[str, Tensor]:
        distance, pieces = forcing.pop(COLUMN, None), []
        for k in range(0, len(covariates), BATCH):
            batch = slice(k, k + BATCH)
            driven = {name: values[batch] for name, values in forcing.items()}
            pieces.append(self.predictor(covariates[batch], driven, None if distance is None else distance[batch]))
        # Depths go last, as columns of their own.
        return {name: torch.cat([piece[name].movedim(-1, 0) for piece in pieces]) for name in pieces[0]}

    @cached_property
    def _figures(self) -> ReportFigures:
        from hybridmap.notebook.figures import ReportFigures

        return ReportFigures(self.region_files, self.name)

    def figures(self) -> dict[str, str]:
        """Figures of the report by name, and how each is read."""
        return self._figures.captions()

    def figure(self, name: str) -> Figure:
        """A figure of the report, as matplotlib has it; HybridmapError where there is none of this name."""
        return self._figures.draw(name)

    @property
    def title(self) -> str:
        """What it is, in a line."""
        return f"Experiment '{self.name}' of region '{self.region_files.folder.name}'"

    def __repr__(self) -> str:
        return as_text(self.title, list(self.parts.values()))

    def _repr_html_(self) -> str:
        return as_html(self.title, list(self.parts.values()))
