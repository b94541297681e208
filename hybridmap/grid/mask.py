"""Polygons of a region on its grid."""

from __future__ import annotations

import logging
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.features import rasterize
from shapely.geometry import box

from hybridmap.errors import HybridmapError, nearest
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.tiles import Tile

LOG = logging.getLogger("hybridmap")
AREAS = ("Polygon", "MultiPolygon", "GeometryCollection")
EDGE_POINTS = 256
"""Points along the longer side of the grid, of which its bounds in another CRS are taken."""
EDGE_DEGREES, EDGE_M = 0.05, 5000.0
"""Longest edge of a polygon that is projected: its middle is then less than a metre off."""


def region_mask(path: Path | None, grid: RegionGrid) -> NDArray[np.bool_]:
    """Cells that belong to the region, shape (height, width): all, or those that a polygon of a file touches.

    Raises
    ------
    HybridmapError
        If the file is missing or no polygon, has no CRS, or none of its polygons lies in the region.
    """
    shape = (grid.height, grid.width)
    if path is None:
        return np.ones(shape, dtype=bool)
    if not path.is_file():
        raise HybridmapError(f"grid.mask: no such file {path}; check the path and data_root.")
    polygons = read_polygons(path, grid)
    if polygons.empty:
        raise HybridmapError(f"grid.mask: no polygon of {path} lies in the region.")
    inside = rasterize(polygons, out_shape=shape, transform=grid.transform(), all_touched=True, dtype="uint8")
    return np.asarray(inside, dtype=bool)


def read_polygons(path: Path, grid: RegionGrid) -> gpd.GeoSeries:
    """Polygons of a vector file that meet the grid, in its CRS; HybridmapError if it cannot be read or has no CRS."""
    return _on_grid(_read(path), path, grid)


def read_named_polygons(path: Path, attribute: str, grid: RegionGrid) -> gpd.GeoDataFrame:
    """Polygons that meet the grid, in its CRS, dissolved by an attribute.

    Parameters
    ----------
    path : Path
        Vector file.
    attribute : str
        The attribute that names its polygons.
    grid : RegionGrid
        The grid.

    Returns
    -------
    GeoDataFrame
        ``name`` and geometry, one row a name.

    Raises
    ------
    HybridmapError
        If the file is missing, cannot be read, or has no CRS or no such attribute.
    """
    if not path.is_file():
        raise HybridmapError(f"{path}: no such file of polygons; check the path and data_root.")
    table = _read(path)
    if attribute not in table:
        raise HybridmapError(f"{path}: no attribute '{attribute}'{nearest(attribute, table.columns)}.")
    polygons = _on_grid(table, path, grid)
    names = table.loc[polygons.index, attribute].astype(str)
    return gpd.GeoDataFrame({"name": names}, geometry=polygons, crs=polygons.crs).dissolve("name", as_index=False)


def cells_of(polygons: gpd.GeoDataFrame, grid: RegionGrid, tile: Tile) -> NDArray[np.int64]:
    """Which polygon the middle of each cell of a tile lies in.

    Parameters
    ----------
    polygons : GeoDataFrame
        In the CRS of the grid.
    grid : RegionGrid
        The grid.
    tile : Tile
        Its cells.

    Returns
    -------
    array of int, shape (row, column)
        Number of the polygon from 1, 0 for none.
    """
    shapes = [(shape, k + 1) for k, shape in enumerate(polygons.geometry)]
    if not shapes:
        return np.zeros(tile.shape, "int64")
    transform = grid.transform(tile.row0, tile.col0)
    return np.asarray(rasterize(shapes, out_shape=tile.shape, transform=transform, dtype="int32"), dtype="int64")


def _read(path: Path) -> gpd.GeoDataFrame:
    try:
        table = gpd.read_file(path)
    except (OSError, ValueError, RuntimeError) as error:
        raise HybridmapError(f"{path}: cannot be read as polygons ({str(error).splitlines()[0]}).") from None
    if not isinstance(table, gpd.GeoDataFrame):  # pyogrio reads any table, and geopandas gives it without geometry
        raise HybridmapError(
            f"{path}: a table without geometry, no polygons; give a GeoPackage or another vector file."
        )
    return table


def _on_grid(table: gpd.GeoDataFrame, path: Path, grid: RegionGrid) -> gpd.GeoSeries:
    """Polygons of a table that meet the grid, in its CRS, under the index of the table."""
    if table.crs is None:
        raise HybridmapError(f"{path}: the polygons have no coordinate reference system; assign one.")
    # Cut in the file's own CRS first: far polygons may not survive the projection.
    polygons = _cut(_areas(table, path), _bounds_in(grid, table.crs))
    # An edge is straight in the file's CRS: points along it, or it would be straight on the grid instead.
    step = EDGE_DEGREES if table.crs.is_geographic else EDGE_M / table.crs.axis_info[0].unit_conversion_factor
    if table.crs != grid.crs:
        polygons = polygons.segmentize(step)
    polygons = polygons.to_crs(grid.crs.to_wkt())
    return polygons[polygons.intersects(box(*grid.bounds))]


def _areas(table: gpd.GeoDataFrame, path: Path) -> gpd.GeoSeries:
    """Geometries that have an area; others are counted in the log."""
    is_area = table.geom_type.isin(AREAS) & ~table.geometry.is_empty
    if not is_area.any():
        kinds = ", ".join(sorted({str(kind) for kind in table.geom_type}))
        raise HybridmapError(f"{path}: holds no polygon, but {kinds or 'nothing'}; give polygons.")
    if not is_area.all():
        LOG.warning("%s: %d of %d features are no polygons and are not used", path, int((~is_area).sum()), len(table))
    return table.geometry[is_area]


def _cut(polygons: gpd.GeoSeries, bounds: tuple[float, float, float, float]) -> gpd.GeoSeries:
    """Parts within bounds; those in degrees are moved around the Earth onto them, whatever meridian they begin at."""
    west, _, east, _ = polygons.total_bounds
    turns = range(1)
    if polygons.crs.is_geographic and len(polygons):
        turns = range(int(np.floor((bounds[0] - east) / 360.0)) + 1, int(np.ceil((bounds[2] - west) / 360.0)))
    parts = [polygons.translate(xoff=360.0 * turn).clip(bounds) for turn in turns] or [polygons.clip(bounds)]
    return gpd.GeoSeries(pd.concat([part for part in parts if len(part)] or parts[:1]), crs=polygons.crs)


def _bounds_in(grid: RegionGrid, crs: CRS) -> tuple[float, float, float, float]:
    """West, south, east, north of the grid in another CRS, east of 180 degrees where it reaches over that meridian."""
    side = max(grid.width, grid.height) * grid.resolution
    edge = gpd.GeoSeries([box(*grid.bounds)], crs=grid.crs.to_wkt()).segmentize(side / EDGE_POINTS)
    x, y = edge.to_crs(crs).get_coordinates().to_numpy().T
    x, y = x[np.isfinite(x)], y[np.isfinite(y)]
    if not crs.is_geographic:
        return float(x.min()), float(y.min()), float(x.max()), float(y.max())
    x = np.unwrap(x, period=360.0)
    # The edge may bulge between its points.
    margin = max(abs(np.diff(x)).max(), abs(np.diff(y)).max())
    west, south, east, north = x.min() - margin, y.min() - margin, x.max() + margin, y.max() + margin
    for pole in (-90.0, 90.0):
        if grid.cell_of(*grid.to_grid(np.array([0.0]), np.array([pole])))[2].any():
            west, south, east, north = -180.0, min(south, pole), 180.0, max(north, pole)
    if east - west >= 360.0:
        west, east = -180.0, 180.0
    return float(west), float(max(south, -90.0)), float(east), float(min(north, 90.0))
