"""Maps of where the model applies: how far cells are from the sites that it was trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hybridmap.errors import HybridmapError
from hybridmap.evaluate.applicability import Applicability
from hybridmap.model import Model
from hybridmap.predict.kinds.base import Batch, MapKind, Maps, Source
from hybridmap.predict.map_layers import MapLayer
from hybridmap.predict.portrayal import Portrayal


class ApplicabilityMaps(MapKind):
    """Dissimilarity to the training sites, whether the model applies, covariates outside their range in training.

    Raises
    ------
    HybridmapError
        If the file of the recipe is not of this model.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        path = source.recipe.applicability
        self.applicability = None if path is None else _load(path, source.model)
        if source.recipe.predict.applicability and path is None:
            self.notes = ("no map of where the model applies: --applicability names the file that it is made from",)

    def layers(self) -> dict[str, MapLayer]:
        """Three maps, or none without a file."""
        if self.applicability is None:
            return {}
        about, codes = self.applicability.summary(), {0: "outside", 1: "inside"}
        distant = Portrayal("trust", "Dissimilarity to the sites", rank=0)
        inside = Portrayal("trust", "Inside the area of applicability", "RdYlBu", rank=1)
        layers = {
            "dissimilarity": MapLayer("1", "dissimilarity index to the training sites", about=about, portrayal=distant),
            "applicable": MapLayer("1", "area of applicability of the model", "class", codes, 0.0, about, inside),
            "out_of_range": MapLayer("1", "number of covariates outside their range in training", "class"),
        }
        return {name: replace(layer, needs_steady_state=False, has_depth=False) for name, layer in layers.items()}

    def values(self, batch: Batch) -> Maps:
        """By the covariates alone."""
        if self.applicability is None:
            return {}
        index = self.applicability.dissimilarity(batch.covariates)
        return {
            "dissimilarity": index,
            "applicable": (index <= self.applicability.threshold).float(),
            "out_of_range": self.applicability.out_of_range(batch.covariates).float(),
        }


def _load(path: Path, model: Model) -> Applicability:
    applicability = Applicability.load(path)
    if list(applicability.names) != list(model.covariate_names):
        raise HybridmapError(
            f"{path}: made for a model of other covariates; run 'hybridmap applicability' for this one."
        )
    return applicability
