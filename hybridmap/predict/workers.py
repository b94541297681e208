"""Tiles over cores: one process a core with one thread each, or threads where a map is small."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import torch
import zarr

from hybridmap.covariates.cube import Cube, open_cube
from hybridmap.errors import HybridmapError
from hybridmap.grid.tiles import Tile
from hybridmap.predict import worker_start
from hybridmap.predict.map_store import MapStore
from hybridmap.predict.predictor import Predictor
from hybridmap.predict.recipe import Job
from hybridmap.predict.tile import predict_tile

_worker: tuple[Predictor, Cube, MapStore]


def _start(job: Job) -> None:
    """Open what the tiles of this process need."""
    global _worker
    _worker = Predictor(job.recipe), open_cube(job.cube_path, job.recipe.predict.year), MapStore(job.out)


def start_process(job: Job) -> None:
    """Open what the tiles of this process need, with one thread for each."""
    torch.set_num_threads(1)
    zarr.config.set({"threading.max_workers": 1})
    _start(job)


def work(tile: Tile, key: str) -> Tile:
    """Predict a tile and write it with its receipt, in a process that :func:`start_process` has prepared."""
    predictor, cube, store = _worker
    store.write(tile, predict_tile(predictor, cube, tile), predictor.layers, key)
    return tile


def run_tiles(job: Job, keys: Mapping[Tile, str], workers: int, cells: int) -> Iterator[Tile]:
    """Predict tiles in any order and yield each when it is written.

    Parameters
    ----------
    job : Job
        Model, cube and store.
    keys : mapping of Tile to str
        What to do, with the text of each receipt.
    workers : int
        Tiles at a time.
    cells : int
        Cells of all tiles.

    Yields
    ------
    Tile
        Finished, in the order of finishing.

    Raises
    ------
    HybridmapError
        If a worker is killed from outside; finished tiles are kept.
    """
    count = min(workers, len(keys))
    if count == 1 or not worker_start.worth_processes(cells, job.recipe.passes):
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            _start(job)
            with ThreadPoolExecutor(count) as pool:
                yield from _stream(pool, work, keys, count)
        finally:
            torch.set_num_threads(threads)
        return
    context = get_context("forkserver")  # imports torch once, not once a worker
    context.set_forkserver_preload([worker_start.WORKER_MODULE])
    with worker_start.worker_environment(), ProcessPoolExecutor(count, context, start_process, (job,)) as processes:
        try:
            yield from _stream(processes, work, keys, count)
        except BrokenProcessPool:
            raise HybridmapError(
                f"{job.out}: a worker was killed, probably for memory; run again with fewer --workers, finished tiles"
                " are kept."
            ) from None


def _stream(pool: Executor, work: Callable[[Tile, str], Tile], keys: Mapping[Tile, str], count: int) -> Iterator[Tile]:
    """Keep a few tiles in the queue of each worker; the first failure ends the rest."""
    waiting = iter(keys.items())
    running: set[Future[Tile]] = set()
    try:
        while True:
            while len(running) < 2 * count and (item := next(waiting, None)) is not None:
                running.add(pool.submit(work, *item))
            if not running:
                return
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                yield future.result()
    finally:
        for future in running:
            future.cancel()
