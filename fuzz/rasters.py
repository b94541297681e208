"""Rasters of many types, projections, masks and missing codes into ``cube``, with a field whose truth is known."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import yaml
import zarr
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine, from_bounds
from rasterio.warp import transform_bounds

from fuzz.attempt import Attempt, Propose, hybridmap
from fuzz.draw import pick
from fuzz.execution import Executor

WEST, SOUTH, EAST, NORTH = 4_000_000, 2_600_000, 4_064_000, 2_648_000
CRS = "EPSG:3035"
CELL = 2000
MARGIN = 20_000
HOLE = (4_020_000, 2_614_000, 4_042_000, 2_634_000)
EDGE = 7000
"""How far from the hole's edge [m] a cell is clearly inside or outside it."""
TOLERANCE = 2.5
"""Largest error of a warped cell, about what the field changes in a pixel and a half."""
SOURCES = ("EPSG:3035", "EPSG:4326", "EPSG:25832", "EPSG:3857", "ESRI:54009", "EPSG:6933", "OGC:CRS84")
TYPES = ("uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64")
MASKS = (
    *("none", "declared", "key", "undeclared", "two codes", "list", "valid_range"),
    *("internal", "sidecar", "alpha", "nan"),
)
CODES: dict[str, tuple[float, ...]] = {
    "uint8": (255, 0, 254),
    "int8": (-128, 127, -1),
    "int16": (-32768, -9999, 32767, -999),
    "uint16": (65535, 0, 65534),
    "int32": (-2147483648, -9999, 2147483647),
    "uint32": (4294967295, 0),
    "int64": (-9223372036854775808, -9999),
    "float32": (-9999, -3.4028234663852886e38, 1e20, -999, 3.4028234663852886e38, -1e34, -99999),
    "float64": (-9999, -1.7976931348623157e308, -3.4028234663852886e38, -3.4e38, 1e20, -999),
}
UNDECIDABLE = (0, -1, 127, 254, 65534)
"""Codes that may as well be values where nothing declares them."""
GEOMETRIES = ("north-up",) * 7 + ("south-up", "rotated", "no crs", "no georeference", "point", "east to west")


@dataclass
class Raster:
    """What is written, and the keys of its layer.

    Attributes
    ----------
    values : ndarray (rows, columns)
        Field at the centres of pixels.
    hole : ndarray of bool (rows, columns)
        Pixels without a value.
    profile : dict
        Keywords of rasterio.open.
    keys : dict
        Keys of the layer beside name and path.
    """

    values: NDArray[np.float64]
    hole: NDArray[np.bool_]
    profile: dict[str, Any]
    keys: dict[str, Any] = field(default_factory=dict)


def prepare(_folder: Path, _executor: Executor) -> Propose:
    """Make the campaign; attempts share nothing on disk."""

    def propose(source: np.random.Generator, number: int, folder: Path) -> Attempt:
        mask = MASKS[number % len(MASKS)]
        kind = pick(source, TYPES) if number else "float32"
        geometry = pick(source, GEOMETRIES) if number else "north-up"
        raster = make_raster(pick(source, SOURCES) if number else CRS, geometry)
        packing = _pack(source, raster, kind) if number else "plain"
        raster.keys["kind"] = pick(source, ("continuous", "average"))
        code = _write(source, raster, kind, mask, folder / "t.tif")
        layers = [{"name": "t", "path": "t.tif", **raster.keys}]
        _write_region(folder / "region.yaml", layers)
        detail = f"{kind}, {raster.profile.get('crs')}, {packing}, {raster.keys['kind']}, code {code}"
        return Attempt(
            f"mask {mask}, {geometry}: {detail}",
            [hybridmap("cube", "region.yaml", "--out", "c.zarr", "--workers", 1, outputs=("c.zarr",))],
            lambda: wrong_cells(folder / "c.zarr", mask != "none"),
            must_refuse=geometry == "no georeference",
            must_work=number == 0,
        )

    return propose


def truth(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the field, linear on the grid of the region, from 60 to 110, and from 42 to 128 at the margin."""
    return np.asarray(60 + 30 * (x - WEST) / (EAST - WEST) + 20 * (y - SOUTH) / (NORTH - SOUTH))


def wrong_cells(store: Path, has_hole: bool) -> str:
    """Say which kind of cell of the cube differs from the truth.

    Parameters
    ----------
    store : Path
        The cube.
    has_hole : bool
        Whether the raster has no value in :data:`HOLE`.

    Returns
    -------
    str
        ``kind: details``; empty if all cells are right.
    """
    group = zarr.open_group(str(store), mode="r")
    values = np.asarray(group["covariates"])[0].astype(float)
    x, y = np.meshgrid(np.asarray(group["x"]), np.asarray(group["y"]))
    error = np.abs(values - truth(x, y))
    west, south, east, north = HOLE
    inside = (x > west + EDGE) & (x < east - EDGE) & (y > south + EDGE) & (y < north - EDGE)
    near = (x > west - EDGE) & (x < east + EDGE) & (y > south - EDGE) & (y < north + EDGE)
    filled = inside & np.isfinite(values) if has_hole else np.zeros_like(inside)
    absent = np.isnan(values) & ~(near if has_hole else np.zeros_like(near))
    wrong = np.isfinite(values) & (error > TOLERANCE)
    for name, cells in (("values differ", wrong), ("the hole is filled", filled), ("cells are lost", absent)):
        if cells.any():
            return f"{name}: {cells.sum()} of {values.size} cells, such as {values[cells][0]:.6g}"
    return ""


def make_raster(crs: str, geometry: str) -> Raster:
    """Sample the field at the pixels of a raster that covers the region.

    Parameters
    ----------
    crs : str
        Projection of the raster.
    geometry : str
        One of :data:`GEOMETRIES`.

    Returns
    -------
    Raster
        Field, hole and georeference.
    """
    box = transform_bounds(CRS, crs, WEST - MARGIN, SOUTH - MARGIN, EAST + MARGIN, NORTH + MARGIN)
    width, height = 110, 95
    transform = from_bounds(*box, width, height)
    if geometry == "south-up":
        transform = transform * Affine(1, 0, 0, 0, -1, height)
    elif geometry == "east to west":
        transform = transform * Affine(-1, 0, width, 0, 1, 0)
    elif geometry == "rotated":
        transform = transform * Affine.rotation(10, (width / 2, height / 2))
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    easting = transform.a * columns + transform.b * rows + transform.c
    northing = transform.d * columns + transform.e * rows + transform.f
    x, y = Transformer.from_crs(crs, CRS, always_xy=True).transform(easting, northing)
    west, south, east, north = HOLE
    profile: dict[str, Any] = {"driver": "GTiff", "width": width, "height": height, "count": 1}
    if geometry != "no georeference":
        profile |= {"transform": transform}
    if geometry not in ("no georeference", "no crs"):
        profile |= {"crs": crs}
    hole = (x > west) & (x < east) & (y > south) & (y < north)
    return Raster(truth(x, y), hole, profile, {"crs": crs} if geometry.startswith("no ") else {})


def _pack(source: np.random.Generator, raster: Raster, kind: str) -> str:
    """Choose scale and offset, by the file or the key or both; values become what is stored."""
    title = pick(source, ("plain", "plain", "key", "file", "both"))
    if title == "plain":
        return title
    scale, offset = (0.5, 5.0) if kind in ("uint8", "int8") else (0.01, -3.0)
    if kind == "int8":
        scale, offset = 1.0, 5.0
    raster.values = (raster.values - offset) / scale
    if title in ("key", "both"):
        raster.keys |= {"scale": scale, "offset": offset}
    if title in ("file", "both"):
        differ = title == "both" and bool(source.integers(2))
        raster.profile["packing"] = (9.0, 9.0) if differ else (scale, offset)
        return "both differ" if differ else title
    return title


def _write(source: np.random.Generator, raster: Raster, kind: str, mask: str, path: Path) -> float | None:
    """Write the raster with its mask; returns the missing code."""
    profile = dict(raster.profile)
    packing = profile.pop("packing", None)
    stored = raster.values if kind.startswith("float") else np.rint(raster.values)
    limits = np.iinfo(kind) if not kind.startswith("float") else None
    values = (stored if limits is None else np.clip(stored, limits.min, limits.max)).astype(kind)
    codes = [code for code in CODES[kind] if DECIDABLE.get(mask, _always)(code, values)]
    if not codes:  # nothing that could be told from values
        mask, codes = "declared", list(CODES[kind])
    code: float | None = pick(source, codes)
    if mask == "nan":
        mask, code = ("nan", np.nan) if limits is None else ("declared", code)
    if mask in ("none", "internal", "sidecar", "alpha"):
        code = codes[0] if mask != "none" and source.integers(2) else None
    if code is not None:
        values[raster.hole] = np.array(code).astype(kind)
    if mask in ("two codes", "list"):
        second = codes[-1] if code != codes[-1] else codes[0]
        values[raster.hole & (np.indices(values.shape).sum(0) % 3 == 0)] = np.array(second).astype(kind)
        raster.keys |= {"nodata": [code, second]} if mask == "list" else {}
    if mask in ("declared", "two codes"):
        profile["nodata"] = code
    elif mask == "key":
        raster.keys["nodata"] = code
    elif mask == "valid_range":
        raster.keys["valid_range"] = [40, 130]
    _save(path, values, profile, packing, mask, raster.hole)
    return code


def _is_apart(code: float, values: NDArray[Any]) -> bool:
    """Whether a code that nothing declares can be told from values: further from them than they reach."""
    low, high = float(values.min()), float(values.max())
    return code not in UNDECIDABLE and min(abs(code - low), abs(code - high)) > high - low


def _is_outside(code: float, values: NDArray[Any]) -> bool:
    """Whether a valid range, which reaches somewhat beyond the values, leaves a code out."""
    low, high = float(values.min()), float(values.max())
    margin = 0.05 * (high - low)
    return not low - margin <= code <= high + margin


def _always(_code: float, _values: NDArray[Any]) -> bool:
    return True


DECIDABLE = {"undeclared": _is_apart, "two codes": _is_apart, "valid_range": _is_outside}
"""Mask → whether a code can be told from values by it."""


def _save(
    path: Path,
    values: NDArray[Any],
    profile: dict[str, Any],
    packing: tuple[float, float] | None,
    mask: str,
    hole: NDArray[np.bool_],
) -> None:
    bands = 2 if mask == "alpha" else 1
    with (
        warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=mask == "internal"),
        rasterio.open(path, "w", **{**profile, "count": bands, "dtype": values.dtype}) as file,
    ):
        file.write(values, 1)
        if packing:
            file.scales, file.offsets = [packing[0]] * bands, [packing[1]] * bands
        if mask in ("internal", "sidecar"):
            file.write_mask(~hole)
        elif mask == "alpha":
            top = np.iinfo(values.dtype).max if values.dtype.kind in "iu" else 255
            file.write(np.where(hole, 0, top).astype(values.dtype), 2)
            file.colorinterp = [rasterio.enums.ColorInterp.gray, rasterio.enums.ColorInterp.alpha]


def _write_region(path: Path, layers: list[dict[str, Any]]) -> None:
    grid = {"crs": CRS, "resolution": CELL, "bounds": [WEST, SOUTH, EAST, NORTH]}
    region = {"region": "t", "title": "t", "demo": None, "data_root": ".", "grid": grid, "covariates": layers}
    path.write_text(yaml.safe_dump(region))
