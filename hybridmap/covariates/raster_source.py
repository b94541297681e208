"""Rasters as users have them: opened, and refused in one sentence where they cannot be what the region file says."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from hybridmap.config import Raster
from hybridmap.covariates.georeference import axes_of, refuse_unplaced
from hybridmap.covariates.known_pixels import KnownPixels, written
from hybridmap.covariates.mosaics import refuse_gaps
from hybridmap.covariates.pixel_locator import PixelLocator, Places
from hybridmap.covariates.undeclared import undeclared_code
from hybridmap.covariates.year_axis import band_of_year
from hybridmap.covariates.zarr_raster import ZarrRaster, open_zarr
from hybridmap.errors import HybridmapError, nearest
from hybridmap.files.paths import expand, under
from hybridmap.grid.region_grid import RegionGrid

LOOKED_AT = 512
"""Edge of the sample of pixels that is looked at before anything is warped."""
LATTICE = 65
"""Points a side of the grid whose places say whether a raster meets it."""


# What it says is said in a sentence of ours.
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)


@dataclass(frozen=True)
class RasterSource:
    """An opened raster that passed every check.

    Attributes
    ----------
    dataset : rasterio dataset or ZarrRaster
        The file.
    pixels : KnownPixels
        Which of its pixels are values, and which.
    locator : PixelLocator
        Where cells lie on its pixels.
    label : str
        Names layer and file in errors.
    """

    dataset: Any
    pixels: KnownPixels
    locator: PixelLocator
    label: str

    @property
    def around(self) -> int:
        """Columns after which the raster begins again, where it goes around the Earth; else 0."""
        period, width = self.locator.period, int(self.dataset.width)
        return round(period) if period is not None and width > period - 0.5 else 0

    def values(self, window: Window) -> NDArray[np.float32]:
        """Values of a window, which may begin and end beyond the edges of a raster that goes around the Earth."""
        if not self.around:
            return self.pixels.values(window)
        turn, start, stop = self.around, window.col_off, window.col_off + window.width
        parts = []
        for k in range(start // turn, (stop - 1) // turn + 1):
            first, last = max(start - k * turn, 0), min(stop - k * turn, turn)
            parts.append(self.pixels.values(Window(first, window.row_off, last - first, window.height)))
        return np.concatenate(parts, axis=1)


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
        If the file, band or variable does not exist or is no raster, its pixels have no place or no CRS or do not meet
        the region, or they look like a nodata value which the file does not declare.
    """
    name = raster_name(layer, data_root)
    with _open(name, layer) as dataset:
        label = f"layer '{layer.name}' ({name})"
        axes = dataset.axes if isinstance(dataset, ZarrRaster) else axes_of(name, layer.variable)
        refuse_unplaced(dataset, axes, label)
        crs = _crs(dataset, layer, label)
        band = _band_number(dataset, layer, label)
        pixels = KnownPixels.of(dataset, band, layer, label)
        if not pixels.codes.size and not pixels.is_masked and layer.valid_range is None:
            refuse_gaps(dataset, band, label)
        source = RasterSource(dataset, pixels, PixelLocator.of(grid, crs, dataset.transform), label)
        try:
            places = region_places(source)
        except ProjError as error:
            raise HybridmapError(f"{label}: no way from the grid to its CRS '{crs.name}' ({error}).") from None
        _check_overlap(source, places)
        if layer.valid_range is None and not is_remote(name):
            _check_undeclared_nodata(source, places)
        yield source


def region_places(source: RasterSource) -> Places:
    """Pixels under points spread over the region, shape (:data:`LATTICE`, :data:`LATTICE`)."""
    grid = source.locator.grid
    rows, columns = (np.linspace(0.0, size, LATTICE) for size in (grid.height, grid.width))
    y, x = np.meshgrid(rows, columns, indexing="ij")
    places = source.locator.exact(y, x, (0.5 * grid.height, 0.5 * grid.width))
    period = source.locator.period
    if period is not None:
        # Onto the raster, or just west of it if it has no pixels there.
        return Places(places.column % period, places.line)
    return places


def _open(name: str, layer: Raster) -> Any:
    label = f"layer '{layer.name}'"
    if not name.startswith("/vsi") and not Path(name).exists():
        raise HybridmapError(f"{label}: no such raster {name}; check 'path' and 'data_root'.")
    if not name.startswith("/vsi") and (Path(name) / "zarr.json").is_file():
        return open_zarr(Path(name), layer.variable, label)
    if not name.startswith("/vsi") and any((Path(name) / f).is_file() for f in (".zgroup", ".zarray", ".zmetadata")):
        return open_zarr(Path(name), layer.variable, label)
    try:
        dataset = rasterio.open(f'netcdf:"{name}":{layer.variable}' if layer.variable else name)
    except RasterioError as error:
        raise HybridmapError(f"{label}: {name} cannot be read as a raster ({_reason(name, layer, error)}).") from None
    if dataset.count == 0:
        dataset.close()
        raise HybridmapError(f"{label}: {name} holds several variables; name one with 'variable'.")
    return dataset


def _reason(name: str, layer: Raster, error: Exception) -> str:
    """Why a file cannot be opened: it has no such variable, or what GDAL or its first bytes say."""
    if layer.variable is None:
        return _explain(name, error)
    try:
        with rasterio.open(name) as file:
            names = [subdataset.rpartition(":")[2] for subdataset in file.subdatasets]
            if not names and file.count:  # of a file with a single one
                names = [name for name in [file.tags(1).get("NETCDF_VARNAME")] if name]
    except RasterioError as cause:
        return _explain(name, cause)
    if layer.variable in names:
        return first_line(error)
    return f"no variable '{layer.variable}' in it" + (f"; it has {names}" if names else "")


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
    """Band of a layer, by number, by its description or by its year."""
    if layer.of_bands is not None and source.count != layer.of_bands:
        raise HybridmapError(
            f"{label}: the file has {source.count} bands, where {layer.of_bands} are asked for (months: true takes a"
            " band a month); give a file of these, a file each with {month} in its path, or the numbers with 'bands'."
        )
    if layer.year is not None:
        return band_of_year(source, layer.year, label)
    if isinstance(layer.band, int):
        if not 1 <= layer.band <= source.count:
            raise HybridmapError(f"{label}: no band {layer.band}; the file has bands 1 to {source.count}.")
        return layer.band
    names = [d or "" for d in source.descriptions]
    if layer.band not in names:
        raise HybridmapError(f"{label}: no band '{layer.band}'{nearest(layer.band, names)}; bands are {names}.")
    return names.index(layer.band) + 1


def _crs(source: Any, layer: Raster, label: str) -> CRS:
    """CRS of a raster: its own, or that of the region file where it has none."""
    if not source.crs:
        if layer.crs is None:
            raise HybridmapError(
                f"{label}: the raster has no coordinate reference system; add 'crs' to the layer, or assign one to the"
                " file (gdal_edit -a_srs)."
            )
        try:
            return CRS.from_user_input(layer.crs)
        except CRSError:
            raise HybridmapError(f"{label}: 'crs' {layer.crs} is no known coordinate reference system.") from None
    declared = _known_crs(source, label)
    if layer.crs is not None and not _same_place(declared, layer.crs, source, label):
        raise HybridmapError(
            f"{label}: the file declares '{declared.name}' as its coordinate reference system, but 'crs' says"
            f" {layer.crs}; remove the key, or correct the file (gdal_edit -a_srs)."
        )
    return declared


def _known_crs(source: Any, label: str) -> CRS:
    try:
        declared = CRS.from_wkt(source.crs.to_wkt())
    except (CRSError, RasterioError):
        declared = None
    if declared is None or not (declared.is_geographic or declared.is_projected or declared.is_bound):
        raise HybridmapError(
            f"{label}: its coordinate reference system is local, without a place on the Earth; assign the right one to"
            " the file (gdal_edit -a_srs)."
        )
    return declared.sub_crs_list[0] if declared.is_compound else declared


def _same_place(declared: CRS, given_crs: str, source: Any, label: str) -> bool:
    """Whether two reference systems put the corners of a raster into the same pixels."""
    try:
        layer_crs = CRS.from_user_input(given_crs)
        transformer = Transformer.from_crs(declared, layer_crs, always_xy=True)
    except (CRSError, ProjError):
        raise HybridmapError(f"{label}: 'crs' {given_crs} is no known coordinate reference system.") from None
    corners = [source.transform @ corner for corner in ((0.25, 0.25), (source.width - 0.25, source.height - 0.25))]
    x, y = np.array(corners).T
    moved = transformer.transform(x, y)
    size = max(abs(source.transform.a), abs(source.transform.b))
    return bool((np.hypot(moved[0] - x, moved[1] - y) < size).all())


def _check_overlap(source: RasterSource, places: Places) -> None:
    """Raise HybridmapError if no pixel lies in the region."""
    dataset, crs = source.dataset, source.locator.crs
    column, line = places.column, places.line
    finite = np.isfinite(column) & np.isfinite(line)
    if finite.any():
        meets = column[finite].max() > 0 and column[finite].min() < dataset.width
        if meets and line[finite].max() > 0 and line[finite].min() < dataset.height:
            return
    corners = [dataset.transform @ corner for corner in ((0, 0), (dataset.width, dataset.height))]
    (left, right), (low, high) = (sorted(values) for values in zip(*corners, strict=True))
    extent = ", ".join(f"{v:.6g}" for v in (left, low, right, high))
    region = "does not exist in that CRS"
    if finite.any():
        x, y = dataset.transform @ (column[finite], line[finite])
        region = "needs (" + ", ".join(f"{v:.6g}" for v in (x.min(), y.min(), x.max(), y.max())) + ")"
    if crs.is_geographic and max(abs(left), abs(right)) > 540.0:
        raise HybridmapError(
            f"{source.label}: its pixels lie at ({extent}), which are no degrees, but its coordinate reference system"
            f" is '{crs.name}'; assign the right one to the file (gdal_edit -a_srs), or correct 'crs'."
        )
    advice = " (its axes look swapped)" if crs.is_geographic and abs(high) > 90.5 else ""
    raise HybridmapError(
        f"{source.label}: does not overlap the region; it covers ({extent}) in its own CRS{advice}, the region"
        f" {region}."
    )


def _check_undeclared_nodata(source: RasterSource, places: Places) -> None:
    """Look at some pixels of the region for a nodata value that is not declared."""
    pixels, is_known = some_pixels(source, places)
    code = undeclared_code(pixels[is_known])
    if code is not None:
        number, share = written(code[0]), code[1]
        raise HybridmapError(
            f"{source.label}: {share:.2g} of the pixels in the region are {number}, which looks like a nodata value"
            f" that the {pixels.dtype} file does not declare; add 'nodata: {number}', or a 'valid_range' that holds it"
            " if it is real."
        )


def some_pixels(source: RasterSource, places: Places) -> tuple[Any, Any]:
    """At most :data:`LOOKED_AT` pixels a side of the region, and which are no nodata, shape (line, column)."""
    dataset = source.dataset
    (row0, rows), (col0, columns) = (
        _covered(numbers, size) for numbers, size in ((places.line, dataset.height), (places.column, dataset.width))
    )
    shape = (min(LOOKED_AT, rows), min(LOOKED_AT, columns))
    try:
        # Overviews may be averages, which neither a code nor a class survives.
        if not dataset.overviews(source.pixels.band) or is_remote(dataset.name):
            return source.pixels.raw(Window(col0, row0, columns, rows), shape)
        pieces = [
            [source.pixels.raw(Window(c, r, w, h)) for c, w in _spread(col0, columns)] for r, h in _spread(row0, rows)
        ]
        values, is_known = (np.block([[piece[k] for piece in line] for line in pieces]) for k in (0, 1))
        return values, is_known
    except (RasterioError, OSError, ValueError) as error:
        raise unreadable(source, error) from None


def _spread(first: int, size: int) -> list[tuple[int, int]]:
    """First pixel and length of pieces of an axis: all of it, or :data:`LOOKED_AT` pixels in eight pieces."""
    if size <= LOOKED_AT:
        return [(first, size)]
    length = LOOKED_AT // 8
    return [(int(start), length) for start in np.linspace(first, first + size - length, 8)]


def sampled_values(source: RasterSource) -> NDArray[np.float64]:
    """Values of some pixels in the region, in the unit of the layer, without missing ones; shape (pixel,)."""
    pixels, is_known = some_pixels(source, region_places(source))
    values = source.pixels.scaled(pixels)[is_known & source.pixels.in_range(pixels)]
    return np.asarray(values, dtype="float64")


def _covered(numbers: Any, size: int) -> tuple[int, int]:
    """First pixel of an axis in the region, and how many there are; at least one."""
    first = min(max(int(np.nanmin(numbers)), 0), size - 1)
    return first, max(min(int(np.ceil(np.nanmax(numbers) - 1e-6)), size) - first, 1)


def unreadable(source: RasterSource, error: Exception) -> HybridmapError:
    """The error of pixels that cannot be read."""
    if "_Unsigned" in source.dataset.tags(source.pixels.band):
        return HybridmapError(
            f"{source.label}: GDAL cannot read its signed numbers that stand for unsigned ones ('_Unsigned'); write the"
            " variable as an unsigned type (ncap2 -s 'v=ubyte(v)')."
        )
    return HybridmapError(f"{source.label}: cannot be read ({first_line(error)}); the file is damaged.")


def first_line(error: Exception) -> str:
    """First line of a message, or the kind of the error where there is none."""
    return (str(error).splitlines() or [type(error).__name__])[0]
