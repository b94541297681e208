"""One raster layer, from any CRS, resolution and type, onto the region grid, a strip of rows at a time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.transform import Affine
from rasterio.warp import reproject, transform_bounds
from rasterio.windows import Window

from hybridmap.config import Raster
from hybridmap.covariates.raster_source import RasterSource, first_line, open_source
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
Field = NDArray[np.float32]


@dataclass(frozen=True)
class _Pixels:
    """What is warped onto some rows of a strip: a band, or pixels that were moved or changed first."""

    values: Any
    transform: Affine
    nodata: float | None
    rows: slice


def warp_layer(layer: Raster, grid: RegionGrid, data_root: str) -> Field:
    """Warp one layer onto `grid`.

    Parameters
    ----------
    layer : Raster
        Path, band, kind, scale, offset and valid range.
    grid : RegionGrid
        Target cells.
    data_root : str
        Folder that relative paths start from.

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
    values = np.concatenate([strip for _, strip in warp_strips(layer, grid, data_root)])
    if np.isnan(values).all():
        raise no_data(f"layer '{layer.name}' ({layer.path})")
    return values


def no_data(label: str) -> HybridmapError:
    """The error of a layer without a single value in the region."""
    return HybridmapError(f"{label}: every cell of the region is nodata; check nodata, valid_range and the region.")


def warp_strips(layer: Raster, grid: RegionGrid, data_root: str) -> Iterator[tuple[int, Field]]:
    """Warp one layer onto `grid`, a strip of rows after the other.

    Parameters
    ----------
    layer, grid, data_root
        As :func:`warp_layer`, which also says what is raised.

    Yields
    ------
    tuple of int and array
        First row of the strip, and its values, shape (row, column).
    """
    with open_source(layer, grid, data_root) as source:
        for row in range(0, grid.height, STRIP):
            try:
                strip = _warped(source, layer, grid, range(row, min(row + STRIP, grid.height)))
            except RasterioError as error:
                reason = first_line(error)
                raise HybridmapError(f"{source.label}: cannot be read ({reason}); the file is damaged.") from None
            strip = strip * np.float32(source.scale) + np.float32(source.offset)
            if layer.valid_range is not None:
                low, high = layer.valid_range
                strip[(strip < low) | (strip > high)] = np.nan
            strip[~np.isfinite(strip)] = np.nan
            yield row, strip


def _warped(source: RasterSource, layer: Raster, grid: RegionGrid, rows: range) -> Field:
    """Pixels of the file on rows of the grid, before scale and offset."""
    strip = np.full((len(rows), grid.width), np.nan, dtype="float32")
    for shift in source.shifts:
        shifted = np.full_like(strip, np.nan)
        for pixels in _pixels(source, layer, grid, rows, shift):
            reproject(
                pixels.values,
                shifted[pixels.rows],
                src_transform=pixels.transform,
                src_crs=source.crs,
                src_nodata=pixels.nodata,
                dst_transform=grid.transform(rows.start + pixels.rows.start),
                dst_crs=grid.crs.to_wkt(),
                dst_nodata=np.nan,
                init_dest_nodata=True,
                resampling=RESAMPLING[layer.kind],
            )
        strip = np.where(np.isnan(strip), shifted, strip)
    return strip


def _pixels(source: RasterSource, layer: Raster, grid: RegionGrid, rows: range, shift: float) -> Iterator[_Pixels]:
    """What to warp onto rows of the grid, in as many pieces as memory asks for."""
    dataset = source.dataset
    if layer.equals is None and shift == 0.0 and dataset.crs:
        yield _Pixels(rasterio.band(dataset, source.band), dataset.transform, source.nodata, slice(0, len(rows)))
        return
    step = len(rows)
    while step > 1 and _size(_window(source, grid, rows[:step], shift)) > PIXELS:
        step = -(-step // 2)
    for first in range(0, len(rows), step):
        piece = rows[first : first + step]
        window = _window(source, grid, piece, shift)
        if window.width < 1 or window.height < 1:
            continue
        values, nodata = dataset.read(source.band, window=window), source.nodata
        if layer.equals is not None:
            values, nodata = _is_class(values, nodata, layer.equals), float("nan")
        transform = Affine.translation(shift, 0.0) @ dataset.window_transform(window)
        yield _Pixels(values, transform, nodata, slice(first, first + len(piece)))


def _is_class(values: NDArray[Any], nodata: float | None, classes: list[float]) -> Field:
    """1 where a pixel is one of some classes, 0 where it is another, NaN where it has none."""
    missing = np.isnan(values) if nodata is None or np.isnan(nodata) else values == nodata
    return np.where(missing, np.nan, np.isin(values, classes).astype("float32")).astype("float32")


def _size(window: Window) -> int:
    return int(window.width * window.height)


def _window(source: RasterSource, grid: RegionGrid, rows: range, shift: float) -> Window:
    """Pixels under some rows of the grid, with a margin."""
    dataset = source.dataset
    west, _, east, _ = grid.bounds
    north, south = (grid.north - row * grid.resolution for row in (rows.start, rows.stop))
    left, bottom, right, top = transform_bounds(
        grid.crs.to_wkt(), source.crs, west, south, east, north, densify_pts=101
    )
    corners = [~dataset.transform @ (x - shift, y) for x in (left, right) for y in (bottom, top)]
    columns, lines = zip(*corners, strict=True)
    pixel = max(abs(dataset.transform.a), 1e-12)
    margin = 2 + int(np.ceil(abs(grid.resolution / pixel))) if source.crs.is_projected else 4
    col0, row0 = max(0, int(np.floor(min(columns))) - margin), max(0, int(np.floor(min(lines))) - margin)
    col1 = min(dataset.width, int(np.ceil(max(columns))) + margin)
    row1 = min(dataset.height, int(np.ceil(max(lines))) + margin)
    return Window(col0, row0, max(0, col1 - col0), max(0, row1 - row0))
