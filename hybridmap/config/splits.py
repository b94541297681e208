"""Typed configuration of splits: how sites are dealt into folds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from hybridmap.config.section import File, Name, Section, Seed


class Split(Section):
    """How sites are dealt into folds."""

    name: Name = Field(description="Name of the scheme.")
    kind: Literal["random", "block", "degree_block", "strata", "region", "distance"] = Field(
        "block",
        description="By place at random; by square blocks (km, or degrees as in ScIReN); by strata of a layer; by"
        " regions (polygons, a column, or with neither clusters of the sites, one a fold); or so that test sites are as"
        " far from training as map cells are (kNNDM).",
    )
    layer: str | None = Field(
        None, description="Covariate or forcing whose quantiles make the strata, coldest first for temperature."
    )
    column: str | None = Field(None, description="Column of the samples whose values are regions, as source.")
    polygons: File | None = Field(None, description="Polygons under data_root that are the regions.")
    attribute: str | None = Field(None, description="Attribute that names the polygons.")
    folds: int = Field(5, le=1000, description="One tests, the next stops the training, the others train.")
    size_km: float = Field(
        200.0, ge=0.001, le=40_000, description="Edge of a block; a geographic grid counts 111.32 km a degree."
    )
    size_degrees: float = Field(2.0, ge=0.001, le=360, description="Edge of a degree_block.")
    buffer_km: float = Field(
        0.0, ge=0, le=40_000, description="Sites nearer than this to a test site are left out of training."
    )
    nested: bool = Field(
        False, description="Train each test fold once with every other fold as the one that stops; scores average them."
    )
    seed: Seed = Field(0, description="Same seed, same folds; degree_block in ScIReN: 12345.")

    @model_validator(mode="after")
    def _complete(self) -> Split:
        if self.folds < 3:
            raise ValueError(f"split '{self.name}': folds must be at least 3: one tests, one stops, the rest trains")
        if self.kind == "strata" and not self.layer:
            raise ValueError(f"split '{self.name}': kind strata needs 'layer'")
        if self.kind == "region" and bool(self.polygons) != bool(self.attribute):
            raise ValueError(f"split '{self.name}': regions by polygons need both 'polygons' and 'attribute'")
        return self

    @property
    def runs(self) -> int:
        """How many models the scheme trains: a test fold each, times the stopping folds where it is nested."""
        return self.folds * (self.folds - 1) if self.nested else self.folds
