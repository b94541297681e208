"""Typed configuration of maps: what they hold, how they are written, which polygons are summed up."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from hybridmap.config.section import File, Name, Section

DEEPEST_CM = 10_000


class Change(Section):
    """A change of one forcing: first multiplied, then added to."""

    multiply: float = Field(1.0, ge=0, description="Factor; 0.8 takes a fifth away.")
    add: float = Field(0.0, description="In the unit of the forcing.")


class Predict(Section):
    """What maps hold and how they are written."""

    tile: int = Field(256, ge=16, le=65536, description="Edge of a tile in cells; also the shard of the store.")
    workers: int = Field(0, ge=0, le=10_000, description="Tiles at a time; 0 takes the cores given to the job.")
    parts: int = Field(1, ge=1, le=100_000, description="Jobs of a cluster that share the tiles of a map.")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="Of the encoder; bfloat16 is faster, and what it changes is measured and logged."
    )
    year: int | dict[Name, int] | None = Field(
        None,
        description="Year of the layers that have 'years', or layer → year; by default the latest of each.",
    )
    depths: list[tuple[int, int]] = Field(
        default=[],
        description="Intervals of soil [cm] to map, as [[0, 5], [5, 15]]; only for models that know depth. Of layers"
        " the standard ones within their depths if empty.",
    )
    accept_implausible: bool = Field(
        False,
        description="Write GeoTIFFs also of an experiment whose physics fails; without it only its store is made.",
    )
    maps: list[str] = Field([], description="Maps to write, by name; all if empty.")
    intervals: Literal["conformal", "spread", "none"] = Field(
        "conformal",
        description="Lower and upper maps: calibrated on held-out blocks, quantiles of ensemble or dropout, or none.",
    )
    interval_of: list[str] = Field(["soc"], description="Maps that get an interval: targets, and parameters by spread.")
    applicability: bool = Field(True, description="Also map where the model applies (dissimilarity to the sites).")
    references: int = Field(
        1000,
        ge=10,
        le=10_000_000,
        description="Training sites that a cell is compared with; fewer are faster, and the loss is said.",
    )
    applicability_limit: Literal["fence", "whisker"] = Field(
        "fence",
        description="Largest index where the model applies, of training sites seen from other folds: third quartile"
        " plus 1.5 interquartile ranges, at most the largest (as CAST); or the largest one within those, as it was.",
    )
    scenarios: dict[Name, Annotated[dict[Name, Change], Field(min_length=1)]] = Field(
        default={}, description="Scenario → forcing → change; maps of the difference, with parameters held."
    )
    scenario_of: list[str] = Field(
        default=[], description="Outputs whose change under a scenario is mapped; the targets if empty."
    )
    packed: dict[str, Annotated[float, Field(ge=1e-6, le=1000)]] = Field(
        default={}, description="Maps stored as 16-bit integers → step in their unit; soc: 0.01."
    )

    @model_validator(mode="after")
    def _each_once(self) -> Predict:
        for key, names in (
            ("maps", self.maps),
            ("interval_of", self.interval_of),
            ("scenario_of", self.scenario_of),
        ):
            if repeated := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{key}: '{repeated[0]}' stands twice; name it once")
        return self

    @field_validator("depths")
    @classmethod
    def _downwards(cls, value: list[tuple[int, int]]) -> list[tuple[int, int]]:
        below = 0
        for top, bottom in value:
            if not below <= top < bottom <= DEEPEST_CM:
                raise ValueError(
                    f"[{top}, {bottom}] does not follow; intervals go downwards from 0 in whole cm, without overlaps,"
                    " as [[0, 5], [5, 15]]"
                )
            below = bottom
        return value


class Total(Section):
    """A set of polygons whose carbon stocks are summed up, such as countries."""

    name: Name = Field(description="Name of the set.")
    polygons: File = Field(min_length=1, description="Vector file under data_root.")
    attribute: str = Field(min_length=1, description="Attribute that names the polygons; those of one name are one.")
