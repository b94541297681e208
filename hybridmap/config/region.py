"""Typed configuration of a region: everything that a region file may say.

The sections are the single source of the JSON schema (``hybridmap schema``) and of the reference page in the docs.
Reading, overlaying and checking files is in :mod:`hybridmap.config.reading`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from hybridmap.config.baselines import BASELINES
from hybridmap.config.climate_layers import ClimateLayers
from hybridmap.config.cross_references import check_names
from hybridmap.config.exclusion import Exclusion
from hybridmap.config.experiment import Experiment
from hybridmap.config.grid import Grid
from hybridmap.config.identifiability import Identifiability
from hybridmap.config.layers import Forcing, Raster, Reference
from hybridmap.config.maps import Predict, Total
from hybridmap.config.observations import Build, ObservationSource
from hybridmap.config.overlay import merge, over_defaults
from hybridmap.config.proda import Proda
from hybridmap.config.publication import Publication
from hybridmap.config.quantities import DeclaredQuantity, all_quantities
from hybridmap.config.search import Search
from hybridmap.config.section import File, Folder, Name, Results, Section, Seed
from hybridmap.config.splits import Split
from hybridmap.errors import HybridmapError, nearest
from hybridmap.quantities import Quantity

if TYPE_CHECKING:
    BaselineName = str
else:
    BaselineName = Literal[tuple(BASELINES)]


def _listed(value: Any) -> Any:
    """One block alone as a list of it."""
    return [value] if isinstance(value, dict) else value


class Demo(Section):
    """Size of the synthetic landscape of the embedded default."""

    sites: int = Field(1500, ge=100, le=10_000_000, description="Number of sampled places.")
    seed: Seed = Field(0, description="Same seed, same landscape.")
    highest_site_m: float = Field(
        10_000.0, ge=0.0, description="Elevation above which no place is sampled, as surveys leave mountains out."
    )
    build: Build = Field(
        Build(), description="How the demo's layers become sites, below 'build'; no other region takes of it."
    )


class Config(Section):
    """Everything about one region."""

    region: Name = Field("demo", description="Name of the region and of its folder under results.")
    title: str = Field("", description="For the report.")
    publication: Publication | None = Field(
        None, description="Authors, citation, licence and version of the maps, which all files then say."
    )
    data_root: Folder = Field(
        ".",
        description="Folder that relative paths start from; ${VARIABLE:-default} is expanded. If a synthetic region"
        " says nothing, where its inputs are made.",
    )
    results: Results = Field("results", description="Folder for everything that is made.")
    demo: Demo | None = Field(None, description="Make the inputs of this region synthetically.")
    outside: list[Folder] = Field(
        default=[],
        description="Folders and addresses outside data_root that inputs may be read from, as [/data/dem, https://];"
        " also by a VRT.",
    )
    grid: Grid = Field(description="The grid.")
    downloads: list[str] = Field(
        default=[], description="Public data sets to fetch into data_root before anything else; see docs/fetching.md."
    )
    downloads_from: str = Field(
        "", description="Folder or address of a copy of the downloads, looked at first: PLACE/DATA_SET/FILE."
    )
    offline: bool = Field(False, description="Fetch nothing, but say which file belongs where.")
    quantities: list[DeclaredQuantity] = Field(
        default=[],
        description="What is measured or modelled beside soc, poc, moc and mbc: total nitrogen, radiocarbon.",
    )
    observations: list[ObservationSource] = Field([], description="Tables of soil measurements.")
    build: Build = Field(Build(), description="From layers to sites.")
    covariates: list[Raster] = Field([], description="What the network sees.")
    covariates_table: File | None = Field(
        None,
        description="CSV under data_root with further covariates, one a row; columns are the keys of a raster.",
    )
    auxiliary: list[Raster] = Field([], description="Layers that only others are derived from.")
    exclude: Annotated[
        list[Exclusion], BeforeValidator(_listed, json_schema_input_type=Exclusion | list[Exclusion])
    ] = Field(default=[], description="Land that is left out by its class: one block, or a list of them.")
    forcing: list[Forcing] = Field([], description="What drives the process model: npp [g C m-2 yr-1], mat [degC].")
    clm5_forcing: ClimateLayers | None = Field(
        None,
        description="Climate that the workflow makes the forcing table of CLM5 of, results/REGION/inputs/clm5.npz, and"
        " clm5_cell.tif beside it; see docs/clm5.md.",
    )
    boundaries: File | None = Field(None, description="Polygons drawn on maps, under data_root.")
    boundaries_attribute: str | None = Field(
        None, min_length=1, description="Attribute that names them, as countries; the verdict says where maps end."
    )
    splits: list[Split] = Field([], description="How sites are dealt into folds.")
    experiment_defaults: dict[str, Any] = Field(default={}, description="Keys that every experiment starts from.")
    experiments: list[Experiment] = Field([], description="Models to train.")
    baselines: list[BaselineName] = Field([], description=f"Ordinary models on the same folds: {', '.join(BASELINES)}.")
    search: Search | None = Field(None, description="Values of keys to try on nested folds, by `snakemake search`.")
    identifiability: Identifiability | None = Field(
        None,
        description="Trainings from random starts by `snakemake identifiability`; the verdict then rests on them.",
    )
    proda: Proda | None = Field(
        None, description="Sites calibrated one by one beside experiments, by `snakemake proda`; see docs/proda.md."
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
        if not isinstance(experiments, list):
            return raw
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
        check_names(self)
        return self

    @property
    def all_quantities(self) -> dict[str, Quantity]:
        """The quantities of every region and those that this one declares, by name."""
        return all_quantities(self.quantities)

    def experiment(self, name: str) -> Experiment:
        """Return the experiment called `name`; HybridmapError if there is none."""
        experiment = next((e for e in self.experiments if e.name == name), None)
        if experiment is None:
            names = [e.name for e in self.experiments]
            raise HybridmapError(f"no experiment '{name}'{nearest(name, names) or f'; there are {sorted(names)}'}.")
        return experiment
