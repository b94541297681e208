"""One raster layer, from any CRS, resolution and type, onto the region grid."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.features import rasterize
from rasterio.warp import reproject, transform_bounds
from shapely.geometry import box

from hybridmap.config import Config, Raster
from hybridmap.data.grid import RegionGrid
from hybridmap.errors import HybridmapError, nearest
from hybridmap.settings import data_path

RESAMPLING = {
    "continuous": Resampling.bilinear,
    "average": Resampling.average,
    "categorical": Resampling.nearest,
}
STRIP = 2048
"""Rows of the grid that are warped at a time."""


def warp_layer(config: Config, layer: Raster, grid: RegionGrid) -> NDArray[np.float32]:
    """Warp one layer onto `grid`.

    Parameters
    ----------
    config : Config
        For the data root.
    layer : Raster
        Path, band, kind, scale, offset and valid range.
    grid : RegionGrid
        Target cells.

    Returns
    -------
    array, shape (height, width), float32
        In the layer's unit, NaN where it has no data.

    Raises
    ------
    HybridmapError
        If the file or band does not exist, the raster has no CRS, does not overlap the region, or has no data there.
    """
    path = data_path(config, layer.path)
    what = f"layer '{layer.name}' ({path})"
    with open_raster(path, layer) as source:
        crs = _crs(source, layer, what)
        band = band_number(source, layer, what)
        _check_overlap(source, crs, grid, what)
        # GDAL does not let a caller assign a CRS to an open dataset, so such a band is read first.
        pixels = rasterio.band(source, band) if source.crs else source.read(band)
        out = np.full((grid.height, grid.width), np.nan, dtype="float32")
        for row in range(0, grid.height, STRIP):
            strip = out[row : row + STRIP]
            reproject(
                pixels,
                strip,
                src_transform=source.transform,
                src_crs=crs,
                src_nodata=_nodata(source, band, layer),
                dst_transform=grid.transform(row),
                dst_crs=grid.crs.to_wkt(),
                dst_nodata=np.nan,
                init_dest_nodata=True,
                resampling=RESAMPLING[layer.kind],
            )
    out = out * np.float32(layer.scale) + np.float32(layer.offset)
    if layer.valid_range is not None:
        low, high = layer.valid_range
        out[(out < low) | (out > high)] = np.nan
    out[~np.isfinite(out)] = np.nan
    if np.isnan(out).all():
        raise HybridmapError(f"{what}: every cell of the region is nodata; check nodata, valid_range and the region.")
    return out


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


def check_layer(config: Config, layer: Raster, grid: RegionGrid) -> str:
    """Check file, band, CRS and overlap of a layer without reading it; returns its size, raises as warp_layer."""
    path = data_path(config, layer.path)
    what = f"layer '{layer.name}' ({path})"
    with open_raster(path, layer) as source:
        crs = _crs(source, layer, what)
        band_number(source, layer, what)
        _check_overlap(source, crs, grid, what)
        return f"{source.width} x {source.height} pixels"


def open_raster(path: Path, layer: Raster) -> Any:
    """Open the raster of a layer; HybridmapError if it is missing or no raster."""
    what = f"layer '{layer.name}'"
    if not path.exists():
        raise HybridmapError(f"{what}: no such raster {path}; check 'path' and 'data_root'.")
    try:
        source = rasterio.open(f"netcdf:{path}:{layer.variable}" if layer.variable else path)
    except RasterioError as error:
        reason = f"no variable '{layer.variable}' in it" if layer.variable else str(error)
        raise HybridmapError(f"{what}: {path} cannot be read as a raster ({reason}).") from None
    if source.count == 0:
        raise HybridmapError(f"{what}: {path} holds several variables; name one with 'variable'.")
    return source


def band_number(source: Any, layer: Raster, what: str) -> int:
    """Band of a layer, by number or by its description; HybridmapError if there is none."""
    if isinstance(layer.band, int):
        if not 1 <= layer.band <= source.count:
            raise HybridmapError(f"{what}: no band {layer.band}; the file has bands 1 to {source.count}.")
        return layer.band
    names = [d or "" for d in source.descriptions]
    if layer.band not in names:
        raise HybridmapError(f"{what}: no band '{layer.band}'{nearest(layer.band, names)}; bands are {names}.")
    return names.index(layer.band) + 1


@lru_cache(maxsize=1024)
def sha256_of(path: Path) -> str:
    """SHA-256 of a file, for provenance."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _crs(source: Any, layer: Raster, what: str) -> Any:
    crs = source.crs or layer.crs
    if crs is None:
        raise HybridmapError(
            f"{what}: the raster has no coordinate reference system; add 'crs' to the layer, or assign one to the"
            " file (gdal_edit -a_srs)."
        )
    return crs


def _nodata(source: Any, band: int, layer: Raster) -> float | None:
    if layer.nodata is not None:
        return layer.nodata
    declared = source.nodatavals[band - 1]
    if declared is None and np.issubdtype(np.dtype(source.dtypes[band - 1]), np.floating):
        return float("nan")
    return None if declared is None else float(declared)


def _check_overlap(source: Any, crs: Any, grid: RegionGrid, what: str) -> None:
    left, bottom, right, top = transform_bounds(grid.crs.to_wkt(), crs, *grid.bounds, densify_pts=21)
    box = source.bounds
    if right <= box.left or left >= box.right or top <= min(box.bottom, box.top) or bottom >= max(box.bottom, box.top):
        has = ", ".join(f"{v:.6g}" for v in (box.left, box.bottom, box.right, box.top))
        wants = ", ".join(f"{v:.6g}" for v in (left, bottom, right, top))
        raise HybridmapError(
            f"{what}: does not overlap the region; it covers ({has}) in its own CRS, the region needs ({wants})."
        )
