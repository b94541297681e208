"""Maps that follow from outputs of the model by arithmetic: the stock of carbon and its turnover time."""

from __future__ import annotations

from hybridmap.errors import HybridmapError
from hybridmap.predict.kinds.base import Batch, MapKind, Maps, Source
from hybridmap.predict.map_layers import DENSITY, MapLayer

CARBON, STOCK, TURNOVER = "soc", "soc_stock", "turnover_time"


def has_stock(source: Source) -> bool:
    """Whether the model has a density of carbon, which makes a stock with the thickness of the layer."""
    info = source.model.output_info()
    return CARBON in info and info[CARBON][0] == DENSITY


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
    """Stock of carbon [kg m-2] and turnover time [yr].

    Raises
    ------
    HybridmapError
        If a loss is not in the unit of carbon a year.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.has_stock = has_stock(source)
        self.losses = _losses(source)

    def layers(self) -> dict[str, MapLayer]:
        """Those that the outputs of the model allow."""
        layers = {}
        if self.has_stock:
            depth = f"to {100 * self.source.recipe.depth_m:g} cm"
            layers[STOCK] = MapLayer("kg m-2", f"soil organic carbon stock {depth}")
        if self.losses:
            layers[TURNOVER] = MapLayer("yr", "soil organic carbon over its inputs at steady state")
        return layers

    def values(self, batch: Batch) -> Maps:
        """Density times thickness, and over what is lost in a year."""
        maps, outputs = {}, batch.outputs
        if self.has_stock:
            maps[STOCK] = outputs[CARBON] * self.source.recipe.depth_m
        if self.losses:
            first, *further = (outputs[name] for name in self.losses)
            maps[TURNOVER] = outputs[CARBON] / sum(further, first)
        return maps
