"""Typed configuration of the grid of a region."""

from __future__ import annotations

from pydantic import Field, model_validator

from hybridmap.config.section import File, Section

MOST_CELLS = 10**11
"""Cells of a grid: all land at 40 m; more is a slip in a unit."""


class Grid(Section):
    """The one grid of a region; everything is warped onto it once."""

    crs: str = Field("EPSG:4326", description="Coordinate reference system, for example EPSG:5070.")
    resolution: float = Field(gt=0, description="Cell size in units of the CRS (metres or degrees).")
    bounds: tuple[float, float, float, float] = Field(description="West, south, east, north in units of the CRS.")
    mask: File | None = Field(
        None, description="Polygons under data_root; cells that none of them touches are outside the region."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Grid:
        west, south, east, north = self.bounds
        if west >= east or south >= north:
            raise ValueError(
                f"bounds {self.bounds} must be west, south, east, north with west < east and south < north"
            )
        cells = self.cells
        if max(cells, (east - west) / self.resolution, (north - south) / self.resolution) > MOST_CELLS:
            raise ValueError(
                f"bounds of {east - west:g} x {north - south:g} at a resolution of {self.resolution:g} make {cells:.1e}"
                f" cells; at most {MOST_CELLS:.0e} can be mapped, so check the units of resolution and bounds"
            )
        return self

    @property
    def cells(self) -> float:
        """Cells of the grid, of its mask or not, before its edges are rounded."""
        west, south, east, north = self.bounds
        return (east - west) / self.resolution * (north - south) / self.resolution
