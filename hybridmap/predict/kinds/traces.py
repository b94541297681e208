"""Maps of what a process model traces its outputs to, such as the components of traceability of CLM5."""

from __future__ import annotations

from typing import ClassVar

from hybridmap.predict.kinds.base import Batch, MapKind, Maps, Source
from hybridmap.predict.map_layers import MapLayer
from hybridmap.predict.portrayal import Portrayal


class TraceMaps(MapKind):
    """The traces that a process model declares; they are of the column, whatever the interval."""

    needs_traces: ClassVar[bool] = True

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        process = source.model.process
        self.traces = () if process is None else process.traces

    def layers(self) -> dict[str, MapLayer]:
        """A map of each."""
        portrayal = {v.name: Portrayal("diagnostic" if v.label else "", v.label) for v in self.traces}
        return {
            v.name: MapLayer(v.unit, v.description, portrayal=portrayal[v.name], has_depth=False) for v in self.traces
        }

    def values(self, batch: Batch) -> Maps:
        """Mean of the members' traces."""
        return {v.name: batch.outputs[v.name] for v in self.traces}
