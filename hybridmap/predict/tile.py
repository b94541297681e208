"""Maps of one tile: complete cells through the model in batches of one shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from hybridmap.covariates.cube import Cube
from hybridmap.grid.tiles import Tile
from hybridmap.options.layer_depth import LAYER_INPUTS
from hybridmap.options.position import POSITION
from hybridmap.predict.predictor import Predictor

BATCH = 8192
"""Cells that go through the model at once. Always as many, the last ones padded: a cell then gets the same bits
whatever tile it lies in, and activations stay in the cache."""
STRIP = 16 * BATCH
"""Cells of a tile that are read at once: their layers are most of the memory of a worker."""
Field = NDArray[np.float32]


@dataclass(frozen=True)
class StripCells:
    """What the model takes of some rows of a tile, which have complete cells.

    Attributes
    ----------
    layers : Tensor, shape (covariate, cell)
        Physical units, in the order of the model.
    forcing : dict of str to Tensor, shape (cell,)
        In the units of the process model.
    distance_km : Tensor, shape (cell,), optional
        To the fifth nearest place of the sites, where expected errors are mapped.
    complete : Tensor of int, shape (complete cell,)
        Places of the cells that have all layers.
    """

    layers: torch.Tensor
    forcing: dict[str, torch.Tensor]
    distance_km: torch.Tensor | None
    complete: torch.Tensor

    def pinned(self) -> StripCells:
        """The same in memory from which a GPU copies while it computes."""
        return self._changed(torch.Tensor.pin_memory)

    def to(self, device: torch.device) -> StripCells:
        """The same on a device; copies from pinned memory do not wait."""
        return self._changed(lambda values: values.to(device, non_blocking=True))

    def _changed(self, change: Callable[[torch.Tensor], torch.Tensor]) -> StripCells:
        return replace(
            self,
            layers=change(self.layers),
            forcing={name: change(values) for name, values in self.forcing.items()},
            distance_km=None if self.distance_km is None else change(self.distance_km),
            complete=change(self.complete),
        )


def predict_tile(predictor: Predictor, cube: Cube, tile: Tile) -> dict[str, Field]:
    """Maps of one tile.

    Parameters
    ----------
    predictor : Predictor
        The model made ready, on the CPU.
    cube : Cube
        Its layers.
    tile : Tile
        Cells to map.

    Returns
    -------
    dict of str to array, shape (row, column) or (depth, row, column), float32
        By name, NaN outside complete cells; empty where no cell is complete.
    """
    maps = empty_maps(predictor, tile)
    has_cells = False
    for strip in strips_of(tile):
        cells = read_strip(predictor, cube, strip)
        if cells is not None:
            views = {name: rows_of(values, tile, strip) for name, values in maps.items()}
            predict_strip(predictor, cells, {name: v.view(*v.shape[:-2], -1) for name, v in views.items()}, BATCH)
            has_cells = True
    return {name: values.numpy() for name, values in maps.items()} if has_cells else {}


def empty_maps(predictor: Predictor, tile: Tile) -> dict[str, torch.Tensor]:
    """Every map of a tile on the CPU, (row, column) or (depth, row, column), NaN everywhere."""
    shape = tile.row1 - tile.row0, tile.col1 - tile.col0
    return {name: torch.full((*predictor.lead(name), *shape), torch.nan) for name in predictor.layers}


def strips_of(tile: Tile) -> Iterator[Tile]:
    """Rows of a tile that are read at once, one after the other."""
    rows = max(1, STRIP // (tile.col1 - tile.col0))
    for row in range(tile.row0, tile.row1, rows):
        yield Tile(row, min(row + rows, tile.row1), tile.col0, tile.col1)


def rows_of(values: torch.Tensor, tile: Tile, strip: Tile) -> torch.Tensor:
    """Rows of a strip in a map of its tile.

    Parameters
    ----------
    values : Tensor, shape (..., row, column)
        The map.
    tile, strip : Tile
        Its cells, and the rows.

    Returns
    -------
    Tensor, shape (..., row, column)
        The same memory.
    """
    return values[..., strip.row0 - tile.row0 : strip.row1 - tile.row0, :]


def read_strip(predictor: Predictor, cube: Cube, strip: Tile) -> StripCells | None:
    """What the model takes of some rows, on the CPU.

    Parameters
    ----------
    predictor : Predictor
        Whose model asks for it.
    cube : Cube
        The layers.
    strip : Tile
        The rows.

    Returns
    -------
    StripCells or None
        None where no cell is complete.
    """
    valid = cube.complete(strip)
    if not valid.any():
        return None
    model = predictor.model
    covariates, forcing = cube.read_layers(strip)
    order = [cube.covariate_names.index(name) for name in model.covariate_names]
    if order != list(range(len(covariates))):
        covariates = covariates[order]
    names = [name for name in model.forcing_names if name not in LAYER_INPUTS]
    if POSITION[0] in names:
        forcing = {**forcing, **dict(zip(POSITION, cube.grid.degrees(strip), strict=True))}
    distance = predictor.extent.distances_km(cube.grid, strip)
    return StripCells(
        torch.from_numpy(covariates.reshape(len(covariates), -1)),
        {name: torch.from_numpy(forcing[name].reshape(-1)) for name in names},
        None if distance is None else distance.reshape(-1),
        torch.from_numpy(np.flatnonzero(valid)),
    )


def predict_strip(predictor: Predictor, cells: StripCells, maps: dict[str, torch.Tensor], size: int) -> None:
    """Fill the complete cells of some rows.

    Parameters
    ----------
    predictor : Predictor
        The model made ready.
    cells : StripCells
        On its device.
    maps : dict of str to Tensor, shape (cell,) or (depth, cell)
        To fill, there too.
    size : int
        Cells that go through the model at once.
    """
    for start in range(0, len(cells.complete), size):
        places = cells.complete[start : start + size]
        # Repeating the last cell keeps the shape without another kind of number.
        padded = places if len(places) == size else torch.cat([places, places[-1:].expand(size - len(places))])
        forcing = {name: values[padded] for name, values in cells.forcing.items()}
        distance_km = None if cells.distance_km is None else cells.distance_km[padded]
        batch = predictor(_columns(cells.layers, padded), forcing, distance_km)
        for name, values in batch.items():
            maps[name][..., places] = values[..., : len(places)]


def _columns(flat: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """Columns of (layer, cell) as rows."""
    first, last = int(cells[0]), int(cells[-1])
    is_run = last - first == len(cells) - 1
    return (flat[:, first : last + 1] if is_run else flat.index_select(1, cells)).T.contiguous()
