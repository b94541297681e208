"""What a map will take, from a few tiles predicted for a try: time, disk and memory."""

from __future__ import annotations

import resource
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from hybridmap.errors import HybridmapError
from hybridmap.files.tables import write_json
from hybridmap.predict.map_store import MapStore
from hybridmap.predict.predictor import Recipe
from hybridmap.predict.run import open_inputs, workers_of
from hybridmap.predict.tile import predict_tile
from hybridmap.predict.worker_start import worth_processes

CALIBRATION = 20.0
"""Seconds that the try may take."""
START = 4.0
"""Seconds until the workers of a large map have started."""


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
        minutes = self.seconds / 60
        took = (
            f"{self.seconds:.0f} s"
            if minutes < 2
            else f"{minutes:.0f} min"
            if minutes < 120
            else f"{minutes / 60:.1f} h"
        )
        return [
            f"{self.tiles} tiles, {self.filled_tiles} of them with data: {self.cells / 1e6:.2f} million cells",
            f"{self.maps} maps, {self.disk_bytes / 1e9:.2f} GB of Zarr and about as much of GeoTIFF",
            f"{took} with {self.workers} workers, {self.memory_bytes / 1e9:.1f} GB of memory",
        ]


def estimate(recipe: Recipe, cube_path: Path, workers: int = 0) -> Estimate:
    """Predict some tiles, spread over the map, and scale up.

    Parameters
    ----------
    recipe : Recipe
        What to map.
    cube_path : Path
        The cube.
    workers : int
        Tiles at a time; 0 as :func:`hybridmap.predict.run.predict` chooses.

    Raises
    ------
    HybridmapError
        If the cube lacks a layer of the model, or has no complete cell.
    """
    predictor, cube, edge, tiles = open_inputs(recipe, cube_path)
    counts = {t: int(cube.complete(t).sum()) for t in tiles}
    filled = [tile for tile in tiles if counts[tile]]
    if not filled:
        raise HybridmapError(f"{cube_path}: no cell has all layers, so there is nothing to map.")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    tried, seconds, written = 0, 0.0, 0
    order = filled[:: max(1, len(filled) // 16)]
    with tempfile.TemporaryDirectory() as folder:
        store = MapStore(Path(folder) / "try.zarr")
        with store.lock():
            store.begin("a try", predictor.layers, cube, edge, "a try")
            empty = _size(store.partial)
            predict_tile(predictor, cube, order[0])  # the first call is slower
            for tile in order:
                start = time.perf_counter()
                store.write(tile, predict_tile(predictor, cube, tile), predictor.layers, "")
                seconds += time.perf_counter() - start
                tried += counts[tile]
                if seconds > CALIBRATION:
                    break
        written = _size(store.partial) - empty
    torch.set_num_threads(threads)
    cells, count = sum(counts.values()), min(workers_of(predictor, cube, workers), len(filled))
    start_up = START if worth_processes(sum(t.cells for t in tiles), recipe.passes) else 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0
    plan = [
        {
            "rows": [t.row0, t.row1],
            "columns": [t.col0, t.col1],
            "shard": [t.row0 // edge, t.col0 // edge],
            "complete_cells": counts[t],
            "seconds": round(seconds * counts[t] / tried, 4),
        }
        for t in filled
    ]
    return Estimate(
        tiles=len(tiles),
        filled_tiles=len(filled),
        cells=cells,
        maps=len(predictor.layers),
        workers=count,
        seconds=start_up + seconds * cells / tried / count,
        disk_bytes=written * cells / tried,
        memory_bytes=peak * count,
        plan=plan,
    )


def _size(folder: Path) -> int:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
