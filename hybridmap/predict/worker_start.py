"""Worker processes of large maps, begun before anything slow is imported: they import while the command does."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, get_context
from pathlib import Path

from hybridmap.config.maps import Predict
from hybridmap.options import UncertaintyOptions

SMALL = 3_000_000
"""Cells below which starting processes costs more than they save."""
WORKER_MODULE = "hybridmap.predict.workers"
NVIDIA = Path("/dev/nvidiactl")
"""Is there where the driver of a GPU is."""
# One thread each, and an allocator that keeps buffers between tiles instead of giving them back to the system.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_TOP_PAD_": str(16 << 20),
    "MALLOC_ARENA_MAX": "1",
}


def passes_of(uncertainty: UncertaintyOptions, predict: Predict) -> int:
    """How often a map of these settings predicts a cell: members, passes of dropout, scenarios."""
    passes = max(1, uncertainty.draw_count if uncertainty.has_members else 1 + uncertainty.draw_count)
    return passes * (1 + len(predict.scenarios))


def worth_processes(cells: int, passes: int) -> bool:
    """Whether a map of so many cells, each predicted `passes` times, is made by processes; else by threads."""
    return cells * passes >= SMALL


def may_have_gpu(device: str) -> bool:
    """Whether the option ``--device`` may mean a GPU, looked at without torch."""
    return device.startswith("cuda") or (device == "auto" and NVIDIA.exists())


def start_early(cube: Path, passes: int = 1) -> None:
    """Begin the server that workers are forked from, if the map of `cube` is large enough for processes.

    What is wrong with the cube is said later, by the one who opens it.
    """
    if worth_processes(_cells(cube), passes):
        with worker_environment():
            get_context("forkserver").set_forkserver_preload([WORKER_MODULE])
            forkserver.ensure_running()


def _cells(cube: Path) -> int:
    """Cells of a cube; 0 where its metadata cannot be read."""
    try:
        height, width = json.loads((cube / "complete" / "zarr.json").read_bytes())["shape"]
        return int(height * width)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return 0


@contextmanager
def worker_environment() -> Iterator[None]:
    """Variables that must be there before a worker starts."""
    outer = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in outer.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
