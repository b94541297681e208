"""Typed configuration: what a region file may say.

One YAML file describes one region: its grid, observation tables, rasters, splits and experiments. The models
below are the single source of the JSON schema (``hybridmap schema``) and of the reference page in the docs.
Reading, overlaying and checking files is in :mod:`hybridmap.config.reading`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from hybridmap.config.baselines import BASELINES
from hybridmap.config.experiment import Experiment, Name, Section, Target
from hybridmap.config.maps import Change, Predict, Total
from hybridmap.errors import HybridmapError, nearest

__all__ = ["Change", "Config", "Experiment", "Name", "Predict", "Section", "Target", "Total"]

Unit = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]  # unit: 1
if TYPE_CHECKING:
    BaselineName = str
else:
    BaselineName = Literal[tuple(BASELINES)]


class Grid(Section):
    """The one grid of a region; everything is warped onto it once."""

    crs: str = Field("EPSG:4326", description="Coordinate reference system, for example EPSG:5070.")
    resolution: float = Field(gt=0, description="Cell size in units of the CRS (metres or degrees).")
    bounds: tuple[float, float, float, float] = Field(description="West, south, east, north in units of the CRS.")
    mask: str | None = Field(
        None, description="Polygons under data_root; cells that none of them touches are outside the region."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Grid:
        west, south, east, north = self.bounds
        if west >= east or south >= north:
            raise ValueError(
                f"bounds {self.bounds} must be west, south, east, north with west < east and south < north"
            )
        return self


class Column(Section):
    """Where a field of the common schema comes from."""

    column: str | None = Field(None, description="Column of the table.")
    otherwise: list[str] = Field(default=[], description="Columns in the same unit, read where the first is empty.")
    value: float | str | None = Field(None, description="Constant for every row, instead of a column.")
    minus: str | None = Field(None, description="Column to subtract, in the same unit (for cumulative stocks).")
    minus_factor: float = Field(1.0, description="What 'minus' is multiplied with, 0.12 for carbon in carbonate.")
    pick: Literal["first", "second"] | None = Field(
        None, description="Which number of a range in words, for depths written as '0-20 cm'."
    )
    prefix: str = Field("", description="Put before a text, so that identifiers of several tables agree.")
    trust_unit: bool = Field(False, description="Accept values that look as if they had another unit.")
    unit: Unit | None = Field(None, description="Unit in the table; required for every quantity that has one.")
    also: list[str] = Field(default=[], description="For identifiers: further columns that make it unique.")
    detection_limit: float | None = Field(
        None, gt=0, description="In the unit of the column; lower values, zero and '<LOD' become half of it."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Column:
        if (self.column is None) == (self.value is None):
            raise ValueError("give either 'column' or 'value'")
        return self


class Join(Section):
    """A second table whose rows belong to those of the first by a common identifier."""

    path: str = Field("", description="The table, under data_root.")
    format: Name | None = Field(None, description="A known format that says how to join; see the docs for names.")
    by: dict[str, str] = Field(default={}, description="Column of the first table → column of this one.")
    take: dict[str, str] = Field(default={}, description="New name → column of this table.")
    columns: dict[str, Column] = Field(default={}, description="Schema fields that this table adds.")
    where: dict[str, list[str | float]] = Field(default={}, description="Use rows whose column has one of the values.")
    combine: Literal["one", "first", "sum", "mean"] = Field(
        "one", description="What becomes of several rows with one identifier; 'one' refuses them."
    )
    required: bool = Field(False, description="Drop (and count) rows of the first table that have no partner.")
    optional: bool = Field(False, description="A missing file is no error.")
    encoding: str = Field("utf-8", description="Of a text file.")
    skip_rows: int = Field(0, ge=0, description="Lines below the header to skip, for a second header or units.")
    layer: str | None = Field(None, description="Layer of a GeoPackage, or variable of a NetCDF file.")
    variable_columns: list[str] = Field(default=[], description="Names of the columns of a NetCDF matrix.")

    @field_validator("columns", mode="before")
    @classmethod
    def _short_columns(cls, value: Any) -> Any:
        return _expand_columns(value)


class ObservationSource(Section):
    """One table of soil measurements, one row a layer."""

    name: Name = Field(description="Name of the source and of its file.")
    path: str = Field(
        description="CSV (also .gz, any common delimiter), Parquet, GeoPackage or NetCDF, or the folder of a known"
        " format, under data_root."
    )
    format: Name | None = Field(
        None, description="A known format (docs/formats): its columns need not be mapped. None: an ordinary table."
    )
    licence: str = Field("", description="Licence of the rows; a per-row column may be given under columns.")
    citation: str = Field("", description="Printed in the report.")
    columns: dict[str, Column] = Field(
        default={}, description="Schema field → column name, or a block with column and unit; laid over the format's."
    )
    joins: list[Join] = Field(default=[], description="Tables whose columns are added by a common identifier.")
    crs: str | None = Field(None, description="CRS of lon and lat where they are not WGS84 degrees, as EPSG:3035.")
    below_lod: Literal["half", "zero", "drop", "keep_flag"] = Field(
        "half",
        description="Values below the detection limit become half of it, zero, missing, or the limit; all are flagged.",
    )
    encoding: str = Field("utf-8", description="Of a text file, for example cp1252.")
    skip_rows: int = Field(0, ge=0, description="Lines below the header to skip, for a second header or units.")
    layer: str | None = Field(None, description="Layer of a GeoPackage, or variable of a NetCDF file.")
    variable_columns: list[str] = Field(default=[], description="Names of the columns of a NetCDF matrix.")
    layers: list[dict[str, Column]] = Field(
        default=[], description="For wide tables: one overlay of columns a layer; each row becomes one row a layer."
    )
    where: dict[str, list[str | float]] = Field(
        default={}, description="Keep rows whose column has one of the values; * and ? stand for any letters."
    )
    exclude: dict[str, list[str | float]] = Field(
        default={}, description="Drop rows whose column has one of the values."
    )
    fraction_method: str = Field("", description="How POC and MOC were measured, for all rows.")
    biomass_method: str = Field("", description="How microbial biomass was measured, for all rows.")

    @field_validator("columns", mode="before")
    @classmethod
    def _short_columns(cls, value: Any) -> Any:
        return _expand_columns(value)

    @field_validator("layers", mode="before")
    @classmethod
    def _short_layers(cls, value: Any) -> Any:
        return [_expand_columns(layer) for layer in value] if isinstance(value, list) else value


def _expand_columns(value: Any) -> Any:
    """Allow ``lon: longitude`` for ``lon: {column: longitude}``."""
    if not isinstance(value, dict):
        return value
    return {field: {"column": spec} if isinstance(spec, str) else spec for field, spec in value.items()}


class Limits(Section):
    """Plausible ranges of quality control; a row or value outside is dropped and counted."""

    min_thickness_cm: float = Field(2.0, description="Thinner layers are dropped.")
    max_oc_g_kg: float = Field(600.0, description="Largest organic carbon content.")
    min_bulk_density_g_cm3: float = Field(0.05, description="Smallest bulk density of organic soil.")
    min_mineral_bulk_density_g_cm3: float = Field(0.3, description="Smallest of mineral soil (OC to 120 g/kg).")
    max_bulk_density_g_cm3: float = Field(2.0, description="Largest bulk density.")
    max_coarse_fragments: float = Field(0.95, description="Coarse fragments by volume stay below this.")
    max_soc_density_kg_m3: float = Field(200.0, description="Largest SOC density.")
    texture_sum_tolerance_pct: float = Field(5.0, description="How far sand + silt + clay may be from 100 %.")
    max_mbc_share_of_oc: float = Field(0.1, description="Largest share of microbial in organic carbon.")
    fraction_recovery: tuple[float, float] = Field((0.7, 1.3), description="Range of (POC + MOC) / OC.")


class Build(Section):
    """From layers as measured to one row a site on the target interval."""

    top_cm: float = Field(0.0, description="Upper limit of the interval that is modelled.")
    bottom_cm: float = Field(20.0, gt=0, description="The layer that the process model describes.")
    min_coverage: float = Field(
        0.8, gt=0, le=1, description="Share of the interval that a profile's layers must cover; less is dropped."
    )
    max_gap_cm: float = Field(5.0, description="Widest gap between the layers of a profile inside the interval.")
    depth: Literal["slice", "spline"] = Field(
        "slice", description="Means over the interval: weighted by thickness, or of an equal-area spline."
    )
    smoothing: float = Field(0.1, ge=0, description="Lambda of the spline; 0 keeps the mean of every layer.")
    stocks_cm: list[float] = Field(
        default=[], description="Depths of SOC stocks to report beside the density, for example [30, 100]."
    )
    extrapolate: bool = Field(
        False, description="Continue the deepest layer to the end of a stock (flagged), if half of it is known."
    )
    pedotransfer: str = Field("auto", description="Function that fills missing bulk density; see the docs for names.")
    missing_coarse_fragments: float = Field(0.0, ge=0, lt=1, description="Volume fraction where none was measured.")
    limits: Limits = Field(Limits(), description="Plausible ranges of quality control.")


class Derive(Section):
    """A layer computed from other layers on the grid of the region."""

    function: str = Field(description="slope, aspect_north, aspect_east, mean, sum, seasonality, range, bio1 to bio19.")
    of: str | dict[str, str] = Field(
        description="A layer, or a monthly one; for bio1 to bio19 a mapping of tmin, tmax and prec to monthly layers."
    )


class Raster(Section):
    """One layer of the cube.

    In a region file a layer may stand for several: ``months: true`` for twelve, ``bands: [..]`` for one a band, and
    ``classes`` with ``encoding: one_hot`` for the share of each class.
    """

    name: Name = Field(description="Name of the layer.")
    path: str = Field(
        "", description="Any raster that GDAL reads (GeoTIFF, VRT, NetCDF, Zarr; also https://), under data_root."
    )
    derive: Derive | None = Field(None, description="Compute the layer from others instead of reading it.")
    band: int | str = Field(1, description="Band number from 1, or its description.")
    variable: str | None = Field(None, description="Variable of a NetCDF file or array of a Zarr store.")
    crs: str | None = Field(None, description="Only where the file declares none, for example EPSG:4326.")
    kind: Literal["continuous", "average", "categorical"] = Field(
        "continuous", description="Warped bilinear, as cell average, or nearest."
    )
    unit: Unit = Field("1", description="Unit after scale and offset.")
    scale: float | None = Field(
        None, description="Value = pixel * scale + offset; None: what the file declares, or 1 and 0."
    )
    offset: float | None = Field(None, description="See scale.")
    nodata: float | None = Field(None, description="Overrides the nodata value that the file declares.")
    equals: list[float] | None = Field(
        None, description="1 where the pixel is one of these classes, else 0; averaged to the share of the cell."
    )
    missing: Literal["drop", "median", "nearest"] | float = Field(
        "drop", description="Cells without data: not used, or filled with the median, the nearest value, or a number."
    )
    group: str = Field("", description="Layer that this one was made of by months, bands or classes.")
    valid_range: tuple[float, float] | None = Field(None, description="Values outside, after scaling, become missing.")
    description: str = Field("", description="What the layer is.")
    licence: str = Field("", description="Printed in the report.")


class Split(Section):
    """How sites are dealt into folds."""

    name: Name = Field(description="Name of the scheme.")
    kind: Literal["random", "block", "degree_block", "strata", "region", "distance"] = Field(
        "block",
        description="By place at random; by square blocks (km, or degrees as in ScIReN); by strata of a layer; by"
        " regions (polygons or a column); or so that test sites are as far from training as map cells are (kNNDM).",
    )
    layer: str | None = Field(
        None, description="Covariate or forcing whose quantiles make the strata, coldest first for temperature."
    )
    column: str | None = Field(None, description="Column of the samples whose values are regions, as source.")
    polygons: str | None = Field(None, description="Polygons under data_root that are the regions.")
    attribute: str | None = Field(None, description="Attribute that names the polygons.")
    folds: int = Field(5, description="One tests, the next stops the training, the others train.")
    size_km: float = Field(200.0, gt=0, description="Edge of a block; a geographic grid counts 111.32 km a degree.")
    size_degrees: float = Field(2.0, gt=0, description="Edge of a degree_block.")
    buffer_km: float = Field(0.0, ge=0, description="Sites nearer than this to a test site are left out of training.")
    nested: bool = Field(
        False, description="Train each test fold once with every other fold as the one that stops; scores average them."
    )
    seed: int = Field(0, description="Same seed, same folds; degree_block in ScIReN: 12345.")

    @model_validator(mode="after")
    def _enough_folds(self) -> Split:
        if self.folds < 3:
            raise ValueError(f"split '{self.name}': folds must be at least 3: one tests, one stops, the rest trains")
        needs = {"strata": [self.layer], "region": [self.column or (self.polygons and self.attribute)]}
        if not all(needs.get(self.kind, [])):
            what = "'layer'" if self.kind == "strata" else "'column', or 'polygons' and 'attribute'"
            raise ValueError(f"split '{self.name}': kind {self.kind} needs {what}")
        return self

    @property
    def runs(self) -> int:
        """How many models the scheme trains: a test fold each, times the stopping folds where it is nested."""
        return self.folds * (self.folds - 1) if self.nested else self.folds


class Reference(Section):
    """A published map to compare ours with; never used for training."""

    name: Name = Field(description="Name in the report.")
    layers: list[Raster] = Field(min_length=1, description="Layers of the published map.")
    weights: list[float] = Field(description="The reference is the weighted sum of its layers.")
    unit: str = Field("kg m-3", description="Unit of the weighted sum.")
    citation: str = Field("", description="Printed in the report.")


class Demo(Section):
    """Size of the synthetic landscape of the embedded default."""

    sites: int = Field(1500, ge=100, description="Number of sampled places.")
    seed: int = Field(0, description="Same seed, same landscape.")


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
    baselines: list[BaselineName] = Field([], description=f"Ordinary models on the same folds: {', '.join(BASELINES)}.")
    fan_out: bool = Field(
        False,
        description="Train every fold in a job of its own (several GPUs, a cluster), not all of an experiment in one.",
    )
    predict: Predict = Field(Predict(), description="Tiles and threads of the maps.")
    totals: list[Total] = Field(default=[], description="Polygons whose SOC stocks are summed up.")
    reference: Reference | None = Field(None, description="A published SOC map to compare with.")

    @model_validator(mode="before")
    @classmethod
    def _spread_defaults(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or not isinstance(raw.get("experiment_defaults"), dict):
            return raw
        defaults = raw["experiment_defaults"]
        experiments = raw.get("experiments") or []
        spread = [_spread(defaults, e) if isinstance(e, dict) else e for e in experiments]
        return {**raw, "experiments": spread}

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        for what in ("observations", "auxiliary", "covariates", "forcing", "splits", "experiments"):
            names = [item.name for item in getattr(self, what)]
            if twice := {n for n in names if names.count(n) > 1}:
                raise ValueError(f"{what}: the name {sorted(twice)[0]!r} is used twice")
        if both := {layer.name for layer in self.auxiliary} & {layer.name for layer in self.covariates}:
            raise ValueError(f"the name {sorted(both)[0]!r} is used by a covariate and an auxiliary layer")
        schemes = [split.name for split in self.splits]
        for experiment in self.experiments:
            if unknown := [s for s in experiment.splits if s not in schemes]:
                raise ValueError(f"experiment {experiment.name!r}: no split scheme {unknown[0]!r}; there are {schemes}")
        return self

    def experiment(self, name: str) -> Experiment:
        """Return the experiment called `name`; HybridmapError if there is none."""
        found = {e.name: e for e in self.experiments}
        if name not in found:
            raise HybridmapError(f"no experiment '{name}'{nearest(name, found) or f'; there are {sorted(found)}'}.")
        return found[name]


def _spread(defaults: dict[str, Any], experiment: dict[str, Any]) -> dict[str, Any]:
    """Lay an experiment over the defaults; another kind of encoder takes none of the options of the default one."""
    own, default = experiment.get("encoder"), defaults.get("encoder")
    if isinstance(own, dict) and isinstance(default, dict):
        kinds = own.get("name", default.get("name", "mlp")), default.get("name", "mlp")
        defaults = defaults if kinds[0] == kinds[1] else {k: v for k, v in defaults.items() if k != "encoder"}
    return merge(defaults, experiment)


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with the keys of `over` laid on top; mappings are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged
