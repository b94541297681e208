"""Encoders in half the bits: faster maps, with the difference they make measured and said."""

from __future__ import annotations

import logging

import torch
from torch import Tensor, nn

from hybridmap.data.cube import Cube
from hybridmap.encoders import MLP
from hybridmap.errors import HybridmapError
from hybridmap.hybrid import Model
from hybridmap.predict.plan import Tile
from hybridmap.predict.tile import predict_tile

LOG = logging.getLogger("hybridmap")


class HalfEncoder(nn.Module):
    """An encoder with bfloat16 weights between float32 inputs and outputs; bounds and process stay in float32.

    Parameters
    ----------
    encoder : nn.Module
        Cast in place.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.inner = encoder.to(torch.bfloat16)

    def forward(self, features: Tensor) -> Tensor:
        """Features (site, feature) to raw parameters (site, parameter), float32."""
        out: Tensor = self.inner(features.to(torch.bfloat16)).float()
        return out


def set_precision(model: Model, precision: str) -> Model:
    """Return `model` ready to predict with "float32" or "bfloat16"; HybridmapError if its encoder cannot."""
    if precision == "bfloat16":
        if not isinstance(model.encoder, MLP):
            raise HybridmapError(
                f"predict.precision: bfloat16 is for encoders of kind mlp, not {type(model.encoder).__name__}; use"
                " float32."
            )
        model.encoder = HalfEncoder(model.encoder)
    return model


def report_difference(exact: Model, fast: Model, cube: Cube, tiles: list[Tile]) -> dict[str, float]:
    """Compare both models on a tile in the middle of those with data and log what the fewer bits change.

    Returns
    -------
    dict of str to float
        Map → median relative difference where it is not zero.
    """
    complete = cube.valid_mask()
    filled = [t for t in tiles if complete[t.row0 : t.row1, t.col0 : t.col1].any()]
    if not filled:
        return {}
    tile = filled[len(filled) // 2]
    one, two = (predict_tile(model, cube, tile) for model in (exact, fast))
    found = {}
    for name, values in one.items():
        known = torch.from_numpy(values)
        other = torch.from_numpy(two[name])
        use = torch.isfinite(known) & torch.isfinite(other) & (known.abs() > 1e-6)
        if use.any():
            difference = ((other - known).abs() / known.abs())[use]
            found[name] = float(difference.median())
            if name in ("soc", "poc", "moc", "mbc"):
                worst = float(torch.quantile(difference[:: max(1, len(difference) // 10_000)], 0.999))
                LOG.info(
                    "bfloat16 changes %s by %.2g %% (median), %.2g %% (99.9th percentile)",
                    name,
                    100 * found[name],
                    100 * worst,
                )
    return found
