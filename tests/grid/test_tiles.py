"""Tiles: every cell once."""

import numpy as np
import pytest
from pyproj import CRS

from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import shard_edge
from hybridmap.grid.tiles import Tile, tiles_of


@pytest.mark.parametrize("edge", [7, 64, 100])
def test_tiles_cover_every_cell_once_and_have_names_of_their_own(edge: int) -> None:
    grid = RegionGrid(CRS.from_epsg(3035), 4e6, 3e6, 1000.0, 130, 90)
    count = np.zeros((grid.height, grid.width), int)
    tiles = list(tiles_of(grid, edge))
    for tile in tiles:
        count[tile.slices] += 1
        assert count[tile.slices].shape == tile.shape
    assert (count == 1).all()
    assert len({tile.name for tile in tiles}) == len(tiles)
    assert sum(tile.cells for tile in tiles) == grid.extent.cells
    assert tiles_of(grid, 1000).__next__() == grid.extent == Tile(0, 90, 0, 130)


def test_shards_hold_whole_chunks() -> None:
    assert [shard_edge(tile) for tile in (16, 128, 129, 256, 300)] == [16, 128, 256, 256, 384]
