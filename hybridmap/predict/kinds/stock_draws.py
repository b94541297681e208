"""Every draw of the stocks and of their changes: errors of a whole map do not average out, those of a change cancel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from hybridmap.predict.kinds.base import Batch, MapKind, Maps, Source
from hybridmap.predict.kinds.derived import STOCK_UNIT, Stock, stocks_of
from hybridmap.predict.kinds.scenarios import ScenarioMaps, change_name
from hybridmap.predict.map_layers import MapLayer


class Change(NamedTuple):
    """Change of a stock under a scenario: output that is the change of the density, its stock, and its map."""

    output: str
    stock: Stock
    layer: MapLayer


class StockDraws(MapKind):
    """Draws of the stocks and of their changes [kg m-2], where the recipe keeps them and there are some.

    Of a change there is also the central one, which a model without draws has too.
    """

    is_optional: ClassVar[bool] = False
    needs_extent: ClassVar[bool] = True

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        uncertainty = source.recipe.uncertainty
        self.count = uncertainty.draw_count
        self.stocks: dict[str, Stock] = {}
        self.changes: dict[str, Change] = {}
        if source.recipe.keep_draws:
            mapped = {name: s for name, s in stocks_of(source).items() if s.output in source.model_maps}
            self.stocks = mapped if source.has_spread else {}
            self.changes = dict(_changes(source, mapped))
        self.drawn_outputs = tuple(source.model_maps[stock.output].output for stock in self.stocks.values())
        # Members answer a scenario themselves; dropout draws outputs of the model alone.
        self._changes_are_drawn = source.has_spread and uncertainty.has_members
        if self._changes_are_drawn:
            self.drawn_outputs += tuple(change.output for change in self.changes.values())

    def layers(self) -> dict[str, MapLayer]:
        """A map a draw and stock, in a group of their own."""
        layers = {
            _map_name(name, k): MapLayer(STOCK_UNIT, f"draw {k} of the {stock.title}")
            for name, stock in self.stocks.items()
            for k in range(self.count)
        }
        for name, change in self.changes.items():
            numbers = range(self.count) if self._changes_are_drawn else ()
            for key in (f"draws/{name}", *(_map_name(name, k) for k in numbers)):
                layers[key] = MapLayer(STOCK_UNIT, f"{change.layer.description}, stock", about=change.layer.about)
        return layers

    def values(self, batch: Batch) -> Maps:
        """Density times thickness of each draw, farther from their mean where larger errors are expected."""
        maps: Maps = {}
        for name, stock in self.stocks.items():
            draws = _spread_out(batch.draws[self.source.model_maps[stock.output].output], batch)
            maps |= {_map_name(name, k): self._stock(stock, density) for k, density in enumerate(draws)}
        for name, change in self.changes.items():
            maps[f"draws/{name}"] = self._stock(change.stock, batch.outputs[change.output])
            for k, density in enumerate(batch.draws[change.output] if self._changes_are_drawn else ()):
                maps[_map_name(name, k)] = self._stock(change.stock, density)
        return maps

    def _stock(self, stock: Stock, density: Tensor) -> Tensor:
        return density * (stock.factor * self.source.interval.thickness_m)


def _spread_out(draws: list[Tensor], batch: Batch) -> list[Tensor]:
    """Draws whose distances from their mean are multiplied as intervals are; the mean stays."""
    if batch.extent is None or bool((batch.extent.interval_factor == 1.0).all()):
        return draws
    mean = torch.stack(draws).mean(0)
    return [mean + batch.extent.interval_factor * (draw - mean) for draw in draws]


def _changes(source: Source, stocks: dict[str, Stock]) -> Iterator[tuple[str, Change]]:
    """Changes of stocks that are mapped, by name in the group of draws."""
    scenarios, listed = ScenarioMaps(source), source.recipe.predict.maps
    layers = scenarios.layers()
    for scenario in scenarios.scenarios:
        for name, stock in stocks.items():
            output = change_name(stock.output, scenario)
            if output in layers and (not listed or output in listed):
                yield stock_change_name(name, scenario), Change(output, stock, layers[output])


def stock_change_name(stock: str, scenario: str) -> str:
    """Name of the change of a stock under a scenario, in the group of draws."""
    return f"change_{scenario}_{stock}"


def _map_name(stock: str, draw: int) -> str:
    return f"draws/{stock}_{draw:02}"
