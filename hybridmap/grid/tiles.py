"""Rectangles of cells that are read, computed and written as one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hybridmap.grid.region_grid import RegionGrid


@dataclass(frozen=True)
class Tile:
    """Cells [row0, row1) x [col0, col1).

    Examples
    --------
    >>> tile = Tile(0, 2, 4, 7)
    >>> tile.shape, tile.cells, tile.name
    ((2, 3), 6, '0_4')
    """

    row0: int
    row1: int
    col0: int
    col1: int

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return self.row1 - self.row0, self.col1 - self.col0

    @property
    def cells(self) -> int:
        """Number of cells."""
        return self.shape[0] * self.shape[1]

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, as the last two indices of an array on the grid."""
        return slice(self.row0, self.row1), slice(self.col0, self.col1)

    @property
    def name(self) -> str:
        """Name of the tile's receipt."""
        return f"{self.row0}_{self.col0}"


def tiles_of(grid: RegionGrid, edge: int) -> Iterator[Tile]:
    """Tiles of `edge` cells over `grid`, row by row; the last ones are cut at the border."""
    for row in range(0, grid.height, edge):
        for col in range(0, grid.width, edge):
            yield Tile(row, min(row + edge, grid.height), col, min(col + edge, grid.width))
