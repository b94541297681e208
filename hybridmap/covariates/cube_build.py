"""Building the covariate cube: all layers on one grid in one sharded Zarr store."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import zarr
from rasterio.windows import Window

from hybridmap.config import Config
from hybridmap.covariates.cube import CHUNK, FORMAT, create_grid_store, create_layer
from hybridmap.covariates.layers import Prepared, prepare_layers
from hybridmap.errors import HybridmapError
from hybridmap.files.tables import write_text
from hybridmap.grid.region_grid import RegionGrid

LOG = logging.getLogger("hybridmap")


def build_cube(config: Config, out: Path, layers: Path | None = None, workers: int = 0) -> None:
    """Bring every covariate and forcing layer onto the grid and write the store `out`, whole or not at all.

    Parameters
    ----------
    config : Config
        The region.
    out : Path
        Store to write. While unfinished it is ``{out}.partial``, and a run with the same layers continues it.
    layers : Path, optional
        Folder of the single layers; by default ``layers`` beside the store. They are made again only if they changed.
    workers : int
        Layers, then tiles at a time; 0 takes all cores given to the process.

    Raises
    ------
    HybridmapError
        As :func:`hybridmap.covariates.layers.prepare_layers`; for a covariate that is constant in the region; or if no
        cell has all layers.
    """
    if not config.covariates:
        raise HybridmapError("the region has no covariates; add rasters under 'covariates'.")
    prepared = prepare_layers(config, layers or out.with_name("layers"), workers)
    for layer in config.covariates:
        about = prepared[layer.name].about
        if about["minimum"] == about["maximum"]:
            raise HybridmapError(
                f"covariate '{layer.name}' ({layer.path or 'derived'}): constant at {about['minimum']:g} in the region,"
                " so nothing can be learned from it; remove it from 'covariates'."
            )
    partial = out.with_name(out.name + ".partial")
    valid = _assemble(config, RegionGrid.of(config.grid), partial, prepared, workers)
    if not valid:
        shutil.rmtree(partial)
        raise HybridmapError("no cell of the region has all covariates and forcing; their data areas do not meet.")
    shutil.rmtree(out, ignore_errors=True)
    os.replace(partial, out)


def _assemble(config: Config, grid: RegionGrid, path: Path, prepared: Mapping[str, Prepared], workers: int) -> int:
    """Write the store from the single layers, a shard at a time; returns the number of complete cells."""
    tile = config.predict.tile
    covariates = [prepared[layer.name] for layer in config.covariates]
    forcing = {layer.name: prepared[f"forcing.{layer.name}"] for layer in config.forcing}
    shape = (grid.height, grid.width)
    order = json.dumps([[layer.about["fingerprint"] for layer in (*covariates, *forcing.values())], tile])
    receipts = path.with_name(path.name + ".receipts")
    if not _same(path, receipts, order):
        shutil.rmtree(path, ignore_errors=True)
        shutil.rmtree(receipts, ignore_errors=True)
        root = create_grid_store(path, grid, {"title": f"Covariates of {config.title or config.region}"})
        band = root.create_array("band", shape=(len(covariates),), dtype="int32", dimension_names=("band",))
        band[:] = np.arange(1, len(covariates) + 1)
        band.attrs["names"] = [layer.name for layer in config.covariates]
        about = {"bands": [_attributes(layer) for layer in covariates]}
        create_layer(root, "covariates", (len(covariates), *shape), ("band", "y", "x"), tile, about)
        group = root.create_group("forcing")
        for name, layer in forcing.items():
            create_layer(group, name, shape, ("y", "x"), tile, _attributes(layer))
        chunks = (min(1024, grid.height), min(1024, grid.width))
        done = root.create_array("complete", shape=shape, dtype="uint8", chunks=chunks, dimension_names=("y", "x"))
        done.attrs.update({"long_name": "all covariates and forcing are known", "coordinates": "spatial_ref"})
        receipts.mkdir(parents=True)
        write_text(order, receipts / "order.json")
    root = zarr.open_group(str(path), mode="r+")
    edge = -(-tile // min(CHUNK, tile)) * min(CHUNK, tile)
    windows = [(r, c) for r in range(0, grid.height, edge) for c in range(0, grid.width, edge)]
    todo = [w for w in windows if not (receipts / f"{w[0]}_{w[1]}.npy").is_file()]

    def work(corner: tuple[int, int]) -> None:
        row, col = corner
        rows, cols = min(edge, grid.height - row), min(edge, grid.width - col)
        window = Window(col, row, cols, rows)
        values = np.empty((len(covariates), rows, cols), dtype="float32")
        for i, layer in enumerate(covariates):
            with rasterio.open(layer.path) as file:
                file.read(1, window=window, out=values[i])
        valid = np.isfinite(values).all(axis=0)
        here = np.s_[row : row + rows, col : col + cols]
        target: Any = root["covariates"]
        target[(slice(None), *here)] = values
        for name, layer in forcing.items():
            with rasterio.open(layer.path) as file:
                one = file.read(1, window=window)
            valid &= np.isfinite(one)
            target = root[f"forcing/{name}"]
            target[here] = one
        np.save(receipts / f"{row}_{col}.partial.npy", valid)
        os.replace(receipts / f"{row}_{col}.partial.npy", receipts / f"{row}_{col}.npy")

    with ThreadPoolExecutor(workers or len(os.sched_getaffinity(0))) as pool:
        for _ in pool.map(work, todo):
            pass
    complete = np.zeros(shape, dtype=bool)
    for r, c in windows:
        complete[r : r + edge, c : c + edge] = np.load(receipts / f"{r}_{c}.npy")
    count = int(complete.sum())
    root["complete"][:] = complete  # type: ignore[index]
    root.attrs.update({"region": config.region, "valid_cells": count, "format": FORMAT})
    LOG.info("%d covariates on %d x %d cells, %d of them complete", len(covariates), *shape, count)
    shutil.rmtree(receipts)
    return count


def _same(path: Path, receipts: Path, order: str) -> bool:
    """Whether an unfinished store was begun from the same layers."""
    told = receipts / "order.json"
    return path.is_dir() and told.is_file() and told.read_text(encoding="utf-8") == order


def _attributes(layer: Prepared) -> dict[str, Any]:
    """Provenance and statistics of a layer, without what only the making needs."""
    return {key: value for key, value in layer.about.items() if key not in ("fingerprint", "inputs")}
