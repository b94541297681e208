"""What fewer bits of the encoder change, measured on a tile and written to the log."""

from __future__ import annotations

import logging

import torch

from hybridmap.covariates.cube import Cube
from hybridmap.grid.tiles import Tile
from hybridmap.predict.predictor import Predictor
from hybridmap.predict.tile import predict_tile

LOG = logging.getLogger("hybridmap")
EDGE_CELLS = 256
"""Cells a side that are compared."""


def report_difference(exact: Predictor, fast: Predictor, cube: Cube, tiles: list[Tile]) -> dict[str, float]:
    """Compare two precisions on a tile in the middle of those with data and log what the fewer bits change.

    Parameters
    ----------
    exact, fast : Predictor
        In float32, and with fewer bits.
    cube : Cube
        Layers of both.
    tiles : list of Tile
        To choose from.

    Returns
    -------
    dict of str to float
        Map → median relative difference where it is not zero.
    """
    tile = _compared_tile(cube, tiles)
    if tile is None:
        return {}
    exact_maps, fast_maps = (predict_tile(predictor, cube, tile) for predictor in (exact, fast))
    medians = {}
    for name in exact_maps:
        difference = _relative_difference(torch.from_numpy(exact_maps[name]), torch.from_numpy(fast_maps[name]))
        if not len(difference):
            continue
        medians[name] = float(difference.median())
        if name in exact.model.quantities:
            worst = float(torch.quantile(difference[:: max(1, len(difference) // 10_000)], 0.999))
            text = "bfloat16 changes %s by %.2g %% (median), %.2g %% (99.9th percentile)"
            LOG.info(text, name, 100 * medians[name], 100 * worst)
    return medians


def _compared_tile(cube: Cube, tiles: list[Tile]) -> Tile | None:
    """A corner of the first tile from the middle on that has data."""
    middle = len(tiles) // 2
    for t in (*tiles[middle:], *tiles[:middle]):
        corner = Tile(t.row0, min(t.row0 + EDGE_CELLS, t.row1), t.col0, min(t.col0 + EDGE_CELLS, t.col1))
        if cube.complete(corner).any():
            return corner
    return None


def _relative_difference(exact: torch.Tensor, fast: torch.Tensor) -> torch.Tensor:
    """Of the cells that both know and that are not zero, flat."""
    compared = torch.isfinite(exact) & torch.isfinite(fast) & (exact.abs() > 1e-6)
    return ((fast - exact).abs() / exact.abs())[compared]
