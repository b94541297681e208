"""What a kind of map is: which maps there are of it, and their values in a batch of cells."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from hybridmap.grid.depth_axis import Interval
from hybridmap.model import Model
from hybridmap.predict.cell_extent import CellExtent, ExtentOfSites
from hybridmap.predict.map_layers import MapLayer, ModelMap
from hybridmap.predict.recipe import Recipe

Maps = dict[str, Tensor]
Forcing = Mapping[str, Tensor]


@dataclass(frozen=True)
class Source:
    """What maps are made from.

    Attributes
    ----------
    recipe : Recipe
        What to map.
    model : HybridModel or NetworkModel
        The trained model, or one member of an ensemble.
    model_maps : mapping of str to ModelMap
        Maps that the model gives as they are, by name.
    has_spread : bool
        Whether there are draws of the outputs, from an ensemble or from dropout.
    interval : Interval
        Of soil, that is mapped.
    extent : ExtentOfSites
        What is known of how far cells are from the sites.
    """

    recipe: Recipe
    model: Model
    model_maps: Mapping[str, ModelMap]
    has_spread: bool
    interval: Interval
    extent: ExtentOfSites


@dataclass(frozen=True)
class Batch:
    """Some cells, predicted.

    Attributes
    ----------
    covariates : Tensor, shape (site, covariate)
        Physical units, in the order of the model.
    outputs : mapping of str to Tensor, shape (site,)
        Outputs of the model and what kinds add for each member, both averaged over an ensemble.
    draws : mapping of str to list of Tensor, shape (site,)
        Draws of the outputs that kinds ask for; empty without a source of spread.
    extent : CellExtent, optional
        How far the cells are from the sites; without a file of the applicability not known.
    """

    covariates: Tensor
    outputs: Mapping[str, Tensor]
    draws: Mapping[str, list[Tensor]]
    extent: CellExtent | None = None


class MapKind(ABC):
    """One kind of map.

    Parameters
    ----------
    source : Source
        What it is made from.

    Raises
    ------
    HybridmapError
        If the recipe asks for a map of this kind that cannot be made.

    Attributes
    ----------
    notes : tuple of str
        What the recipe asks for and this model does not have, in a sentence for people.
    drawn_outputs : tuple of str
        Outputs whose draws the maps need.
    """

    is_optional: ClassVar[bool] = True
    """Whether ``predict.maps`` chooses among its maps, and ``predict.packed`` packs them."""
    needs_extent: ClassVar[bool] = False
    """Whether its values depend on how far cells are from the sites."""
    needs_traces: ClassVar[bool] = False
    """Whether its values are traces of the process model."""
    notes: tuple[str, ...] = ()
    drawn_outputs: tuple[str, ...] = ()

    def __init__(self, source: Source) -> None:
        self.source = source

    @abstractmethod
    def layers(self) -> dict[str, MapLayer]:
        """Every map of this kind that can be made, by name."""

    @abstractmethod
    def values(self, batch: Batch) -> Maps:
        """Values (site,) of at least those maps, float32."""

    def member_outputs(self, model: Model, encoded: Tensor, forcing: Forcing, outputs: Mapping[str, Tensor]) -> Maps:
        """Further outputs of one member, which are averaged over an ensemble as its own are.

        Parameters
        ----------
        model : HybridModel or NetworkModel
            The member.
        encoded : Tensor, shape (site, output)
            What its encoder makes of the cells.
        forcing : mapping of str to Tensor, shape (site,)
            In the units of the process model.
        outputs : mapping of str to Tensor, shape (site,)
            Its outputs.

        Returns
        -------
        dict of str to Tensor, shape (site,)
            By name; none unless a kind says otherwise.
        """
        return {}
