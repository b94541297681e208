"""Maps of where the model applies: how far cells are from its sites, and what errors that means."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch

from hybridmap.predict.cell_extent import CellExtent
from hybridmap.predict.kinds.base import Batch, MapKind, Maps, Source
from hybridmap.predict.map_layers import MapLayer
from hybridmap.predict.portrayal import Portrayal

OUTSIDE, INSIDE, NOT_JUDGED = 0, 1, 2
"""Codes of the map ``applicable``."""


class ApplicabilityMaps(MapKind):
    """Dissimilarity to the training sites, their density, expected errors, and whether the model applies."""

    needs_extent: ClassVar[bool] = True

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.applicability, self.errors = source.extent.applicability, source.extent.errors
        if source.recipe.predict.applicability and self.applicability is None:
            self.notes = ("no map of where the model applies: --applicability names the file that it is made from",)
        elif self.applicability is not None and self.errors is None:
            self.notes = ("where the model applies is not judged: no errors of held-out regions say it",)

    def layers(self) -> dict[str, MapLayer]:
        """Six maps, four where errors were not judged, or none without a file."""
        if self.applicability is None:
            return {}
        about, codes = self.applicability.summary(), {OUTSIDE: "outside", INSIDE: "inside"}
        distant = Portrayal("trust", "Dissimilarity to the sites", rank=0)
        inside = Portrayal("trust", "Where the model applies", "RdYlBu", rank=1)
        layers = {
            "dissimilarity": MapLayer("1", "dissimilarity index to the training sites", about=about, portrayal=distant),
            "area_of_applicability": MapLayer(
                "1", "area of applicability by the dissimilarity index alone", "class", codes, 0.0, about
            ),
        }
        if self.errors is None:
            of_all = {**codes, NOT_JUDGED: "not judged"}
            layers["applicable"] = MapLayer("1", "whether the model applies", "class", of_all, 0.0, {}, inside)
        else:
            judged = self.errors.summary()
            expected = Portrayal("trust", "Expected error over that of the cross-validation", "magma_r", rank=2)
            layers |= {
                "applicable": MapLayer(
                    "1",
                    "whether the model applies: similar to its sites, and errors of held-out regions as promised",
                    "class",
                    codes,
                    0.0,
                    judged,
                    inside,
                ),
                "expected_error": MapLayer(
                    "1", "expected error over that of the cross-validation", about=judged, portrayal=expected
                ),
                "site_distance": MapLayer("km", "distance within which there are five places with observations"),
            }
        layers["out_of_range"] = MapLayer("1", "number of covariates outside their range in training", "class")
        return {name: replace(layer, needs_steady_state=False, has_depth=False) for name, layer in layers.items()}

    def values(self, batch: Batch) -> Maps:
        """By covariates and place alone."""
        if self.applicability is None or batch.extent is None:
            return {}
        extent = batch.extent
        is_similar = extent.index <= self.applicability.threshold
        maps = {
            "dissimilarity": extent.index,
            "area_of_applicability": is_similar.float(),
            "applicable": _applicable(is_similar, extent),
            "out_of_range": self.applicability.out_of_range(batch.covariates).float(),
        }
        if extent.expected_error is not None and extent.distance_km is not None:
            maps |= {"expected_error": extent.expected_error, "site_distance": extent.distance_km}
        return maps


def _applicable(is_similar: torch.Tensor, extent: CellExtent) -> torch.Tensor:
    """Code of each cell: inside only where both the index and the errors of held-out regions say so."""
    if extent.is_inside is None:
        return is_similar.float() * NOT_JUDGED
    return (is_similar & extent.is_inside).float() * INSIDE
