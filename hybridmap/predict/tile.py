"""Maps of one tile: complete cells through the model in batches of one shape."""

from __future__ import annotations

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


def predict_tile(predictor: Predictor, cube: Cube, tile: Tile) -> dict[str, Field]:
    """Maps of one tile.

    Parameters
    ----------
    predictor : Predictor
        The model made ready.
    cube : Cube
        Its layers.
    tile : Tile
        Cells to map.

    Returns
    -------
    dict of str to array, shape (row, column) or (depth, row, column), float32
        By name, NaN outside complete cells; empty where no cell is complete.
    """
    shape = tile.row1 - tile.row0, tile.col1 - tile.col0
    maps = {name: torch.full((*predictor.lead(name), *shape), torch.nan) for name in predictor.layers}
    rows = max(1, STRIP // shape[1])
    has_cells = False
    for row in range(tile.row0, tile.row1, rows):
        strip = Tile(row, min(row + rows, tile.row1), tile.col0, tile.col1)
        views = {name: values[..., row - tile.row0 : strip.row1 - tile.row0, :] for name, values in maps.items()}
        has_cells |= _predict_strip(predictor, cube, strip, views)
    return {name: values.numpy() for name, values in maps.items()} if has_cells else {}


def _predict_strip(predictor: Predictor, cube: Cube, strip: Tile, maps: dict[str, torch.Tensor]) -> bool:
    """Fill `maps` (..., row, column) of some rows; whether there was a complete cell."""
    valid = cube.complete(strip)
    if not valid.any():
        return False
    model = predictor.model
    covariates, forcing = cube.read_layers(strip)
    order = [cube.covariate_names.index(name) for name in model.covariate_names]
    if order != list(range(len(covariates))):
        covariates = covariates[order]
    layers = torch.from_numpy(covariates.reshape(len(covariates), -1))
    names = [name for name in model.forcing_names if name not in LAYER_INPUTS]
    if POSITION[0] in names:
        forcing = {**forcing, **dict(zip(POSITION, cube.grid.degrees(strip), strict=True))}
    distance = predictor.extent.distances_km(cube.grid, strip)
    distances = None if distance is None else distance.reshape(-1)
    forcing_layers = {name: torch.from_numpy(forcing[name].reshape(-1)) for name in names}
    flat_maps = {name: values.view(*values.shape[:-2], -1) for name, values in maps.items()}
    complete = torch.from_numpy(np.flatnonzero(valid))
    for start in range(0, len(complete), BATCH):
        cells = complete[start : start + BATCH]
        # Repeating the last cell keeps the shape without another kind of number.
        padded = cells if len(cells) == BATCH else torch.cat([cells, cells[-1:].expand(BATCH - len(cells))])
        forcing_of_cells = {name: values[padded] for name, values in forcing_layers.items()}
        distance_km = None if distances is None else distances[padded]
        batch = predictor(_columns(layers, padded), forcing_of_cells, distance_km)
        for name, values in batch.items():
            flat_maps[name][..., cells] = values[..., : len(cells)]
    return True


def _columns(flat: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """Columns of (layer, cell) as rows."""
    first, last = int(cells[0]), int(cells[-1])
    is_run = last - first == len(cells) - 1
    return (flat[:, first : last + 1] if is_run else flat.index_select(1, cells)).T.contiguous()
