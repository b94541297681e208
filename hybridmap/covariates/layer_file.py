"""One layer on the grid as a GeoTIFF: cut by the mask, with missing cells filled, counted as it is written."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window
from scipy.ndimage import distance_transform_edt

from hybridmap.config import Raster
from hybridmap.covariates.warp import STRIP
from hybridmap.files.disk import room_for
from hybridmap.grid.region_grid import RegionGrid

LOG = logging.getLogger("hybridmap")
BLOCK = 256
"""Edge of the blocks in the files."""
SEARCH = 100
"""Cells within which the nearest value is looked for."""
PROFILE: dict[str, Any] = {
    "driver": "GTiff", "count": 1, "dtype": "float32", "nodata": np.nan, "BIGTIFF": "IF_SAFER",
    "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "compress": "zstd", "zstd_level": 1,
}  # fmt: skip
Field = NDArray[np.float32]


def write_layer(
    path: Path, strips: Iterable[tuple[int, Field]], layer: Raster, grid: RegionGrid, inside: NDArray[np.bool_]
) -> dict[str, Any]:
    """Write strips as they come, and fill what is missing if the layer says how.

    Parameters
    ----------
    path : Path
        GeoTIFF to write.
    strips : iterable of (int, array)
        First row and values, shape (row, column), from north to south.
    layer : Raster
        Name, unit, and what becomes of missing cells.
    grid : RegionGrid
        The grid.
    inside : array of bool, shape (height, width)
        Cells of the region; others become NaN.

    Returns
    -------
    dict
        ``minimum``, ``maximum``, ``mean``, ``cells`` and ``missing_cells`` in the region.
    """
    if layer.missing != "drop":
        strips = _filled(strips, layer, grid, inside)
    low, high, cells, total = np.inf, -np.inf, 0, 0.0
    place = {"width": grid.width, "height": grid.height, "crs": grid.crs.to_wkt(), "transform": grid.transform()}
    with room_for(path), rasterio.open(path, "w", **place, **PROFILE) as file:
        file.set_band_description(1, layer.name)
        file.update_tags(1, units=layer.unit)
        for row, strip in strips:
            strip[~inside[row : row + len(strip)]] = np.nan
            file.write(strip, 1, window=Window(0, row, grid.width, len(strip)))
            values = strip[np.isfinite(strip)]
            if values.size:
                low, high = min(low, float(values.min())), max(high, float(values.max()))
                cells, total = cells + values.size, total + float(values.sum(dtype=np.float64))
    mean = total / cells if cells else float("nan")
    return {"minimum": low, "maximum": high, "mean": mean, "cells": cells, "missing_cells": int(inside.sum()) - cells}


def _filled(
    strips: Iterable[tuple[int, Field]], layer: Raster, grid: RegionGrid, inside: NDArray[np.bool_]
) -> Iterator[tuple[int, Field]]:
    """The whole layer with missing cells filled; it is in memory for this."""
    whole = np.concatenate([strip for _, strip in strips])
    missing = np.isnan(whole) & inside
    if missing.any() and not missing.all():
        if layer.missing == "median":
            whole[missing] = np.float32(np.nanmedian(whole[inside]))
        elif layer.missing == "nearest":
            distance, indices = distance_transform_edt(np.isnan(whole), return_indices=True)
            near = missing & (distance <= SEARCH)
            whole[near] = whole[tuple(index[near] for index in indices)]
        else:
            whole[missing] = np.float32(layer.missing)
        LOG.info("layer %s: %d missing cells filled (%s)", layer.name, int(missing.sum()), layer.missing)
    for row in range(0, grid.height, STRIP):
        yield row, whole[row : row + STRIP]
