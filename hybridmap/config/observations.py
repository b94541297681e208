"""Typed configuration of tables of soil measurements, and of how they become sites."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from hybridmap.config.section import File, Name, Section, Unit
from hybridmap.options.layer_depth import ROOT_BETA


def _delimiter(value: str) -> str:
    if value not in ("tab", "space") and len(value) != 1:
        raise ValueError("give one character, 'tab' or 'space'")
    return value


def _rows_from_one(value: int | list[int]) -> int | list[int]:
    rows = [value] if isinstance(value, int) else value
    if not rows or rows != sorted(set(rows)) or rows[0] < 1:
        raise ValueError("lines count from 1, and rise")
    return value


def _no_booleans(value: Any) -> Any:
    """YAML reads yes, no, on and off as truth values, and ~ as none: none of them is a cell of a table."""
    if isinstance(value, list) and any(isinstance(cell, bool) or cell is None for cell in value):
        raise ValueError("write the text in quotes: YAML reads yes, no, on, off and ~ as something else")
    return value


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("is a number, as 0.58")
    return value


DEEPEST_CM = 10_000
DEFAULT_BOTTOM_CM = 20.0
Delimiter = Annotated[str, AfterValidator(_delimiter)]
HeaderRow = Annotated[int | list[int], BeforeValidator(_no_boolean), AfterValidator(_rows_from_one)]
Decimal = Literal[".", ","]
Thousands = Literal[",", ".", " ", "'", ""]
Codes = Annotated[list[str | float], BeforeValidator(_no_booleans)]


def _refuse_what_yaml_made(value: Any) -> Any:
    """Refuse what YAML made of a word that stands without quotes: yes, no, on, off, ~, a date."""
    if isinstance(value, bool) or value is None or isinstance(value, date):
        reading = "null" if value is None else str(value).lower()
        raise ValueError(
            f'YAML reads a value as {reading}; quote it as the table has it, for example "yes", "NO" or "2018-06-01"'
        )
    return value


FilterValue = Annotated[str | float, BeforeValidator(_refuse_what_yaml_made)]


def _text_encoding(value: str) -> str:
    """Refuse what Python knows as no encoding, or as one of bytes, such as hex."""
    try:
        b"a".decode(value)
    except UnicodeError:
        return value  # one of several bytes a letter
    except (LookupError, ValueError):
        raise ValueError("is no encoding of text; utf-8, cp1252 and latin-1 are common") from None
    return value


Encoding = Annotated[str, AfterValidator(_text_encoding)]


class Signs(Section):
    """How the numbers and gaps of text columns are written; what is not said is told from the column as a whole."""

    decimal: Decimal | None = Field(None, description="Decimal sign of numbers in text, where it cannot be told.")
    thousands: Thousands | None = Field(
        None, description="Sign between thousands of numbers in text: , . ' or a blank; '' for none."
    )
    missing: Codes = Field(
        default=[], description="Texts and numbers that mean 'not measured', beside the usual ones, in any spelling."
    )
    not_detected: list[str] = Field(
        default=[], description="Texts that mean 'below the detection limit', as n.d., tr or BDL; as '<LOD'."
    )

    @model_validator(mode="after")
    def _two_signs(self) -> Signs:
        if self.decimal is not None and self.decimal == self.thousands:
            raise ValueError("'decimal' and 'thousands' are the same sign")
        return self


class Column(Signs):
    """Where a field of the common schema comes from."""

    column: str | None = Field(None, description="Column of the table.")
    content: str | None = Field(
        None,
        description="For a quantity that is a density: column of its content in the fine earth, as g/kg, which bulk"
        " density makes a density.",
    )
    otherwise: list[str] = Field(default=[], description="Columns in the same unit, read where the first is empty.")
    value: float | str | None = Field(None, description="Constant for every row, instead of a column.")
    minus: str | None = Field(None, description="Column to subtract, in the same unit (for cumulative stocks).")
    minus_factor: float = Field(1.0, description="What 'minus' is multiplied with, 0.12 for carbon in carbonate.")
    pick: Literal["first", "second"] | None = Field(
        None, description="Which number of a range in words, for depths written as '0-20 cm'."
    )
    factor: Annotated[float, BeforeValidator(_no_boolean)] = Field(
        1.0,
        gt=0,
        allow_inf_nan=False,
        description="What values are multiplied with after the unit: 0.58 makes organic carbon of organic matter.",
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
        if [self.column, self.content, self.value].count(None) != 2:
            raise ValueError("give either 'column' or 'value', or 'content' for the content of a quantity")
        return self


class TableForm(Section):
    """How the file of a table is written, where that is not seen from the file."""

    encoding: Encoding = Field("utf-8", description="Of a text file, for example cp1252.")
    skip_rows: int = Field(0, ge=0, description="Lines below the header to skip, for a second header or units.")
    delimiter: Delimiter | None = Field(
        None, description="What separates the cells of a text file: one character, 'tab' or 'space' (runs of blanks)."
    )
    header_row: HeaderRow = Field(
        1,
        description="Line of the file that holds the names of the columns, or a list of lines whose cells are joined by"
        " a blank.",
    )
    layer: str | None = Field(
        None, description="Layer of a GeoPackage, sheet of a workbook, file of a zip archive, or variable of NetCDF."
    )
    variable_columns: list[str] = Field(default=[], description="Names of the columns of a NetCDF matrix.")


class Join(TableForm):
    """A second table whose rows belong to those of the first by a common identifier."""

    path: File = Field("", description="The table, under data_root.")
    format: Name | None = Field(None, description="A known format that says how to join; see the docs for names.")
    by: dict[str, str] = Field(default={}, description="Column of the first table → column of this one.")
    take: dict[str, str] = Field(default={}, description="New name → column of this table.")
    columns: dict[str, Column] = Field(default={}, description="Schema fields that this table adds.")
    where: dict[str, list[FilterValue]] = Field(default={}, description="Use rows whose column has one of the values.")
    combine: Literal["one", "first", "sum", "mean"] = Field(
        "one", description="What becomes of several rows with one identifier; 'one' refuses them."
    )
    required: bool = Field(False, description="Drop (and count) rows of the first table that have no partner.")
    optional: bool = Field(
        False, description="A missing file is no error, nor that no row has a partner in it (which is said)."
    )

    @field_validator("columns", mode="before")
    @classmethod
    def _short_columns(cls, value: Any) -> Any:
        return _expand_columns(value)


class ObservationSource(TableForm, Signs):
    """One table of soil measurements, one row a layer."""

    name: Name = Field(description="Name of the source and of its file.")
    path: File = Field(
        min_length=1,
        description="Text with any delimiter (also .gz, .bz2, .zip), Parquet, GeoParquet, GeoPackage, xlsx, ods or"
        " NetCDF, or the folder of a known format, under data_root.",
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
    layers: list[dict[str, Column]] = Field(
        default=[], description="For wide tables: one overlay of columns a layer; each row becomes one row a layer."
    )
    where: dict[str, list[FilterValue]] = Field(
        default={}, description="Keep rows whose column has one of the values; * and ? stand for any letters."
    )
    exclude: dict[str, list[FilterValue]] = Field(
        default={}, description="Drop rows whose column has one of the values."
    )
    organic_horizons: list[str] = Field(
        default=[
            *("O*", "L", "F", "H", "LF", "FH", "LFH", "L/F", "F/H", "L/F/H", "L[1-9]", "F[1-9]", "H[1-9]"),
            *("litter*", "forest floor*", "duff", "humus", "humus layer"),
        ],
        description="Horizons (field 'horizon') that lie above the mineral surface; * and ? stand for any letters.",
    )
    fraction_method: str = Field("", description="How POC and MOC were measured, for all rows.")
    biomass_method: str = Field("", description="How microbial biomass was measured, for all rows.")

    @field_validator("columns", mode="before")
    @classmethod
    def _short_columns(cls, value: Any) -> Any:
        return _expand_columns(value)

    @field_validator("layers")
    @classmethod
    def _layers_that_differ(cls, value: list[dict[str, Column]]) -> list[dict[str, Column]]:
        if len(value) > 1 and any(not layer or layer in value[:number] for number, layer in enumerate(value)):
            raise ValueError("two layers are the same, or one changes nothing: every row would count twice")
        return value

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

    min_thickness_cm: float = Field(2.0, le=100, description="Thinner layers are dropped.")
    max_oc_g_kg: float = Field(600.0, ge=1, le=1000, description="Largest organic carbon content.")
    min_bulk_density_g_cm3: float = Field(0.05, description="Smallest bulk density of organic soil.")
    min_mineral_bulk_density_g_cm3: float = Field(0.3, description="Smallest of mineral soil (OC to 120 g/kg).")
    max_bulk_density_g_cm3: float = Field(2.0, gt=0, le=10, description="Largest bulk density.")
    max_coarse_fragments: float = Field(0.95, ge=0.01, le=1, description="Coarse fragments by volume stay below this.")
    max_soc_density_kg_m3: float = Field(200.0, ge=1, le=1000, description="Largest SOC density.")
    texture_sum_tolerance_pct: float = Field(5.0, le=100, description="How far sand + silt + clay may be from 100 %.")
    max_mbc_share_of_oc: float = Field(0.1, ge=0.001, le=1, description="Largest share of microbial in organic carbon.")
    fraction_recovery: tuple[float, float] = Field((0.7, 1.3), description="Range of (POC + MOC) / OC.")

    @model_validator(mode="after")
    def _in_order(self) -> Limits:
        for name, value in self:
            if not isinstance(value, tuple) and value < 0:
                raise ValueError(f"{name} {value:g} must be at least 0")
        ranges = {
            "min_bulk_density_g_cm3 and max_bulk_density_g_cm3": (
                self.min_bulk_density_g_cm3,
                self.max_bulk_density_g_cm3,
            ),
            "min_mineral_bulk_density_g_cm3 and max_bulk_density_g_cm3": (
                self.min_mineral_bulk_density_g_cm3,
                self.max_bulk_density_g_cm3,
            ),
            "fraction_recovery": self.fraction_recovery,
        }
        for name, (low, high) in ranges.items():
            if not low < high:
                raise ValueError(f"{name} are {low:g} and {high:g}; they must increase, or every row is dropped")
        return self


class MeasuredLayers(Section):
    """Every measured layer as an observation of its own depth."""

    top_cm: float = Field(0.0, ge=0, description="Layers whose middle lies above are left out.")
    bottom_cm: float = Field(100.0, gt=0, le=DEEPEST_CM, description="Layers whose middle lies below are left out.")
    root_beta: float = Field(
        ROOT_BETA,
        ge=0.5,
        lt=1,
        description="Root profile, 1 - root_beta^cm of the roots above a depth: a layer gets its share of the litter.",
    )
    overlaps: Literal["refuse", "drop"] = Field(
        "refuse", description="Layers of a profile that share a part of their depth: refused, or dropped and counted."
    )

    @model_validator(mode="after")
    def _in_order(self) -> MeasuredLayers:
        if not self.top_cm < self.bottom_cm:
            raise ValueError(f"top_cm {self.top_cm:g} and bottom_cm {self.bottom_cm:g} must increase")
        return self


class Build(Section):
    """From layers as measured to one row a site on the target interval, or to one row a layer."""

    top_cm: float = Field(0.0, description="Upper limit of the interval that is modelled.")
    bottom_cm: float = Field(
        DEFAULT_BOTTOM_CM, gt=0, le=DEEPEST_CM, description="The layer that the process model describes."
    )
    layers: MeasuredLayers | None = Field(
        None, description="Keep every measured layer at its own depth, instead of one interval a site."
    )
    min_coverage: float = Field(
        0.8, gt=0, le=1, description="Share of the interval, or of a stock's depth, that a profile's layers must cover."
    )
    max_gap_cm: float = Field(5.0, ge=0, description="Widest gap between the layers of a profile inside the interval.")
    depth: Literal["slice", "spline"] = Field(
        "slice", description="Means over the interval: weighted by thickness, or of an equal-area spline."
    )
    smoothing: float = Field(0.1, ge=0, le=1e6, description="Lambda of the spline; 0 keeps the mean of every layer.")
    stocks_cm: list[float] = Field(
        default=[], description="Depths of SOC stocks to report beside the density, for example [30, 100]."
    )
    extrapolate: bool = Field(
        False, description="Continue the deepest layer to the end of a stock (flagged), if half of it is known."
    )
    pedotransfer: str = Field("auto", description="Function that fills missing bulk density; see the docs for names.")
    missing_coarse_fragments: Annotated[float, Field(ge=0, lt=1)] | Literal["median"] = Field(
        "median", description="Volume fraction where none was measured; 'median': that of the sites where they were."
    )
    limits: Limits = Field(Limits(), description="Plausible ranges of quality control.")

    @model_validator(mode="after")
    def _depths(self) -> Build:
        if not 0 <= self.top_cm < self.bottom_cm:
            raise ValueError(f"top_cm {self.top_cm:g} and bottom_cm {self.bottom_cm:g} must increase from 0")
        if wrong := [depth for depth in self.stocks_cm if not 0 < depth <= DEEPEST_CM]:
            raise ValueError(f"stocks_cm: {wrong[0]:g} is no depth; give numbers above 0, to {DEEPEST_CM:g}")
        if len(set(self.stocks_cm)) < len(self.stocks_cm):
            raise ValueError(f"stocks_cm {self.stocks_cm} names a depth twice")
        if self.layers is not None and self.depth == "spline":
            raise ValueError(
                "depth: spline makes one interval of the layers, which 'layers' keeps apart; leave one out"
            )
        if self.layers is not None and (self.top_cm, self.bottom_cm) != (0.0, DEFAULT_BOTTOM_CM):
            raise ValueError("'layers' has its own top_cm and bottom_cm; leave those of the one interval out")
        return self

    @property
    def span_cm(self) -> tuple[float, float]:
        """Depths that are modelled: the interval, or those that layers are taken from."""
        span = self.layers or self
        return span.top_cm, span.bottom_cm
