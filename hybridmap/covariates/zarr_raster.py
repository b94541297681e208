"""An array of a Zarr store (version 2 or 3) as a raster: band by band, with the words of rasterio."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import CRSError
from rasterio.transform import Affine
from rasterio.windows import Window

from hybridmap.covariates.georeference import axis_kind
from hybridmap.errors import HybridmapError, nearest

EVEN = 0.01
"""Steps by which an axis may be off an even one."""
READ_AS = {"bool": "uint8", "float16": "float32"}
"""Types that GDAL has not, and that they are read as."""


@dataclass(frozen=True)
class ZarrRaster:
    """An array of two dimensions, or of three with a band a step of the first.

    The attributes are those of a rasterio dataset, and what its bands are steps of.
    """

    array: Any
    transform: Affine
    crs: CRS | None
    axes: tuple[str, str] | None
    leading: tuple[tuple[str, Any, dict[str, Any]], ...] = ()
    """Dimensions before lines and columns that have coordinates: name, values, attributes."""

    gcps = ((), None)
    rpcs = None

    @property
    def height(self) -> int:
        """Lines."""
        return int(self.array.shape[-2])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.array.shape[-1])

    @property
    def count(self) -> int:
        """Bands."""
        return int(np.prod(self.array.shape[:-2]))

    @property
    def dtypes(self) -> list[str]:
        """Type of each band."""
        return [READ_AS.get(str(self.array.dtype), str(self.array.dtype))] * self.count

    @property
    def scales(self) -> list[float]:
        """Scale of each band."""
        return [float(self.array.attrs.get("scale_factor", 1.0))] * self.count

    @property
    def offsets(self) -> list[float]:
        """Offset of each band."""
        return [float(self.array.attrs.get("add_offset", 0.0))] * self.count

    @property
    def descriptions(self) -> list[None]:
        """Bands have no names."""
        return [None] * self.count

    @property
    def mask_flag_enums(self) -> list[list[Any]]:
        """No band has a mask."""
        return [[MaskFlags.all_valid]] * self.count

    @property
    def colorinterp(self) -> list[ColorInterp]:
        """No band has colours."""
        return [ColorInterp.undefined] * self.count

    def overviews(self, band: int) -> list[int]:
        """No band has overviews."""
        return []

    @property
    def nodatavals(self) -> list[float | None]:
        """Fill value of each band; that of version 3 is only what nothing was written to."""
        fill = _number(self.array.attrs.get("_FillValue"), self.array.dtype)
        if fill is None and self.array.metadata.zarr_format == 2:
            fill = _number(self.array.fill_value, self.array.dtype)
        return [fill] * self.count

    def tags(self, band: int | None = None, ns: str | None = None) -> dict[str, str]:
        """Attributes of the array."""
        return {} if ns else {key: str(value) for key, value in self.array.attrs.items() if key != "_FillValue"}

    def read(self, band: int, window: Window, out_shape: tuple[int, int] | None = None) -> NDArray[Any]:
        """Pixels of a window.

        Parameters
        ----------
        band : int
            Of the array, from 1.
        window : rasterio.windows.Window
            Lines and columns.
        out_shape : tuple of int, optional
            Lines and columns to return, evenly spread over the window; all by default.

        Returns
        -------
        array, shape (line, column)
            As stored.
        """
        lead = np.unravel_index(band - 1, self.array.shape[:-2]) if self.array.ndim > 2 else ()
        rows, columns = window.toslices()
        if out_shape is None:
            return self._read(lead, rows, columns)
        picks = [
            (part.start + (np.arange(n) + 0.5) * (part.stop - part.start) / n).astype(int)
            for part, n in zip((rows, columns), out_shape, strict=True)
        ]
        return self._read(lead, rows, columns)[np.ix_(picks[0] - rows.start, picks[1] - columns.start)]

    def _read(self, lead: Any, rows: slice, columns: slice) -> NDArray[Any]:
        return np.asarray(self.array[(*lead, rows, columns)]).astype(self.dtypes[0], copy=False)

    def close(self) -> None:
        """Nothing stays open."""

    def __enter__(self) -> ZarrRaster:
        return self

    def __exit__(self, *arguments: object) -> None:
        self.close()


def open_zarr(path: Path, variable: str | None, label: str) -> ZarrRaster:
    """Open an array of a store.

    Parameters
    ----------
    path : Path
        Folder of the store.
    variable : str or None
        Name of the array; None for the only one.
    label : str
        What messages name.

    Returns
    -------
    ZarrRaster
        The array, opened as rasterio opens a file.

    Raises
    ------
    HybridmapError
        If the folder is no store, or has no such array of two dimensions or more.
    """
    try:
        root = zarr.open(str(path), mode="r")
        arrays = {"": root} if isinstance(root, zarr.Array) else dict(_arrays(root))
    except (FileNotFoundError, KeyError, ValueError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise HybridmapError(f"{label}: {path} cannot be opened as a Zarr store ({reason}).") from None
    rasters = [name for name, array in arrays.items() if array.ndim >= 2]
    name = (variable or (rasters[0] if len(rasters) == 1 else "")).strip("/")
    if name not in arrays:
        if variable is None:
            raise HybridmapError(f"{label}: {path} holds several variables; name one with 'variable': {rasters}.")
        raise HybridmapError(
            f"{label}: {path} cannot be read as a raster (no variable '{variable}' in it{nearest(variable, rasters)};"
            f" it has {rasters})."
        )
    array: Any = arrays[name]
    if array.ndim < 2:
        raise HybridmapError(f"{label}: '{name}' of {path} has {array.ndim} dimensions, so it is no raster.")
    return _placed(array, _in_reach(arrays, name))


def _in_reach(arrays: dict[str, Any], name: str) -> dict[str, Any]:
    """Arrays by name of the group of an array, and of the groups that it lies in."""
    parts = name.split("/")[:-1]
    groups = ["/".join(parts[:depth]) for depth in range(len(parts) + 1)]
    return {
        key.rpartition("/")[2]: a for group in groups for key, a in arrays.items() if key.rpartition("/")[0] == group
    }


def _arrays(group: Any) -> list[tuple[str, Any]]:
    return [(name, item) for name, item in group.members(max_depth=None) if isinstance(item, zarr.Array)]


def _placed(array: Any, names: dict[str, Any]) -> ZarrRaster:
    """The array with its place: of its grid mapping, or of its coordinates."""
    mapping = names.get(str(array.attrs.get("grid_mapping", "spatial_ref")).split(":")[0])
    words: dict[str, Any] = {} if mapping is None else dict(mapping.attrs)
    dimensions = _dimensions(array)[-2:]
    coordinates = [names[dimension] for dimension in dimensions if dimension in names]
    kinds = [axis_kind(d, dict(c.attrs)) for d, c in zip(dimensions, coordinates, strict=False)]
    axes = (kinds[0], kinds[1]) if len(kinds) == 2 else None
    transform = _transform(coordinates) if axes else Affine.identity()
    if "GeoTransform" in words:
        written = Affine.from_gdal(*(float(v) for v in str(words["GeoTransform"]).split()))
        # That of a store which was cut from a larger one may be the one of the larger.
        if transform == Affine.identity() or _agree(written, transform, array.shape):
            transform = written
    return ZarrRaster(array, transform, _crs(words), axes, _leading(array, names))


def _leading(array: Any, names: dict[str, Any]) -> tuple[tuple[str, Any, dict[str, Any]], ...]:
    """Coordinates of the dimensions before lines and columns; none where one has no coordinate."""
    dimensions = _dimensions(array)[:-2]
    if not all(dimension in names for dimension in dimensions):
        return ()
    return tuple((d, np.asarray(names[d][:]), dict(names[d].attrs)) for d in dimensions)


def _agree(transform: Affine, reference: Affine, shape: tuple[int, ...]) -> bool:
    """Whether two transforms put the corners of an array into the same pixels."""
    corners = (0.0, 0.0), (float(shape[-1]), float(shape[-2]))
    off = [abs(np.subtract(transform @ corner, reference @ corner)) for corner in corners]
    return bool((np.array(off) < 0.1 * np.array([abs(reference.a), abs(reference.e)])).all())


def _dimensions(array: Any) -> list[str]:
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS") or ()
    return [str(name or "") for name in names]


def _transform(coordinates: list[Any]) -> Affine:
    """Transform of even coordinates of pixel centres; the identity where they are uneven."""
    steps, firsts = [], []
    for coordinate in coordinates:
        values = np.asarray(coordinate[:], dtype="float64")
        if values.ndim != 1 or values.size < 2:
            return Affine.identity()
        step = (values[-1] - values[0]) / (values.size - 1)
        if not step or abs(values - values[0] - step * np.arange(values.size)).max() > EVEN * abs(step):
            return Affine.identity()
        steps.append(step)
        firsts.append(values[0] - 0.5 * step)
    return Affine(steps[1], 0.0, firsts[1], 0.0, steps[0], firsts[0])


def _crs(words: dict[str, Any]) -> CRS | None:
    text = words.get("crs_wkt") or words.get("spatial_ref")
    try:
        return CRS.from_wkt(str(text)) if text else None
    except CRSError:
        return None


def _number(fill: Any, dtype: np.dtype[Any]) -> float | None:
    """A fill value, which xarray writes as base64 in version 3."""
    if isinstance(fill, str):
        try:
            size = {4: "<f4", 8: "<f8"}[len(base64.b64decode(fill, validate=True))]
            return float(np.frombuffer(base64.b64decode(fill), dtype=size if dtype.kind == "f" else "<i8")[0])
        except (KeyError, binascii.Error, ValueError):
            return None
    return None if fill is None else float(fill)
