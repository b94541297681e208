"""Where cells of a region lie on the pixels of a raster, to a billionth of a pixel, whatever is around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from hybridmap.grid.region_grid import RegionGrid

NODES = 12
"""Nodes a side of the polynomial that stands for the projection within a block of cells."""
TOLERANCE = 1e-9
"""Pixels by which it may be off; blocks where it is further off are halved, and small ones computed point by point."""
Coordinates = NDArray[np.float64]


@dataclass(frozen=True)
class Places:
    """Pixels under points: column and line, counted from the outer edge of the first pixel; NaN where there is none."""

    column: Coordinates
    line: Coordinates


@dataclass(frozen=True)
class PixelLocator:
    """From cells of a grid to pixels of a raster.

    Attributes
    ----------
    grid : RegionGrid
        The cells.
    crs : pyproj.CRS
        Of the raster.
    transform : Affine
        From column and line of the raster to its CRS.
    period : float or None
        Columns around the Earth, where the columns of the raster are longitudes.
    to_crs : pyproj.Transformer or None
        From the CRS of the grid to that of the raster; None where they are the same.
    """

    grid: RegionGrid
    crs: CRS
    transform: Any
    period: float | None
    to_crs: Transformer | None

    @classmethod
    def of(cls, grid: RegionGrid, crs: CRS, transform: Any) -> PixelLocator:
        """Locator of a raster.

        Parameters
        ----------
        grid : RegionGrid
            The cells.
        crs : pyproj.CRS
            Of the raster.
        transform : Affine
            From column and line of the raster to its CRS.

        Returns
        -------
        PixelLocator
            From the cells to the pixels.
        """
        unrotated = not (transform.b or transform.d)
        period = 360.0 / abs(transform.a) if crs.is_geographic and unrotated else None
        to_crs = None if crs == grid.crs else Transformer.from_crs(grid.crs, crs, always_xy=True)
        return cls(grid, crs, transform, period, to_crs)

    def exact(self, rows: Coordinates, columns: Coordinates, middle: tuple[float, float]) -> Places:
        """Pixels under points of the grid.

        Parameters
        ----------
        rows, columns : array
            Points in cells from the north-west corner of the grid, of one shape.
        middle : tuple of float
            Row and column of the point whose meridian longitudes are counted from, so that none jumps near it.

        Returns
        -------
        Places
            Of the shape of the points.
        """
        x, y = self._transformed(rows, columns)
        if self.crs.is_geographic:
            centre, _ = self._transformed(np.array([middle[0]]), np.array([middle[1]]))
            if np.isfinite(centre[0]):
                x = centre[0] + (x - centre[0] + 180.0) % 360.0 - 180.0
        inverse = ~self.transform
        return Places(inverse.a * x + inverse.b * y + inverse.c, inverse.d * x + inverse.e * y + inverse.f)

    def _transformed(self, rows: Coordinates, columns: Coordinates) -> tuple[Coordinates, Coordinates]:
        x, y = self.grid.west + columns * self.grid.resolution, self.grid.north - rows * self.grid.resolution
        if self.to_crs is None:
            return x, y
        x, y = self.to_crs.transform(x, y)
        is_lost = ~(np.isfinite(x) & np.isfinite(y))
        return np.where(is_lost, np.nan, x), np.where(is_lost, np.nan, y)


@dataclass(frozen=True)
class Block:
    """Cells whose places are worked out together.

    Attributes
    ----------
    locator : PixelLocator
        Of the raster.
    rows, columns : range
        Of the grid.
    nodes : Places or None
        Pixels under the nodes of the polynomial, shape (node, node); None where it is not exact enough.
    """

    locator: PixelLocator
    rows: range
    columns: range
    nodes: Places | None

    @classmethod
    def of(cls, locator: PixelLocator, rows: range, columns: range) -> Block:
        """Block of some cells, with a polynomial where one stands for the projection.

        Parameters
        ----------
        locator : PixelLocator
            Of the raster.
        rows, columns : range
            Of the grid.

        Returns
        -------
        Block
            The cells and the nodes of the polynomial.
        """
        block = cls(locator, rows, columns, None)
        abscissae = 0.5 + 0.5 * np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
        nodes = block._exact(*block._spread(abscissae))
        smooth = cls(locator, rows, columns, nodes)
        probes = np.array([0.0, 0.131, 0.317, 0.5, 0.683, 0.857, 1.0])
        points = block._spread(probes)
        true, guess = block._exact(*points), smooth.lattice(*points)
        off = np.hypot(true.column - guess.column, true.line - guess.line)
        return smooth if bool((off < TOLERANCE).all()) else block

    @property
    def middle(self) -> tuple[float, float]:
        """Row and column in the middle."""
        return 0.5 * (self.rows.start + self.rows.stop), 0.5 * (self.columns.start + self.columns.stop)

    def _spread(self, share: Coordinates) -> tuple[Coordinates, Coordinates]:
        rows = self.rows.start + share * len(self.rows)
        return rows, self.columns.start + share * len(self.columns)

    def _exact(self, rows: Coordinates, columns: Coordinates) -> Places:
        y, x = np.meshgrid(rows, columns, indexing="ij")
        return self.locator.exact(y, x, self.middle)

    def lattice(self, rows: Coordinates, columns: Coordinates) -> Places:
        """Pixels under every pair of some rows and columns, given in cells of the grid, shape (row, column)."""
        if self.nodes is None:
            return self._exact(rows, columns)
        down = _lagrange((rows - self.rows.start) / len(self.rows))
        across = _lagrange((columns - self.columns.start) / len(self.columns)).T
        return Places(_product(down, self.nodes.column, across), _product(down, self.nodes.line, across))

    def parts(self) -> list[Block]:
        """The block halved along its longer sides; itself if it is a single cell."""
        rows, columns = _halves(self.rows), _halves(self.columns)
        if len(self.rows) > 2 * len(self.columns):
            columns = [self.columns]
        if len(self.columns) > 2 * len(self.rows):
            rows = [self.rows]
        return [Block.of(self.locator, r, c) for r in rows for c in columns]


def _product(left: Coordinates, middle: Coordinates, right: Coordinates) -> Coordinates:
    """Product of three matrices in one thread: layers are made side by side, and BLAS would start threads for each."""
    return np.asarray(np.einsum("ij,jk->ik", np.einsum("ij,jk->ik", left, middle), right))


def _halves(cells: range) -> list[range]:
    half = len(cells) // 2
    return [part for part in (cells[:half], cells[half:]) if len(part)]


def _lagrange(share: Coordinates) -> Coordinates:
    """Weights of the nodes at places from 0 to 1 along a side, shape (place, node)."""
    nodes = np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
    vander = np.polynomial.chebyshev.chebvander
    return np.asarray(vander(2.0 * share - 1.0, NODES - 1) @ np.linalg.inv(vander(nodes, NODES - 1)))
