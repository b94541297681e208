"""Every draw of the carbon stock, from which totals take intervals: errors of a whole map do not average out."""

from __future__ import annotations

from typing import ClassVar

from hybridmap.predict.kinds.base import Batch, MapKind, Maps, Source
from hybridmap.predict.kinds.derived import CARBON, STOCK, has_stock
from hybridmap.predict.map_layers import MapLayer


class StockDraws(MapKind):
    """Draws of the carbon stock [kg m-2], where the recipe keeps them and there are some."""

    is_optional: ClassVar[bool] = False

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        uncertainty = source.recipe.uncertainty
        self.count = uncertainty.members if uncertainty.method == "ensemble" else uncertainty.passes
        if source.recipe.keep_draws and source.has_spread and has_stock(source):
            self.drawn_outputs = (source.model_maps[CARBON].output,)

    def layers(self) -> dict[str, MapLayer]:
        """A map a draw, in a group of their own."""
        if not self.drawn_outputs:
            return {}
        return {
            _map_name(k): MapLayer("kg m-2", f"draw {k} of the soil organic carbon stock") for k in range(self.count)
        }

    def values(self, batch: Batch) -> Maps:
        """Density times thickness of each draw."""
        depth_m = self.source.recipe.depth_m
        return {_map_name(k): v * depth_m for name in self.drawn_outputs for k, v in enumerate(batch.draws[name])}


def _map_name(draw: int) -> str:
    return f"draws/{STOCK}_{draw:02}"
