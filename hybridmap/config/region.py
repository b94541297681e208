"""Typed configuration of a region: everything that a region file may say.

The sections are the single source of the JSON schema (``hybridmap schema``) and of the reference page in the docs.
Reading, overlaying and checking files is in :mod:`hybridmap.config.reading`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from hybridmap.config.experiment import Experiment
from hybridmap.config.grid import Grid
from hybridmap.config.layers import Raster, Reference
from hybridmap.config.maps import Predict, Total
from hybridmap.config.observations import Build, ObservationSource
from hybridmap.config.overlay import merge, over_defaults
from hybridmap.config.section import Name, Section
from hybridmap.config.splits import Split
from hybridmap.errors import HybridmapError, nearest

Baseline = Literal["linear", "random_forest", "gradient_boosting"]


class Demo(Section):
    """Size of the synthetic landscape of the embedded default."""

    sites: int = Field(1500, ge=100, description="Number of sampled places.")
    seed: int = Field(0, description="Same seed, same landscape.")
    build: Build = Field(
        Build(), description="How the demo's layers become sites, below 'build'; no other region takes of it."
    )


class Config(Section):
    """Everything about one region."""

    region: Name = Field("demo", description="Name of the region and of its folder under results.")
    title: str = Field("", description="For the report.")
    data_root: str = Field(".", description="Folder that relative paths start from; ${VARIABLE:-default} is expanded.")
    results: str = Field("results", description="Folder for everything that is made.")
    demo: Demo | None = Field(None, description="Make the inputs of this region synthetically.")
    grid: Grid = Field(description="The grid.")
    downloads: list[str] = Field(
        default=[], description="Public data sets to fetch into data_root before anything else; see docs/fetching.md."
    )
    offline: bool = Field(False, description="Fetch nothing, but say which file belongs where.")
    observations: list[ObservationSource] = Field([], description="Tables of soil measurements.")
    build: Build = Field(Build(), description="From layers to sites.")
    covariates: list[Raster] = Field([], description="What the network sees.")
    covariates_table: str | None = Field(
        None,
        description="CSV under data_root with further covariates, one a row; columns are the keys of a raster.",
    )
    auxiliary: list[Raster] = Field([], description="Layers that only others are derived from.")
    forcing: list[Raster] = Field([], description="What drives the process model: npp [g C m-2 yr-1], mat [degC].")
    boundaries: str | None = Field(None, description="Polygons drawn on maps, under data_root.")
    splits: list[Split] = Field([], description="How sites are dealt into folds.")
    experiment_defaults: dict[str, Any] = Field(default={}, description="Keys that every experiment starts from.")
    experiments: list[Experiment] = Field([], description="Models to train.")
    baselines: list[Baseline] = Field(
        [], description="Ordinary models on the same folds: linear, random_forest, gradient_boosting."
    )
    fan_out: bool = Field(
        False,
        description="Train every fold in a job of its own (several GPUs, a cluster), not all of an experiment in one.",
    )
    predict: Predict = Field(Predict(), description="Tiles and threads of the maps.")
    totals: list[Total] = Field(default=[], description="Polygons whose SOC stocks are summed up.")
    reference: Reference | None = Field(None, description="A published SOC map to compare with.")

    @model_validator(mode="before")
    @classmethod
    def _lay_over_defaults(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or not isinstance(raw.get("experiment_defaults"), dict):
            return raw
        defaults = raw["experiment_defaults"]
        experiments = raw.get("experiments") or []
        return {**raw, "experiments": [over_defaults(defaults, e) if isinstance(e, dict) else e for e in experiments]}

    @model_validator(mode="before")
    @classmethod
    def _lay_build_over_that_of_the_demo(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or not isinstance(raw.get("demo"), dict):
            return raw
        of_demo, build = raw["demo"].get("build"), raw.get("build", {})
        if not isinstance(of_demo, dict) or not isinstance(build, dict):
            return raw
        return {**raw, "build": merge(of_demo, build)}

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        for section in ("observations", "auxiliary", "covariates", "forcing", "splits", "experiments"):
            names = [entry.name for entry in getattr(self, section)]
            if repeated := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{section}: the name {repeated[0]!r} is used twice")
        covariates, auxiliary = ({layer.name for layer in layers} for layers in (self.covariates, self.auxiliary))
        if shared := sorted(covariates & auxiliary):
            raise ValueError(f"the name {shared[0]!r} is used by a covariate and an auxiliary layer")
        schemes = [split.name for split in self.splits]
        for experiment in self.experiments:
            if unknown := [scheme for scheme in experiment.splits if scheme not in schemes]:
                raise ValueError(f"experiment {experiment.name!r}: no split scheme {unknown[0]!r}; there are {schemes}")
        return self

    def experiment(self, name: str) -> Experiment:
        """Return the experiment called `name`; HybridmapError if there is none."""
        experiments = {e.name: e for e in self.experiments}
        if name not in experiments:
            hint = nearest(name, experiments) or f"; there are {sorted(experiments)}"
            raise HybridmapError(f"no experiment '{name}'{hint}.")
        return experiments[name]
