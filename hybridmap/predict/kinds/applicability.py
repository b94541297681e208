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
APPLICABLE = "whether the model applies: similar to its sites, and errors of held-out regions as promised"
EXPECTED = "Expected error over that of the cross-validation"


class ApplicabilityMaps(MapKind):
    """Dissimilarity to the training sites, their density, expected errors, and whether the model applies."""

    needs_extent: ClassVar[bool] = True

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.applicability, self.errors = source.extent.applicability, source.extent.errors
        self.has_file = source.recipe.expected_error is not None
        if source.recipe.predict.applicability and self.applicability is None:
            self.notes = ("no map of where the model applies: --applicability names the file that it is made from",)
        elif self.applicability is not None and self.errors is None:
            self.notes = ("where the model applies is not judged: no errors of held-out regions say it",)

    def layers(self) -> dict[str, MapLayer]:
        """Six maps, four without the file of errors, or none without that of the applicability."""
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
            "applicable": MapLayer("1", APPLICABLE, "class", codes, 0.0, portrayal=inside),
        }
        if self.errors is None:
            layers["applicable"] = replace(layers["applicable"], codes={**codes, NOT_JUDGED: "not judged"})
        else:
            layers["applicable"] = replace(layers["applicable"], about=self.errors.summary())
        if self.has_file:
            expected = Portrayal("trust" if self.errors else "", EXPECTED, "magma_r", rank=2)
            layers["expected_error"] = MapLayer("1", EXPECTED.lower(), portrayal=expected)
            layers["site_distance"] = MapLayer("km", "distance within which there are five places of sites")
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
        if self.has_file:
            unknown = torch.full_like(extent.index, torch.nan)
            maps["expected_error"] = unknown if extent.expected_error is None else extent.expected_error
            maps["site_distance"] = unknown if extent.distance_km is None else extent.distance_km
        return maps


def _applicable(is_similar: torch.Tensor, extent: CellExtent) -> torch.Tensor:
    """Code of each cell: inside only where both the index and the errors of held-out regions say so."""
    if extent.is_inside is None:
        return is_similar.float() * NOT_JUDGED
    return (is_similar & extent.is_inside).float() * INSIDE
