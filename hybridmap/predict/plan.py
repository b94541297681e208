"""The work of a prediction: tiles that match the shards of the store, so that each is written by one task alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hybridmap.grid.region_grid import RegionGrid


@dataclass(frozen=True)
class Tile:
    """Cells [row0, row1) x [col0, col1)."""

    row0: int
    row1: int
    col0: int
    col1: int

    @property
    def cells(self) -> int:
        """Number of cells."""
        return (self.row1 - self.row0) * (self.col1 - self.col0)

    @property
    def name(self) -> str:
        """Name of the tile's receipt."""
        return f"{self.row0}_{self.col0}"


def tiles_of(grid: RegionGrid, edge: int) -> Iterator[Tile]:
    """Tiles of `edge` cells over `grid`, row by row; the last ones are cut at the border."""
    for row in range(0, grid.height, edge):
        for col in range(0, grid.width, edge):
            yield Tile(row, min(row + edge, grid.height), col, min(col + edge, grid.width))


def shard_edge(tile: int, chunk: int) -> int:
    """Smallest multiple of a chunk that is not below the tile: the edge of a shard and of a unit of work."""
    inner = min(chunk, tile)
    return -(-tile // inner) * inner
