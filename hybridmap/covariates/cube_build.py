"""Building the covariate cube: all layers on one grid in one sharded Zarr store."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import zarr
from numpy.typing import NDArray
from rasterio.windows import Window

from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.cube import FORMAT
from hybridmap.covariates.layers import PreparedLayer, prepare_layers
from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.resumable_store import ResumableStore
from hybridmap.grid.store import create_grid_store, create_layer, shard_edge
from hybridmap.grid.tiles import Tile, tiles_of

LOG = logging.getLogger("hybridmap")
NOT_OF_THE_CUBE = ("fingerprint", "inputs", "sum")
"""What only the making of a layer needs of its record."""
COMPLETE_CHUNK = 1024
"""Edge of the chunks of the array of complete cells."""


@dataclass(frozen=True)
class _Content:
    """What the store holds, and where.

    Attributes
    ----------
    title, region : str
        Of the store.
    grid : RegionGrid
        Its cells.
    tile : int
        Edge of a tile in cells.
    covariates, forcing : mapping of str to PreparedLayer
        Layers by name, in order.
    """

    title: str
    region: str
    grid: RegionGrid
    tile: int
    covariates: Mapping[str, PreparedLayer]
    forcing: Mapping[str, PreparedLayer]

    def identity(self) -> str:
        """What the whole store depends on."""
        layers = (*self.covariates.values(), *self.forcing.values())
        return json.dumps(
            [self.title, [[layer.record["fingerprint"], _attributes(layer)] for layer in layers], self.tile]
        )


def build_cube(layers: RegionLayers, out: Path, tile: int, folder: Path | None = None, workers: int = 0) -> None:
    """Bring every covariate and forcing layer onto the grid and write the store `out`, whole or not at all.

    Parameters
    ----------
    layers : RegionLayers
        The layers and their grid.
    out : Path
        Store to write. While unfinished it is ``{out}.partial``, and a run with the same layers continues it.
    tile : int
        Edge of a tile in cells; also the shard of the store.
    folder : Path, optional
        Folder of the single layers; by default ``layers`` beside the store. They are made again only if they changed.
    workers : int
        Layers, then tiles at a time; 0 takes all cores given to the process.

    Raises
    ------
    HybridmapError
        As :func:`hybridmap.covariates.layers.prepare_layers`; for a covariate that is constant in the region; if no
        cell has all layers; or if another run writes the store.
    """
    if not layers.covariates:
        raise HybridmapError("the region has no covariates; add rasters under 'covariates'.")
    prepared = prepare_layers(layers, folder or out.with_name("layers"), workers)
    covariates = {layer.name: prepared[layer.name] for layer in layers.covariates}
    forcing = {layer.name: prepared[f"forcing.{layer.name}"] for layer in layers.forcing}
    _refuse_constant(covariates)
    grid = RegionGrid.of(layers.grid)
    content = _Content(layers.title, layers.region, grid, tile, covariates, forcing)
    store = ResumableStore(out)
    with store.lock():
        store.resume_or_create(content.identity(), lambda path: _create(path, content))
        _write_tiles(store, content, workers)
        if not _complete(store, content):
            store.discard()
            raise HybridmapError("no cell of the region has all covariates and forcing; their data areas do not meet.")
        store.finish()
        store.drop_receipts()


def _refuse_constant(covariates: Mapping[str, PreparedLayer]) -> None:
    for name, layer in covariates.items():
        value, path = layer.record["minimum"], layer.record["path"]
        if value == layer.record["maximum"]:
            raise HybridmapError(
                f"covariate '{name}' ({path or 'derived'}): constant at {value:g} in the region, so nothing can be"
                " learned from it; remove it from 'covariates'."
            )


def _create(path: Path, content: _Content) -> None:
    """Lay out the empty store."""
    root = create_grid_store(path, content.grid, {"title": f"Covariates of {content.title}"})
    count, sizes = len(content.covariates), content.grid.sizes
    band = root.create_array("band", shape=(count,), dtype="int32", dimension_names=("band",))
    band[:] = np.arange(1, count + 1)
    band.attrs["names"] = list(content.covariates)
    bands = [_attributes(layer) for layer in content.covariates.values()]
    create_layer(root, "covariates", {"band": count, **sizes}, content.tile, {"bands": bands})
    group = root.create_group("forcing")
    for name, layer in content.forcing.items():
        create_layer(group, name, sizes, content.tile, _attributes(layer))
    shape = tuple(sizes.values())
    chunks = tuple(min(COMPLETE_CHUNK, size) for size in shape)
    complete = root.create_array("complete", shape=shape, dtype="uint8", chunks=chunks, dimension_names=tuple(sizes))
    complete.attrs.update({"long_name": "all covariates and forcing are known", "coordinates": "spatial_ref"})


def _attributes(layer: PreparedLayer) -> dict[str, Any]:
    """Provenance and statistics of a layer, without what only the making needs."""
    return {key: value for key, value in layer.record.items() if key not in NOT_OF_THE_CUBE}


def _tiles(content: _Content) -> list[Tile]:
    return list(tiles_of(content.grid, shard_edge(content.tile)))


def _write_tiles(store: ResumableStore, content: _Content, workers: int) -> None:
    """Write the tiles that have no receipt, several at a time."""
    missing = [tile for tile in _tiles(content) if store.receipt(tile) is None]
    with ThreadPoolExecutor(workers or len(os.sched_getaffinity(0))) as pool:
        for _ in pool.map(lambda tile: _write_tile(store, content, tile), missing):
            store.sign_of_life()


def _write_tile(store: ResumableStore, content: _Content, tile: Tile) -> None:
    """Copy the layers of one tile; the receipt holds its complete cells."""
    covariates = np.empty((len(content.covariates), *tile.shape), dtype="float32")
    for values, layer in zip(covariates, content.covariates.values(), strict=True):
        _read(layer, tile, values)
    arrays = {"covariates": covariates}
    complete = np.isfinite(covariates).all(axis=0)
    for name, layer in content.forcing.items():
        arrays[f"forcing/{name}"] = values = _read(layer, tile, np.empty(tile.shape, dtype="float32"))
        complete &= np.isfinite(values)
    store.write_tile(tile, arrays.items(), np.packbits(complete).tobytes())


def _read(layer: PreparedLayer, tile: Tile, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill `values` (row, column) with the cells of a tile."""
    with rasterio.open(layer.path) as file:
        file.read(1, window=Window.from_slices(*tile.slices), out=values)
    return values


def _complete(store: ResumableStore, content: _Content) -> int:
    """Note which cells are complete, and the state of the store; returns their number."""
    complete = np.zeros((content.grid.height, content.grid.width), dtype=bool)
    for tile in _tiles(content):
        bits = np.frombuffer(store.receipt(tile) or b"", dtype="uint8")
        complete[tile.slices] = np.unpackbits(bits, count=tile.cells).reshape(tile.shape)
    count = int(complete.sum())
    root: Any = zarr.open_group(str(store.partial), mode="r+")
    root["complete"][:] = complete
    root.attrs.update({"region": content.region, "valid_cells": count, "format": FORMAT})
    LOG.info("%d covariates on %d x %d cells, %d of them complete", len(content.covariates), *complete.shape, count)
    return count
