"""From covariates and forcing of some cells to every map of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from hybridmap.config import Predict
from hybridmap.errors import HybridmapError
from hybridmap.grid.depth_axis import CM_PER_M, Interval
from hybridmap.model import HybridModel, Model, Run
from hybridmap.options.layer_depth import LAYER_INPUTS, LAYER_TOP
from hybridmap.predict.cell_extent import CellExtent, ExtentOfSites
from hybridmap.predict.draws import dropout_sampler, fast_members
from hybridmap.predict.kinds import KINDS, Batch, MapKind, Maps, Source
from hybridmap.predict.map_layers import MapLayer, model_maps, steady_state_of
from hybridmap.predict.mapped_depths import check_depths
from hybridmap.predict.member_means import member_means
from hybridmap.predict.recipe import Recipe

CPU = torch.device("cpu")


class Predictor:
    """A trained model made ready to map.

    Parameters
    ----------
    recipe : Recipe
        What to map.
    device : torch.device
        Where to compute; covariates and forcing must lie there.

    Attributes
    ----------
    layers : dict of str to MapLayer
        Every map that is made, by name.
    notes : list of str
        What the recipe asks for and this model does not have.

    Raises
    ------
    HybridmapError
        If something that the recipe asks for cannot be mapped.
    """

    def __init__(self, recipe: Recipe, device: torch.device = CPU) -> None:
        self.recipe, self.device = recipe, device
        self.members = fast_members(recipe.model, recipe.uncertainty, recipe.predict.precision, recipe.trust, device)
        self.model: Model = self.members[0]
        self._sampler = dropout_sampler(recipe.model, self.model, recipe.uncertainty, recipe.trust)
        has_spread = self._sampler is not None or len(self.members) > 1
        check_depths(self.model, recipe.depths, recipe.interval)
        maps = model_maps(self.model)
        self.extent = ExtentOfSites(recipe, self.model)
        sources = [Source(recipe, self.model, maps, has_spread, interval, self.extent) for interval in recipe.intervals]
        kinds = [[kind(source) for kind in KINDS] for source in sources]
        self.notes = [note for kind in kinds[0] for note in kind.notes]
        self.layers = _selected_layers(recipe.predict, kinds[0])
        # A kind without a map on the list costs nothing.
        self._kinds = [[k for k in of_interval if self.layers.keys() & k.layers().keys()] for of_interval in kinds]
        self._drawn_outputs = sorted({name for kind in self._kinds[0] for name in kind.drawn_outputs})
        self._needs_extent = any(kind.needs_extent for kind in self._kinds[0])
        self._needs_traces = any(kind.needs_traces for kind in self._kinds[0])
        self._steady_state = steady_state_of(self.model)
        # A column is computed once, whatever is seen of it.
        self._has_columns = bool(recipe.depths) and self.model.process is not None and self.model.process.has_layers
        has_ends = bool(recipe.depths) or LAYER_TOP in self.model.forcing_names
        self._ends = [_ends_of(interval) if has_ends else {} for interval in recipe.intervals]

    @property
    def maps(self) -> int:
        """Number of maps, each depth for itself."""
        return sum(math.prod(self.lead(name)) for name in self.layers)

    def lead(self, name: str) -> tuple[int, ...]:
        """Shape of a map before its rows and columns: the number of depths, if it has an axis of them."""
        return (len(self.recipe.depths),) if self.recipe.depths and self.layers[name].has_depth else ()

    def __call__(self, covariates: Tensor, forcing: Mapping[str, Tensor], distance_km: Tensor | None = None) -> Maps:
        """Map some cells.

        Parameters
        ----------
        covariates : Tensor, shape (site, covariate)
            Physical units, in the order of the model.
        forcing : mapping of str to Tensor, shape (site,)
            In the units of the process model.
        distance_km : Tensor, shape (site,), optional
            To the fifth nearest place of the sites, where expected errors are mapped.

        Returns
        -------
        dict of str to Tensor, shape (site,) or (depth, site), float32
            An entry for each of `layers`; NaN where the layer needs a steady state and there is none.
        """
        with torch.inference_mode():
            columns = [
                self._column(model, covariates, forcing) if self._has_columns else None for model in self.members
            ]
            extent = self.extent.of(covariates, distance_km) if self._needs_extent else None
            by_interval = [self._maps(k, columns, covariates, forcing, extent) for k in range(len(self._kinds))]
        if not self.recipe.depths:
            return by_interval[0]
        return {name: _of_depths(layer, [maps[name] for maps in by_interval]) for name, layer in self.layers.items()}

    def _maps(
        self,
        position: int,
        columns: Sequence[Column | None],
        covariates: Tensor,
        forcing: Mapping[str, Tensor],
        extent: CellExtent | None,
    ) -> Maps:
        """Maps of one interval."""
        kinds = self._kinds[position]
        ends = {name: covariates.new_full((len(covariates),), value) for name, value in self._ends[position].items()}
        batch = replace(self._batch(kinds, columns, covariates, {**forcing, **ends}), extent=extent)
        maps = {name: values for kind in kinds for name, values in kind.values(batch).items()}
        if self._steady_state is not None:
            absent = batch.outputs[self._steady_state] <= 0
            for name, layer in self.layers.items():
                if layer.needs_steady_state:
                    maps[name] = maps[name].masked_fill(absent, torch.nan)
        return {name: maps[name] for name in self.layers}

    def _batch(
        self,
        kinds: Sequence[MapKind],
        columns: Sequence[Column | None],
        covariates: Tensor,
        forcing: Mapping[str, Tensor],
    ) -> Batch:
        """Outputs of the model, or the mean of its members, and draws of what kinds of maps ask for."""
        names = self._drawn_outputs
        pairs = zip(self.members, columns, strict=True)
        members = [self._member_outputs(kinds, model, column, covariates, forcing) for model, column in pairs]
        if len(members) == 1:
            draws = self._sampler(covariates, forcing, names) if self._sampler is not None and names else {}
            return Batch(covariates, members[0], draws)
        draws = {name: [outputs[name] for outputs in members] for name in names}
        return Batch(covariates, member_means(members, self.model), draws)

    def _column(self, model: Model, covariates: Tensor, forcing: Mapping[str, Tensor]) -> Column:
        assert isinstance(model, HybridModel)
        features, encoded = model.encode(covariates, forcing)
        return Column(features, encoded, model.column(encoded, forcing, is_traced=self._needs_traces))

    def _member_outputs(
        self,
        kinds: Sequence[MapKind],
        model: Model,
        column: Column | None,
        covariates: Tensor,
        forcing: Mapping[str, Tensor],
    ) -> Maps:
        """Outputs of a member on an interval, and what kinds of maps add."""
        if isinstance(model, HybridModel):
            features, encoded, run = column or self._column(model, covariates, forcing)
            run = model.observed(run, forcing)
        else:
            features, encoded = model.encode(covariates, forcing)
            run = model.decode(encoded, forcing)
        outputs = {**run.outputs, **model.extrapolation(features)}
        for kind in kinds:
            outputs |= kind.member_outputs(model, encoded, forcing, outputs)
        return outputs


class Column(NamedTuple):
    """A column of soil before an interval of it is seen: features, what the encoder made of them, and the run."""

    features: Tensor
    encoded: Tensor
    run: Run


def _of_depths(layer: MapLayer, values: list[Tensor]) -> Tensor:
    """One map of its values at each depth (site,): all of them (depth, site), their sum, or what all depths share."""
    if layer.is_sum:
        return torch.stack(values).sum(0)
    return torch.stack(values) if layer.has_depth else values[0]


def _ends_of(interval: Interval) -> dict[str, float]:
    """Ends of an interval [m], as models know them."""
    return dict(zip(LAYER_INPUTS, (interval.top_cm / CM_PER_M, interval.bottom_cm / CM_PER_M), strict=True))


def _selected_layers(predict: Predict, kinds: Sequence[MapKind]) -> dict[str, MapLayer]:
    """Maps on the list of the configuration, packed as it says, and those that are not optional."""
    layers = {name: layer for kind in kinds if kind.is_optional for name, layer in kind.layers().items()}
    for key, names in (("maps", predict.maps), ("packed", predict.packed)):
        if unknown := [name for name in names if name not in layers]:
            raise HybridmapError(f"predict.{key}: this model has no map '{unknown[0]}'; it has {sorted(layers)}.")
    selected = {
        name: replace(layer, step=predict.packed.get(name, 0.0))
        for name, layer in layers.items()
        if not predict.maps or name in predict.maps
    }
    return selected | {name: layer for kind in kinds if not kind.is_optional for name, layer in kind.layers().items()}
