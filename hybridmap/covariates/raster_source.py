"""Rasters as users have them: opened, and refused in one sentence where they cannot be what the region file says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from hybridmap.config import Raster
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
    label : str
        Names layer and file in errors.
    """

    dataset: Any
    band: int
    crs: Any
    nodata: float | None
    scale: float
    offset: float
    shifts: tuple[float, ...]
    label: str


def raster_name(layer: Raster, data_root: str) -> str:
    """Name of a layer's file for GDAL: a path under the data root, or an address."""
    path = expand(layer.path)
    if path.startswith(("http://", "https://")):
        return "/vsicurl/" + path
    return path if path.startswith("/vsi") else str(under(data_root, layer.path))


def is_remote(name: str) -> bool:
    """Whether a file is read over the network."""
    return name.startswith(("/vsicurl/", "/vsis3/", "/vsigs/", "/vsiaz/"))


@contextmanager
def open_source(layer: Raster, grid: RegionGrid, data_root: str) -> Iterator[RasterSource]:
    """Open a layer and check that it can be warped onto `grid`.

    Parameters
    ----------
    layer : Raster
        Path, band or variable, and what the file does not say itself.
    grid : RegionGrid
        Target cells.
    data_root : str
        Folder that relative paths start from.

    Yields
    ------
    RasterSource
        Open within the context.

    Raises
    ------
    HybridmapError
        If the file, band or variable does not exist or is no raster, the raster has no CRS, is rotated or does not meet
        the region, or has pixels that look like a nodata value which the file does not declare.
    """
    name = raster_name(layer, data_root)
    with _open(name, layer) as dataset:
        label = f"layer '{layer.name}' ({name})"
        crs = _crs(dataset, layer, label)
        band = _band_number(dataset, layer, label)
        if dataset.transform.b or dataset.transform.d:
            raise HybridmapError(f"{label}: the raster is rotated; make it north-up first (gdalwarp).")
        shifts = _overlap(dataset, crs, grid, label)
        scale = dataset.scales[band - 1] if layer.scale is None else layer.scale
        offset = dataset.offsets[band - 1] if layer.offset is None else layer.offset
        nodata = _nodata(dataset, band, layer)
        source = RasterSource(dataset, band, crs, nodata, float(scale), float(offset), shifts, label)
        if layer.valid_range is None and not is_remote(name):
            _check_undeclared_nodata(source, grid)
        yield source


def check_layer(layer: Raster, grid: RegionGrid, data_root: str) -> str:
    """Check a layer without warping it.

    Parameters
    ----------
    layer, grid, data_root
        As :func:`open_source`, which also says what is raised.

    Returns
    -------
    str
        Size of the raster, and what to think about.
    """
    with open_source(layer, grid, data_root) as source:
        dataset, band = source.dataset, source.band - 1
        text = f"{dataset.width} x {dataset.height} pixels of {dataset.dtypes[band]}"
        if dataset.scales[band] != 1.0 and layer.scale not in (None, dataset.scales[band]):
            text += f"; 'scale' {layer.scale:g} replaces {dataset.scales[band]:g} that the file declares"
        finer = _pixels_per_cell(source, grid)
        if layer.kind == "continuous" and finer > 3:
            text += f"; {finer:.0f} pixels to a cell each way, bilinear uses few of them: consider 'kind: average'"
        return text


def _pixels_per_cell(source: RasterSource, grid: RegionGrid) -> float:
    """How many pixels of the file lie side by side in a cell in the middle of the region."""
    row, col = grid.height // 2, grid.width // 2
    west, north = grid.west + col * grid.resolution, grid.north - row * grid.resolution
    cell = (west, north - grid.resolution, west + grid.resolution, north)
    left, _, right, _ = transform_bounds(grid.crs.to_wkt(), source.crs, *cell)
    return float((right - left) / abs(source.dataset.transform.a))


def _open(name: str, layer: Raster) -> Any:
    label = f"layer '{layer.name}'"
    if not name.startswith("/vsi") and not Path(name).exists():
        raise HybridmapError(f"{label}: no such raster {name}; check 'path' and 'data_root'.")
    try:
        if Path(name).is_dir() and not name.startswith("/vsi"):
            dataset = rasterio.open(f'ZARR:"{name}"' + (f":/{layer.variable}" if layer.variable else ""))
        else:
            dataset = rasterio.open(f"netcdf:{name}:{layer.variable}" if layer.variable else name)
    except RasterioError as error:
        reason = f"no variable '{layer.variable}' in it" if layer.variable else _explain(name, error)
        raise HybridmapError(f"{label}: {name} cannot be read as a raster ({reason}).") from None
    if dataset.count == 0:
        dataset.close()
        raise HybridmapError(f"{label}: {name} holds several variables; name one with 'variable'.")
    return dataset


def _explain(name: str, error: Exception) -> str:
    """What a file is that GDAL cannot read, as far as its first bytes say."""
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


def _band_number(source: Any, layer: Raster, label: str) -> int:
    """Band of a layer, by number or by its description."""
    if isinstance(layer.band, int):
        if not 1 <= layer.band <= source.count:
            raise HybridmapError(f"{label}: no band {layer.band}; the file has bands 1 to {source.count}.")
        return layer.band
    names = [d or "" for d in source.descriptions]
    if layer.band not in names:
        raise HybridmapError(f"{label}: no band '{layer.band}'{nearest(layer.band, names)}; bands are {names}.")
    return names.index(layer.band) + 1


def _crs(source: Any, layer: Raster, label: str) -> Any:
    crs = source.crs or layer.crs
    if not crs:
        raise HybridmapError(
            f"{label}: the raster has no coordinate reference system; add 'crs' to the layer, or assign one to the"
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


def _overlap(source: Any, crs: Any, grid: RegionGrid, label: str) -> tuple[float, ...]:
    """What is added to the longitudes of a file to meet the region; HybridmapError if it does not."""
    left, bottom, right, top = transform_bounds(grid.crs.to_wkt(), crs, *grid.bounds, densify_pts=21)
    box = source.bounds
    low, high = min(box.bottom, box.top), max(box.bottom, box.top)
    candidates = (0.0, -360.0) if crs.is_geographic and box.right > 180.5 else (0.0,)
    shifts = tuple(s for s in candidates if right > box.left + s and left < box.right + s)
    if shifts and top > low and bottom < high:
        return shifts
    extent = ", ".join(f"{v:.6g}" for v in (box.left, low, box.right, high))
    region = ", ".join(f"{v:.6g}" for v in (left, bottom, right, top))
    advice = " (its axes look swapped)" if crs.is_geographic and abs(high) > 90.5 else ""
    raise HybridmapError(
        f"{label}: does not overlap the region; it covers ({extent}) in its own CRS{advice}, the region needs"
        f" ({region})."
    )


def _check_undeclared_nodata(source: RasterSource, grid: RegionGrid) -> None:
    """Look at some pixels of the region for a nodata value that is not declared."""
    pixels = _some_pixels(source, grid)
    if pixels is None:
        return
    suspects = {v for v in SUSPECTS if np.can_cast(pixels.dtype, np.float64) and v != source.nodata}
    if np.issubdtype(pixels.dtype, np.signedinteger):
        suspects |= {float(np.iinfo(pixels.dtype).min)} - {source.nodata}
    for value in sorted(suspects):
        share = float((pixels == np.asarray(value).astype(np.float64)).mean())
        if share > 0.001:
            raise HybridmapError(
                f"{source.label}: {share:.0%} of the pixels in the region are {value:g}, which looks like a nodata"
                f" value that the {pixels.dtype} file does not declare; add 'nodata: {value:g}', or a 'valid_range' if"
                " it is real."
            )


def _some_pixels(source: RasterSource, grid: RegionGrid) -> NDArray[Any] | None:
    """At most :data:`LOOKED_AT` pixels a side of the region, shape (row, column); None where there are none."""
    dataset = source.dataset
    left, bottom, right, top = transform_bounds(grid.crs.to_wkt(), source.crs, *grid.bounds, densify_pts=21)
    corners = [~dataset.transform @ (x - source.shifts[0], y) for x in (left, right) for y in (bottom, top)]
    columns, lines = zip(*corners, strict=True)
    col0, row0 = max(0, int(min(columns))), max(0, int(min(lines)))
    width = min(dataset.width, int(max(columns)) + 1) - col0
    height = min(dataset.height, int(max(lines)) + 1) - row0
    if width < 1 or height < 1:
        return None
    shape = (min(LOOKED_AT, height), min(LOOKED_AT, width))
    try:
        return np.asarray(dataset.read(source.band, window=Window(col0, row0, width, height), out_shape=shape))
    except RasterioError as error:
        raise HybridmapError(f"{source.label}: cannot be read ({first_line(error)}); the file is damaged.") from None


def sampled_values(
    source: RasterSource, grid: RegionGrid, valid_range: tuple[float, float] | None = None
) -> NDArray[np.float64]:
    """Values of some pixels in the region, in the unit of the layer, without missing ones; shape (pixel,)."""
    pixels = _some_pixels(source, grid)
    if pixels is None:
        return np.empty(0)
    valid = np.isfinite(pixels) if source.nodata is None else np.isfinite(pixels) & (pixels != source.nodata)
    values = pixels[valid].astype("float64") * source.scale + source.offset
    if valid_range is not None:
        values = values[(values >= valid_range[0]) & (values <= valid_range[1])]
    return values


def first_line(error: Exception) -> str:
    """First line of a message, or the kind of the error where there is none."""
    return (str(error).splitlines() or [type(error).__name__])[0]
