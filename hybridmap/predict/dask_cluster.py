"""Tiles on a dask cluster: its scheduler is waited for, workers of other code are refused, lost ones are told."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from hybridmap.errors import HybridmapError
from hybridmap.files.results import metadata
from hybridmap.grid.tiles import Tile
from hybridmap.predict import workers
from hybridmap.predict.dask_identity import verdicts
from hybridmap.predict.recipe import Job

LOG = logging.getLogger("hybridmap")
ANSWER_S = 30.0
"""Seconds that a dask scheduler has to answer."""
PATIENCE_S = 300.0
"""Seconds to wait for a scheduler's file, and for workers when none is left."""
POLL_S = 2.0
"""Seconds between two looks at the workers while no tile is finished."""
SILENT = ("distributed", "distributed.client")
"""What logs the tracebacks of errors that it also raises, which become sentences here."""


def run_on_dask(
    job: Job, keys: Mapping[Tile, str], scheduler: str, lock: Path, patience_s: float = PATIENCE_S
) -> Iterator[Tile]:
    """Predict tiles on the workers of a dask cluster that see the same files, and yield each when it is written.

    A worker whose hybridmap, torch, numpy or Python is not that of the client, or that does not see its files, gets no
    tile. When the last worker is lost, the run waits for new ones.

    Parameters
    ----------
    job : Job
        Model, cube and store.
    keys : mapping of Tile to str
        What to do, with the text of each receipt.
    scheduler : str
        Address, such as ``tcp://host:8786``, or the path of a scheduler file.
    lock : Path
        The lock that this run holds, which no other one has written: who sees it sees the same files.
    patience_s : float
        How long to wait for the file, and for workers when there is none, in seconds.

    Yields
    ------
    Tile
        Finished, in the order of finishing.

    Raises
    ------
    HybridmapError
        If the scheduler does not answer or is lost, has no workers for so long, all workers are of other code or see
        other files, or a worker dies of the same tile again and again; finished tiles are kept.
    """
    absolute = job.absolute()
    marks = {str(path.absolute()): path.read_text(encoding="utf-8") for path in (lock, metadata(absolute.cube_path))}
    with _open_client(scheduler, patience_s) as client:
        cluster = Cluster(client, scheduler, patience_s, marks)
        try:
            cluster.await_workers()
            yield from _stream(cluster, absolute, keys)
        except (CancelledError, OSError):
            raise HybridmapError(
                f"--scheduler {scheduler}: the dask scheduler is gone; start a cluster and run again, finished tiles"
                " are kept."
            ) from None


class Task(NamedTuple):
    """A tile at the scheduler.

    Attributes
    ----------
    tile, key : Tile, str
        What to do, and the text of its receipt.
    workers : frozenset of str
        Addresses of those that may take it.
    """

    tile: Tile
    key: str
    workers: frozenset[str]


class Cluster:
    """The workers of a dask cluster that may have tiles.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    name : str
        Of the scheduler, for messages.
    patience_s : float
        How long to wait for workers when there is none, in seconds.
    marks : mapping of str to str
        Files that a worker has to see, with their text.

    Attributes
    ----------
    threads : dict of str to int
        Threads of each worker that is there and may take part, by its address.
    refused : dict of str to str
        Why others get no tile, by address.
    """

    def __init__(self, client: Any, name: str, patience_s: float, marks: Mapping[str, str]) -> None:
        self.client = client
        self.name = name
        self.patience_s = patience_s
        self.marks = marks
        self.threads: dict[str, int] = {}
        self.refused: dict[str, str] = {}
        self._last_look = -POLL_S
        self._empty_since: float | None = None

    def slots(self) -> int:
        """Tiles that the workers predict at a time."""
        return sum(self.threads.values())

    def look(self) -> None:
        """Look who came and went, every few seconds.

        Raises
        ------
        HybridmapError
            If there has been no worker for too long.
        """
        if time.monotonic() - self._last_look < POLL_S:
            return
        self._last_look = time.monotonic()
        present = dict(self.client.nthreads())
        new = present.keys() - self.threads.keys() - self.refused.keys()
        reasons = verdicts(self.client, new, self.marks) if new else {}
        for address, reason in reasons.items():
            if reason:
                LOG.warning("dask worker %s gets no tile: %s", address, reason)
                self.refused[address] = reason
        lost_count = len(self.threads.keys() - present.keys())
        accepted = self.threads.keys() | (reasons.keys() - self.refused.keys())
        self.threads = {address: n for address, n in present.items() if address in accepted}
        if lost_count:
            LOG.warning("dask workers lost: %d, left: %d", lost_count, len(self.threads))
        self._judge_patience()

    def await_workers(self) -> None:
        """Wait for a worker of the same code; HybridmapError if all that are there are refused, or none comes."""
        self.look()
        while not self.threads:
            if self.refused:
                raise self._too_few()
            time.sleep(POLL_S)
            self.look()

    def submit(self, job: Job, tile: Tile, key: str) -> dict[Any, Task]:
        """Give a tile to the scheduler, for workers of the same code alone.

        Parameters
        ----------
        job : Job
            Model, cube and store.
        tile, key : Tile, str
            What to do, and the text of its receipt.

        Returns
        -------
        dict of distributed.Future to Task
            The one future, and what it is of.
        """
        workers = sorted(self.threads)
        future = self.client.submit(_predict_tile, job, tile, key, pure=False, workers=workers)
        return {future: Task(tile, key, frozenset(workers))}

    def _judge_patience(self) -> None:
        if self.threads:
            self._empty_since = None
            return
        if self._empty_since is None:
            self._empty_since = time.monotonic()
            LOG.warning("--scheduler %s: no workers; waiting %.0f s for some to start", self.name, self.patience_s)
        if time.monotonic() - self._empty_since >= self.patience_s:
            raise self._too_few()

    def _too_few(self) -> HybridmapError:
        """What to say where no worker may have tiles."""
        reason = f"no workers, and none came in {self.patience_s:.0f} s; start some with 'dask worker'"
        for address, difference in self.refused.items():
            reason = (
                f"none of its workers can take part; {address}: {difference}. Start some in the environment of this"
            )
            reason += " command"
        return HybridmapError(f"--scheduler {self.name}: {reason} and run again, finished tiles are kept.")


def _open_client(scheduler: str, patience_s: float) -> Any:
    """Client of a dask scheduler; HybridmapError if none answers."""
    from distributed import Client

    for library in SILENT:
        logging.getLogger(library).setLevel(logging.CRITICAL)
    is_file = scheduler.endswith(".json")
    address = _address_in(Path(scheduler), patience_s) if is_file else scheduler
    place = f"{scheduler} ({address})" if is_file else scheduler
    _check_address(address, place)
    connect: Any = Client  # its types are not declared
    try:
        return connect(address, timeout=min(ANSWER_S, max(patience_s, 1.0)), set_as_default=False)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise HybridmapError(f"--scheduler {place}: no dask scheduler answers there ({error}).") from None


def _check_address(address: str, place: str) -> None:
    """Raise HybridmapError for what is no address: a client that was given such a one cannot be closed."""
    from distributed.comm.addressing import get_address_host_port, parse_address

    try:
        scheme, _ = parse_address(address)
        if scheme == "inproc":  # of this process, without a port
            return
        _, port = get_address_host_port(address)
        if not 0 < port < 65536:
            raise ValueError(f"no port {port}")
    except ValueError as error:
        raise HybridmapError(
            f"--scheduler {place}: is no address ({error}); expected one such as tcp://host:8786, or a file of a"
            " scheduler, whose name ends in .json."
        ) from None


def _address_in(file: Path, patience_s: float) -> str:
    """Address that a scheduler wrote into its file, which may be yet to come."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return str(json.loads(file.read_text(encoding="utf-8"))["address"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            if time.monotonic() >= deadline:
                raise HybridmapError(
                    f"--scheduler {file}: no file of a dask scheduler after {patience_s:.0f} s ({error}); start one"
                    " with 'dask scheduler --scheduler-file', in a folder that this machine sees."
                ) from None
        time.sleep(min(POLL_S, 0.5))


def _stream(cluster: Cluster, job: Job, keys: Mapping[Tile, str]) -> Iterator[Tile]:
    """A bounded number of tasks at the scheduler, however many tiles there are."""
    waiting = iter(keys.items())
    running: dict[Any, Task] = {}
    while True:
        for item in islice(waiting, max(2 * cluster.slots() - len(running), 0)):
            running |= cluster.submit(job, *item)
        if not running:
            return
        for future in _ended(cluster.client, list(running)):
            task = running.pop(future)
            if _is_written(cluster.client, future, job):
                yield task.tile
            else:
                running |= cluster.submit(job, task.tile, task.key)
        cluster.look()
        # What is bound to workers that are gone would never end; what they had written is written again, the same.
        for future, task in list(running.items()):
            if cluster.threads and not task.workers & cluster.threads.keys():
                del running[future]
                future.cancel()
                running |= cluster.submit(job, task.tile, task.key)


def _ended(client: Any, futures: list[Any]) -> list[Any]:
    """Those that wait for nothing more, after a while at most."""
    import distributed

    wait: Any = distributed.wait
    try:
        with client.as_current():
            wait(futures, timeout=POLL_S, return_when="FIRST_COMPLETED")
    except (TimeoutError, distributed.TimeoutError, CancelledError):  # cancelled are one or a few: the others count
        pass
    return [future for future in futures if future.status != "pending"]


def _is_written(client: Any, future: Any, job: Job) -> bool:
    """Whether the tile of a task that has ended is there; not if its worker was lost.

    Nothing is fetched from the worker, which may be gone by now while its tile is written.

    Raises
    ------
    HybridmapError
        If the tile cannot be made.
    ConnectionError
        If the scheduler is lost, which cancels all tasks.
    """
    from distributed.scheduler import KilledWorker

    if client.status != "running":
        raise ConnectionError
    if future.status != "error":
        return bool(future.status == "finished")
    error: Exception = future.exception()
    if isinstance(error, KilledWorker):
        raise HybridmapError(
            f"{job.out}: a dask worker died, probably for memory; give workers more, finished tiles are kept."
        )
    if isinstance(error, OSError):
        raise HybridmapError(
            f"{job.out}: a dask worker could not read or write ({error}); finished tiles are kept."
        ) from error
    raise error


_opened: Job | None = None
_opening = threading.Lock()


def _predict_tile(job: Job, tile: Tile, key: str) -> None:
    """One tile on a dask worker, which opens what it needs with its first."""
    global _opened
    with _opening:
        if _opened != job:
            workers.start_process(job)
            _opened = job
    workers.work(tile, key)
