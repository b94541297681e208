"""Tiles over cores: one process a core with one thread each, or threads where a map is small."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
import zarr

from hybridmap.data.cube import Cube, open_cube
from hybridmap.errors import HybridmapError
from hybridmap.predict import ahead
from hybridmap.predict.plan import Tile
from hybridmap.predict.predictor import Predictor, Recipe
from hybridmap.predict.store import MapStore
from hybridmap.predict.tile import predict_tile


@dataclass(frozen=True)
class Job:
    """What a worker needs to know; it opens everything else itself."""

    recipe: Recipe
    cube_path: Path
    out: Path


_worker: tuple[Predictor, Cube, MapStore]


def _start(job: Job) -> None:
    """Open what the tiles of this process need."""
    global _worker
    _worker = Predictor(job.recipe), open_cube(job.cube_path), MapStore(job.out)


def _start_process(job: Job) -> None:
    torch.set_num_threads(1)
    zarr.config.set({"threading.max_workers": 1})
    _start(job)


def _work(tile: Tile, key: str) -> Tile:
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
        Tiles at a time; 0 takes all cores given to the process.
    cells : int
        Cells of all tiles.

    Raises
    ------
    HybridmapError
        If a worker is killed from outside; finished tiles are kept.
    """
    count = max(1, min(workers or len(os.sched_getaffinity(0)), len(keys)))
    if count == 1 or cells < ahead.SMALL:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            _start(job)
            with ThreadPoolExecutor(count) as pool:
                yield from _stream(pool, _work, keys, count)
        finally:
            torch.set_num_threads(threads)
        return
    context = get_context("forkserver")  # imports torch once, not once a worker
    context.set_forkserver_preload([ahead.WORKERS])
    with ahead.environment(), ProcessPoolExecutor(count, context, _start_process, (job,)) as processes:
        try:
            yield from _stream(processes, _work, keys, count)
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
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        for future in running:
            future.cancel()
