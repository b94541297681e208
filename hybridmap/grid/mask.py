"""Polygons of a region on its grid."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from rasterio.features import rasterize
from shapely.geometry import box

from hybridmap.errors import HybridmapError, nearest
from hybridmap.grid.region_grid import RegionGrid


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
        return gpd.read_file(path)
    except (OSError, ValueError, RuntimeError) as error:
        raise HybridmapError(f"{path}: cannot be read as polygons ({str(error).splitlines()[0]}).") from None


def _on_grid(table: gpd.GeoDataFrame, path: Path, grid: RegionGrid) -> gpd.GeoSeries:
    """Polygons of a table that meet the grid, in its CRS, under the index of the table."""
    if table.crs is None:
        raise HybridmapError(f"{path}: the polygons have no coordinate reference system; assign one.")
    # Cut in the file's own CRS first: far polygons may not survive the projection.
    edge = gpd.GeoSeries([box(*grid.bounds)], crs=grid.crs.to_wkt()).segmentize(20 * grid.resolution)
    west, south, east, north = edge.to_crs(table.crs).total_bounds
    polygons = table.clip((west, south, east, north)).to_crs(grid.crs.to_wkt()).geometry
    return polygons[polygons.intersects(box(*grid.bounds))]
