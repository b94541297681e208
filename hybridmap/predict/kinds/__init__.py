"""The kinds of maps. A new kind is a module with its class, and an entry of :data:`KINDS`."""

from hybridmap.predict.kinds.applicability import ApplicabilityMaps
from hybridmap.predict.kinds.base import Batch, MapKind, Maps, Source
from hybridmap.predict.kinds.derived import DerivedMaps
from hybridmap.predict.kinds.intervals import IntervalMaps
from hybridmap.predict.kinds.outputs import OutputMaps
from hybridmap.predict.kinds.scenarios import ScenarioMaps
from hybridmap.predict.kinds.stock_draws import StockDraws
from hybridmap.predict.kinds.traces import TraceMaps

KINDS: tuple[type[MapKind], ...] = (
    OutputMaps,
    DerivedMaps,
    TraceMaps,
    IntervalMaps,
    ScenarioMaps,
    ApplicabilityMaps,
    StockDraws,
)
"""Every kind of map, in the order of the store."""

__all__ = ["KINDS", "Batch", "MapKind", "Maps", "Source"]
