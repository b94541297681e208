"""Maps of one tile: complete cells through the model in batches of one shape."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from hybridmap.covariates.cube import Cube
from hybridmap.grid.tiles import Tile
from hybridmap.predict.predictor import Predictor

BATCH = 8192
"""Cells that go through the model at once. Always as many, the last ones padded: a cell then gets the same bits
whatever tile it lies in, and activations stay in the cache."""
STRIP = 16 * BATCH
"""Cells of a tile that are read at once: their layers are most of the memory of a worker."""
Field = NDArray[np.float32]


def predict_tile(predictor: Predictor, cube: Cube, tile: Tile) -> dict[str, Field]:
    """Maps of one tile, each of shape (row, column), NaN outside complete cells; none where no cell is complete."""
    shape = tile.row1 - tile.row0, tile.col1 - tile.col0
    maps = {name: torch.full(shape, torch.nan) for name in predictor.layers}
    rows = max(1, STRIP // shape[1])
    found = False
    for row in range(tile.row0, tile.row1, rows):
        strip = Tile(row, min(row + rows, tile.row1), tile.col0, tile.col1)
        here = {name: values[row - tile.row0 : strip.row1 - tile.row0] for name, values in maps.items()}
        found |= _predict_strip(predictor, cube, strip, here)
    return {name: values.numpy() for name, values in maps.items()} if found else {}


def _predict_strip(predictor: Predictor, cube: Cube, strip: Tile, maps: dict[str, torch.Tensor]) -> bool:
    """Fill `maps` (row, column) of some rows; whether there was a complete cell."""
    valid = cube.complete(strip)
    if not valid.any():
        return False
    covariates, forcing = cube.read_layers(strip)
    model = predictor.model
    order = [cube.covariate_names.index(name) for name in model.covariate_names]
    if order != list(range(len(covariates))):
        covariates = covariates[order]
    cells = torch.from_numpy(np.flatnonzero(valid))
    flat = torch.from_numpy(covariates.reshape(len(covariates), -1))
    forced = {name: torch.from_numpy(forcing[name].reshape(-1)) for name in model.forcing_names}
    flat_maps = {name: values.view(-1) for name, values in maps.items()}
    for start in range(0, len(cells), BATCH):
        here = cells[start : start + BATCH]
        # Repeating the last cell keeps the shape without another kind of number.
        padded = here if len(here) == BATCH else torch.cat([here, here[-1:].expand(BATCH - len(here))])
        out = predictor(_columns(flat, padded), {name: values[padded] for name, values in forced.items()})
        for name, values in out.items():
            flat_maps[name][here] = values[: len(here)]
    return True


def _columns(flat: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """Columns of (layer, cell) as rows."""
    first, last = int(cells[0]), int(cells[-1])
    run = last - first == len(cells) - 1
    return (flat[:, first : last + 1] if run else flat.index_select(1, cells)).T.contiguous()
