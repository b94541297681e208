"""What the stages left on disk, read once for the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from hybridmap.config import Config
from hybridmap.covariates.cube import open_cube
from hybridmap.files.reading import read_csv, read_json, read_parquet
from hybridmap.files.results import ExperimentFiles, RegionFiles
from hybridmap.grid.depth_axis import map_arrays, maps_of
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import thinned_map
from hybridmap.grid.verified_store import open_verified
from hybridmap.model import HybridModel, Model
from hybridmap.observations.schema import Schema
from hybridmap.report.expected import with_starts
from hybridmap.samples.distances import distance_table
from hybridmap.samples.folds import MAP_FOLD, fold_ids
from hybridmap.train import load_members, load_model


class Results:
    """Tables, maps and verdicts of one region.

    Parameters
    ----------
    config : Config
        The region.
    folder : Path
        ``results/{region}``.
    """

    def __init__(self, config: Config, folder: Path) -> None:
        self.config = config
        self.folder = folder
        self.files = RegionFiles(folder)
        self.mapped = [e.name for e in config.experiments if e.map]
        self.first_scheme = config.experiments[0].splits[0]
        # Ends of the colours of maps by name of their scale; set once all maps are looked at.
        self.scales: dict[str, tuple[float, float]] = {}

    @cached_property
    def samples(self) -> pd.DataFrame:
        """Sites with covariates."""
        return read_parquet(self.files.samples)

    @cached_property
    def splits(self) -> pd.DataFrame:
        """Folds of the sites."""
        return read_parquet(self.files.splits)

    @cached_property
    def ladder(self) -> pd.DataFrame:
        """Quality control of ingest, build and sample, one below the other."""
        sources = [self.files.source_quality(source.name) for source in self.config.observations]
        return pd.concat([read_csv(path) for path in (*sources, self.files.quality, self.files.sample_quality)])

    @cached_property
    def distances(self) -> dict[str, np.ndarray]:
        """Distances to the nearest sample [km]: on the map, among samples, in every scheme."""
        return distance_table(self.samples, self.splits, open_cube(self.files.cube, self.config.predict.year))

    @cached_property
    def dropped(self) -> pd.DataFrame:
        """Rows and values that quality control dropped, and sites without covariates or on excluded land."""
        paths = (self.files.dropped, self.files.sample_dropped)
        tables = [read_parquet(path) for path in paths if path.is_file()]
        return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)

    @cached_property
    def layers(self) -> pd.DataFrame:
        """Layers of all sources as read, those that touch the interval of the region."""
        names = [source.name for source in self.config.observations]
        tables = [read_parquet(self.files.source(name)) for name in names]
        layers, (top, bottom) = pd.concat(tables, ignore_index=True), self.config.build.span_cm
        return layers[(layers["top_cm"] < bottom) & (layers["bottom_cm"] > top)]

    @cached_property
    def sites(self) -> pd.DataFrame:
        """Sites after quality control, before covariates are looked up."""
        return read_parquet(self.files.observations)

    def counts_by_source(self) -> list[dict[str, Any]]:
        """From measurements to samples: how many are left after each stage, a row a source and one for all."""
        schema = Schema(self.config.all_quantities)
        fields, columns = list(schema.measured), schema.columns
        measured = (self.samples["bd_source"] == "measured") & (self.samples["cf_source"] == "measured")
        stages = {
            "layers": self.layers[self.layers[fields].notna().any(axis=1)],
            "sites": self.sites[self.sites[columns].notna().any(axis=1)],
            "samples": self.samples[self.samples[columns].notna().any(axis=1)],
            "measured": self.samples[measured & self.samples[columns].notna().any(axis=1)],
        }
        rows: list[dict[str, Any]] = []
        for source in self.config.observations:
            counts = {stage: int((table["source"] == source.name).sum()) for stage, table in stages.items()}
            rows.append({"source": source.name, **counts})
        return [*rows, {"source": "all", **{stage: len(table) for stage, table in stages.items()}}]

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Scores of all experiments and baselines."""
        files = [self.of(e.name).scores.metrics for e in self.config.experiments]
        files += [self.files.baseline(name).metrics for name in self.config.baselines]
        return pd.concat([read_csv(file) for file in files])

    @cached_property
    def rungs(self) -> pd.DataFrame:
        """Ladders of all experiments, one below the other."""
        return pd.concat([read_csv(self.of(e.name).scores.ladder) for e in self.config.experiments])

    @cached_property
    def intervals(self) -> pd.DataFrame:
        """How much the intervals of all experiments hold."""
        files = [self.of(e.name).scores.intervals for e in self.config.experiments]
        return pd.concat([read_csv(file) for file in files])

    @cached_property
    def grid(self) -> RegionGrid:
        """Grid of the region."""
        return RegionGrid.of(self.config.grid)

    def of(self, experiment: str) -> ExperimentFiles:
        """Files of an experiment."""
        return self.files.experiment(experiment)

    def predictions(self, experiment: str) -> pd.DataFrame:
        """Test rows of the first scheme."""
        table = read_parquet(self.of(experiment).scores.predictions)
        scheme = self.config.experiment(experiment).splits[0]
        return table[(table["part"] == "test") & (table["scheme"] == scheme)]

    def histories(self, experiment: str) -> dict[str, pd.DataFrame]:
        """History of the folds of the first scheme and of the map model; of an ensemble, its first member."""
        settings = self.config.experiment(experiment)
        folds = {s.name: s.runs for s in self.config.splits}
        ids = fold_ids({settings.splits[0]: folds[settings.splits[0]]})
        ids = ids if settings.map else ids[:-1]
        tables = {fold: read_parquet(self.of(experiment).fold(fold).history) for fold in ids}
        return {fold: table[table["member"] == 0] for fold, table in tables.items()}

    def maps(self, experiment: str) -> Maps:
        """All maps of an experiment, each (row, column)."""
        return Maps(self.of(experiment).maps)

    def map_list(self, experiment: str) -> list[dict[str, Any]]:
        """Name, unit, description and range of the maps; none of an experiment whose maps are left out."""
        return (_read_json(self.of(experiment).map_list) or []) if self.config.experiment(experiment).map else []

    def verdict(self, experiment: str) -> dict[str, Any]:
        """Verdict of the diagnostics; of an experiment that is not judged its lists are empty."""
        lists = ("sentences", "reasons", "notes", "skill_notes")
        return {**{name: [] for name in lists}, **(_read_json(self.of(experiment).verdict) or {})}

    def residuals(self, experiment: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Bias by class of site, and variogram, of its first target in its first scheme."""
        settings, scores = self.config.experiment(experiment), self.of(experiment).scores
        tables = read_csv(scores.bias), read_csv(scores.variogram)
        bias, variogram = (
            t[(t["scheme"] == settings.splits[0]) & (t["target"] == settings.targets[0])] for t in tables
        )
        return bias.astype({"class": object}).fillna({"class": ""}), variogram

    def passport(self, experiment: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """What is known of its parameters together, and a row for each; no rows where nothing was judged."""
        files = self.of(experiment)
        is_started = experiment in with_starts(self.config) or files.starts.summary.is_file()
        passport = files.starts if is_started else files.identifiability
        judged = _read_json(passport.summary) or {}
        if not passport.table.is_file():
            return judged, []
        return judged, [{str(k): v for k, v in row.items()} for row in read_csv(passport.table).to_dict("records")]

    def relationships(self, experiment: str) -> list[dict[str, Any]]:
        """What is said of every output over its covariates; empty where nobody asked."""
        summary = _read_json(self.of(experiment).relationships.summary) or {}
        return list(summary.get("outputs", []))

    def held_out_regions(self, experiment: str) -> dict[str, Any]:
        """What held-out regions say of where the map applies; empty where nothing was asked."""
        return _read_json(self.of(experiment).expected_error.summary) or {}

    def saturation(self, experiment: str) -> dict[str, Any]:
        """Saturation at sites and cells."""
        return _read_json(self.of(experiment).saturation) or {}

    def reference(self, experiment: str) -> dict[str, Any] | None:
        """Agreement with the published map, if the region has one."""
        agreement = _read_json(self.of(experiment).reference) if self.config.reference else None
        return None if agreement is None else {"experiment": experiment, **agreement}

    def totals(self, experiment: str) -> list[dict[str, Any]]:
        """Stocks of polygons, one row each; empty where the region asks for none."""
        path = self.of(experiment).totals
        if not self.config.totals or not path.is_file():
            return []
        return [{str(k): v for k, v in row.items()} for row in read_csv(path).to_dict("records")]

    def changes(self, experiment: str) -> list[dict[str, Any]]:
        """Changes of these stocks under scenarios, one row a polygon; empty where the region asks for none."""
        path = self.of(experiment).changes
        if not (self.config.totals and self.config.predict.scenarios and path.is_file()):
            return []
        return [{str(k): v for k, v in row.items()} for row in read_csv(path).to_dict("records")]

    @cached_property
    def truth(self) -> Mapping[str, np.ndarray]:
        """True parameters and pools of a synthetic region; empty for a real one."""
        path = self.files.demo_truth
        return Maps(path) if self.config.demo and path.is_dir() else {}

    def true_field(self, name: str) -> np.ndarray | None:
        """One of them on all cells; None where it is not known."""
        truth = self.truth
        return np.asarray(truth.arrays[name][:]) if isinstance(truth, Maps) and name in truth else None

    def model(self, experiment: str) -> Model:
        """The model of the maps, or of the first fold where there are none."""
        return load_model(self._any_model(experiment), self.config.experiment(experiment).own_process)

    def global_parameters(self, experiment: str) -> list[dict[str, Any]]:
        """Value and unit of every parameter learned as one number; of an ensemble, the mean of its members."""
        trust = self.config.experiment(experiment).own_process
        model = load_members(self._any_model(experiment), trust) or self.model(experiment)
        if not isinstance(model, HybridModel) or not model.shared_names or model.process is None:
            return []
        with torch.no_grad():
            values = model.shared_parameters().reshape(-1, len(model.shared_names)).mean(0)
        info = {p.name: p for p in model.process.parameters}
        return [
            {"name": n, "value": float(v), "default": info[n].default, "unit": info[n].unit}
            for n, v in zip(model.shared_names, values, strict=True)
        ]

    def _any_model(self, experiment: str) -> Path:
        settings = self.config.experiment(experiment)
        return self.of(experiment).fold(MAP_FOLD if settings.map else f"{settings.splits[0]}-0").model


def _read_json(path: Path) -> Any:
    return read_json(path) if path.is_file() else None


class Maps(Mapping[str, np.ndarray]):
    """Maps of a store, read when they are asked for, and thinned where they are larger than a figure can show.

    Parameters
    ----------
    store : Path
        ``maps.zarr``.
    """

    def __init__(self, store: Path) -> None:
        self._root = open_verified(store)
        self.arrays = map_arrays(self._root)

    def __getitem__(self, name: str) -> np.ndarray:
        return thinned_map(self.arrays[name])

    def of_depths(self, variable: str) -> list[np.ndarray]:
        """The maps of one variable from the surface down: one where it has no depth, none where there is none."""
        return [thinned_map(array) for array in maps_of(self._root, variable)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)
