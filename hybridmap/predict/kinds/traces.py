"""Maps of what a process model traces its outputs to, such as the components of traceability of CLM5."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from hybridmap.model import HybridModel, Model
from hybridmap.predict.kinds.base import Batch, Forcing, MapKind, Maps, Source
from hybridmap.predict.map_layers import MapLayer
from hybridmap.predict.portrayal import Portrayal


class TraceMaps(MapKind):
    """The traces that a process model declares; they are of the column, so the first interval alone computes them."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        process = source.model.process
        self.traces = () if process is None else process.traces
        self.is_first = source.interval == source.recipe.intervals[0]

    def layers(self) -> dict[str, MapLayer]:
        """A map of each."""
        portrayal = {v.name: Portrayal("diagnostic" if v.label else "", v.label) for v in self.traces}
        return {
            v.name: MapLayer(v.unit, v.description, portrayal=portrayal[v.name], has_depth=False) for v in self.traces
        }

    def member_outputs(self, model: Model, encoded: Tensor, forcing: Forcing, outputs: Mapping[str, Tensor]) -> Maps:
        """Traces of one member.

        Parameters
        ----------
        model, encoded, forcing, outputs
            As :meth:`MapKind.member_outputs`.

        Returns
        -------
        dict of str to Tensor, shape (site,)
            By name; missing for all intervals but the first.
        """
        if not self.is_first or not isinstance(model, HybridModel):
            return {v.name: torch.full_like(encoded[..., 0], torch.nan) for v in self.traces}
        return model.traced(outputs, forcing)

    def values(self, batch: Batch) -> Maps:
        """Mean of the members' traces."""
        return {v.name: batch.outputs[v.name] for v in self.traces}
