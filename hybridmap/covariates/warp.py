"""One raster layer, from any CRS, resolution and type, onto the region grid, a strip of rows at a time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.transform import Affine
from rasterio.warp import reproject, transform_bounds
from rasterio.windows import Window

from hybridmap.config import Config, Raster
from hybridmap.covariates.raster_source import RasterSource, open_source
from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid

# rasterio hides this warning of its own arrays in a way that threads undo.
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)

RESAMPLING = {
    "continuous": Resampling.bilinear,
    "average": Resampling.average,
    "categorical": Resampling.nearest,
}
STRIP = 512
"""Rows of the grid that are warped at a time."""
PIXELS = 32 << 20
"""Pixels of a source that are in memory at once where they are changed before warping."""


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
        As :func:`hybridmap.covariates.raster_source.open_source`, if the file is damaged, or if it has no data in the
        region.
    """
    out = np.concatenate([strip for _, strip in warp_strips(config, layer, grid)])
    if np.isnan(out).all():
        raise no_data(f"layer '{layer.name}' ({layer.path})")
    return out


def no_data(what: str) -> HybridmapError:
    """The error of a layer without a single value in the region."""
    return HybridmapError(f"{what}: every cell of the region is nodata; check nodata, valid_range and the region.")


def warp_strips(config: Config, layer: Raster, grid: RegionGrid) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """First row and values (row, column) of one strip of the grid after the other; as :func:`warp_layer`."""
    with open_source(config, layer, grid) as source:
        for row in range(0, grid.height, STRIP):
            rows = min(STRIP, grid.height - row)
            try:
                strip = _warped(source, layer, grid, row, rows)
            except RasterioError as error:
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                raise HybridmapError(f"{source.what}: cannot be read ({reason}); the file is damaged.") from None
            strip = strip * np.float32(source.scale) + np.float32(source.offset)
            if layer.valid_range is not None:
                low, high = layer.valid_range
                strip[(strip < low) | (strip > high)] = np.nan
            strip[~np.isfinite(strip)] = np.nan
            yield row, strip


def _warped(source: RasterSource, layer: Raster, grid: RegionGrid, row: int, rows: int) -> NDArray[np.float32]:
    """Pixels of the file on rows of the grid, before scale and offset."""
    out = np.full((rows, grid.width), np.nan, dtype="float32")
    for shift in source.shifts:
        part = np.full_like(out, np.nan)
        for pixels, transform, nodata, first, count in _pieces(source, layer, grid, row, rows, shift):
            reproject(
                pixels,
                part[first : first + count],
                src_transform=transform,
                src_crs=source.crs,
                src_nodata=nodata,
                dst_transform=grid.transform(row + first),
                dst_crs=grid.crs.to_wkt(),
                dst_nodata=np.nan,
                init_dest_nodata=True,
                resampling=RESAMPLING[layer.kind],
            )
        out = np.where(np.isnan(out), part, out)
    return out


def _pieces(
    source: RasterSource, layer: Raster, grid: RegionGrid, row: int, rows: int, shift: float
) -> Iterator[tuple[Any, Affine, float | None, int, int]]:
    """What to warp: the band itself, or its pixels where they must be moved or changed first.

    Yields pixels, their transform and nodata value, and the rows of the strip that they belong to.
    """
    data = source.dataset
    if layer.equals is None and shift == 0.0 and data.crs:
        yield rasterio.band(data, source.band), data.transform, source.nodata, 0, rows
        return
    step = rows
    while step > 1 and _size(_window(source, grid, row, step, shift)) > PIXELS:
        step = -(-step // 2)
    for first in range(0, rows, step):
        count = min(step, rows - first)
        window = _window(source, grid, row + first, count, shift)
        if window.width < 1 or window.height < 1:
            continue
        pixels = data.read(source.band, window=window)
        nodata = source.nodata
        if layer.equals is not None:
            known = ~(np.isnan(pixels) if nodata is None or np.isnan(nodata) else pixels == nodata)
            pixels = np.where(known, np.isin(pixels, layer.equals).astype("float32"), np.nan).astype("float32")
            nodata = float("nan")
        transform = Affine.translation(shift, 0.0) @ data.window_transform(window)
        yield pixels, transform, nodata, first, count


def _size(window: Window) -> int:
    return int(window.width * window.height)


def _window(source: RasterSource, grid: RegionGrid, row: int, rows: int, shift: float) -> Window:
    """Pixels under some rows of the grid, with a margin."""
    data = source.dataset
    west, _, east, _ = grid.bounds
    north = grid.north - row * grid.resolution
    box = (west, north - rows * grid.resolution, east, north)
    left, bottom, right, top = transform_bounds(grid.crs.to_wkt(), source.crs, *box, densify_pts=101)
    corners = [~data.transform @ (x - shift, y) for x in (left, right) for y in (bottom, top)]
    columns, lines = zip(*corners, strict=True)
    near = 2 + int(np.ceil(abs(grid.resolution / max(abs(data.transform.a), 1e-12)))) if source.crs.is_projected else 4
    col0, row0 = int(np.floor(min(columns))) - near, int(np.floor(min(lines))) - near
    col1, row1 = int(np.ceil(max(columns))) + near, int(np.ceil(max(lines))) + near
    col0, row0, col1, row1 = max(0, col0), max(0, row0), min(data.width, col1), min(data.height, row1)
    return Window(col0, row0, max(0, col1 - col0), max(0, row1 - row0))
