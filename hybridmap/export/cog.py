"""Maps as Cloud-Optimized GeoTIFFs: overviews, units, names, scale and a style for QGIS; large ones in pieces."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import zarr
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError  # what copies raise; no public name
from rasterio.errors import RasterioError
from rasterio.shutil import copy as copy_raster
from rasterio.windows import Window
from rio_cogeo.cogeo import cog_validate

from hybridmap.errors import HybridmapError
from hybridmap.export.qgis import CLASSES, Statistics, write_style
from hybridmap.export.vrt import write_vrt
from hybridmap.files.geotiff import is_cut_off
from hybridmap.files.tables import write_json
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import grid_of
from hybridmap.grid.tiles import Tile, tiles_of

LOG = logging.getLogger("hybridmap")
GRID_ARRAYS = ("x", "y", "spatial_ref")
BLOCK = 512
"""Edge of a block of a GeoTIFF in cells."""
CACHE_MB = 256
"""Blocks that GDAL may keep; its default is a share of the machine."""
PIECE = 32_768
"""Largest edge of one GeoTIFF in cells; a larger map is several, with a VRT that shows them as one."""


def write_cogs(store: Path, folder: Path, summary: Path, piece: int = PIECE) -> None:
    """Write every map of `store` into `folder` as ``{variable}.tif`` and list them in `summary` (JSON).

    Parameters
    ----------
    store : Path
        ``maps.zarr``.
    folder, summary : Path
        Where to write; beside each raster goes a style that QGIS finds by its name.
    piece : int
        Largest edge of one file in cells; beyond it a map is ``{variable}.vrt`` over files in ``{variable}/``.

    Raises
    ------
    HybridmapError
        If a file cannot be written, as on a full disk, or is no valid Cloud-Optimized GeoTIFF.
    """
    root = zarr.open_group(str(store), mode="r")
    grid = grid_of(root)
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(n for n in root.array_keys() if n not in GRID_ARRAYS)
    for stale in folder.iterdir():
        if stale.name.split(".")[0] not in names:
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    with rasterio.Env(GDAL_CACHEMAX=CACHE_MB):
        entries = [_write_map(root[name], grid, folder, name, piece) for name in names]
    write_json(entries, summary)
    LOG.info("%d maps written as GeoTIFF", len(names))


def _write_map(array: Any, grid: RegionGrid, folder: Path, name: str, piece: int) -> dict[str, Any]:
    """Write one map in one or more files; returns its entry in the summary."""
    about = dict(array.attrs)
    parts = list(tiles_of(grid, piece))
    total = Statistics()
    if len(parts) == 1:
        path = folder / f"{name}.tif"
        total = _write_piece(array, grid, parts[0], path, name)
        (folder / f"{name}.vrt").unlink(missing_ok=True)
        shutil.rmtree(folder / name, ignore_errors=True)
    else:
        path, inner = folder / f"{name}.vrt", folder / name
        inner.mkdir(exist_ok=True)
        files = {part: inner / f"{part.name}.tif" for part in parts}
        for part, file in files.items():
            total = total.merged(_write_piece(array, grid, part, file, name))
        (folder / f"{name}.tif").unlink(missing_ok=True)
        write_vrt(path, files, grid, name, about, str(array.dtype), _nodata(about))
    write_style(path.with_suffix(".qml"), about, total, name)
    kept = {k: about[k] for k in ("interval_level", "interval_source", "threshold", "flag_meanings") if k in about}
    return {
        "name": name,
        "file": f"{folder.name}/{path.name}",
        "units": str(about["units"]),
        "long_name": str(about["long_name"]),
        "type": str(array.dtype),
        **kept,
        "min": total.smallest if total.count else None,
        "mean": total.mean if total.count else None,
        "max": total.largest if total.count else None,
        "cells": total.count,
    }


def _write_piece(array: Any, grid: RegionGrid, part: Tile, path: Path, name: str) -> Statistics:
    """Write one Cloud-Optimized GeoTIFF, validated before it gets its name."""
    about = dict(array.attrs)
    plain, partial = path.with_name(path.name + ".plain"), path.with_name(path.name + ".partial")
    is_class = array.dtype == np.uint8
    rows, cols = part.row1 - part.row0, part.col1 - part.col0
    total = Statistics()
    profile = {
        "driver": "GTiff", "height": rows, "width": cols, "count": 1, "dtype": str(array.dtype), "tiled": True,
        "blockxsize": BLOCK, "blockysize": BLOCK, "bigtiff": "IF_SAFER", "sparse_ok": True, "crs": grid.crs.to_wkt(),
        "transform": grid.transform(part.row0, part.col0), "nodata": _nodata(about),
    }  # fmt: skip
    try:
        with rasterio.open(plain, "w", **profile) as file:
            for window, values in _strips(array, part):
                known = _physical(values, about)
                if known.size:
                    file.write(values, 1, window=window)
                    total = total.merged(Statistics.of(known))
            file.set_band_description(1, name)
            file.set_band_unit(1, str(about["units"]))
            file.scales, file.offsets = (float(about.get("scale_factor", 1.0)),), (float(about.get("add_offset", 0.0)),)
            file.update_tags(1, **{k: str(v) for k, v in about.items() if k not in ("_FillValue", "coordinates")})
            if total.count:
                file.update_tags(1, **total.tags(float(about.get("scale_factor", 1.0))))
            if is_class and "flag_values" in about:
                codes = {
                    int(code): (*bytes.fromhex(CLASSES[i % 5][1:]), 255) for i, code in enumerate(about["flag_values"])
                }
                file.write_colormap(1, codes)
        copy_raster(
            plain, partial, driver="COG", compress="DEFLATE", predictor="NO" if is_class else "YES", blocksize=BLOCK,
            overview_resampling="mode" if is_class else "average", num_threads="ALL_CPUS", bigtiff="IF_SAFER",
        )  # fmt: skip
        valid, errors, _ = cog_validate(str(partial), strict=False)
        if not valid:
            raise HybridmapError(f"{path}: not a valid Cloud-Optimized GeoTIFF ({'; '.join(errors)}).")
        if is_cut_off(partial):
            raise HybridmapError(f"{path}: cannot be written whole; is the disk full? Make room and run again.")
        os.replace(partial, path)
    except (RasterioError, CPLE_BaseError) as error:
        raise HybridmapError(
            f"{path}: cannot be written ({str(error).splitlines()[0]}); is the disk full? Make room and run again."
        ) from None
    finally:
        for rest in (plain, partial, plain.with_name(plain.name + ".aux.xml")):
            rest.unlink(missing_ok=True)
    return total


def _strips(array: Any, part: Tile) -> Iterator[tuple[Window, NDArray[Any]]]:
    """Windows of a piece and their values, a row of shards at a time: memory does not grow with the map's height."""
    edge = int(array.shards[0])
    for row in range(part.row0, part.row1, edge):
        end = min(row + edge, part.row1)
        window = Window(0, row - part.row0, part.col1 - part.col0, end - row)
        yield window, np.asarray(array[row:end, part.col0 : part.col1])


def _physical(values: NDArray[Any], about: dict[str, Any]) -> NDArray[np.float64]:
    """Known values in their unit."""
    fill = about.get("_FillValue")
    known = values[np.isfinite(values)] if fill is None else values[values != fill]
    return known.astype("float64") * float(about.get("scale_factor", 1.0)) + float(about.get("add_offset", 0.0))


def _nodata(about: dict[str, Any]) -> float:
    return float(about.get("_FillValue", np.nan))
