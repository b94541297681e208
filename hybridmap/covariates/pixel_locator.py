"""Where cells of a region lie on the pixels of a raster, to a billionth of a pixel, whatever is around them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from hybridmap.grid.region_grid import RegionGrid

NODES = 12
"""Nodes a side of the series that stands for the projection within a block of cells."""
TOLERANCE = 1e-9
"""Pixels by which it may be off; blocks where it is further off are halved, and small ones computed point by point."""
NEGLIGIBLE = 1e-12
"""Pixels that the higher degrees of a series may add without being kept."""
NEAR_POLE = 1e-9
"""Degrees from a pole within which every longitude is as good as another."""
IN_ONE_THREAD = 200_000
"""Multiplications below which BLAS starts no threads; layers are made side by side."""
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
        period = _circle(crs) / abs(transform.a) if crs.is_geographic and unrotated else None
        return cls(grid, crs, transform, period, None if crs == grid.crs else _transformer(grid.crs, crs))

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
                circle = _circle(self.crs)
                x = centre[0] + (x - centre[0] + 0.5 * circle) % circle - 0.5 * circle
        inverse = ~self.transform
        return Places(inverse.a * x + inverse.b * y + inverse.c, inverse.d * x + inverse.e * y + inverse.f)

    def _transformed(self, rows: Coordinates, columns: Coordinates) -> tuple[Coordinates, Coordinates]:
        x, y = self.grid.west + columns * self.grid.resolution, self.grid.north - rows * self.grid.resolution
        if self.to_crs is None:
            return x, y
        x, y = self.to_crs.transform(x, y)
        if self.crs.is_geographic and not self.grid.crs.is_geographic:
            # Rounding of the grid must not choose the meridian.
            x = np.where(abs(y) > 0.25 * _circle(self.crs) - NEAR_POLE, 0.0, x)
        is_lost = ~(np.isfinite(x) & np.isfinite(y))
        return np.where(is_lost, np.nan, x), np.where(is_lost, np.nan, y)


@lru_cache(maxsize=64)
def _circle(crs: CRS) -> float:
    """The way around the Earth in units of a geographic CRS: 360 degrees, or 400 grads."""
    return round(2.0 * np.pi / float(crs.axis_info[0].unit_conversion_factor), 9)


@lru_cache(maxsize=64)
def _transformer(source: CRS, target: CRS) -> Transformer:
    """From one CRS to another; to find the way takes longer than to warp a small layer."""
    return Transformer.from_crs(source, target, always_xy=True)


@dataclass(frozen=True)
class Block:
    """Cells whose places are worked out together.

    Attributes
    ----------
    locator : PixelLocator
        Of the raster.
    rows, columns : range
        Of the grid.
    series : Places or None
        Coefficients of the Chebyshev series of columns and lines, shape (degree down, degree across); None where no
        short series is exact enough.
    """

    locator: PixelLocator
    rows: range
    columns: range
    series: Places | None

    @classmethod
    def of(cls, locator: PixelLocator, rows: range, columns: range) -> Block:
        """Block of some cells, with a series where one stands for the projection.

        Parameters
        ----------
        locator : PixelLocator
            Of the raster.
        rows, columns : range
            Of the grid.

        Returns
        -------
        Block
            The cells and the series.
        """
        block = cls(locator, rows, columns, None)
        nodes = block._exact(*block._spread(0.5 + 0.5 * ABSCISSAE))
        smooth = cls(locator, rows, columns, Places(_coefficients(nodes.column), _coefficients(nodes.line)))
        points = block._spread(PROBES)
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
        if self.series is None:
            return self._exact(rows, columns)
        column, line = self.series.column, self.series.line
        degree = max(len(column), len(line)), max(column.shape[1], line.shape[1])
        down = _vander((rows - self.rows.start) / len(self.rows), degree[0])
        across = _vander((columns - self.columns.start) / len(self.columns), degree[1])
        return Places(_product(down, column, across), _product(down, line, across))

    def parts(self) -> list[Block]:
        """The block halved along its longer sides; itself if it is a single cell."""
        rows, columns = _halves(self.rows), _halves(self.columns)
        if len(self.rows) > 2 * len(self.columns):
            columns = [self.columns]
        if len(self.columns) > 2 * len(self.rows):
            rows = [self.rows]
        return [Block.of(self.locator, r, c) for r in rows for c in columns]


ABSCISSAE = np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
PROBES = np.array([0.0, 0.131, 0.317, 0.5, 0.683, 0.857, 1.0])
"""Shares of a side where a series is tried."""
TO_COEFFICIENTS = np.linalg.inv(chebvander(ABSCISSAE, NODES - 1))


def _coefficients(values: Coordinates) -> Coordinates:
    """Coefficients of a series through values at the nodes, without those that matter for none of the digits."""
    series = TO_COEFFICIENTS @ values @ TO_COEFFICIENTS.T
    size = abs(series)
    lengths = []
    for axis in (1, 0):
        rest = np.cumsum(size.sum(axis=axis)[::-1])[::-1]  # of this degree and all higher ones
        lengths.append(max(1, int(np.sum(~(rest < NEGLIGIBLE)))))
    return np.asarray(series[: lengths[0], : lengths[1]])


def _vander(share: Coordinates, degree: int) -> Coordinates:
    return np.asarray(chebvander(2.0 * share - 1.0, degree - 1))


def _product(down: Coordinates, series: Coordinates, across: Coordinates) -> Coordinates:
    """Values of a series at places down (place, degree) and across, shape (place down, place across)."""
    left, right = down[:, : len(series)] @ series, across[:, : series.shape[1]].T
    values = np.empty((len(left), right.shape[1]))
    step = max(1, IN_ONE_THREAD // right.size)
    for first in range(0, len(left), step):
        np.matmul(left[first : first + step], right, out=values[first : first + step])
    return values


def _halves(cells: range) -> list[range]:
    half = len(cells) // 2
    return [part for part in (cells[:half], cells[half:]) if len(part)]
