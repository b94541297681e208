"""Maps that follow from outputs of the model by arithmetic: the stock of carbon and its turnover time."""

from __future__ import annotations

from hybridmap.predict.kinds.base import Batch, MapKind, Maps, Source
from hybridmap.predict.map_layers import DENSITY, LOSSES, MapLayer

CARBON, STOCK, TURNOVER = "soc", "soc_stock", "turnover_time"


def has_stock(source: Source) -> bool:
    """Whether the model has a density of carbon, which makes a stock with the thickness of the layer."""
    info = source.model.output_info()
    return CARBON in info and info[CARBON][0] == DENSITY


class DerivedMaps(MapKind):
    """Stock of carbon [kg m-2] and turnover time [yr]."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.has_stock = has_stock(source)
        self.has_turnover = {CARBON, *LOSSES} <= set(source.model.output_info())

    def layers(self) -> dict[str, MapLayer]:
        """Those that the outputs of the model allow."""
        layers = {}
        if self.has_stock:
            depth = f"to {100 * self.source.recipe.depth_m:g} cm"
            layers[STOCK] = MapLayer("kg m-2", f"soil organic carbon stock {depth}")
        if self.has_turnover:
            layers[TURNOVER] = MapLayer("yr", "soil organic carbon over its inputs at steady state")
        return layers

    def values(self, batch: Batch) -> Maps:
        """Density times thickness, and over what is lost in a year."""
        maps, outputs = {}, batch.outputs
        if self.has_stock:
            maps[STOCK] = outputs[CARBON] * self.source.recipe.depth_m
        if self.has_turnover:
            respiration, leaching = (outputs[name] for name in LOSSES)
            maps[TURNOVER] = outputs[CARBON] / (respiration + leaching)
        return maps
