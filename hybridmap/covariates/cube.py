"""The covariate cube, opened: every covariate and forcing of a region on its grid, read a tile at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from hybridmap.covariates.excluded_cells import EXCLUDED
from hybridmap.covariates.years import DatedLayer, YearChoice, chosen_years, year_words
from hybridmap.errors import HybridmapError
from hybridmap.grid.depth_axis import GRID_ARRAYS
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import grid_of, shard_names
from hybridmap.grid.tiles import Tile
from hybridmap.grid.verified_store import open_verified

FORMAT = 1
"""Layout of a cube without years; a store of a later one than this hybridmap knows is refused."""
FORMAT_WITH_YEARS = 2
"""Layout of a cube of which some layers have years: a group of each under ``years``."""
FORCING = "forcing."
"""What the key of a forcing begins with."""
MASK = "is_known"
"""Array beside a layer that has years: where it has a value."""


@dataclass(frozen=True)
class Cube:
    """An opened cube.

    Attributes
    ----------
    path : Path
        The store.
    grid : RegionGrid
        Its cells.
    covariate_names, forcing_names : tuple of str
        Layers in order; those that have years come last.
    dated : mapping of str to DatedLayer
        Layers that have years, by their key: forcing is ``forcing.NAME``.
    map_years : mapping of str to int
        The year of each that is read.
    """

    path: Path
    grid: RegionGrid
    covariate_names: tuple[str, ...]
    forcing_names: tuple[str, ...]
    dated: Mapping[str, DatedLayer]
    map_years: Mapping[str, int]
    _root: zarr.Group

    def read_layers(self, tile: Tile) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """Covariates (band, row, column) and forcing (row, column) of some cells.

        Raises
        ------
        HybridmapError
            If a file of the store is damaged.
        """
        try:
            return self._covariates(tile), {name: self._forcing(name, tile) for name in self.forcing_names}
        except (ValueError, RuntimeError, OSError) as error:
            raise self._damaged(tile, error) from None

    def read_year(self, key: str, year: int, tile: Tile) -> NDArray[np.float32]:
        """Values (row, column) of a layer that has years, in one of them.

        Parameters
        ----------
        key : str
            A key of `dated`.
        year : int
            One of its years.
        tile : Tile
            The cells.

        Returns
        -------
        array, shape (row, column), float32

        Raises
        ------
        HybridmapError
            If a file of the store is damaged.
        """
        try:
            return self._step(key, key, year, tile)
        except (ValueError, RuntimeError, OSError) as error:
            raise self._damaged(tile, error) from None

    def _covariates(self, tile: Tile) -> NDArray[np.float32]:
        dated = [key for key in self.dated if not key.startswith(FORCING)]
        parts = (
            [np.asarray(self._array("covariates")[(slice(None), *tile.slices)])] if "covariates" in self._root else []
        )
        parts += [self._step(key, key, self.map_years[key], tile)[None] for key in dated]
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    def _forcing(self, name: str, tile: Tile) -> NDArray[np.float32]:
        if (key := FORCING + name) in self.dated:
            return self._step(key, key, self.map_years[key], tile)
        return np.asarray(self._array(f"forcing/{name}")[tile.slices])

    def _step(self, key: str, array: str, year: int, tile: Tile) -> NDArray[Any]:
        """One year of an array of a layer that has years."""
        return np.asarray(self._array(f"years/{key}/{array}")[(self.dated[key].years.index(year), *tile.slices)])

    def _damaged(self, tile: Tile, error: Exception) -> HybridmapError:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return HybridmapError(
            f"{self.path}: rows {tile.row0} to {tile.row1}, columns {tile.col0} to {tile.col1} cannot be read"
            f" ({reason}); a file of the store is damaged, build the cube again."
        )

    def read_window(self, tile: Tile) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]], NDArray[np.bool_]]:
        """As :meth:`read_layers`, and the cells where every covariate and forcing has a value, (row, column)."""
        covariates, forcing = self.read_layers(tile)
        valid = np.asarray(np.isfinite(covariates).all(axis=0))
        for values in forcing.values():
            valid &= np.isfinite(values)
        return covariates, forcing, valid

    def complete(self, tile: Tile) -> NDArray[np.bool_]:
        """Cells of a tile where every covariate and forcing has a value, without reading them."""
        complete = np.asarray(self._array("complete")[tile.slices]).astype(bool)
        for key, year in self.map_years.items():
            complete &= self._step(key, MASK, year, tile).astype(bool)
        return complete

    @property
    def excluded_labels(self) -> list[str]:
        """Layer and class in words of what is left out, by its number from 1; none where nothing is."""
        if EXCLUDED not in self._root:
            return []
        labels: list[str] = [str(label) for label in self._array(EXCLUDED).attrs["labels"]]
        return labels[1:]

    def excluded(self, tile: Tile) -> NDArray[np.uint8]:
        """Number of the class by which each cell of a tile is left out, (row, column); 0 for none."""
        if EXCLUDED not in self._root:
            return np.zeros(tile.shape, dtype="uint8")
        return np.asarray(self._array(EXCLUDED)[tile.slices])

    def shard_files(self, tile: Tile) -> list[Path]:
        """Files of the shards that hold the cells of a tile, of all layers."""
        arrays = ["covariates", *(f"forcing/{name}" for name in self.forcing_names)]
        arrays = [name for name in arrays if name in self._root] + [f"years/{key}/{key}" for key in self.dated]
        return [self.path / file for name in arrays for file in shard_names(self._array(name), name, tile)]

    def valid_mask(self) -> NDArray[np.bool_]:
        """Cells where every covariate and forcing has a value, shape (height, width)."""
        return self.complete(self.grid.extent)

    def bands(self) -> list[dict[str, Any]]:
        """Name, unit, kind, description, path, licence and hash of each covariate."""
        bands = bands_of(self._root)
        return [*bands, *(self._dated_attributes(key) for key in self.dated if not key.startswith(FORCING))]

    def forcing_info(self) -> dict[str, dict[str, Any]]:
        """The same for each forcing, by name."""
        return {
            name: self._dated_attributes(FORCING + name)
            if FORCING + name in self.dated
            else dict(self._array(f"forcing/{name}").attrs)
            for name in self.forcing_names
        }

    def sources(self) -> list[dict[str, Any]]:
        """Name, path, licence and hash of every raster: of each layer, and each year of those that have some."""
        layers = [*self.bands(), *self.forcing_info().values()]
        return [
            {**layer, **of_year, "name": f"{layer['name']} {year}" if year else layer["name"]}
            for layer in layers
            for year, of_year in zip(layer.get("years", [""]), layer.get("of_years", [{}]), strict=True)
        ]

    def year_words(self) -> str:
        """The year of each layer that has years, in words; "" if none has."""
        return year_words(self.dated, self.map_years)

    def _dated_attributes(self, key: str) -> dict[str, Any]:
        attributes = dict(self._array(f"years/{key}/{key}").attrs)
        return {**attributes, "of_years": json.loads(attributes["of_years"])}

    def _array(self, name: str) -> Any:
        return self._root[name]


def bands_of(root: zarr.Group) -> list[dict[str, Any]]:
    """What a cube notes of each covariate that has no years: JSON in an attribute, as NetCDF has no tables."""
    if "covariates" not in root:
        return []
    bands: list[dict[str, Any]] = json.loads(str(root["covariates"].attrs["bands"]))
    return bands


def open_cube(path: Path, years: YearChoice = None) -> Cube:
    """Open a store written by :func:`build_cube`.

    Parameters
    ----------
    path : Path
        The store.
    years : int, mapping of str to int, or None
        Year of the layers that have some, as ``predict.year``; the latest of each by default.

    Returns
    -------
    Cube

    Raises
    ------
    HybridmapError
        If it is no cube, or a layer has not the year that is chosen for it.
    """
    if not (path / "zarr.json").is_file():
        raise HybridmapError(f"{path}: no cube here; run 'hybridmap cube' first.")
    try:
        root: Any = open_verified(path)
        dated = _dated_layers(root)
        names = [band["name"] for band in bands_of(root)]
        names += [key for key in dated if not key.startswith(FORCING)]
        single = [name for name in root["forcing"].array_keys() if name not in GRID_ARRAYS]
        forcing = [*single, *(k.removeprefix(FORCING) for k in dated if k.startswith(FORCING))]
        _ = root["complete"]  # without it no tile is known to be empty
        grid = grid_of(root)
    except (KeyError, ValueError, TypeError) as error:
        raise HybridmapError(f"{path}: cannot be opened as a cube ({error}); run 'hybridmap cube' again.") from None
    version = int(str(root.attrs.get("format", FORMAT)))
    if version > FORMAT_WITH_YEARS:
        raise HybridmapError(
            f"{path}: written by a newer version of hybridmap (format {version}, this one reads {FORMAT_WITH_YEARS});"
            " update hybridmap, or build the cube again."
        )
    map_years = chosen_years(dated, years, "predict.year")
    return Cube(path, grid, tuple(names), tuple(sorted(forcing)), dated, map_years, root)


def _dated_layers(root: Any) -> dict[str, DatedLayer]:
    """Layers of a store that have years, in their order."""
    if "years" not in root:
        return {}
    return {key: DatedLayer.of_attributes(root[f"years/{key}/{key}"].attrs) for key in root["years"].attrs["layers"]}
