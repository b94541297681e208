"""Rasters as users have them: opened, and refused in one sentence where they cannot be what the region file says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from hybridmap.config import Config, Raster
from hybridmap.errors import HybridmapError, nearest
from hybridmap.files.paths import expand, under
from hybridmap.grid.region_grid import RegionGrid

LOOKED_AT = 512
"""Edge of the sample of pixels that is looked at for undeclared nodata values."""
SUSPECTS = (-9999.0, -99999.0, -32768.0, -3.4028234663852886e38, 1e20)
"""Values that no covariate has, but many files use for nodata."""


@dataclass(frozen=True)
class RasterSource:
    """An opened raster that passed every check.

    Attributes
    ----------
    dataset : rasterio dataset
        The file.
    band : int
        Number of the band.
    crs : CRS
        Of the file, or of the region file where that declares none.
    nodata : float or None
        Of the region file or the file.
    scale, offset : float
        Value = pixel * scale + offset.
    shifts : tuple of float
        Added to the longitudes of the file to meet the region; 0, and -360 for files that count from 0 to 360.
    what : str
        Names layer and file in errors.
    """

    dataset: Any
    band: int
    crs: Any
    nodata: float | None
    scale: float
    offset: float
    shifts: tuple[float, ...]
    what: str


def raster_name(config: Config, layer: Raster) -> str:
    """Name of a layer's file for GDAL: a path under the data root, or an address."""
    path = expand(layer.path)
    if path.startswith(("http://", "https://")):
        return "/vsicurl/" + path
    return path if path.startswith("/vsi") else str(under(config.data_root, layer.path))


def is_remote(name: str) -> bool:
    """Whether a file is read over the network."""
    return name.startswith(("/vsicurl/", "/vsis3/", "/vsigs/", "/vsiaz/"))


@contextmanager
def open_source(config: Config, layer: Raster, grid: RegionGrid) -> Iterator[RasterSource]:
    """Open a layer and check that it can be warped onto `grid`.

    Raises
    ------
    HybridmapError
        If the file, band or variable does not exist or is no raster, the raster has no CRS, is rotated or does not meet
        the region, or has pixels that look like a nodata value which the file does not declare.
    """
    name = raster_name(config, layer)
    with _open(name, layer) as dataset:
        what = f"layer '{layer.name}' ({name})"
        crs = _crs(dataset, layer, what)
        band = _band_number(dataset, layer, what)
        if dataset.transform.b or dataset.transform.d:
            raise HybridmapError(f"{what}: the raster is rotated; make it north-up first (gdalwarp).")
        shifts = _overlap(dataset, crs, grid, what)
        nodata = _nodata(dataset, band, layer)
        _check_undeclared(dataset, band, crs, nodata, grid, layer, shifts, what)
        scale = dataset.scales[band - 1] if layer.scale is None else layer.scale
        offset = dataset.offsets[band - 1] if layer.offset is None else layer.offset
        yield RasterSource(dataset, band, crs, nodata, float(scale), float(offset), shifts, what)


def check_layer(config: Config, layer: Raster, grid: RegionGrid) -> str:
    """Check a layer without warping it; returns its size and what to think about, raises as :func:`open_source`."""
    with open_source(config, layer, grid) as source:
        data = source.dataset
        said = f"{data.width} x {data.height} pixels of {data.dtypes[source.band - 1]}"
        if data.scales[source.band - 1] != 1.0 and layer.scale not in (None, data.scales[source.band - 1]):
            said += f"; 'scale' {layer.scale:g} replaces {data.scales[source.band - 1]:g} that the file declares"
        finer = _pixels_per_cell(source, grid)
        if layer.kind == "continuous" and finer > 3:
            said += f"; {finer:.0f} pixels to a cell each way, bilinear uses few of them: consider 'kind: average'"
        return said


def _pixels_per_cell(source: RasterSource, grid: RegionGrid) -> float:
    """How many pixels of the file lie side by side in a cell in the middle of the region."""
    row, col = grid.height // 2, grid.width // 2
    west, north = grid.west + col * grid.resolution, grid.north - row * grid.resolution
    cell = (west, north - grid.resolution, west + grid.resolution, north)
    left, _, right, _ = transform_bounds(grid.crs.to_wkt(), source.crs, *cell)
    return float((right - left) / abs(source.dataset.transform.a))


def _open(name: str, layer: Raster) -> Any:
    what = f"layer '{layer.name}'"
    if not name.startswith("/vsi") and not Path(name).exists():
        raise HybridmapError(f"{what}: no such raster {name}; check 'path' and 'data_root'.")
    try:
        if Path(name).is_dir() and not name.startswith("/vsi"):
            dataset = rasterio.open(f'ZARR:"{name}"' + (f":/{layer.variable}" if layer.variable else ""))
        else:
            dataset = rasterio.open(f"netcdf:{name}:{layer.variable}" if layer.variable else name)
    except RasterioError as error:
        reason = f"no variable '{layer.variable}' in it" if layer.variable else _why(name, error)
        raise HybridmapError(f"{what}: {name} cannot be read as a raster ({reason}).") from None
    if dataset.count == 0:
        dataset.close()
        raise HybridmapError(f"{what}: {name} holds several variables; name one with 'variable'.")
    return dataset


def _why(name: str, error: Exception) -> str:
    if not name.startswith("/vsi") and Path(name).is_file():
        with Path(name).open("rb") as file:
            start = file.read(256).lstrip().lower()
        if not start:
            return "the file is empty; download it again"
        if start.startswith((b"<!doctype", b"<html", b"<?xml version")) and not name.endswith(".vrt"):
            return "it is a web page: the download needs a login or has moved; fetch it again by hand"
        if start.startswith(b"version https://git-lfs"):
            return "it is a pointer to a file that was not downloaded; fetch it with git lfs pull"
        if start.startswith(b"pk\x03\x04"):
            return "it is a zip archive; unpack it"
    return str(error)


def _band_number(source: Any, layer: Raster, what: str) -> int:
    """Band of a layer, by number or by its description."""
    if isinstance(layer.band, int):
        if not 1 <= layer.band <= source.count:
            raise HybridmapError(f"{what}: no band {layer.band}; the file has bands 1 to {source.count}.")
        return layer.band
    names = [d or "" for d in source.descriptions]
    if layer.band not in names:
        raise HybridmapError(f"{what}: no band '{layer.band}'{nearest(layer.band, names)}; bands are {names}.")
    return names.index(layer.band) + 1


def _crs(source: Any, layer: Raster, what: str) -> Any:
    crs = source.crs or layer.crs
    if not crs:
        raise HybridmapError(
            f"{what}: the raster has no coordinate reference system; add 'crs' to the layer, or assign one to the"
            " file (gdal_edit -a_srs)."
        )
    return rasterio.crs.CRS.from_user_input(crs)


def _nodata(source: Any, band: int, layer: Raster) -> float | None:
    if layer.nodata is not None:
        return layer.nodata
    declared = source.nodatavals[band - 1]
    if declared is None and np.issubdtype(np.dtype(source.dtypes[band - 1]), np.floating):
        return float("nan")
    return None if declared is None else float(declared)


def _overlap(source: Any, crs: Any, grid: RegionGrid, what: str) -> tuple[float, ...]:
    left, bottom, right, top = transform_bounds(grid.crs.to_wkt(), crs, *grid.bounds, densify_pts=21)
    box = source.bounds
    low, high = min(box.bottom, box.top), max(box.bottom, box.top)
    shifts = [s for s in ((0.0, -360.0) if crs.is_geographic and box.right > 180.5 else (0.0,))
              if right > box.left + s and left < box.right + s]  # fmt: skip
    if not shifts or top <= low or bottom >= high:
        has = ", ".join(f"{v:.6g}" for v in (box.left, low, box.right, high))
        wants = ", ".join(f"{v:.6g}" for v in (left, bottom, right, top))
        swapped = crs.is_geographic and abs(high) > 90.5
        advice = " (its axes look swapped)" if swapped else ""
        raise HybridmapError(
            f"{what}: does not overlap the region; it covers ({has}) in its own CRS{advice}, the region needs"
            f" ({wants})."
        )
    return tuple(shifts)


def _check_undeclared(
    source: Any, band: int, crs: Any, nodata: float | None, grid: RegionGrid, layer: Raster,
    shifts: tuple[float, ...], what: str,
) -> None:  # fmt: skip
    """Look at some pixels of the region for a nodata value that is not declared."""
    if layer.valid_range is not None or is_remote(source.name):
        return
    kind = np.dtype(source.dtypes[band - 1])
    left, bottom, right, top = transform_bounds(grid.crs.to_wkt(), crs, *grid.bounds, densify_pts=21)
    corners = [~source.transform @ (x - shifts[0], y) for x in (left, right) for y in (bottom, top)]
    columns, lines = zip(*corners, strict=True)
    col0, row0 = max(0, int(min(columns))), max(0, int(min(lines)))
    near = Window(
        col0, row0, min(source.width, int(max(columns)) + 1) - col0, min(source.height, int(max(lines)) + 1) - row0
    )
    if near.width < 1 or near.height < 1:
        return
    shape = (max(1, min(LOOKED_AT, int(near.height))), max(1, min(LOOKED_AT, int(near.width))))
    try:
        pixels = source.read(band, window=near, out_shape=shape)
    except RasterioError as error:
        raise HybridmapError(f"{what}: cannot be read ({_first_line(error)}); the file is damaged.") from None
    suspects = {v for v in SUSPECTS if np.can_cast(kind, np.float64) and v != nodata}
    if np.issubdtype(kind, np.signedinteger):
        suspects |= {float(np.iinfo(kind).min)} - {nodata}
    for value in sorted(suspects):
        share = float((pixels == np.asarray(value).astype(np.float64)).mean())
        if share > 0.001:
            raise HybridmapError(
                f"{what}: {share:.0%} of the pixels in the region are {value:g}, which looks like a nodata value that"
                f" the {kind} file does not declare; add 'nodata: {value:g}', or a 'valid_range' if it is real."
            )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
