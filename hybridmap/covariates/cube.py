"""The covariate cube, opened: every covariate and forcing of a region on its grid, read a tile at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import grid_of, shard_names
from hybridmap.grid.tiles import Tile
from hybridmap.grid.verified_store import open_verified

FORMAT = 1
"""Layout of a cube; a store of a later one is refused."""


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
        Layers in order.
    """

    path: Path
    grid: RegionGrid
    covariate_names: tuple[str, ...]
    forcing_names: tuple[str, ...]
    _root: zarr.Group

    def read_layers(self, tile: Tile) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """Covariates (band, row, column) and forcing (row, column) of some cells.

        Raises
        ------
        HybridmapError
            If a file of the store is damaged.
        """
        try:
            covariates = np.asarray(self._array("covariates")[(slice(None), *tile.slices)])
            forcing = {name: np.asarray(self._array(f"forcing/{name}")[tile.slices]) for name in self.forcing_names}
        except (ValueError, RuntimeError, OSError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise HybridmapError(
                f"{self.path}: rows {tile.row0} to {tile.row1}, columns {tile.col0} to {tile.col1} cannot be read"
                f" ({reason}); a file of the store is damaged, build the cube again."
            ) from None
        return covariates, forcing

    def read_window(self, tile: Tile) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]], NDArray[np.bool_]]:
        """As :meth:`read_layers`, and the cells where every covariate and forcing has a value, (row, column)."""
        covariates, forcing = self.read_layers(tile)
        valid = np.asarray(np.isfinite(covariates).all(axis=0))
        for values in forcing.values():
            valid &= np.isfinite(values)
        return covariates, forcing, valid

    def complete(self, tile: Tile) -> NDArray[np.bool_]:
        """Cells of a tile where every covariate and forcing has a value, without reading them."""
        return np.asarray(self._array("complete")[tile.slices]).astype(bool)

    def shard_files(self, name: str, tile: Tile) -> list[Path]:
        """Files of the shards of an array that hold the cells of a tile."""
        return [self.path / file for file in shard_names(self._array(name), name, tile)]

    def valid_mask(self) -> NDArray[np.bool_]:
        """Cells where every covariate and forcing has a value, shape (height, width)."""
        return np.asarray(self._array("complete"))[:].astype(bool)

    def bands(self) -> list[dict[str, Any]]:
        """Name, unit, kind, description, path, licence and hash of each covariate."""
        bands: Any = self._array("covariates").attrs["bands"]
        return list(bands)

    def forcing_info(self) -> dict[str, dict[str, Any]]:
        """The same for each forcing, by name."""
        return {name: dict(self._array(f"forcing/{name}").attrs) for name in self.forcing_names}

    def _array(self, name: str) -> Any:
        return self._root[name]


def open_cube(path: Path) -> Cube:
    """Open a store written by :func:`build_cube`; HybridmapError if it is none."""
    if not (path / "zarr.json").is_file():
        raise HybridmapError(f"{path}: no cube here; run 'hybridmap cube' first.")
    try:
        root = open_verified(path)
        covariates: Any = root["covariates"]
        names = tuple(band["name"] for band in covariates.attrs["bands"])
        forcing: Any = root["forcing"]
        _ = root["complete"]  # without it no tile is known to be empty
        cube = Cube(path, grid_of(root), names, tuple(sorted(forcing.array_keys())), root)
    except (KeyError, ValueError, TypeError) as error:
        raise HybridmapError(f"{path}: cannot be opened as a cube ({error}); run 'hybridmap cube' again.") from None
    version = int(str(root.attrs.get("format", FORMAT)))
    if version > FORMAT:
        raise HybridmapError(
            f"{path}: written by a newer version of hybridmap (format {version}, this one reads {FORMAT}); update"
            " hybridmap, or build the cube again."
        )
    return cube
