"""How far cells are from the sites, and what follows from it: whether the model applies, and how wide intervals are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pyproj import Transformer
from torch import Tensor

from hybridmap.errors import HybridmapError
from hybridmap.evaluate.applicability import Applicability
from hybridmap.evaluate.expected_error import ExpectedError
from hybridmap.evaluate.site_distance import SiteDensity
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.tiles import Tile
from hybridmap.model import Model
from hybridmap.predict.recipe import Recipe

LATTICE_M = 2000.0
"""Distances are worked out about so far apart: they change no faster than one walks."""


@dataclass(frozen=True)
class CellExtent:
    """Some cells beside the sites, each (cell,).

    Attributes
    ----------
    index : Tensor
        Dissimilarity [1].
    expected_error : Tensor or None
        Over that of the cross-validation [1]; None where it was not judged.
    distance_km : Tensor or None
        To the fifth nearest place of the sites.
    is_inside : Tensor of bool or None
        Whether that error is as promised.
    interval_factor : Tensor
        What intervals are multiplied by [1].
    """

    index: Tensor
    expected_error: Tensor | None
    distance_km: Tensor | None
    is_inside: Tensor | None
    interval_factor: Tensor


class ExtentOfSites:
    """What the files of a recipe say of cells.

    Parameters
    ----------
    recipe : Recipe
        With the file of the applicability, and that of expected errors if there is one.
    model : HybridModel or NetworkModel
        The model of the maps.

    Raises
    ------
    HybridmapError
        If the first file is not of this model, or there is only the second.
    """

    def __init__(self, recipe: Recipe, model: Model) -> None:
        self.applicability = None if recipe.applicability is None else _load(recipe.applicability, model)
        errors = None if recipe.expected_error is None else ExpectedError.load(recipe.expected_error)
        if errors is not None and self.applicability is None:
            raise HybridmapError("--expected-error needs --applicability too: errors are told by its index.")
        self.errors = errors if errors is not None and errors.is_judged else None
        self._density = None if self.errors is None else SiteDensity(self.errors.places)

    def distances_km(self, grid: RegionGrid, tile: Tile) -> Tensor | None:
        """Distance to the fifth nearest place of the cells of a tile, (row, column); None where nobody asks.

        Parameters
        ----------
        grid : RegionGrid
            Of the map.
        tile : Tile
            Its cells.

        Returns
        -------
        Tensor or None
            [km], of points of a lattice two kilometres wide, or of every cell that is larger.
        """
        if self._density is None:
            return None
        step = max(1, int(LATTICE_M / (grid.resolution * grid.metres_per_unit())))
        # Of the whole grid, so that a cell has one value whatever tile it lies in.
        rows, columns = (_lattice(begin, end, step, size) for begin, end, size in
                         ((tile.row0, tile.row1, grid.height), (tile.col0, tile.col1, grid.width)))  # fmt: skip
        row, row_of = np.unique(rows, return_inverse=True)
        column, column_of = np.unique(columns, return_inverse=True)
        x, y = (values.ravel() for values in np.meshgrid(grid.x[column], grid.y[row]))
        lon, lat = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(x, y)
        distance = self._density.distance_km(lon, lat).reshape(len(row), len(column))
        return torch.from_numpy(distance[np.ix_(row_of, column_of)].astype("float32"))

    @property
    def needs_places(self) -> bool:
        """Whether what it says of cells depends on how far they are from the sites."""
        return self._density is not None

    def point_distances_km(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance [km] from points in degrees to the fifth nearest place, (point,); only where places are needed."""
        assert self._density is not None
        return self._density.distance_km(lon, lat)

    def of(self, covariates: Tensor, distance_km: Tensor | None) -> CellExtent | None:
        """What is known of some cells.

        Parameters
        ----------
        covariates : Tensor, shape (cell, covariate)
            Physical units, in the order of the model.
        distance_km : Tensor, shape (cell,), optional
            As :meth:`distances_km` gives it.

        Returns
        -------
        CellExtent or None
            None without a file of the applicability.
        """
        if self.applicability is None:
            return None
        index = self.applicability.dissimilarity(covariates)
        if self.errors is None or distance_km is None:
            return CellExtent(index, None, None, None, torch.ones_like(index))
        pair = index, distance_km
        return CellExtent(
            index,
            self.errors.expected(*pair),
            distance_km,
            self.errors.is_inside(*pair),
            self.errors.interval_factor(*pair),
        )


def _lattice(begin: int, end: int, step: int, size: int) -> np.ndarray:
    """Row or column of the lattice that stands for each of some."""
    return np.minimum(np.arange(begin, end) // step * step + step // 2, size - 1)


def _load(path: Path, model: Model) -> Applicability:
    applicability = Applicability.load(path)
    if list(applicability.names) != list(model.covariate_names):
        raise HybridmapError(
            f"{path}: made for a model of other covariates; run 'hybridmap applicability' for this one."
        )
    return applicability
