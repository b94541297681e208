"""Maps that the model gives as they are: its outputs and neural parameters."""

from __future__ import annotations

from hybridmap.predict.kinds.base import Batch, MapKind, Maps
from hybridmap.predict.map_layers import MapLayer


class OutputMaps(MapKind):
    """Outputs and neural parameters."""

    def layers(self) -> dict[str, MapLayer]:
        """A map of each, in the order of the model."""
        return {name: layer for name, (_, layer) in self.source.model_maps.items()}

    def values(self, batch: Batch) -> Maps:
        """As the model gives them."""
        return {name: batch.outputs[output] for name, (output, _) in self.source.model_maps.items()}
