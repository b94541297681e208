"""What a map will take, from a few tiles predicted for a try: time, disk and memory."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from hybridmap.errors import HybridmapError
from hybridmap.files.tables import write_json
from hybridmap.grid.tiles import Tile
from hybridmap.predict.inputs import Inputs, open_inputs
from hybridmap.predict.map_store import MapStore
from hybridmap.predict.recipe import Recipe
from hybridmap.predict.run import workers_of
from hybridmap.predict.tile import predict_tile
from hybridmap.predict.worker_start import worth_processes

TRIAL_S = 20.0
"""Seconds that the try may take."""
START_S = 4.0
"""Seconds until the workers of a large map have started."""
TRIAL_TILES = 16
"""About as many tiles are tried, where time allows."""


@dataclass(frozen=True)
class Estimate:
    """What a prediction takes.

    Attributes
    ----------
    tiles, filled_tiles : int
        All tiles, and those with complete cells.
    cells : int
        Complete cells.
    maps, workers : int
        Number of maps, and of tiles at a time.
    seconds : float
        Wall time, if the workers do not slow each other down.
    disk_bytes : float
        Size of the store; GeoTIFFs come on top, about as much.
    memory_bytes : float
        Of all workers together.
    plan : list of dict
        Of each tile with data: window ``rows`` and ``columns`` (begin, end), ``shard`` (row, column) in the store,
        ``complete_cells``, and ``seconds`` of one worker.
    """

    tiles: int
    filled_tiles: int
    cells: int
    maps: int
    workers: int
    seconds: float
    disk_bytes: float
    memory_bytes: float
    plan: list[dict[str, Any]]

    def save(self, path: Path) -> None:
        """Write all of it as JSON."""
        write_json(asdict(self), path)

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"{self.tiles} tiles, {self.filled_tiles} of them with data: {self.cells / 1e6:.2f} million cells",
            f"{self.maps} maps, {self.disk_bytes / 1e9:.2f} GB of Zarr and about as much of GeoTIFF",
            f"{_duration(self.seconds)} with {self.workers} workers, {self.memory_bytes / 1e9:.1f} GB of memory",
        ]


@dataclass(frozen=True)
class Trial:
    """What some tiles took: complete cells, seconds of one worker, and bytes of the store."""

    cells: int
    seconds: float
    disk_bytes: int


def estimate(recipe: Recipe, cube_path: Path, workers: int = 0) -> Estimate:
    """Predict some tiles, spread over the map, and scale up.

    Parameters
    ----------
    recipe : Recipe
        What to map.
    cube_path : Path
        The cube.
    workers : int
        Tiles at a time; 0 as :func:`hybridmap.predict.run.workers_of` chooses.

    Returns
    -------
    Estimate
        Of the whole map.

    Raises
    ------
    HybridmapError
        If the cube lacks a layer of the model, or has no complete cell.
    """
    inputs = open_inputs(recipe, cube_path)
    cube, tiles = inputs.cube, inputs.tiles
    counts = {t: int(cube.complete(t).sum()) for t in tiles}
    filled = {tile: count for tile, count in counts.items() if count}
    if not filled:
        raise HybridmapError(f"{cube_path}: no cell has all layers, so there is nothing to map.")
    trial = _try_tiles(inputs, filled)
    cells, peak = sum(filled.values()), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0
    count = min(workers_of(inputs.predictor, cube, workers), len(filled))
    start_up = START_S if worth_processes(sum(t.cells for t in tiles), recipe.passes) else 0.0
    return Estimate(
        tiles=len(tiles),
        filled_tiles=len(filled),
        cells=cells,
        maps=inputs.predictor.maps,
        workers=count,
        seconds=start_up + trial.seconds * cells / trial.cells / count,
        disk_bytes=trial.disk_bytes * cells / trial.cells,
        memory_bytes=peak * count,
        plan=[_plan_entry(tile, filled[tile], inputs.edge, trial) for tile in filled],
    )


def _try_tiles(inputs: Inputs, counts: Mapping[Tile, int]) -> Trial:
    """Predict and write some tiles of those with complete cells (tile → their number), in one thread."""
    predictor, order = inputs.predictor, list(counts)[:: max(1, len(counts) // TRIAL_TILES)]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    cells, seconds = 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        store = MapStore(Path(folder) / "try.zarr")
        with store.lock():
            store.begin("a try", predictor.layers, inputs.cube, inputs.edge, depths=predictor.recipe.depths)
            empty = _size(store.partial)
            predict_tile(predictor, inputs.cube, order[0])  # the first call is slower
            for tile in order:
                start = time.perf_counter()
                store.write(tile, predict_tile(predictor, inputs.cube, tile), predictor.layers, "")
                seconds += time.perf_counter() - start
                cells += counts[tile]
                if seconds > TRIAL_S:
                    break
        written = _size(store.partial) - empty
    torch.set_num_threads(threads)
    return Trial(cells, seconds, written)


def _plan_entry(tile: Tile, count: int, edge: int, trial: Trial) -> dict[str, Any]:
    """What a tile of so many complete cells takes."""
    return {
        "rows": [tile.row0, tile.row1],
        "columns": [tile.col0, tile.col1],
        "shard": [tile.row0 // edge, tile.col0 // edge],
        "complete_cells": count,
        "seconds": round(trial.seconds * count / trial.cells, 4),
    }


def _duration(seconds: float) -> str:
    """In seconds, minutes or hours, as fits."""
    minutes = seconds / 60
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _size(folder: Path) -> int:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
