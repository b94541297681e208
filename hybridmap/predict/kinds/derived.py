"""Maps that follow from outputs of the model by arithmetic: stocks, and the turnover time of carbon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hybridmap.errors import HybridmapError
from hybridmap.grid.depth_axis import STOCKS_CM, Interval, intervals_to
from hybridmap.predict.kinds.base import Batch, MapKind, Maps, Source
from hybridmap.predict.map_layers import DENSITY, MapLayer
from hybridmap.quantities import stock_name
from hybridmap.units import factor_between

CARBON, TURNOVER = "soc", "turnover_time"
STOCK_UNIT = "kg m-2"
CELL_METHODS = {"cell_methods": "area: mean depth: sum"}
"""What a stock is of a cell and an interval, by CF."""


class Stock(NamedTuple):
    """A density that makes a stock with the thickness of the layer.

    Attributes
    ----------
    output : str
        Output of the model that is the density.
    title : str
        Of the stock, in words.
    factor : float
        What its unit is worth in kg m-3.
    """

    output: str
    title: str
    factor: float


def stocks_of(source: Source) -> dict[str, Stock]:
    """Stocks by the name of their map: of organic carbon, and of each density that the region declares."""
    info, stocks = source.model.output_info(), {}
    for name, quantity in source.model.quantities.items():
        map_name = stock_name(name)
        if quantity.has_stock and name in info and map_name not in info:
            title = "soil organic carbon stock" if name == CARBON else f"stock of {quantity.title}"
            unit = info[name][0]
            stocks[map_name] = Stock(name, title, 1.0 if unit == DENSITY else factor_between(unit, DENSITY))
    return stocks


def stocks_to(name: str, source: Source) -> dict[str, int]:
    """Maps of a stock from the surface down, and its depth [cm]: where several mapped intervals end there.

    Parameters
    ----------
    name : str
        Of the map of the stock.
    source : Source
        Its recipe has the intervals.
    """
    depths = source.recipe.depths
    return {f"{name}_0_{bottom}cm": bottom for bottom in STOCKS_CM if intervals_to(depths, bottom) > 1}


def stock_to(title: str, bottom_cm: int, about: Mapping[str, Any] | None = None) -> MapLayer:
    """Layer of a stock from the surface to a depth, or of an end of its interval.

    Parameters
    ----------
    title : str
        Of the stock, in words.
    bottom_cm : int
        The depth.
    about : mapping of str to Any, optional
        Further attributes.

    Returns
    -------
    MapLayer
        Whose values of all intervals are added up.
    """
    # As attributes: a coordinate without a dimension xarray would give to all maps of the store.
    about = {**CELL_METHODS, **Interval(0, bottom_cm).attributes, **(about or {})}
    return MapLayer(STOCK_UNIT, f"{title}, 0-{bottom_cm} cm", about=about, has_depth=False, is_sum=True)


def part_of(values: Tensor, interval: Interval, bottom_cm: int) -> Tensor:
    """What an interval adds to a stock from the surface to a depth.

    Parameters
    ----------
    values : Tensor, shape (site,)
        Stock of the interval [kg m-2].
    interval : Interval
        Of soil.
    bottom_cm : int
        The depth.

    Returns
    -------
    Tensor, shape (site,)
        All of it, or 0 where it lies below.
    """
    return values if interval.bottom_cm <= bottom_cm else torch.zeros_like(values)


def _losses(source: Source) -> tuple[str, ...]:
    """Outputs that add up to the yearly losses of carbon, where the process model has them and carbon."""
    info, process = source.model.output_info(), source.model.process
    if process is None or CARBON not in info:
        return ()
    for name in process.losses:
        if info[name][0] != (unit := f"{info[CARBON][0]} yr-1"):
            raise HybridmapError(f"{process.name}: the loss '{name}' is in {info[name][0]}, expected {unit}.")
    return process.losses


class DerivedMaps(MapKind):
    """Stocks [kg m-2] and turnover time [yr].

    Raises
    ------
    HybridmapError
        If a loss is not in the unit of carbon a year.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.stocks = stocks_of(source)
        self.losses = _losses(source)

    def layers(self) -> dict[str, MapLayer]:
        """Those that the outputs of the model allow."""
        layers = {}
        interval = self.source.interval
        # Of several depths each map says its own.
        depth = "" if self.source.recipe.depths else f" to {100 * interval.thickness_m:g} cm"
        for name, stock in self.stocks.items():
            layers[name] = MapLayer(STOCK_UNIT, f"{stock.title}{depth}", about=CELL_METHODS)
            layers |= {to: stock_to(stock.title, bottom) for to, bottom in stocks_to(name, self.source).items()}
        if self.losses:
            layers[TURNOVER] = MapLayer("yr", "soil organic carbon over its inputs at steady state")
        return layers

    def values(self, batch: Batch) -> Maps:
        """Density times thickness, and over what is lost in a year."""
        maps, outputs = {}, batch.outputs
        for name, stock in self.stocks.items():
            maps[name] = outputs[stock.output] * (stock.factor * self.source.interval.thickness_m)
            for to, bottom in stocks_to(name, self.source).items():
                maps[to] = part_of(maps[name], self.source.interval, bottom)
        if self.losses:
            first, *further = (outputs[name] for name in self.losses)
            maps[TURNOVER] = outputs[CARBON] / sum(further, first)
        return maps
