"""Tiles over cores: one process a core with one thread each, or threads where a map is small."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from typing import Any

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

ANSWER_S = 30
"""Seconds that a dask scheduler has to answer."""


_worker: tuple[Predictor, Cube, MapStore]


def _start(job: Job) -> None:
    """Open what the tiles of this process need."""
    global _worker
    _worker = Predictor(job.recipe), open_cube(job.cube_path, job.recipe.predict.year), MapStore(job.out)


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
                yield from _stream(pool, _work, keys, count)
        finally:
            torch.set_num_threads(threads)
        return
    context = get_context("forkserver")  # imports torch once, not once a worker
    context.set_forkserver_preload([worker_start.WORKER_MODULE])
    with worker_start.worker_environment(), ProcessPoolExecutor(count, context, _start_process, (job,)) as processes:
        try:
            yield from _stream(processes, _work, keys, count)
        except BrokenProcessPool:
            raise HybridmapError(
                f"{job.out}: a worker was killed, probably for memory; run again with fewer --workers, finished tiles"
                " are kept."
            ) from None


def run_on_dask(job: Job, keys: Mapping[Tile, str], scheduler: str) -> Iterator[Tile]:
    """As :func:`run_tiles`, on the workers of a dask cluster that see the same files.

    Parameters
    ----------
    job : Job
        Model, cube and store.
    keys : mapping of Tile to str
        What to do, with the text of each receipt.
    scheduler : str
        Address, such as ``tcp://host:8786``, or the path of a scheduler file.

    Yields
    ------
    Tile
        Finished, in the order of finishing.

    Raises
    ------
    HybridmapError
        If the scheduler does not answer, has no workers, or a worker dies; finished tiles are kept.
    """
    from distributed.scheduler import KilledWorker

    absolute = job.absolute()
    client = _open_client(scheduler)
    with client:
        count = sum(client.nthreads().values())
        if not count:
            raise HybridmapError(f"--scheduler {scheduler}: it has no workers; start some with 'dask worker'.")
        try:
            yield from _stream_on_dask(client, absolute, keys, count)
        except KilledWorker:
            raise HybridmapError(
                f"{job.out}: a dask worker died, probably for memory; give workers more, finished tiles are kept."
            ) from None


def _open_client(scheduler: str) -> Any:
    """Client of a dask scheduler; HybridmapError if none answers."""
    from distributed import Client

    key = "scheduler_file" if scheduler.endswith(".json") else "address"
    connect: Any = Client  # its types are not declared
    try:
        return connect(**{key: scheduler}, timeout=ANSWER_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise HybridmapError(f"--scheduler {scheduler}: no dask scheduler answers there ({error}).") from None


def _stream_on_dask(client: Any, job: Job, keys: Mapping[Tile, str], count: int) -> Iterator[Tile]:
    """A bounded number of tasks at the scheduler, however many tiles there are."""
    import distributed

    completed: Any = distributed.as_completed
    waiting = iter(keys.items())
    futures = [client.submit(_work_for, job, *item, pure=False) for item in islice(waiting, 2 * count)]
    running = completed(futures, loop=client.loop)
    for future in running:
        yield future.result()
        if (item := next(waiting, None)) is not None:
            running.add(client.submit(_work_for, job, *item, pure=False))


_dask_job: Job | None = None
_dask_start = threading.Lock()


def _work_for(job: Job, tile: Tile, key: str) -> Tile:
    """One tile on a dask worker, which opens what it needs with its first."""
    global _dask_job
    with _dask_start:
        if _dask_job != job:
            _start_process(job)
            _dask_job = job
    return _work(tile, key)


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
