"""The covariate cube: all layers on one grid in one sharded Zarr store, and the windows that are read from it."""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from pyproj import CRS

from hybridmap.config import Config, Raster
from hybridmap.data.grid import RegionGrid
from hybridmap.data.warp import region_mask, sha256_of, warp_layer
from hybridmap.errors import HybridmapError
from hybridmap.settings import data_path

LOG = logging.getLogger("hybridmap")
CHUNK = 64
"""Edge of a chunk in cells; a shard of the size of a tile holds many."""


def build_cube(config: Config, out: Path) -> None:
    """Warp every covariate and forcing layer onto the grid and write the store `out`, whole or not at all.

    Raises
    ------
    HybridmapError
        As :func:`hybridmap.data.warp.warp_layer`; for a covariate that is constant in the region; or if no cell has
        all layers.
    """
    if not config.covariates:
        raise HybridmapError("the region has no covariates; add rasters under 'covariates'.")
    grid = RegionGrid.of(config.grid)
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        _write(config, grid, partial)
        shutil.rmtree(out, ignore_errors=True)
        os.replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


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
    group: zarr.Group, name: str, shape: tuple[int, ...], dims: tuple[str, ...], tile: int, attributes: dict[str, Any]
) -> Any:
    """Create one float32 array of the grid: NaN where unwritten, a shard a tile, small chunks inside."""
    chunk = min(CHUNK, tile)
    shard = -(-tile // chunk) * chunk
    lead = shape[:-2]
    array = group.create_array(
        name,
        shape=shape,
        dtype="float32",
        chunks=(*lead, chunk, chunk),
        shards=(*lead, shard, shard),
        fill_value=np.nan,
        dimension_names=dims,
    )
    # As a coordinate, so that xarray finds the CRS without being told to decode grid mappings.
    array.attrs.update({"grid_mapping": "spatial_ref", "coordinates": "spatial_ref", **attributes})
    return array


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

    def read_window(
        self, row0: int, row1: int, col0: int, col1: int
    ) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]], NDArray[np.bool_]]:
        """Layers of the cells [row0, row1) x [col0, col1).

        Returns
        -------
        covariates : array, shape (band, row, column)
        forcing : dict of array, shape (row, column)
        valid : array of bool, shape (row, column)
            Cells where every covariate and forcing is known.
        """
        window = np.s_[row0:row1, col0:col1]
        covariates = np.asarray(self._array("covariates")[(slice(None), *window)])
        forcing = {name: np.asarray(self._array(f"forcing/{name}")[window]) for name in self.forcing_names}
        valid = np.isfinite(covariates).all(axis=0)
        for values in forcing.values():
            valid &= np.isfinite(values)
        return covariates, forcing, valid

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
    root = zarr.open_group(str(path), mode="r")
    covariates: Any = root["covariates"]
    names = tuple(band["name"] for band in covariates.attrs["bands"])
    forcing: Any = root["forcing"]
    return Cube(path, grid_of(root), names, tuple(sorted(forcing.array_keys())), root)


def grid_of(root: zarr.Group) -> RegionGrid:
    """Grid of a store made by :func:`create_grid_store`."""
    attributes: Any = root["spatial_ref"].attrs
    west, resolution, _, north, _, _ = (float(v) for v in attributes["GeoTransform"].split())
    x, y = root["x"], root["y"]
    crs = CRS.from_wkt(attributes["spatial_ref"])
    return RegionGrid(crs, west, north, resolution, x.shape[0], y.shape[0])  # type: ignore[union-attr]


def _write(config: Config, grid: RegionGrid, path: Path) -> None:
    tile = config.predict.tile
    root = create_grid_store(path, grid, {"title": f"Covariates of {config.title or config.region}"})
    shape = (grid.height, grid.width)
    band = root.create_array("band", shape=(len(config.covariates),), dtype="int32", dimension_names=("band",))
    band[:] = np.arange(1, len(config.covariates) + 1)
    band.attrs["names"] = [layer.name for layer in config.covariates]
    inside = region_mask(config, grid)
    valid = inside.copy()
    layers = np.empty((len(config.covariates), *shape), dtype="float32")
    for i, layer in enumerate(config.covariates):
        values = warp_layer(config, layer, grid)
        values[~inside] = np.nan
        known = np.isfinite(values)
        if not known.any():
            raise HybridmapError(
                f"covariate '{layer.name}' ({data_path(config, layer.path)}): no data inside the mask of the region."
            )
        if np.ptp(values[known]) == 0:
            raise HybridmapError(
                f"covariate '{layer.name}' ({data_path(config, layer.path)}): constant at {values[known][0]:g} in the"
                " region, so nothing can be learned from it; remove it from 'covariates'."
            )
        layers[i], valid = values, valid & known
    about = {"bands": [_about(config, layer) for layer in config.covariates]}
    create_layer(root, "covariates", layers.shape, ("band", "y", "x"), tile, about)[:] = layers
    forcing = root.create_group("forcing")
    for layer in config.forcing:
        values = warp_layer(config, layer, grid)
        values[~inside] = np.nan
        valid &= np.isfinite(values)
        create_layer(forcing, layer.name, shape, ("y", "x"), tile, _about(config, layer))[:] = values
    if not valid.any():
        raise HybridmapError("no cell of the region has all covariates and forcing; their data areas do not meet.")
    root.attrs.update({"region": config.region, "valid_cells": int(valid.sum())})
    count = len(config.covariates)
    LOG.info("%d covariates on %d x %d cells, %d of them complete", count, *shape, int(valid.sum()))


def _about(config: Config, layer: Raster) -> dict[str, Any]:
    return {
        "name": layer.name,
        "units": layer.unit,
        "long_name": layer.description or layer.name,
        "kind": layer.kind,
        "path": layer.path,
        "licence": layer.licence,
        "sha256": sha256_of(data_path(config, layer.path)),
    }
