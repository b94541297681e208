"""Polygons of a region on its grid."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.features import rasterize
from shapely.geometry import box

from hybridmap.errors import HybridmapError, nearest
from hybridmap.grid.region_grid import RegionGrid

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
    polygons = table.clip(_bounds_in(grid, table.crs)).geometry
    # An edge is straight in the file's CRS: points along it, or it would be straight on the grid instead.
    step = EDGE_DEGREES if table.crs.is_geographic else EDGE_M / table.crs.axis_info[0].unit_conversion_factor
    if table.crs != grid.crs:
        polygons = polygons.segmentize(step)
    polygons = polygons.to_crs(grid.crs.to_wkt())
    return polygons[polygons.intersects(box(*grid.bounds))]


def _bounds_in(grid: RegionGrid, crs: CRS) -> tuple[float, float, float, float]:
    """West, south, east, north of the grid in another CRS; as far as a pole that lies on the grid."""
    edge = gpd.GeoSeries([box(*grid.bounds)], crs=grid.crs.to_wkt()).segmentize(20 * grid.resolution)
    west, south, east, north = edge.to_crs(crs).total_bounds
    if not crs.is_geographic:
        return west, south, east, north
    for pole in (-90.0, 90.0):
        if grid.cell_of(*grid.to_grid(np.array([0.0]), np.array([pole])))[2].any():
            west, south, east, north = -180.0, min(south, pole), 180.0, max(north, pole)
    return west, south, east, north
