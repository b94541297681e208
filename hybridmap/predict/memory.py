"""How many workers fit into the memory that is free."""

from __future__ import annotations

from pathlib import Path

from hybridmap.covariates.cube import Cube
from hybridmap.predict.predictor import Predictor
from hybridmap.predict.tile import BATCH, STRIP

WORKER_BYTES = 250e6
"""Bytes of a worker before its first tile: interpreter, libraries, model."""
CELL_BYTES = 26e3
"""Bytes of a cell on its way through encoder and process model, at most: those of CLM5, the largest."""
CGROUP_LIMITS = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")


def bytes_per_worker(predictor: Predictor, cube: Cube, tile: int) -> float:
    """Memory that one worker takes.

    Parameters
    ----------
    predictor : Predictor
        Whose maps it makes.
    cube : Cube
        Whose layers it reads.
    tile : int
        Edge of a tile in cells.

    Returns
    -------
    float
        Bytes: layers of a strip twice (as stored, and decoded), maps of a tile, a batch in the model.
    """
    layers = len(cube.covariate_names) + len(cube.forcing_names)
    strip = min(STRIP, tile * tile)
    return WORKER_BYTES + 2.2 * strip * layers * 4 + 2.0 * predictor.maps * tile * tile * 4 + BATCH * CELL_BYTES


def free_bytes() -> float:
    """Free memory of the machine, or of the job where it was given less."""
    free = float("inf")
    info = Path("/proc/meminfo")
    if info.is_file():
        sizes = dict(line.split(":") for line in info.read_text(encoding="ascii").splitlines())
        free = 1024.0 * float(sizes["MemAvailable"].split()[0])
    for file in CGROUP_LIMITS:
        if file.is_file() and (text := file.read_text(encoding="ascii").strip()).isdigit():
            free = min(free, float(text))
    return free


def workers_that_fit(predictor: Predictor, cube: Cube, cores: int) -> int:
    """As many workers as cores, or as fit into three quarters of the free memory; at least one.

    Parameters
    ----------
    predictor, cube
        As :func:`bytes_per_worker`.
    cores : int
        Cores to use.

    Returns
    -------
    int
        Number of workers.
    """
    tile = predictor.recipe.predict.tile
    return max(1, min(cores, int(0.75 * free_bytes() / bytes_per_worker(predictor, cube, tile))))
