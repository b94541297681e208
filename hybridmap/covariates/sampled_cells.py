"""Cells that no parallelogram of pixels stands for, about a pole or over the edge of a projection: by points in them.

The points are spread evenly over the cell on the grid, so that each stands for the same share of it, and each takes
the pixels at its own place. They follow from the cell alone, not from what is warped with it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from hybridmap.config import Raster
from hybridmap.covariates.pixel_locator import Places
from hybridmap.covariates.pixels import Pixels, bilinear, nearest
from hybridmap.covariates.raster_source import RasterSource
from hybridmap.covariates.resample import means, most_frequent

POINTS = 64, 62
"""Points along the sides of a cell; no two numbers of which one would put points on its diagonal, which at a pole is
the border of two pixels."""
PIECE = 2048
"""Lines and columns of a raster that are read at once."""
MARGIN = 2
"""Pixels beyond the points."""


def sampled(source: RasterSource, layer: Raster, row: int, column: int) -> float:
    """Value of a cell.

    Parameters
    ----------
    source : RasterSource
        The raster.
    layer : Raster
        Kind, and least share of known pixels.
    row, column : int
        Of the grid.

    Returns
    -------
    float
        NaN where unknown.
    """
    down, across = ((np.arange(number) + 0.5) / number for number in POINTS)
    y, x = np.meshgrid(row + down, column + across, indexing="ij")
    places = _on_raster(source, source.locator.exact(y.ravel(), x.ravel(), (row + 0.5, column + 0.5)))
    point_values, total, weight = (np.full(x.size, fill, dtype="float32") for fill in (np.nan, 0.0, 0.0))
    for selected, window in _pieces(source, places):
        pixels = Pixels(source.values(window), window.row_off, window.col_off)
        local_places = Places(places.column[selected], places.line[selected])
        point_values[selected] = nearest(pixels, local_places)
        if layer.kind == "continuous":
            total[selected], weight[selected] = bilinear(pixels, local_places, whole=False)
    if layer.kind == "mode":
        return float(most_frequent(point_values[:, None], layer.min_share)[0])
    is_known = np.isfinite(point_values)
    if layer.kind != "continuous":
        total, weight = np.where(is_known, point_values, np.float32(0.0)), is_known.astype("float32")
    sums = [np.array([values[is_known].sum(dtype="float64") / x.size]) for values in (total, weight)]
    return float(means(sums[0], sums[1], layer.min_share)[0])


def _on_raster(source: RasterSource, places: Places) -> Places:
    """Places with columns on the raster, where there is such a turn around the Earth; NaN beyond the raster."""
    period = source.locator.period
    column = places.column if period is None else places.column % period
    is_on = (column >= 0) & (column < (source.around or source.dataset.width))
    is_on &= (places.line >= 0) & (places.line < source.dataset.height)
    return Places(np.where(is_on, column, np.nan), np.where(is_on, places.line, np.nan))


def _pieces(source: RasterSource, places: Places) -> Iterator[tuple[NDArray[np.intp], Window]]:
    """Points that lie near each other, and the pixels around them."""
    finite = np.flatnonzero(np.isfinite(places.line))
    lines, columns = (np.floor(numbers[finite]).astype(int) for numbers in (places.line, places.column))
    pieces = lines // PIECE * (1 << 32) + columns // PIECE
    for piece in np.unique(pieces):
        is_in_piece = pieces == piece
        line, column = lines[is_in_piece], columns[is_in_piece]
        top, bottom = max(0, line.min() - MARGIN), min(source.dataset.height, line.max() + MARGIN + 1)
        left, right = column.min() - MARGIN, column.max() + MARGIN + 1
        if not source.around:
            left, right = max(0, left), min(source.dataset.width, right)
        yield finite[is_in_piece], Window(int(left), int(top), int(right - left), int(bottom - top))
