"""The one grid of a region: north-up cells that everything is warped onto."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import CRSError

from hybridmap.config import Grid
from hybridmap.errors import HybridmapError

METRES_PER_DEGREE = 111_320.0


@dataclass(frozen=True)
class RegionGrid:
    """Cells of a region.

    Attributes
    ----------
    crs : pyproj.CRS
        Coordinate reference system.
    west, north : float
        Outer edge of the first cell, in units of the CRS.
    resolution : float
        Edge of a cell, in units of the CRS.
    width, height : int
        Number of columns and rows.
    """

    crs: CRS
    west: float
    north: float
    resolution: float
    width: int
    height: int

    @classmethod
    def of(cls, grid: Grid) -> RegionGrid:
        """Grid from its configuration; an extent that is no multiple of the cell size grows east and south.

        Raises
        ------
        HybridmapError
            If the CRS is not known.
        """
        try:
            crs = CRS.from_user_input(grid.crs)
        except CRSError:
            raise HybridmapError(f"grid.crs: '{grid.crs}' is no known coordinate reference system.") from None
        west, south, east, north = grid.bounds
        width = int(np.ceil((east - west) / grid.resolution - 1e-6))
        height = int(np.ceil((north - south) / grid.resolution - 1e-6))
        return cls(crs, west, north, grid.resolution, width, height)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north of all cells."""
        return (
            self.west,
            self.north - self.height * self.resolution,
            self.west + self.width * self.resolution,
            self.north,
        )

    @property
    def x(self) -> NDArray[np.float64]:
        """Cell centres eastwards, shape (width,)."""
        return self.west + (np.arange(self.width, dtype=np.float64) + 0.5) * self.resolution

    @property
    def y(self) -> NDArray[np.float64]:
        """Cell centres southwards, shape (height,)."""
        return self.north - (np.arange(self.height, dtype=np.float64) + 0.5) * self.resolution

    def transform(self, row: int = 0, col: int = 0) -> Any:
        """Affine transform of the cells from (`row`, `col`) on."""
        from rasterio.transform import from_origin

        left, top = self.west + col * self.resolution, self.north - row * self.resolution
        return from_origin(left, top, self.resolution, self.resolution)

    def to_grid(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coordinates in the grid's CRS of WGS84 degrees."""
        return Transformer.from_crs("EPSG:4326", self.crs, always_xy=True).transform(lon, lat)

    def cell_of(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Row and column of points, and whether each lies on the grid."""
        col = np.floor((x - self.west) / self.resolution)
        row = np.floor((self.north - y) / self.resolution)
        inside = (col >= 0) & (col < self.width) & (row >= 0) & (row < self.height)
        return np.where(inside, row, -1).astype(int), np.where(inside, col, -1).astype(int), inside

    def cell_areas(self) -> NDArray[np.float64]:
        """True area of the cells of each row [m2], shape (height,): geodesic in a geographic CRS, else edge squared."""
        if not self.crs.is_geographic:
            metres = self.crs.axis_info[0].unit_conversion_factor
            return np.full(self.height, (self.resolution * metres) ** 2)
        geod = Geod(ellps="WGS84")
        areas = []
        for centre in self.y:
            low, high = centre - self.resolution / 2, centre + self.resolution / 2
            lon, lat = [0, self.resolution, self.resolution, 0], [low, low, high, high]
            areas.append(abs(geod.polygon_area_perimeter(lon, lat)[0]))
        return np.array(areas)

    def metres_per_unit(self) -> float:
        """Metres in one unit of the CRS; 111,320 for a degree."""
        return METRES_PER_DEGREE if self.crs.is_geographic else float(self.crs.axis_info[0].unit_conversion_factor)

    def spatial_ref(self) -> dict[str, Any]:
        """Attributes of a CF grid mapping variable, with GDAL's GeoTransform."""
        half = f"{self.west} {self.resolution} 0.0 {self.north} 0.0 {-self.resolution}"
        return {**self.crs.to_cf(), "spatial_ref": self.crs.to_wkt(), "GeoTransform": half}
