"""Every draw of the stocks, from which totals take intervals: errors of a whole map do not average out."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from hybridmap.predict.kinds.base import Batch, MapKind, Maps, Source
from hybridmap.predict.kinds.derived import STOCK_UNIT, Stock, stocks_of
from hybridmap.predict.map_layers import MapLayer


class StockDraws(MapKind):
    """Draws of the stocks [kg m-2], where the recipe keeps them and there are some."""

    is_optional: ClassVar[bool] = False
    needs_extent: ClassVar[bool] = True

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        uncertainty = source.recipe.uncertainty
        self.count = uncertainty.members if uncertainty.method == "ensemble" else uncertainty.passes
        self.stocks: dict[str, Stock] = {}
        if source.recipe.keep_draws and source.has_spread:
            self.stocks = {name: s for name, s in stocks_of(source).items() if s.output in source.model_maps}
        self.drawn_outputs = tuple(source.model_maps[stock.output].output for stock in self.stocks.values())

    def layers(self) -> dict[str, MapLayer]:
        """A map a draw and stock, in a group of their own."""
        return {
            _map_name(name, k): MapLayer(STOCK_UNIT, f"draw {k} of the {stock.title}")
            for name, stock in self.stocks.items()
            for k in range(self.count)
        }

    def values(self, batch: Batch) -> Maps:
        """Density times thickness of each draw, farther from their mean where larger errors are expected."""
        thickness_m = self.source.interval.thickness_m
        maps: Maps = {}
        for name, stock in self.stocks.items():
            draws = _spread_out(batch.draws[self.source.model_maps[stock.output].output], batch)
            maps |= {_map_name(name, k): density * (stock.factor * thickness_m) for k, density in enumerate(draws)}
        return maps


def _spread_out(draws: list[Tensor], batch: Batch) -> list[Tensor]:
    """Draws whose distances from their mean are multiplied as intervals are; the mean stays."""
    if batch.extent is None or bool((batch.extent.interval_factor == 1.0).all()):
        return draws
    mean = torch.stack(draws).mean(0)
    return [mean + batch.extent.interval_factor * (draw - mean) for draw in draws]


def _map_name(stock: str, draw: int) -> str:
    return f"draws/{stock}_{draw:02}"
