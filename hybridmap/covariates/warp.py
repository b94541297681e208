"""One raster layer, from any CRS, resolution and type, onto the region grid, a strip of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from hybridmap.config import Raster
from hybridmap.covariates.cells import Cells
from hybridmap.covariates.pixel_locator import Block
from hybridmap.covariates.pixels import Pixels
from hybridmap.covariates.raster_source import RasterSource, open_source, unreadable
from hybridmap.covariates.resample import resampled
from hybridmap.covariates.sampled_cells import sampled
from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid

STRIP = 512
"""Rows of the grid that are warped at a time."""
EDGE = 256
"""Cells a side of a block that is warped at once."""
ROUGH = 32
"""Cells a side of blocks that no series stands for; larger ones are halved first."""
PIXELS = 4 << 20
"""Pixels of a source that are in memory at once; blocks with more under them are halved."""
Field = NDArray[np.float32]


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
                strip = _warped(source, layer, range(row, min(row + STRIP, grid.height)))
            except (RasterioError, OSError, ValueError) as error:
                raise unreadable(source, error) from None
            yield row, strip


def _warped(source: RasterSource, layer: Raster, rows: range) -> Field:
    """Values of some rows of the grid."""
    width = source.locator.grid.width
    strip = np.full((len(rows), width), np.nan, dtype="float32")
    blocks = [
        Block.of(source.locator, rows[row : row + EDGE], range(width)[col : col + EDGE])
        for row in range(0, len(rows), EDGE)
        for col in range(0, width, EDGE)
    ]
    while blocks:
        block = blocks.pop()
        number = len(block.rows) * len(block.columns)
        if block.series is None and number > ROUGH**2:
            blocks += block.parts()
            continue
        cells = Cells(block)
        windows = _windows(source, cells)
        if number > 1 and any(w.width * w.height > PIXELS for _, w in windows):
            blocks += block.parts()
            continue
        part = strip[block.rows.start - rows.start : block.rows.stop - rows.start, _slice(block.columns)]
        _fill(part, source, layer, cells, windows)
    return strip


def _fill(part: Field, source: RasterSource, layer: Raster, cells: Cells, windows: list[tuple[float, Window]]) -> None:
    """Write the values of the cells of a block into `part`, of which all are NaN."""
    for k, (shift, window) in enumerate(windows):
        pixels = Pixels(source.values(window), window.row_off, window.col_off, shift, source.around)
        values = resampled(pixels, cells, layer.kind, layer.min_share)
        part[...] = np.where(np.isnan(part), values, part) if k else values
    if layer.kind == "categorical" or cells.is_bent is None:
        return
    for row, column in np.argwhere(cells.is_bent):
        part[row, column] = sampled(source, layer, cells.block.rows[row], cells.block.columns[column])


def _slice(cells: range) -> slice:
    return slice(cells.start, cells.stop)


def _windows(source: RasterSource, cells: Cells) -> list[tuple[float, Window]]:
    """Pixels under some cells with a margin: what is added to their columns, and the window; none where they are not.

    Columns of a raster that goes around the Earth are counted on beyond its edges.
    """
    dataset, period = source.dataset, source.locator.period
    across, along = cells.most
    column, line = cells.centre.column, cells.centre.line
    is_placed = np.isfinite(column) & np.isfinite(line)
    if not is_placed.all():
        column, line = column[is_placed], line[is_placed]
    if not column.size:
        return []
    low, high = column.min() - across - 2, column.max() + across + 2
    top, bottom = line.min() - along - 2, line.max() + along + 2
    lines = max(0, int(np.floor(top))), min(int(dataset.height), int(np.ceil(bottom)))
    if lines[1] <= lines[0]:
        return []
    if source.around:
        return [(0.0, _window(lines, (int(np.floor(low)), int(np.ceil(high)))))]
    windows = []
    for turn in _turns(low, high, dataset.width, period):
        shift = turn * (period or 0.0)
        columns = max(0, int(np.floor(low + shift))), min(int(dataset.width), int(np.ceil(high + shift)))
        if columns[1] > columns[0]:
            windows.append((shift, _window(lines, columns)))
    return windows


def _turns(low: float, high: float, width: int, period: float | None) -> range:
    """Turns around the Earth that bring columns onto a raster."""
    if period is None:
        return range(1)
    return range(int(np.ceil(-high / period)), int(np.floor((width - low) / period)) + 1)


def _window(lines: tuple[int, int], columns: tuple[int, int]) -> Window:
    return Window(columns[0], lines[0], columns[1] - columns[0], lines[1] - lines[0])
