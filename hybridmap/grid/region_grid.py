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
from hybridmap.grid.tiles import Tile

METRES_PER_DEGREE = 111_320.0
NODES = 16
"""Cells between two places where the area of cells of a projection is worked out."""
SQUARE_M = 2000.0
"""Half the edge of the squares that are measured there: small beside the Earth, large beside rounding."""
UNITS = {"metre": "m", "meter": "m", "kilometre": "km", "foot": "foot", "US survey foot": "US_survey_foot"}
"""Names of units of pyproj → of UDUNITS."""
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

    Examples
    --------
    >>> grid = RegionGrid(CRS("EPSG:3035"), 4_000_000.0, 3_000_000.0, 1000.0, 3, 2)
    >>> grid.bounds
    (4000000.0, 2998000.0, 4003000.0, 3000000.0)
    >>> grid.cell_of(np.array([4_001_500.0, 0.0]), np.array([2_999_500.0, 0.0]))
    (array([ 0, -1]), array([ 1, -1]), array([ True, False]))
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
    def sizes(self) -> dict[str, int]:
        """Dimensions of an array on the grid."""
        return {"y": self.height, "x": self.width}

    @property
    def extent(self) -> Tile:
        """All cells as one tile."""
        return Tile(0, self.height, 0, self.width)

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

    def degrees(self, tile: Tile) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Longitude and latitude [WGS84 degrees] of the cell centres of a tile, each (row, column)."""
        rows, cols = tile.slices
        x, y = np.meshgrid(self.x[cols], self.y[rows])
        lon, lat = Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True).transform(x, y)
        return np.asarray(lon, "float32"), np.asarray(lat, "float32")

    def cell_of(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Row and column of points, and whether each lies on the grid."""
        col = np.floor((x - self.west) / self.resolution)
        row = np.floor((self.north - y) / self.resolution)
        inside = (col >= 0) & (col < self.width) & (row >= 0) & (row < self.height)
        return np.where(inside, row, -1).astype(int), np.where(inside, col, -1).astype(int), inside

    def cell_areas(self, tile: Tile | None = None) -> NDArray[np.float64]:
        """True areas on the ellipsoid of the cells of a tile, or of all [m2], shape (row, column).

        Zones between parallels in closed form for a geographic CRS (Snyder 1987, eq. 3-12), else the edge squared over
        the areal scale of the projection, which is 1 everywhere for an equal-area one.

        Examples
        --------
        >>> RegionGrid(CRS("EPSG:3035"), 4e6, 3e6, 1000.0, 2, 1).cell_areas()
        array([[1000000., 1000000.]])
        >>> whole_earth = RegionGrid(CRS("EPSG:4326"), -180.0, 90.0, 1.0, 360, 180)
        >>> print(f"{whole_earth.cell_areas().sum() / 1e12:.1f} million km2")
        510.1 million km2
        """
        tile = tile or self.extent
        if not self.crs.is_geographic:
            return self._projected_areas(tile)
        edges = np.radians(np.clip(self.north - np.arange(tile.row0, tile.row1 + 1) * self.resolution, -90.0, 90.0))
        zones = np.radians(self.resolution) * -np.diff(_authalic(self.crs, edges))
        return np.broadcast_to(zones[:, None], tile.shape)

    def _projected_areas(self, tile: Tile) -> NDArray[np.float64]:
        """Area on the ellipsoid of small squares of the map at nodes every few cells, linear between."""
        rows = np.linspace(tile.row0, tile.row1, tile.shape[0] // NODES + 2)
        cols = np.linspace(tile.col0, tile.col1, tile.shape[1] // NODES + 2)
        half = SQUARE_M / self.metres_per_unit()
        areas = self._square_areas(rows, cols, half) * (self.resolution / (2.0 * half)) ** 2
        nominal = (self.resolution * self.metres_per_unit()) ** 2
        if (abs(areas / nominal - 1.0) < EQUAL_AREA).all():
            return np.broadcast_to(np.float64(nominal), tile.shape)
        from scipy.interpolate import RegularGridInterpolator

        row_centres, col_centres = np.arange(tile.row0, tile.row1) + 0.5, np.arange(tile.col0, tile.col1) + 0.5
        centres = np.stack(np.meshgrid(row_centres, col_centres, indexing="ij"), -1)
        return np.asarray(RegularGridInterpolator((rows, cols), areas)(centres))

    def _square_areas(self, rows: NDArray[np.float64], cols: NDArray[np.float64], half: float) -> NDArray[np.float64]:
        """True areas [m2] of squares of the map around nodes, `half` of their edge in units of the CRS."""
        x, y = np.meshgrid(self.west + cols * self.resolution, self.north - rows * self.resolution)
        to_degrees = Transformer.from_crs(self.crs, self.crs.geodetic_crs, always_xy=True)
        offsets = (-half, -half), (half, -half), (half, half), (-half, half)
        corners = [to_degrees.transform(x + dx, y + dy) for dx, dy in offsets]
        # Longitude and authalic latitude map areas truly; differences of longitude must not jump at 180 degrees.
        first = corners[0][0]
        u = [np.radians((lon - first + 180.0) % 360.0 - 180.0) for lon, _ in corners]
        v = [_authalic(self.crs, np.radians(lat)) for _, lat in corners]
        return np.asarray(0.5 * abs(sum(u[i] * v[(i + 1) % 4] - u[(i + 1) % 4] * v[i] for i in range(4))))

    def metres_per_unit(self) -> float:
        """Metres in one unit of the CRS; 111,320 for a degree."""
        return METRES_PER_DEGREE if self.crs.is_geographic else float(self.crs.axis_info[0].unit_conversion_factor)

    def unit(self) -> str:
        """Unit of projected coordinates, as CF and UDUNITS write it."""
        name = str(self.crs.axis_info[0].unit_name)
        return UNITS.get(name, name.replace(" ", "_"))

    def ground_steps(self, tile: Tile) -> NDArray[np.float64]:
        """How the ground moves from cell to cell.

        Returns
        -------
        array, shape (4, row, column)
            Metres eastwards and northwards on the ellipsoid along one cell of a row (to the east of the grid), then the
            same along one cell of a column (to the north of the grid).
        """
        from scipy.interpolate import RegularGridInterpolator

        if self.crs.is_geographic:
            return self._degree_steps(tile)
        rows = np.linspace(tile.row0, tile.row1, tile.shape[0] // NODES + 2)
        cols = np.linspace(tile.col0, tile.col1, tile.shape[1] // NODES + 2)
        x, y = np.meshgrid(self.west + cols * self.resolution, self.north - rows * self.resolution)
        half = 0.5 * min(self.resolution, 2.0 * SQUARE_M / self.metres_per_unit())
        steps = [*self._ground(x, y, half, 0.0), *self._ground(x, y, 0.0, half)]
        nodes = np.stack(steps, axis=-1) * self.resolution / (2.0 * half)
        row_centres, col_centres = np.arange(tile.row0, tile.row1) + 0.5, np.arange(tile.col0, tile.col1) + 0.5
        centres = np.stack(np.meshgrid(row_centres, col_centres, indexing="ij"), -1)
        return np.moveaxis(np.asarray(RegularGridInterpolator((rows, cols), nodes)(centres)), -1, 0)

    def _degree_steps(self, tile: Tile) -> NDArray[np.float64]:
        """As :meth:`ground_steps`, of degrees: by the radii of curvature of the ellipsoid."""
        geod, sine = self._geod(), np.sin(np.radians(self.y[tile.row0 : tile.row1]))
        squared = 1.0 - geod.es * sine**2
        east = geod.a / np.sqrt(squared) * np.sqrt(1.0 - sine**2)
        north = geod.a * (1.0 - geod.es) / squared**1.5
        zero = np.zeros_like(east)
        steps = np.radians(self.resolution) * np.stack([east, zero, zero, north])
        return np.broadcast_to(steps[:, :, None], (4, *tile.shape))

    def _geod(self) -> Geod:
        geod = self.crs.get_geod()
        if geod is None:
            raise HybridmapError(f"grid.crs: {self.crs.name} has no ellipsoid; give a CRS of places on the Earth.")
        return geod

    def _ground(
        self, x: NDArray[np.float64], y: NDArray[np.float64], dx: float, dy: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Metres eastwards and northwards between the places `dx`, `dy` to both sides of points of the grid."""
        to_degrees = Transformer.from_crs(self.crs, self.crs.geodetic_crs, always_xy=True)
        (lon0, lat0), (lon1, lat1) = (to_degrees.transform(x + s * dx, y + s * dy) for s in (-1, 1))
        azimuth, _, length = self._geod().inv(lon0, lat0, lon1, lat1)
        back = np.radians(0.5 * ((lon1 - lon0 + 180.0) % 360.0 - 180.0)) * np.sin(np.radians(0.5 * (lat0 + lat1)))
        angle = np.radians(azimuth) + back  # the meridian turns along the way
        return length * np.sin(angle), length * np.cos(angle)

    def spatial_ref(self) -> dict[str, Any]:
        """Attributes of a CF grid mapping variable, with GDAL's GeoTransform."""
        geotransform = f"{self.west} {self.resolution} 0.0 {self.north} 0.0 {-self.resolution}"
        return {**self.crs.to_cf(), "spatial_ref": self.crs.to_wkt(), "GeoTransform": geotransform}


def _authalic(crs: CRS, latitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area between the equator and a latitude [rad], per radian of longitude [m2] (Snyder 1987, eq. 3-12)."""
    ellipsoid = crs.ellipsoid
    assert ellipsoid is not None
    squared = 1.0 - (ellipsoid.semi_minor_metre / ellipsoid.semi_major_metre) ** 2
    sine, e = np.sin(latitude), max(np.sqrt(squared), 1e-12)
    q = (1.0 - squared) * (sine / (1.0 - squared * sine**2) + np.arctanh(e * sine) / e)
    return np.asarray(0.5 * ellipsoid.semi_major_metre**2 * q)
