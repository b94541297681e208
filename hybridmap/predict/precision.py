"""What fewer bits of the encoder change, measured on a tile and said."""

from __future__ import annotations

import logging

import torch

from hybridmap.covariates.cube import Cube
from hybridmap.grid.tiles import Tile
from hybridmap.predict.predictor import Predictor
from hybridmap.predict.tile import predict_tile
from hybridmap.quantities import QUANTITIES

LOG = logging.getLogger("hybridmap")
EDGE = 256
"""Cells a side that are compared."""


def report_difference(exact: Predictor, fast: Predictor, cube: Cube, tiles: list[Tile]) -> dict[str, float]:
    """Compare both models on a tile in the middle of those with data and log what the fewer bits change.

    Returns
    -------
    dict of str to float
        Map → median relative difference where it is not zero.
    """
    middle = len(tiles) // 2
    corners = (
        Tile(t.row0, min(t.row0 + EDGE, t.row1), t.col0, min(t.col0 + EDGE, t.col1))
        for t in (*tiles[middle:], *tiles[:middle])
    )
    tile = next((t for t in corners if cube.complete(t).any()), None)
    if tile is None:
        return {}
    one, two = (predict_tile(model, cube, tile) for model in (exact, fast))
    found = {}
    for name, values in one.items():
        known = torch.from_numpy(values)
        other = torch.from_numpy(two[name])
        use = torch.isfinite(known) & torch.isfinite(other) & (known.abs() > 1e-6)
        if use.any():
            difference = ((other - known).abs() / known.abs())[use]
            found[name] = float(difference.median())
            if name in QUANTITIES:
                worst = float(torch.quantile(difference[:: max(1, len(difference) // 10_000)], 0.999))
                LOG.info(
                    "bfloat16 changes %s by %.2g %% (median), %.2g %% (99.9th percentile)",
                    name,
                    100 * found[name],
                    100 * worst,
                )
    return found
