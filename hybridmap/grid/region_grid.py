"""The one grid of a region: north-up cells that everything is warped onto."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from hybridmap.config import Grid
from hybridmap.errors import HybridmapError

METRES_PER_DEGREE = 111_320.0
NODES = 16
"""Cells between two places where the area of cells of a projection is worked out."""
SQUARE_M = 2000.0
"""Half the edge of the squares that are measured there: small beside the Earth, large beside rounding."""
EQUAL_AREA = 1e-6
"""Relative difference below which a projection counts as equal-area."""


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

    def cell_areas(
        self, row0: int = 0, row1: int | None = None, col0: int = 0, col1: int | None = None
    ) -> NDArray[np.float64]:
        """True areas on the ellipsoid of the cells [row0, row1) x [col0, col1) [m2], shape (row, column).

        Zones between parallels in closed form for a geographic CRS (Snyder 1987, eq. 3-12), else the edge squared over
        the areal scale of the projection, which is 1 everywhere for an equal-area one.
        """
        row1, col1 = self.height if row1 is None else row1, self.width if col1 is None else col1
        shape = row1 - row0, col1 - col0
        if not self.crs.is_geographic:
            return self._projected_areas(row0, row1, col0, col1)
        edges = np.radians(np.clip(self.north - np.arange(row0, row1 + 1) * self.resolution, -90.0, 90.0))
        zone = np.radians(self.resolution) * -np.diff(_authalic(self.crs, edges))
        return np.broadcast_to(zone[:, None], shape)

    def _projected_areas(self, row0: int, row1: int, col0: int, col1: int) -> NDArray[np.float64]:
        """Area on the ellipsoid of small squares of the map at nodes every few cells, linear between."""
        from scipy.interpolate import RegularGridInterpolator

        rows = np.linspace(row0, row1, (row1 - row0) // NODES + 2)
        cols = np.linspace(col0, col1, (col1 - col0) // NODES + 2)
        half = SQUARE_M / self.metres_per_unit()
        x, y = np.meshgrid(self.west + cols * self.resolution, self.north - rows * self.resolution)
        to = Transformer.from_crs(self.crs, self.crs.geodetic_crs, always_xy=True)
        corners = [to.transform(x + a * half, y + b * half) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        # Longitude and authalic latitude map areas truly; differences of longitude must not jump at 180 degrees.
        first = corners[0][0]
        u = [np.radians((lon - first + 180.0) % 360.0 - 180.0) for lon, _ in corners]
        v = [_authalic(self.crs, np.radians(lat)) for _, lat in corners]
        square = 0.5 * abs(sum(u[i] * v[(i + 1) % 4] - u[(i + 1) % 4] * v[i] for i in range(4)))
        area = square * (self.resolution / (2.0 * half)) ** 2
        nominal = (self.resolution * self.metres_per_unit()) ** 2
        if (abs(area / nominal - 1.0) < EQUAL_AREA).all():
            return np.broadcast_to(np.float64(nominal), (row1 - row0, col1 - col0))
        centres = np.meshgrid(np.arange(row0, row1) + 0.5, np.arange(col0, col1) + 0.5, indexing="ij")
        return np.asarray(RegularGridInterpolator((rows, cols), area)(np.stack(centres, -1)))

    def metres_per_unit(self) -> float:
        """Metres in one unit of the CRS; 111,320 for a degree."""
        return METRES_PER_DEGREE if self.crs.is_geographic else float(self.crs.axis_info[0].unit_conversion_factor)

    def spatial_ref(self) -> dict[str, Any]:
        """Attributes of a CF grid mapping variable, with GDAL's GeoTransform."""
        half = f"{self.west} {self.resolution} 0.0 {self.north} 0.0 {-self.resolution}"
        return {**self.crs.to_cf(), "spatial_ref": self.crs.to_wkt(), "GeoTransform": half}


def _authalic(crs: CRS, latitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area between the equator and a latitude [rad], per radian of longitude [m2] (Snyder 1987, eq. 3-12)."""
    ellipsoid = crs.ellipsoid
    assert ellipsoid is not None
    squared = 1.0 - (ellipsoid.semi_minor_metre / ellipsoid.semi_major_metre) ** 2
    sine, e = np.sin(latitude), max(np.sqrt(squared), 1e-12)
    q = (1.0 - squared) * (sine / (1.0 - squared * sine**2) + np.arctanh(e * sine) / e)
    return np.asarray(0.5 * ellipsoid.semi_major_metre**2 * q)
