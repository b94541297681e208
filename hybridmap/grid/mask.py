"""Polygons of a region on its grid."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from rasterio.features import rasterize
from shapely.geometry import box

from hybridmap.config import Config
from hybridmap.config.reading import data_path
from hybridmap.errors import HybridmapError, nearest
from hybridmap.grid.region_grid import RegionGrid


def region_mask(config: Config, grid: RegionGrid) -> NDArray[np.bool_]:
    """Cells that belong to the region, shape (height, width): all, or those that a polygon of ``grid.mask`` touches.

    Raises
    ------
    HybridmapError
        If the file is missing or no polygon, has no CRS, or none of its polygons lies in the region.
    """
    if config.grid.mask is None:
        return np.ones((grid.height, grid.width), dtype=bool)
    path = data_path(config, config.grid.mask)
    if not path.is_file():
        raise HybridmapError(f"grid.mask: no such file {path}; check the path and data_root.")
    shapes = read_polygons(path, grid)
    if shapes.empty:
        raise HybridmapError(f"grid.mask: no polygon of {path} lies in the region.")
    return rasterize(
        shapes, out_shape=(grid.height, grid.width), transform=grid.transform(), all_touched=True, dtype="uint8"
    ).astype(bool)


def read_polygons(path: Path, grid: RegionGrid) -> gpd.GeoSeries:
    """Polygons of a vector file that meet the grid, in its CRS; HybridmapError if it cannot be read or has no CRS."""
    try:
        shapes = gpd.read_file(path)
    except (OSError, ValueError, RuntimeError) as error:
        raise HybridmapError(f"{path}: cannot be read as polygons ({str(error).splitlines()[0]}).") from None
    if shapes.crs is None:
        raise HybridmapError(f"{path}: the polygons have no coordinate reference system; assign one.")
    # Cut in the file's own CRS first: far polygons may not survive the projection.
    edge = gpd.GeoSeries([box(*grid.bounds)], crs=grid.crs.to_wkt()).segmentize(20 * grid.resolution)
    west, south, east, north = edge.to_crs(shapes.crs).total_bounds
    near = shapes.clip((west, south, east, north)).to_crs(grid.crs.to_wkt()).geometry
    return near[near.intersects(box(*grid.bounds))]


def read_named_polygons(path: Path, attribute: str, grid: RegionGrid) -> gpd.GeoDataFrame:
    """Polygons that meet the grid, in its CRS, dissolved by `attribute` into ``name`` and geometry."""
    if not path.is_file():
        raise HybridmapError(f"{path}: no such file of polygons; check the path and data_root.")
    try:
        table = gpd.read_file(path)
    except (OSError, ValueError, RuntimeError) as error:
        raise HybridmapError(f"{path}: cannot be read as polygons ({str(error).splitlines()[0]}).") from None
    if attribute not in table:
        raise HybridmapError(f"{path}: no attribute '{attribute}'{nearest(attribute, table.columns)}.")
    near = read_polygons(path, grid)
    named = gpd.GeoDataFrame({"name": table.loc[near.index, attribute].astype(str)}, geometry=near, crs=near.crs)
    return named.dissolve("name", as_index=False)
