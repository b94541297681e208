"""Predict the maps of one model: tiles over all cores, finished ones survive an interruption."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from hybridmap.covariates.cube import Cube
from hybridmap.errors import HybridmapError
from hybridmap.files.device_notes import note_devices
from hybridmap.grid.tiles import Tile
from hybridmap.predict.dask_cluster import PATIENCE_S, run_on_dask
from hybridmap.predict.device_stream import stream_tiles
from hybridmap.predict.inputs import Inputs, open_inputs
from hybridmap.predict.map_store import MapStore, identity_of, tile_keys
from hybridmap.predict.memory import workers_that_fit
from hybridmap.predict.precision import report_difference
from hybridmap.predict.predictor import Predictor
from hybridmap.predict.preview import Preview
from hybridmap.predict.progress import Progress
from hybridmap.predict.recipe import Job, Recipe
from hybridmap.predict.workers import run_tiles
from hybridmap.train.device import CPU, choose_device, device_name

LOG = logging.getLogger("hybridmap")
PART_PATIENCE_S = 60.0
"""Seconds that a part waits for another one to create the store."""


@dataclass(frozen=True)
class Execution:
    """Who predicts which tiles.

    Attributes
    ----------
    workers : int
        Tiles at a time; 0 takes those of the configuration, or as many as cores and memory allow.
    scheduler : str
        Address or file of a dask scheduler, whose workers then predict the tiles; "" predicts on this machine.
    patience_s : float
        How long to wait for the scheduler's file, and for workers when there is none, in seconds.
    part : str
        ``k/n``: only every n-th tile from the k-th (of 1 to n), for jobs side by side, and the store stays unfinished;
        a run without it predicts what is left and finishes the store.
    device : str
        Where to compute on this machine, as of :func:`hybridmap.train.device.choose_device`.
    """

    workers: int = 0
    scheduler: str = ""
    patience_s: float = PATIENCE_S
    part: str = ""
    device: str = CPU

    def tiles(self, tiles: list[Tile]) -> list[Tile]:
        """Those of the part; HybridmapError if the part is none.

        Examples
        --------
        >>> Execution(part="2/3").tiles(list("abcdefg"))
        ['b', 'e']
        """
        if not self.part:
            return tiles
        k, _, n = self.part.partition("/")
        if not (k.isdigit() and n.isdigit() and 1 <= int(k) <= int(n)):
            raise HybridmapError(f"--part {self.part}: expected k/n with k from 1 to n, such as 3/8.")
        return tiles[int(k) - 1 :: int(n)]

    def chosen_device(self) -> torch.device:
        """Where to compute; HybridmapError if that is no device, or a GPU for what others predict."""
        if self.scheduler and self.device.startswith("cuda"):
            raise HybridmapError(
                f"--device {self.device}: the workers of a dask scheduler predict on their processors; leave out"
                " --scheduler to use the GPU of this machine."
            )
        return choose_device(CPU if self.scheduler else self.device)


def predict(job: Job, execution: Execution | None = None) -> None:
    """Write a store of every map of a recipe on the grid of a cube.

    Parameters
    ----------
    job : Job
        Recipe, cube and the store to write. While unfinished the store is ``{out}.partial``, with a receipt a tile
        beside it; a run with the same recipe and cube continues it, and a tile whose part of the cube has changed is
        made again.
    execution : Execution, optional
        Who predicts which tiles; all on this machine by default.

    Raises
    ------
    HybridmapError
        If the cube does not fit the model, another run writes the same store, a worker is killed, the disk is full, or
        the recipe asks for what cannot be mapped.
    """
    execution = execution or Execution()
    device = execution.chosen_device()
    inputs = open_inputs(job.recipe, job.cube_path)
    for note in inputs.predictor.notes:
        LOG.info("%s", note)
    if years := inputs.cube.year_words():
        LOG.info("the maps show these years of the layers: %s", years)
    keys = tile_keys(inputs.cube, inputs.tiles)
    keys_of_tiles = {tile: keys[tile.name] for tile in execution.tiles(inputs.tiles)}
    store = MapStore(job.out)
    if execution.part:
        with store.lock(patience=PART_PATIENCE_S):
            _begin(store, job, inputs)
        with store.lock(execution.part.replace("/", "of")):
            _predict_tiles(job, store, inputs, keys_of_tiles, execution, device)
        return
    with store.lock():
        store.refuse_parts()
        _begin(store, job, inputs)
        _predict_tiles(job, store, inputs, keys_of_tiles, execution, device)
        note_devices(job.out, store.tiles_of_device(inputs.tiles))
        store.finish()
        store.drop_receipts()


def workers_of(predictor: Predictor, cube: Cube, workers: int) -> int:
    """How many tiles to predict at a time.

    Parameters
    ----------
    predictor : Predictor
        The model made ready, with the number that the configuration asks for.
    cube : Cube
        Its layers.
    workers : int
        The number that the command asks for; 0 for none.

    Returns
    -------
    int
        The first of the two that is not 0, or as many as cores and memory allow.
    """
    if workers := workers or predictor.recipe.predict.workers:
        return workers
    cores = len(os.sched_getaffinity(0))
    count = workers_that_fit(predictor, cube, cores)
    if count < cores:
        LOG.info("%d workers on %d cores, for memory; --workers sets another number", count, cores)
    return count


def _begin(store: MapStore, job: Job, inputs: Inputs) -> None:
    identity = identity_of(job.recipe, inputs.cube, inputs.edge)
    store.begin(
        identity, inputs.predictor.layers, inputs.cube, inputs.edge, job.years, job.recipe.depths, job.recipe.interval
    )


def _predict_tiles(
    job: Job,
    store: MapStore,
    inputs: Inputs,
    keys: Mapping[Tile, str],
    execution: Execution,
    device: torch.device,
) -> None:
    """Predict the tiles that have no receipt of their key, saying how far it is."""
    missing = {tile: key for tile, key in keys.items() if not store.is_done(tile, key)}
    if missing:
        _report_precision(job.recipe, inputs, list(missing))
    LOG.info("%d tiles to predict, %d done before", len(missing), len(keys) - len(missing))
    if not missing:
        return
    preview = Preview(store.partial, inputs.cube.grid, job.out)
    cells = sum(tile.cells for tile in missing)
    progress = Progress(preview, cells, [tile for tile in keys if tile not in missing])
    if execution.scheduler:
        finished = run_on_dask(job, missing, execution.scheduler, store.held_lock, execution.patience_s)
    elif device.type != CPU:
        LOG.info("predicting on %s, while one thread reads ahead and one writes", device_name(device))
        finished = stream_tiles(job, missing, device)
    else:
        finished = run_tiles(job, missing, workers_of(inputs.predictor, inputs.cube, execution.workers), cells)
    for tile in finished:
        store.sign_of_life()
        progress.add(tile)
    preview.remove()


def _report_precision(recipe: Recipe, inputs: Inputs, tiles: list[Tile]) -> None:
    """Measure what fewer bits change, if the recipe asks for fewer."""
    if recipe.predict.precision != "float32":
        exact = replace(recipe, predict=recipe.predict.model_copy(update={"precision": "float32"}))
        report_difference(Predictor(exact), inputs.predictor, inputs.cube, tiles)
