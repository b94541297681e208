"""Stores on the grid of a region: how they are laid out, and the windows that are read from the covariate cube."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from pyproj import CRS
from zarr.codecs import BloscCodec

from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid

LOG = logging.getLogger("hybridmap")
FORMAT = 1
"""Layout of a cube; a store of a later one is refused."""
CHUNK = 128
"""Edge of a chunk of all layers in cells; a shard of the size of a tile holds many."""
WIDE = 512
"""Largest edge of a chunk of a single layer: each chunk costs time of its own."""
COMPRESSION = BloscCodec(cname="lz4", clevel=3, shuffle="shuffle")
"""Neighbours share their leading bytes: about as small as zstd on warped layers, and quicker to read."""


def create_grid_store(path: Path, grid: RegionGrid, attributes: dict[str, Any]) -> zarr.Group:
    """Create a Zarr v3 store with ``x``, ``y`` and the CF grid mapping ``spatial_ref``."""
    root = zarr.create_group(str(path), zarr_format=3, overwrite=True)
    root.attrs.update({"Conventions": "CF-1.11", **attributes})
    kinds = ("longitude", "latitude") if grid.crs.is_geographic else ("projection_x_coordinate",) * 2
    unit = ("degrees_east", "degrees_north") if grid.crs.is_geographic else ("m", "m")
    for axis, values, name, u in zip("xy", (grid.x, grid.y), kinds, unit, strict=True):
        name = name.replace("_x_", f"_{axis}_")
        array = root.create_array(axis, shape=values.shape, dtype="float64", dimension_names=(axis,))
        array[:] = values
        array.attrs.update({"standard_name": name, "units": u, "axis": axis.upper()})
    reference = root.create_array("spatial_ref", shape=(), dtype="int64")
    reference.attrs.update(grid.spatial_ref())
    return root


def create_layer(
    group: zarr.Group,
    name: str,
    shape: tuple[int, ...],
    dims: tuple[str, ...],
    tile: int,
    attributes: dict[str, Any],
    dtype: str = "float32",
    fill: float = np.nan,
) -> Any:
    """Create one array of the grid: `fill` where unwritten, a shard a tile, chunks inside.

    Chunks of many layers are small; those of a single one are as large as fits.
    """
    chunk = min(CHUNK, tile)
    shard = -(-tile // chunk) * chunk
    lead = shape[:-2]
    if not lead:
        chunk = shard if shard <= WIDE else next((c for c in (WIDE, WIDE // 2) if shard % c == 0), chunk)
    array = group.create_array(
        name,
        shape=shape,
        dtype=dtype,
        chunks=(*lead, chunk, chunk),
        shards=(*lead, shard, shard),
        compressors=COMPRESSION,
        fill_value=fill,
        dimension_names=dims,
    )
    # As a coordinate, so that xarray finds the CRS without being told to decode grid mappings.
    array.attrs.update({"grid_mapping": "spatial_ref", "coordinates": "spatial_ref", **attributes})
    return array


def read_map(array: Any, here: Any = np.s_[:, :]) -> NDArray[np.float64]:
    """Values of an array made by :func:`create_layer` in its unit, NaN where there are none."""
    values, about = np.asarray(array[here]), array.attrs
    if "_FillValue" not in about:
        return values.astype("float64")
    known = values != about["_FillValue"]
    return np.where(known, values * float(about.get("scale_factor", 1.0)), np.nan)


def thinned_map(array: Any, most: int = 4_000_000) -> NDArray[np.float32]:
    """As :func:`read_map`, every k-th row and column so that there are no more than `most` cells."""
    height, width = array.shape
    step = int(np.ceil(np.sqrt(height * width / most))) if height * width > most else 1
    edge = int(array.shards[0])
    parts = [read_map(array, np.s_[row : row + edge, :])[-row % step :: step, ::step].astype("float32")
             for row in range(0, height, edge)]  # fmt: skip
    return np.concatenate(parts)


@dataclass(frozen=True)
class Cube:
    """An opened cube.

    Attributes
    ----------
    path : Path
        The store.
    grid : RegionGrid
        Its cells.
    covariate_names, forcing_names : tuple of str
        Layers in order.
    """

    path: Path
    grid: RegionGrid
    covariate_names: tuple[str, ...]
    forcing_names: tuple[str, ...]
    _root: zarr.Group

    def read_layers(
        self, row0: int, row1: int, col0: int, col1: int
    ) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """Covariates (band, row, column) and forcing (row, column) of the cells [row0, row1) x [col0, col1).

        Raises
        ------
        HybridmapError
            If a file of the store is damaged.
        """
        window = np.s_[row0:row1, col0:col1]
        try:
            covariates = np.asarray(self._array("covariates")[(slice(None), *window)])
            forcing = {name: np.asarray(self._array(f"forcing/{name}")[window]) for name in self.forcing_names}
        except (ValueError, RuntimeError, OSError) as error:
            told = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise HybridmapError(
                f"{self.path}: rows {row0} to {row1}, columns {col0} to {col1} cannot be read ({told}); a file of the"
                " store is damaged, build the cube again."
            ) from None
        return covariates, forcing

    def read_window(
        self, row0: int, row1: int, col0: int, col1: int
    ) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]], NDArray[np.bool_]]:
        """As :meth:`read_layers`, and the cells where every covariate and forcing is known, (row, column)."""
        covariates, forcing = self.read_layers(row0, row1, col0, col1)
        valid = np.asarray(np.isfinite(covariates).all(axis=0))
        for values in forcing.values():
            valid &= np.isfinite(values)
        return covariates, forcing, valid

    def complete(self, row0: int, row1: int, col0: int, col1: int) -> NDArray[np.bool_]:
        """Cells of a window where every covariate and forcing is known, without reading them."""
        return np.asarray(self._array("complete")[row0:row1, col0:col1]).astype(bool)

    def shard_files(self, name: str, row0: int, row1: int, col0: int, col1: int) -> list[Path]:
        """Files of the shards of an array that hold some cells."""
        array = self._array(name)
        edge = int(array.shards[-1])
        lead = "/".join("0" for _ in array.shape[:-2])
        folder = self.path / name / "c" / lead if lead else self.path / name / "c"
        rows, columns = range(row0 // edge, -(-row1 // edge)), range(col0 // edge, -(-col1 // edge))
        return [folder / str(r) / str(c) for r in rows for c in columns]

    def valid_mask(self) -> NDArray[np.bool_]:
        """Cells where every covariate and forcing is known, shape (height, width)."""
        return np.asarray(self._array("complete"))[:].astype(bool)

    def bands(self) -> list[dict[str, Any]]:
        """Name, unit, kind, description, path, licence and hash of each covariate."""
        bands: Any = self._array("covariates").attrs["bands"]
        return list(bands)

    def forcing_info(self) -> dict[str, dict[str, Any]]:
        """The same for each forcing, by name."""
        return {name: dict(self._array(f"forcing/{name}").attrs) for name in self.forcing_names}

    def _array(self, name: str) -> Any:
        return self._root[name]


def open_cube(path: Path) -> Cube:
    """Open a store written by :func:`build_cube`; HybridmapError if it is none."""
    if not (path / "zarr.json").is_file():
        raise HybridmapError(f"{path}: no cube here; run 'hybridmap cube' first.")
    try:
        root = zarr.open_group(str(path), mode="r")
        covariates: Any = root["covariates"]
        names = tuple(band["name"] for band in covariates.attrs["bands"])
        forcing: Any = root["forcing"]
        _ = root["complete"]  # without it no tile is known to be empty
        found = Cube(path, grid_of(root), names, tuple(sorted(forcing.array_keys())), root)
    except (KeyError, ValueError, TypeError) as error:
        raise HybridmapError(f"{path}: cannot be opened as a cube ({error}); run 'hybridmap cube' again.") from None
    version = int(str(root.attrs.get("format", FORMAT)))
    if version > FORMAT:
        raise HybridmapError(
            f"{path}: written by a newer version of hybridmap (format {version}, this one reads {FORMAT}); update"
            " hybridmap, or build the cube again."
        )
    return found


def grid_of(root: zarr.Group) -> RegionGrid:
    """Grid of a store made by :func:`create_grid_store`."""
    attributes: Any = root["spatial_ref"].attrs
    west, resolution, _, north, _, _ = (float(v) for v in attributes["GeoTransform"].split())
    x, y = root["x"], root["y"]
    crs = CRS.from_wkt(attributes["spatial_ref"])
    return RegionGrid(crs, west, north, resolution, x.shape[0], y.shape[0])  # type: ignore[union-attr]
