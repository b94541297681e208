"""Maps as Cloud-Optimized GeoTIFFs: overviews, units, names, scale and a style for QGIS; large ones in pieces."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError  # what copies raise; no public name
from rasterio.errors import RasterioError
from rasterio.shutil import copy as copy_raster
from rasterio.windows import Window
from rio_cogeo.cogeo import cog_validate

from hybridmap.errors import HybridmapError
from hybridmap.export.band import Band
from hybridmap.export.class_names import write_class_names
from hybridmap.export.qgis import limits_of, write_style
from hybridmap.export.qgis_metadata import write_metadata
from hybridmap.export.statistics import Statistics
from hybridmap.export.vrt import write_vrt
from hybridmap.files.geotiff import is_cut_off
from hybridmap.files.sums import write_sums
from hybridmap.files.tables import write_json
from hybridmap.grid.depth_axis import map_arrays
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import file_shape, grid_of
from hybridmap.grid.tiles import Tile, tiles_of
from hybridmap.grid.verified_store import open_verified
from hybridmap.predict.colour_range import COLOUR_LIMITS, Limits, joined, rounded
from hybridmap.predict.colours import class_colours
from hybridmap.predict.portrayal import PREFIX

LOG = logging.getLogger("hybridmap")
BLOCK = 512
"""Edge of a block of a GeoTIFF in cells."""
CACHE_BYTES = 16 << 20
"""Blocks that GDAL may keep; its default is a share of the machine. rasterio takes the number for bytes, not for MB."""
PIECE = 32_768
"""Largest edge of one GeoTIFF in cells; a larger map is several, with a VRT that shows them as one."""
FILE_TAGS = (
    *("title", "source", "history", "license", "product_version", "years_of_observations", "layer_years"),
    *("creator_name", "creator_email", "institution", "publisher_name", "citation", "references", "date_created"),
)
"""Attributes of a store that every file of it repeats."""
LISTED = (
    "depth_top_cm",
    "depth_bottom_cm",
    "interval_level",
    "interval_source",
    "not_learned",
    "threshold",
    "flag_values",
    "flag_meanings",
    "layer_years",
    "scale_factor",
    "add_offset",
)
"""Attributes that the list of maps repeats."""


def write_cogs(
    store: Path,
    folder: Path,
    summary: Path,
    piece: int = PIECE,
    withheld: str = "",
    observed: Mapping[str, Limits] | None = None,
) -> None:
    """Write every map of `store` into `folder` as ``{map}.tif``, one an interval of depth, and list them in `summary`.

    Parameters
    ----------
    store : Path
        ``maps.zarr``.
    folder, summary : Path
        Where to write; beside each raster goes a style that QGIS finds by its name.
    piece : int
        Largest edge of one file in cells; beyond it a map is ``{variable}.vrt`` over files in ``{variable}/``.
    withheld : str
        Why there shall be no files: then maps are listed alone, and those of an earlier run are removed.
    observed : mapping of str to (float, float), optional
        Ends of the colours of quantities, as :func:`hybridmap.predict.colour_range.observed_limits` gives them.

    Raises
    ------
    HybridmapError
        If a file cannot be written, as on a full disk, or is no valid Cloud-Optimized GeoTIFF.
    """
    root = open_verified(store)
    grid = grid_of(root)
    folder.mkdir(parents=True, exist_ok=True)
    maps = map_arrays(root)
    for stale in folder.iterdir():
        if withheld or stale.name.split(".")[0] not in maps:
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES):
        bands = {name: Band.of(name, array) for name, array in maps.items()}
        about = {key.upper(): str(root.attrs[key]) for key in FILE_TAGS if key in root.attrs}
        if withheld:
            files = {name: _unwritten(array, bands[name], grid) for name, array in maps.items()}
        else:
            files = {name: _write_map(array, bands[name], about, grid, folder, piece) for name, array in maps.items()}
    limits = colour_limits(bands, {name: file.statistics for name, file in files.items()}, observed or {})
    entries = [_summary(bands[n], file, limits.get(n)) for n, file in files.items()]
    if withheld:
        entries = [{**entry, "file": "", "withheld": withheld} for entry in entries]
    else:
        _write_styles(bands, files, limits)
        for name, (path, _) in files.items():
            write_metadata(path.with_suffix(".qmd"), bands[name], about, grid)
    write_sums(folder, folder, {}, "*.[tv][ir][ft]")  # styles are the user's to change
    write_json(entries, summary)
    LOG.info(*(("no GeoTIFFs: %s", withheld) if withheld else ("%d maps written as GeoTIFF", len(maps))))


class _Written(NamedTuple):
    """The file that shows a whole map, and the statistics of its values."""

    path: Path
    statistics: Statistics


def _unwritten(array: Any, band: Band, grid: RegionGrid) -> _Written:
    """Of a map that shall have no file."""
    statistics = Statistics()
    for tile in tiles_of(grid, PIECE):
        for _, values in _strips(array, tile):
            statistics = statistics.merged(Statistics.of(band.physical(values)))
    return _Written(Path(), statistics)


def colour_limits(
    bands: Mapping[str, Band], statistics: Mapping[str, Statistics], observed: Mapping[str, Limits]
) -> dict[str, Limits]:
    """Ends of the colours of every map that is no class: one range for a quantity, its interval and all depths.

    Parameters
    ----------
    bands, statistics : mapping of str to Band and Statistics
        By the name of the map.
    observed : mapping of str to (float, float)
        Range of the observations of a quantity, by the name of its scale: it counts, whatever the maps hold.

    Returns
    -------
    dict of str to (float, float)
        By the name of the map, between round numbers.
    """
    scales: dict[str, Limits] = {}
    for name, band in bands.items():
        of_map = limits_of(statistics[name])
        scales[band.scale_name] = joined(scales.get(band.scale_name, of_map), of_map)
    scales |= {name: limits for name, limits in observed.items() if name in scales}
    return {
        name: rounded(scales[band.scale_name], band.portrayal.symmetric)
        for name, band in bands.items()
        if not band.classes
    }


def _write_styles(bands: Mapping[str, Band], files: Mapping[str, _Written], limits: Mapping[str, Limits]) -> None:
    """Style and names of classes beside each file."""
    for name, (path, statistics) in files.items():
        write_style(path.with_suffix(".qml"), bands[name], statistics, limits.get(name, (0.0, 1.0)))
        if bands[name].classes:
            write_class_names(path.with_name(path.name + ".aux.xml"), bands[name].classes)


def _write_map(
    array: Any, band: Band, about: Mapping[str, str], grid: RegionGrid, folder: Path, piece: int
) -> _Written:
    """Write one map in one or more files."""
    pieces = list(tiles_of(grid, piece))
    whole, virtual, inner = folder / f"{band.name}.tif", folder / f"{band.name}.vrt", folder / band.name
    if len(pieces) == 1:
        path, statistics = whole, _write_piece(array, band, about, grid, pieces[0], whole)
        virtual.unlink(missing_ok=True)
        shutil.rmtree(inner, ignore_errors=True)
    else:
        inner.mkdir(exist_ok=True)
        files = {tile: inner / f"{tile.name}.tif" for tile in pieces}
        path, statistics = virtual, Statistics()
        for tile, file in files.items():
            statistics = statistics.merged(_write_piece(array, band, about, grid, tile, file))
        whole.unlink(missing_ok=True)
        write_vrt(path, files, grid, band)
    return _Written(path, statistics)


def _summary(band: Band, file: _Written, limits: Limits | None) -> dict[str, Any]:
    """Entry of a map in the list of maps."""
    statistics = file.statistics
    attributes = {k: v for k, v in band.attributes.items() if k in LISTED or k.startswith(PREFIX)}
    return {
        "name": band.name,
        "file": f"{file.path.parent.name}/{file.path.name}",
        "units": band.unit,
        "long_name": str(band.attributes["long_name"]),
        "type": band.dtype,
        **attributes,
        "min": statistics.smallest if statistics.count else None,
        "mean": statistics.mean if statistics.count else None,
        "max": statistics.largest if statistics.count else None,
        "cells": statistics.count,
        **({} if limits is None else {COLOUR_LIMITS: list(limits)}),
    }


def _write_piece(
    array: Any, band: Band, about: Mapping[str, str], grid: RegionGrid, tile: Tile, path: Path
) -> Statistics:
    """Write one Cloud-Optimized GeoTIFF, validated before it gets its name."""
    plain, partial = path.with_name(path.name + ".plain"), path.with_name(path.name + ".partial")
    try:
        statistics = _write_plain(array, band, about, grid, tile, plain)
        copy_raster(
            plain, partial, driver="COG", compress="DEFLATE", predictor="NO" if band.is_class else "YES",
            blocksize=BLOCK, overview_resampling="mode" if band.is_class else "average", num_threads="ALL_CPUS",
            bigtiff="IF_SAFER",
        )  # fmt: skip
        _check_whole(partial, path)
        os.replace(partial, path)
    except (RasterioError, CPLE_BaseError) as error:
        raise HybridmapError(
            f"{path}: cannot be written ({str(error).splitlines()[0]}); is the disk full? Make room and run again."
        ) from None
    finally:
        for rest in (plain, partial, plain.with_name(plain.name + ".aux.xml")):
            rest.unlink(missing_ok=True)
    return statistics


def _write_plain(
    array: Any, band: Band, about: Mapping[str, str], grid: RegionGrid, tile: Tile, path: Path
) -> Statistics:
    """Write a tiled GeoTIFF without overviews, with all metadata."""
    profile = {
        "driver": "GTiff", "height": tile.row1 - tile.row0, "width": tile.col1 - tile.col0, "count": 1,
        "dtype": band.dtype, "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "bigtiff": "IF_SAFER",
        "sparse_ok": True, "crs": grid.crs.to_wkt(), "transform": grid.transform(tile.row0, tile.col0),
        "nodata": band.nodata,
    }  # fmt: skip
    statistics = Statistics()
    with rasterio.open(path, "w", **profile) as file:
        for window, values in _strips(array, tile):
            physical = band.physical(values)
            if physical.size:
                file.write(values, 1, window=window)
                statistics = statistics.merged(Statistics.of(physical))
        file.update_tags(**about)
        _describe(file, band, statistics)
    return statistics


def _describe(file: Any, band: Band, statistics: Statistics) -> None:
    """Name, unit, scale, metadata, statistics and colours of classes, in an open file."""
    file.set_band_description(1, band.name)
    file.set_band_unit(1, band.unit)
    file.scales, file.offsets = (band.scale,), (band.offset,)
    file.update_tags(1, **band.tags())
    if statistics.count:
        file.update_tags(1, **statistics.tags(band.scale))
    if band.classes:
        colours = [(*bytes.fromhex(colour[1:]), 255) for colour in class_colours(len(band.classes))]
        file.write_colormap(1, dict(zip(band.classes, colours, strict=True)))


def _check_whole(partial: Path, path: Path) -> None:
    """Raise HybridmapError unless a file is a whole Cloud-Optimized GeoTIFF; `path` names it in the message."""
    is_valid, errors, _ = cog_validate(str(partial), strict=False)
    if not is_valid:
        raise HybridmapError(f"{path}: not a valid Cloud-Optimized GeoTIFF ({'; '.join(errors)}).")
    if is_cut_off(partial):
        raise HybridmapError(f"{path}: cannot be written whole; is the disk full? Make room and run again.")


def _strips(array: Any, tile: Tile) -> Iterator[tuple[Window, NDArray[Any]]]:
    """Windows of a piece and their values, a row of shards at a time: memory does not grow with the map's height."""
    edge = file_shape(array)[0]
    for row in range(tile.row0, tile.row1, edge):
        end = min(row + edge, tile.row1)
        window = Window(0, row - tile.row0, tile.col1 - tile.col0, end - row)
        yield window, np.asarray(array[row:end, tile.col0 : tile.col1])
