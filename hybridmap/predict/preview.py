"""A first look at a map while it is still being made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import zarr

from hybridmap.grid.depth_axis import map_arrays, maps_of
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import read_map
from hybridmap.grid.tiles import Tile

EDGE_PIXELS = 800
"""Largest edge of the picture."""


class Preview:
    """A small picture beside an unfinished store, ``{out}.preview.png``.

    Parameters
    ----------
    partial : Path
        The unfinished store.
    grid : RegionGrid
        Of the map.
    out : Path
        Where the finished store goes.
    """

    def __init__(self, partial: Path, grid: RegionGrid, out: Path) -> None:
        self.partial = partial
        self.path = out.with_name(out.name + ".preview.png")
        self.step = max(1, -(-max(grid.height, grid.width) // EDGE_PIXELS))
        self.values = np.full((-(-grid.height // self.step), -(-grid.width // self.step)), np.nan)
        self.is_written = False

    def add(self, tiles: list[Tile]) -> None:
        """Add tiles that were finished since the last time: SOC, or the first map there is."""
        from matplotlib import colormaps
        from matplotlib.image import imsave

        root = zarr.open_group(str(self.partial), mode="r")
        array = (maps_of(root, "soc") or list(map_arrays(root).values()))[0]
        for tile in tiles:
            values = read_map(array, np.s_[tile.row0 : tile.row1, tile.col0 : tile.col1])
            small = values[-tile.row0 % self.step :: self.step, -tile.col0 % self.step :: self.step]
            row, col = -(-tile.row0 // self.step), -(-tile.col0 // self.step)
            self.values[row : row + small.shape[0], col : col + small.shape[1]] = small
        valid = self.values[np.isfinite(self.values)]
        low, high = np.quantile(valid, (0.02, 0.98)) if valid.size else (0.0, 1.0)
        colours = colormaps["YlOrBr"].with_extremes(bad="#e8ecef")
        imsave(self.path, np.ma.masked_invalid(self.values), vmin=low, vmax=max(high, low + 1e-9), cmap=colours)
        self.is_written = True

    def remove(self) -> None:
        """Take the picture away."""
        self.path.unlink(missing_ok=True)
