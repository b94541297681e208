"""Typed configuration of rasters: layers of the cube, layers computed from them, a published map."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from hybridmap.config.layer_years import PLACEHOLDER, RULES, Years, fault_of_years
from hybridmap.config.section import File, Name, Section, Unit

LARGEST = 1e20
"""Factor or value beyond which single precision overflows, or there is no such unit."""
CODED = ("categorical", "mode")
"""Kinds of layers whose values are the codes of classes."""


class Derive(Section):
    """A layer computed from other layers on the grid of the region."""

    function: str = Field(
        description="slope, aspect_north, aspect_east, mean, sum, seasonality, range, bio1 to bio19, productivity."
    )
    of: str | dict[str, str] = Field(
        description="A layer, or a monthly one; for bio1 to bio19 a mapping of tmin, tmax and prec to monthly layers;"
        " for productivity one of temperature [degC] and precipitation [mm yr-1] to layers."
    )


class Raster(Section):
    """One layer of the cube.

    In a region file a layer may stand for several: ``months: true`` for twelve, ``bands: [..]`` for one a band, and
    ``classes`` with ``encoding: one_hot`` for the share of each class. With ``years`` it is one layer that has a raster
    a year.
    """

    name: Name = Field(description="Name of the layer.")
    path: File = Field(
        "", description="Any raster that GDAL reads (GeoTIFF, VRT, NetCDF, Zarr; also https://), under data_root."
    )
    derive: Derive | None = Field(None, description="Compute the layer from others instead of reading it.")
    years: Years = Field(
        None,
        description="Of a layer that changes: a list or span, with {year} in path, or on the time axis or in the band"
        " names of the file; or year → file or band.",
    )
    year_match: Literal["nearest", "previous", "exact"] = Field(
        "nearest",
        description="Which of 'years' a site takes: the nearest to its sampling, the last before, or its own.",
    )
    max_years_apart: int = Field(
        10,
        ge=0,
        le=1000,
        description="A site that was sampled further from the year that it takes is dropped, counted.",
    )
    undated: Literal["drop"] | int = Field(
        "drop", description="Sites without a year of sampling: dropped and counted, or they take this one of 'years'."
    )
    year: int | None = Field(
        None, description="A single year to read on the time axis or in the band names of the file."
    )
    band: int | str = Field(1, description="Band number from 1, or its description.")
    variable: str | None = Field(None, description="Variable of a NetCDF file or array of a Zarr store.")
    crs: str | None = Field(None, description="Only where the file declares none, for example EPSG:4326.")
    kind: Literal["continuous", "average", "categorical", "mode"] = Field(
        "continuous",
        description="Area mean of the cell, bilinear where a pixel is larger; area mean always; nearest pixel; or the"
        " class of the largest area.",
    )
    min_share: float = Field(
        0.0, ge=0.0, le=1.0, description="Least share of a cell that known pixels cover for it to have a value."
    )
    unit: Unit = Field("1", description="Unit after scale and offset.")
    scale: float | None = Field(
        None, description="Value = pixel * scale + offset; None: what the file declares, or 1 and 0."
    )
    offset: float | None = Field(None, description="See scale.")
    nodata: float | list[float] | None = Field(
        None, description="Value, or list of values, of pixels without data; replaces what the file declares."
    )
    equals: list[float] | None = Field(
        None, description="1 where the pixel is one of these classes, else 0; averaged to the share of the cell."
    )
    missing: Literal["drop", "median", "nearest"] | float = Field(
        "drop", description="Cells without data: not used, or filled with the median, the nearest value, or a number."
    )
    listed: list[float] | None = Field(
        None, description="All classes of the layer; `check` says how many pixels have another. Set by 'classes'."
    )
    of_bands: int | None = Field(None, description="Bands that the file must have; 12 where 'months' are bands.")
    group: str = Field("", description="Layer that this one was made of by months, bands or classes.")
    valid_range: tuple[float, float] | None = Field(None, description="Pixels outside, after scaling, are unknown.")
    description: str = Field("", description="What the layer is.")
    licence: str = Field("", description="Printed in the report.")

    @model_validator(mode="after")
    def _possible(self) -> Raster:
        if self.valid_range is not None and not self.valid_range[0] < self.valid_range[1]:
            raise ValueError(f"valid_range {list(self.valid_range)} must increase")
        if self.scale == 0:
            raise ValueError("scale 0 makes every pixel the same; leave it out or give the factor")
        for key, value in (("scale", self.scale), ("offset", self.offset), ("missing", self.missing)):
            if isinstance(value, float) and value and not 1 / LARGEST <= abs(value) <= LARGEST:
                raise ValueError(
                    f"{key} {value:g} is no number of a covariate; expected {1 / LARGEST:g} to {LARGEST:g}"
                )
        if isinstance(self.band, int) and self.band < 1:
            raise ValueError(f"band {self.band}: bands are counted from 1")
        if self.equals is not None and not self.equals:
            raise ValueError("equals is empty; name the classes, or leave it out")
        return self

    @model_validator(mode="after")
    def _possible_years(self) -> Raster:
        if fault := fault_of_years(self):
            raise ValueError(fault)
        return self

    @property
    def year_list(self) -> list[int]:
        """Years of the layer in order; none of a layer that does not change."""
        return list(self.years or ())

    def by_year(self) -> dict[int, Raster]:
        """The raster of each year as a layer of its own, ``name@year``; none of a layer that does not change."""
        return {year: self._of_year(year) for year in self.year_list}

    def rasters(self) -> list[Raster]:
        """The layer itself, or that of each of its years."""
        return list(self.by_year().values()) or [self]

    def _of_year(self, year: int) -> Raster:
        source = self.years[year] if isinstance(self.years, dict) else None
        changes: dict[str, object] = {"path": PLACEHOLDER.sub(str(year), self.path)}
        if source is not None:
            changes = {"path": source} if isinstance(source, str) else {"band": source}
        elif not PLACEHOLDER.search(self.path):
            changes = {"year": year}
        of_one = {"name": f"{self.name}@{year}", "years": None, "group": "", **RULES}
        return self.model_copy(update={**of_one, **changes})


class Forcing(Raster):
    """One layer that drives process models; at the samples it may be what was measured there."""

    measured: Name | None = Field(
        None,
        description="Quantity in the unit of the layer: at the samples its measured value is taken, and sites without"
        " one are dropped; maps take the layer.",
    )


class Reference(Section):
    """A published map to compare ours with; never used for training."""

    name: Name = Field(description="Name in the report.")
    layers: list[Raster] = Field(min_length=1, description="Layers of the published map.")
    weights: list[float] = Field(description="The reference is the weighted sum of its layers.", min_length=1)
    unit: str = Field("kg m-3", description="Unit of the weighted sum.")
    citation: str = Field("", description="Printed in the report.")
    depth_cm: tuple[int, int] | None = Field(
        None, description="Its interval of soil [cm], where maps of several depths are compared with it."
    )

    @model_validator(mode="after")
    def _a_weight_each(self) -> Reference:
        if len(self.weights) != len(self.layers):
            raise ValueError(f"weights: {len(self.weights)} for {len(self.layers)} layers; give one each")
        if not any(self.weights):
            raise ValueError("weights are all 0; give at least one another value")
        return self
