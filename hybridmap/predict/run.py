"""Predict the maps of one model: tiles over all cores, finished ones survive an interruption."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path

from hybridmap.config import Config
from hybridmap.data.cube import CHUNK, Cube, open_cube
from hybridmap.errors import HybridmapError
from hybridmap.hybrid import Model
from hybridmap.predict.plan import shard_edge, tiles_of
from hybridmap.predict.precision import report_difference
from hybridmap.predict.predictor import Predictor, Recipe
from hybridmap.predict.store import MapStore, identity_of, tile_keys
from hybridmap.predict.workers import Job, run_tiles

LOG = logging.getLogger("hybridmap")
EVERY = 30.0
"""Seconds between two lines of progress."""


def recipe_of(
    config: Config, experiment: str, model: Path, calibration: Path | None = None, applicability: Path | None = None
) -> Recipe:
    """What to map with the trained model in the folder `model`, by the blocks of the configuration."""
    span = config.build
    return Recipe(
        model,
        config.predict,
        config.experiment(experiment).uncertainty,
        (span.bottom_cm - span.top_cm) / 100.0,
        calibration,
        applicability,
        bool(config.totals),
    )


def predict(recipe: Recipe, cube_path: Path, out: Path, workers: int, title: str) -> None:
    """Write ``maps.zarr``: every map of the recipe on the grid of the cube.

    Parameters
    ----------
    recipe : Recipe
        What to map.
    cube_path : Path
        The cube.
    out : Path
        Store to write. While unfinished it is ``{out}.partial``, with a receipt a tile beside it; a run with the same
        recipe and cube continues it, and a tile whose part of the cube has changed is made again.
    workers : int
        Tiles at a time; 0 takes all cores given to the process.
    title : str
        Title of the store.

    Raises
    ------
    HybridmapError
        If the cube does not fit the model, another run writes the same store, a worker is killed, the disk is full, or
        the recipe asks for what cannot be mapped.
    """
    predictor, cube = Predictor(recipe), open_cube(cube_path)
    check_layers(predictor.model, cube)
    edge = shard_edge(recipe.predict.tile, CHUNK)
    store = MapStore(out)
    with store.lock():
        store.begin(identity_of(recipe, cube, edge), predictor.layers, cube, edge, title)
        tiles = list(tiles_of(cube.grid, edge))
        keys = tile_keys(cube, tiles)
        todo = {tile: keys[tile.name] for tile in tiles if not store.is_done(tile, keys[tile.name])}
        cells = sum(tile.cells for tile in todo)
        if recipe.predict.precision != "float32" and todo:
            exact = replace(recipe, predict=recipe.predict.model_copy(update={"precision": "float32"}))
            report_difference(Predictor(exact), predictor, cube, list(todo))
        LOG.info("%d tiles to predict, %d done before", len(todo), len(tiles) - len(todo))
        done, start = 0, time.monotonic()
        told = start
        for tile in run_tiles(Job(recipe, cube_path, out), todo, workers, cells):
            done += tile.cells
            if time.monotonic() - told > EVERY:
                told = time.monotonic()
                rate = done / (told - start)
                LOG.info(
                    "%.0f %%, %.2f million cells/s, %.0f s left", 100 * done / cells, rate / 1e6, (cells - done) / rate
                )
        store.finish()


def check_layers(model: Model, cube: Cube) -> None:
    """Raise HybridmapError unless `cube` has every layer that `model` was trained with, in the same unit.

    Layers are found by name, so their order does not matter.
    """
    units = {band["name"]: str(band["units"]) for band in cube.bands()}
    driven = {name: str(about["units"]) for name, about in cube.forcing_info().items()}
    for needed, present, what in (
        (model.covariate_names, units, "covariate"),
        (model.forcing_names, driven, "forcing"),
    ):
        for name in needed:
            if name not in present:
                raise HybridmapError(
                    f"{cube.path}: no {what} '{name}', which the model was trained with; it has {sorted(present)}."
                )
            if model.units.get(name, present[name]) != present[name]:
                raise HybridmapError(
                    f"{cube.path}: {what} '{name}' is in '{present[name]}', the model was trained with it in"
                    f" '{model.units[name]}'; set scale, offset and unit of the layer, or train again."
                )
