"""What a prediction starts from: model and cube, opened and checked against each other, and the tiles of the map."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hybridmap.covariates.cube import Cube, open_cube
from hybridmap.errors import HybridmapError
from hybridmap.grid.store import shard_edge
from hybridmap.grid.tiles import Tile, tiles_of
from hybridmap.model import Model
from hybridmap.options.layer_depth import LAYER_INPUTS
from hybridmap.options.position import POSITION
from hybridmap.predict.predictor import Predictor
from hybridmap.predict.recipe import Recipe


@dataclass(frozen=True)
class Inputs:
    """Opened inputs of a map.

    Attributes
    ----------
    predictor : Predictor
        The model made ready.
    cube : Cube
        Its layers.
    edge : int
        Edge of a shard of the store, and of a tile, in cells.
    tiles : list of Tile
        All of the map.
    """

    predictor: Predictor
    cube: Cube
    edge: int
    tiles: list[Tile]


def open_inputs(recipe: Recipe, cube_path: Path) -> Inputs:
    """Open model and cube; HybridmapError if they do not fit."""
    predictor, cube = Predictor(recipe), open_cube(cube_path, recipe.predict.year)
    check_layers(predictor.model, cube)
    edge = shard_edge(recipe.predict.tile)
    return Inputs(predictor, cube, edge, list(tiles_of(cube.grid, edge)))


def check_layers(model: Model, cube: Cube) -> None:
    """Raise HybridmapError unless `cube` has every layer that `model` was trained with, in the same unit.

    Layers are found by name, so their order does not matter.
    """
    covariate_units = {band["name"]: str(band["units"]) for band in cube.bands()}
    forcing_units = {name: str(info["units"]) for name, info in cube.forcing_info().items()}
    for names, units, kind in (
        (model.covariate_names, covariate_units, "covariate"),
        (model.forcing_names, forcing_units, "forcing"),
    ):
        for name in names:
            if name in (*LAYER_INPUTS, *POSITION):  # the interval that is mapped, and where the cell lies
                continue
            if name not in units:
                raise HybridmapError(
                    f"{cube.path}: no {kind} '{name}', which the model was trained with; it has {sorted(units)}."
                )
            if model.units.get(name, units[name]) != units[name]:
                raise HybridmapError(
                    f"{cube.path}: {kind} '{name}' is in '{units[name]}', the model was trained with it in"
                    f" '{model.units[name]}'; set scale, offset and unit of the layer, or train again."
                )
