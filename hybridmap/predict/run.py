"""Predict the maps of one model: tiles over all cores, finished ones survive an interruption."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from hybridmap.config import Config
from hybridmap.data.cube import CHUNK, Cube, open_cube
from hybridmap.errors import HybridmapError
from hybridmap.hybrid import Model
from hybridmap.predict.plan import shard_edge, tiles_of
from hybridmap.predict.precision import report_difference, set_precision
from hybridmap.predict.store import MapStore, identity_of, tile_keys
from hybridmap.predict.workers import Job, run_tiles
from hybridmap.train import load_model

LOG = logging.getLogger("hybridmap")
EVERY = 30.0
"""Seconds between two lines of progress."""


def predict(model_dir: Path, cube_path: Path, config: Config, out: Path, workers: int, title: str) -> None:
    """Write ``maps.zarr``: every pool, diagnostic and neural parameter on the grid of the cube.

    Parameters
    ----------
    model_dir : Path
        Folder of a trained model.
    cube_path : Path
        The cube.
    config : Config
        For the tile size and the region's name.
    out : Path
        Store to write. While unfinished it is ``{out}.partial``, with a receipt a tile beside it; a run with the same
        model and cube continues it, and a tile whose part of the cube has changed is made again.
    workers : int
        Tiles at a time; 0 takes all cores given to the process.
    title : str
        Title of the store.

    Raises
    ------
    HybridmapError
        If the cube lacks a covariate or forcing of the model, another run writes the same store, a worker is killed, or
        the disk is full.
    """
    model, cube, precision = load_model(model_dir), open_cube(cube_path), config.predict.precision
    check_layers(model, cube)
    fast = model if precision == "float32" else set_precision(load_model(model_dir), precision)
    edge = shard_edge(config.predict.tile, CHUNK)
    store = MapStore(out)
    with store.lock():
        store.begin(
            identity_of(model_dir, cube, f"{edge} {precision}"),
            model,
            cube,
            edge,
            f"{config.title or config.region}: {title}",
        )
        tiles = list(tiles_of(cube.grid, edge))
        keys = tile_keys(cube, tiles)
        todo = {tile: keys[tile.name] for tile in tiles if not store.is_done(tile, keys[tile.name])}
        cells = sum(tile.cells for tile in todo)
        if fast is not model and todo:
            report_difference(model, fast, cube, list(todo))
        LOG.info("%d tiles to predict, %d done before", len(todo), len(tiles) - len(todo))
        done, start = 0, time.monotonic()
        told = start
        for tile in run_tiles(Job(model_dir, cube_path, out, precision), todo, workers, cells):
            done += tile.cells
            if time.monotonic() - told > EVERY:
                told = time.monotonic()
                rate = done / (told - start)
                LOG.info(
                    "%.0f %%, %.2f million cells/s, %.0f s left", 100 * done / cells, rate / 1e6, (cells - done) / rate
                )
        store.finish()


def check_layers(model: Model, cube: Cube) -> None:
    """Raise HybridmapError unless `cube` has every layer that `model` was trained with."""
    for needed, present, what in (
        (model.covariate_names, cube.covariate_names, "covariate"),
        (model.forcing_names, cube.forcing_names, "forcing"),
    ):
        if missing := [name for name in needed if name not in present]:
            raise HybridmapError(f"{cube.path}: no {what} '{missing[0]}', which the model was trained with.")
