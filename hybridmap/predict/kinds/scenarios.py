"""Maps of how outputs change where the forcing does, with the parameters held."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from hybridmap.config import Change
from hybridmap.errors import HybridmapError
from hybridmap.model import HybridModel, Model
from hybridmap.model.unlearned import unlearned_parameters
from hybridmap.predict.kinds.base import Batch, Forcing, MapKind, Maps, Source
from hybridmap.predict.map_layers import MapLayer, label_of, steady_state_of
from hybridmap.predict.portrayal import Portrayal

NOT_LEARNED = "not_learned"
"""Attribute of a change: parameters that the data did not teach, on which it rests."""


class ScenarioMaps(MapKind):
    """Change of each target, or output in ``predict.scenario_of``, under each of ``predict.scenarios``, in its unit.

    Raises
    ------
    HybridmapError
        If a scenario changes a forcing that the model does not have.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.scenarios = dict(source.recipe.predict.scenarios)
        self._steady_state = steady_state_of(source.model)
        if self.scenarios and not isinstance(source.model, HybridModel):
            # Forcing is one more covariate of a network.
            self.scenarios = {}
            self.notes = ("no maps of scenarios: without a process model there are no parameters to hold",)
        asked_for = source.recipe.predict.scenario_of
        # A parameter is held, so its change is no map.
        outputs = [name for name, (output, _) in source.model_maps.items() if output == name]
        self.subjects = [name for name in asked_for or source.model.target_names if name in outputs]
        if self.scenarios:
            absent = [name for name in asked_for if name not in outputs]
            self.notes = tuple(f"no change of '{name}': this model has no such output" for name in absent)
        for name, changes in self.scenarios.items():
            _check_changes(name, changes, source.model)

    def layers(self) -> dict[str, MapLayer]:
        """A map a scenario and output."""
        layers: dict[str, MapLayer] = {}
        if not self.scenarios:
            return layers
        unlearned = [f"{name} {text}" for name, text in unlearned_parameters(self.source.model).items()]
        about = {NOT_LEARNED: "; ".join(unlearned)} if unlearned else {}
        for scenario, changes in self.scenarios.items():
            text = ", ".join(f"{forcing} {_change_text(change)}" for forcing, change in changes.items())
            for target in self.subjects:
                layer = self.source.model_maps[target].layer
                label = layer.portrayal.label or label_of(target, self.source.model.quantities)
                title = f"Change of {label} with {text}"
                portrayal = Portrayal("scenario", title, "BrBG", symmetric=True, subject=target)
                description = f"change of {layer.description} with {text}"
                layers[change_name(target, scenario)] = MapLayer(
                    layer.unit, description, about=about, portrayal=portrayal, has_depth=layer.has_depth
                )
        return layers

    def member_outputs(self, model: Model, encoded: Tensor, forcing: Forcing, outputs: Mapping[str, Tensor]) -> Maps:
        """Changes of one member; NaN where the changed forcing leaves no steady state.

        Parameters
        ----------
        model, encoded, forcing, outputs
            As :meth:`MapKind.member_outputs`.

        Returns
        -------
        dict of str to Tensor, shape (site,)
            By name of the map.
        """
        maps: Maps = {}
        for scenario, changes in self.scenarios.items():
            shifted = model.decode(encoded, changed(forcing, changes)).outputs
            absent = (
                encoded.new_zeros((), dtype=torch.bool)
                if self._steady_state is None
                else shifted[self._steady_state] <= 0
            )
            for target in self.subjects:
                change = shifted[target] - outputs[target]
                maps[change_name(target, scenario)] = change.masked_fill(absent, torch.nan)
        return maps

    def values(self, batch: Batch) -> Maps:
        """Mean of the members' changes."""
        names = [change_name(output, scenario) for scenario in self.scenarios for output in self.subjects]
        return {name: batch.outputs[name] for name in names}


def change_name(target: str, scenario: str) -> str:
    """Name of the map of the change of an output under a scenario."""
    return f"{target}_change_{scenario}"


def _check_changes(scenario: str, changes: Mapping[str, Change], model: Model) -> None:
    for forcing in changes:
        if forcing not in model.forcing_names:
            raise HybridmapError(
                f"predict.scenarios.{scenario}: the model has no forcing '{forcing}'; it has"
                f" {list(model.forcing_names)}."
            )


def changed(forcing: Forcing, changes: Mapping[str, Change]) -> dict[str, Tensor]:
    """Forcing with the changes of a scenario."""
    return {**forcing, **{name: forcing[name] * c.multiply + c.add for name, c in changes.items()}}


def _change_text(change: Change) -> str:
    """As ``x 0.8 +2``."""
    factor = [f"x {change.multiply:g}"] if change.multiply != 1.0 else []
    return " ".join([*factor, *([f"{change.add:+g}"] if change.add or not factor else [])])
