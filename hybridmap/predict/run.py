"""Predict the maps of one model: tiles over all cores, finished ones survive an interruption."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from hybridmap.config import Config
from hybridmap.covariates.cube import Cube, open_cube
from hybridmap.errors import HybridmapError
from hybridmap.grid.store import shard_edge
from hybridmap.grid.tiles import Tile, tiles_of
from hybridmap.model.hybrid import Model
from hybridmap.predict.map_store import MapStore, identity_of, tile_keys
from hybridmap.predict.memory import workers_that_fit
from hybridmap.predict.precision import report_difference
from hybridmap.predict.predictor import Predictor, Recipe
from hybridmap.predict.preview import Preview
from hybridmap.predict.workers import Job, run_on_dask, run_tiles

LOG = logging.getLogger("hybridmap")
SOON, EVERY = 10.0, 30.0
"""Seconds to the first line of progress, and between two of them."""
PATIENCE = 60.0
"""Seconds that a part waits for another one to create the store."""


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


def predict(
    recipe: Recipe,
    cube_path: Path,
    out: Path,
    workers: int,
    title: str,
    scheduler: str = "",
    part: str = "",
    then: Callable[[], object] | None = None,
) -> None:
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
        Tiles at a time; 0 takes those of the configuration, or as many as cores and memory allow.
    title : str
        Title of the store.
    scheduler : str
        Address of a dask scheduler, whose workers then predict the tiles; "" predicts here.
    part : str
        ``k/n``: predict every n-th tile from the k-th (of 1 to n) and leave the store unfinished, for jobs side by
        side; a run without it predicts what is left and finishes the store.
    then : callable, optional
        What to make of the finished store, GeoTIFFs for example. Should it fail, the next run does that alone.

    Raises
    ------
    HybridmapError
        If the cube does not fit the model, another run writes the same store, a worker is killed, the disk is full, or
        the recipe asks for what cannot be mapped.
    """
    first, step = _share(part)
    predictor, cube, edge, tiles = open_inputs(recipe, cube_path)
    if recipe.predict.scenarios and not predictor.scenarios:
        LOG.info("no maps of scenarios: without a process model there are no parameters to hold")
    if recipe.predict.applicability and recipe.applicability is None:
        LOG.info("no map of where the model applies: --applicability names the file that it is made from")
    store = MapStore(out)
    keys = tile_keys(cube, tiles)
    job, identity = Job(recipe, cube_path, out), identity_of(recipe, cube, edge)
    if part:
        with store.lock(patience=PATIENCE):
            store.begin(identity, predictor.layers, cube, edge, title)
        with store.lock(part.replace("/", "of")):
            _predict_tiles(
                job, store, predictor, cube, {t: keys[t.name] for t in tiles[first::step]}, workers, scheduler
            )
        return
    with store.lock():
        store.refuse_parts()
        store.begin(identity, predictor.layers, cube, edge, title)
        _predict_tiles(job, store, predictor, cube, {t: keys[t.name] for t in tiles}, workers, scheduler)
        store.finish()
        if then is not None:
            then()
        store.drop_receipts()


def open_inputs(recipe: Recipe, cube_path: Path) -> tuple[Predictor, Cube, int, list[Tile]]:
    """Model and cube, the edge of a shard in cells, and the tiles; HybridmapError if model and cube do not fit."""
    predictor, cube = Predictor(recipe), open_cube(cube_path)
    check_layers(predictor.model, cube)
    edge = shard_edge(recipe.predict.tile)
    return predictor, cube, edge, list(tiles_of(cube.grid, edge))


def workers_of(predictor: Predictor, cube: Cube, asked: int) -> int:
    """Workers that are asked for, by the command or the configuration, or as many as cores and memory allow."""
    if given := asked or predictor.recipe.predict.workers:
        return given
    cores = len(os.sched_getaffinity(0))
    count = workers_that_fit(predictor, cube, cores)
    if count < cores:
        LOG.info("%d workers on %d cores, for memory; --workers sets another number", count, cores)
    return count


def _share(part: str) -> tuple[int, int]:
    """First tile and step of ``k/n``."""
    if not part:
        return 0, 1
    k, _, n = part.partition("/")
    if not (k.isdigit() and n.isdigit() and 1 <= int(k) <= int(n)):
        raise HybridmapError(f"--part {part}: expected k/n with k from 1 to n, such as 3/8.")
    return int(k) - 1, int(n)


def _predict_tiles(
    job: Job, store: MapStore, predictor: Predictor, cube: Cube, keys: Mapping[Tile, str], workers: int, scheduler: str
) -> None:
    """Predict the tiles that have no receipt, telling how far it is."""
    todo = {tile: key for tile, key in keys.items() if not store.is_done(tile, key)}
    cells = sum(tile.cells for tile in todo)
    if job.recipe.predict.precision != "float32" and todo:
        exact = replace(job.recipe, predict=job.recipe.predict.model_copy(update={"precision": "float32"}))
        report_difference(Predictor(exact), predictor, cube, list(todo))
    LOG.info("%d tiles to predict, %d done before", len(todo), len(keys) - len(todo))
    if not todo:
        return
    preview = Preview(store.partial, cube.grid, job.out)
    fresh = [tile for tile in keys if tile not in todo]  # not in the picture yet
    done, start = 0, time.monotonic()
    told = start
    tiles = (
        run_on_dask(job, todo, scheduler)
        if scheduler
        else run_tiles(job, todo, workers_of(predictor, cube, workers), cells)
    )
    for tile in tiles:
        done += tile.cells
        fresh.append(tile)
        store.sign_of_life()
        if time.monotonic() - told > (EVERY if preview.shown else SOON):
            told = time.monotonic()
            rate = done / (told - start)
            left = (cells - done) / rate
            LOG.info("%.0f %%, %.2f million cells/s, %.0f s left", 100 * done / cells, rate / 1e6, left)
            preview.show(fresh)
            fresh = []
    preview.remove()


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
