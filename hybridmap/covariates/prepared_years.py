"""A layer that has years, ready on the grid: a raster a year, and what the cube notes of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hybridmap.config import Raster
from hybridmap.covariates.layers import PreparedLayer
from hybridmap.covariates.years import DatedLayer

OF_A_YEAR = ("path", "sha256", "minimum", "maximum", "mean", "cells", "missing_cells")
"""What is noted of every year by itself."""


@dataclass(frozen=True)
class PreparedYears:
    """Rasters of a layer that has years.

    Attributes
    ----------
    layer : Raster
        As the region file has it.
    rasters : mapping of int to PreparedLayer
        Year → its raster, in order.
    """

    layer: Raster
    rasters: Mapping[int, PreparedLayer]

    def fingerprints(self) -> list[str]:
        """What each year was made from."""
        return [raster.record["fingerprint"] for raster in self.rasters.values()]

    def attributes(self) -> dict[str, Any]:
        """Provenance, years and how sites take them; statistics of all years and of each."""
        records = [raster.facts() for raster in self.rasters.values()]
        shared = {key: value for key, value in records[-1].items() if key not in OF_A_YEAR}
        return {
            **shared,
            "name": self.layer.name,
            "long_name": self.layer.description or self.layer.name,
            "path": self.layer.path,
            "minimum": min(record["minimum"] for record in records),
            "maximum": max(record["maximum"] for record in records),
            "of_years": [{key: record[key] for key in OF_A_YEAR if key in record} for record in records],
            **DatedLayer.of_raster(self.layer).attributes(),
        }
