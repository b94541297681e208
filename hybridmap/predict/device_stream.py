"""Tiles through one GPU: one thread reads ahead and one writes, while the device computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import torch

from hybridmap.covariates.cube import open_cube
from hybridmap.errors import HybridmapError
from hybridmap.grid.tiles import Tile
from hybridmap.predict.map_store import MapStore
from hybridmap.predict.predictor import Predictor
from hybridmap.predict.recipe import Job
from hybridmap.predict.tile import STRIP, StripCells, empty_maps, predict_strip, read_strip, rows_of, strips_of
from hybridmap.train.device import device_name

READ_AHEAD = 4
"""Strips that are read or being read while the device computes."""
WRITE_BEHIND = 2
"""Tiles that wait to be written, at most."""


class Strip(NamedTuple):
    """Some rows of a tile, and what is read of them."""

    tile: Tile
    rows: Tile
    cells: Future[StripCells | None]


def stream_tiles(job: Job, keys: Mapping[Tile, str], device: torch.device) -> Iterator[Tile]:
    """Predict tiles on a device, in their order, and yield each when it is written.

    Parameters
    ----------
    job : Job
        Model, cube and store.
    keys : mapping of Tile to str
        What to do, with the text of each receipt.
    device : torch.device
        Where to compute.

    Yields
    ------
    Tile
        Finished.

    Raises
    ------
    HybridmapError
        If the memory of the device does not suffice; finished tiles are kept.
    """
    predictor, store, name = Predictor(job.recipe, device), MapStore(job.out), device_name(device)
    writing: deque[tuple[Tile, Future[None]]] = deque()
    with ThreadPoolExecutor(1, "reader") as reader, ThreadPoolExecutor(1, "writer") as writer:
        try:
            for tile, maps in _computed(job, predictor, keys, reader):
                values = {map_name: array.numpy() for map_name, array in maps.items()}
                write = writer.submit(store.write, tile, values, predictor.layers, keys[tile], name)
                writing.append((tile, write))
                if len(writing) > WRITE_BEHIND:
                    yield _written(writing)
            while writing:
                yield _written(writing)
        except torch.OutOfMemoryError:
            raise HybridmapError(
                f"{job.out}: the memory of {name} does not suffice for {STRIP} cells at once; run again with --device"
                " cpu, finished tiles are kept."
            ) from None
        finally:
            for _, future in writing:
                future.cancel()
            reader.shutdown(cancel_futures=True)


def _written(writing: deque[tuple[Tile, Future[None]]]) -> Tile:
    """The first tile of those that wait, when it is written."""
    tile, future = writing.popleft()
    future.result()
    return tile


def _computed(
    job: Job, predictor: Predictor, keys: Mapping[Tile, str], reader: ThreadPoolExecutor
) -> Iterator[tuple[Tile, dict[str, torch.Tensor]]]:
    """Each tile with its maps on the CPU; no maps where no cell is complete."""
    cube = open_cube(job.cube_path, job.recipe.predict.year)

    def read(rows: Tile) -> StripCells | None:
        cells = read_strip(predictor, cube, rows)
        return cells.pinned() if cells is not None and torch.cuda.is_available() else cells

    coming = iter([(tile, rows) for tile in keys for rows in strips_of(tile)])
    waiting: deque[Strip] = deque()
    maps: dict[str, torch.Tensor] = {}
    while True:
        while len(waiting) < READ_AHEAD and (pair := next(coming, None)) is not None:
            waiting.append(Strip(*pair, reader.submit(read, pair[1])))
        if not waiting:
            return
        strip = waiting.popleft()
        cells = strip.cells.result()
        if cells is not None:
            maps = maps or empty_maps(predictor, strip.tile)
            _compute(predictor, cells, {name: rows_of(values, strip.tile, strip.rows) for name, values in maps.items()})
        if strip.rows.row1 == strip.tile.row1:
            yield strip.tile, maps
            maps = {}


def _compute(predictor: Predictor, cells: StripCells, maps: dict[str, torch.Tensor]) -> None:
    """Fill the rows of maps (..., row, column) on the CPU, by way of the device."""
    on_device = cells.to(predictor.device)
    count = cells.layers.shape[1]
    filled = {
        name: torch.full((*values.shape[:-2], count), torch.nan, device=predictor.device)
        for name, values in maps.items()
    }
    predict_strip(predictor, on_device, filled, max(STRIP, count))
    for name, values in maps.items():
        values.copy_(filled[name].cpu().view(values.shape))
