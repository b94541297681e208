"""Stocks of polygons: true cell areas, cells cut by borders, and intervals from the draws of the model."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import zarr
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray
from shapely.geometry import box

from hybridmap.config import Total
from hybridmap.errors import HybridmapError
from hybridmap.files.paths import under
from hybridmap.files.tables import write_csv
from hybridmap.grid.depth_axis import Interval, interval_maps, intervals_of, maps_of
from hybridmap.grid.mask import read_named_polygons
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import grid_of, read_map
from hybridmap.grid.tiles import Tile, tiles_of
from hybridmap.grid.verified_store import open_verified
from hybridmap.quantities import stock_name

LOG = logging.getLogger("hybridmap")
DRAWS = "draws"
CARBON = ("soc",)
"""Quantity whose stock every region has."""
OUTSIDE = "(outside)"
"""Row of the part of the map that no polygon covers."""
ROUNDING = 1e-6
"""Share of a cell below which what polygons leave is the rounding of their shares."""
INSIDE = 1
"""Code of the map ``applicable`` where the model applies; what was not judged is outside."""
KG_PER_TG = 1e9
Array = NDArray[np.float64]


def totals(
    sets: Sequence[Total],
    data_root: str,
    level: float,
    store: Path,
    out: Path,
    quantities: Sequence[str] = CARBON,
) -> None:
    """Write the stocks of every polygon of some sets.

    Parameters
    ----------
    sets : sequence of Total
        Sets of polygons, of the configuration.
    data_root : str
        Folder that their paths start from.
    level : float
        Share of the draws between the ends of an interval.
    store : Path
        ``maps.zarr`` with a map ``{quantity}_stock`` [kg m-2], and its draws where there is a source of spread.
    out : Path
        CSV: ``totals, quantity, polygon, area_km2`` (with a prediction), ``missing_km2`` (without), ``mean_kg_m2,
        stock_Tg, stock_outside_applicability_Tg, sd_Tg, lower_Tg, upper_Tg``. The last row of each set and quantity is
        the rest of the map, so that its rows add up to the map. Of maps with a depth every interval has its rows, and
        then all of them together; ``top_cm`` and ``bottom_cm`` say which.
    quantities : sequence of str
        Those that have a stock; the ones that are not mapped are left out.

    Raises
    ------
    HybridmapError
        If no map of a stock is there, or a file of polygons is wrong, or polygons overlap.
    """
    all_stocks = _open_stocks(store, quantities)
    tables = []
    for total in sets:
        grid = all_stocks[0].grid
        polygons = read_named_polygons(under(data_root, total.polygons), total.attribute, grid)
        if polygons.empty:
            raise HybridmapError(f"totals '{total.name}': no polygon of {total.polygons} lies on the map.")
        for stocks in all_stocks:
            table = _table(total.name, polygons, _sums(stocks, polygons, total), level)
            table.insert(1, "quantity", stocks.quantity)
            if stocks.interval is not None:
                table.insert(3, "top_cm", stocks.interval.top_cm)
                table.insert(4, "bottom_cm", stocks.interval.bottom_cm)
            depth = "" if stocks.interval is None else f" {stocks.interval}"
            text = "totals %s: %s%s, %d polygons, %.4g Tg on the whole map"
            LOG.info(text, total.name, stocks.quantity, depth, len(polygons), table["stock_Tg"].sum())
            tables.append(table)
    write_csv(pd.concat(tables, ignore_index=True), out)


@dataclass(frozen=True)
class Stocks:
    """Maps that totals are made of.

    Attributes
    ----------
    quantity : str
        Whose stock it is.
    interval : Interval or None
        Of soil; None where the maps have no depth.
    grid : RegionGrid
        Of the maps.
    stock : sequence of array
        The stock, or those of several intervals that are added up.
    draws : sequence of sequence of array
        Of each draw the same.
    applicable : array or None
        Where the model applies.
    """

    quantity: str
    interval: Interval | None
    grid: RegionGrid
    stock: Sequence[Any]
    draws: Sequence[Sequence[Any]]
    applicable: Any


def _open_stocks(store: Path, quantities: Sequence[str]) -> list[Stocks]:
    """Stocks that are mapped: of each quantity, or of each of its intervals and of all together."""
    root = open_verified(store)
    names = {quantity: stock_name(quantity) for quantity in quantities}
    mapped = {quantity: name for quantity, name in names.items() if name in root}
    if not mapped:
        text = " or ".join(f"'{name}'" for name in names.values())
        raise HybridmapError(f"{store}: no map {text}, which totals are made of; add it to predict.maps.")
    intervals = intervals_of(root)
    selections: list[tuple[Interval | None, slice]] = [(None, slice(None))]
    if intervals:
        selections = [(interval, slice(k, k + 1)) for k, interval in enumerate(intervals)]
        if len(intervals) > 1 and all(a.bottom_cm == b.top_cm for a, b in pairwise(intervals)):
            selections.append((Interval(intervals[0].top_cm, intervals[-1].bottom_cm), slice(None)))
    return [
        Stocks(
            quantity, interval, grid_of(root), maps_of(root, name)[part],
            [draw[part] for draw in _draws(root, name)], root.get("applicable"),
        )
        for quantity, name in mapped.items()
        for interval, part in selections
    ]  # fmt: skip


def _draws(root: zarr.Group, stock: str) -> list[list[Any]]:
    """Of each draw of a stock its maps, from the surface down."""
    group: Any = root.get(DRAWS)
    keys = [] if group is None else sorted(group.array_keys())
    intervals = intervals_of(root)
    return [interval_maps(group[key], intervals) for key in keys if key.startswith(f"{stock}_")]


def _added(maps: Sequence[Any], window: tuple[slice, slice]) -> Array:
    """Sum of maps in a window (row, column), NaN where one has no value."""
    first, *further = (read_map(array, window) for array in maps)
    return np.asarray(sum(further, first))


def _sums(stocks: Stocks, polygons: gpd.GeoDataFrame, total: Total) -> Array:
    """Sums a polygon (the rest last): area, area without data, stock, stock outside applicability, then draws."""
    sums = np.zeros((len(polygons) + 1, 4 + len(stocks.draws)))
    for tile in tiles_of(stocks.grid, int(stocks.stock[0].shards[0])):
        window = np.s_[tile.row0 : tile.row1, tile.col0 : tile.col1]
        stock = _added(stocks.stock, window)
        if not np.isfinite(stock).any() and not _touches(stocks.grid, tile, polygons):
            continue
        weighted = _weighted(stocks, tile, stock)
        rest = np.ones(stock.size)
        for row, cells, share in _coverage(stocks.grid, tile, polygons):
            sums[row] += weighted[:, cells] @ share
            rest[cells] -= share
        if rest.min() < -1e-3:
            raise HybridmapError(
                f"totals '{total.name}': polygons of {total.polygons} overlap, so their sums would count carbon twice;"
                f" give each area to one '{total.attribute}', or list overlapping sets as totals of their own."
            )
        sums[-1] += weighted @ np.where(rest > ROUNDING, rest, 0.0)
    sums[-1, 1] = np.nan  # the rest of a map has no border, and so no missing part
    return sums


def _weighted(stocks: Stocks, tile: Tile, stock: Array) -> Array:
    """What is summed up, times the area of each cell: (sum, cell), in the order of :func:`_sums`."""
    window = np.s_[tile.row0 : tile.row1, tile.col0 : tile.col1]
    valid = np.isfinite(stock)
    areas = stocks.grid.cell_areas(tile)
    outside = (
        np.zeros(stock.shape, bool) if stocks.applicable is None else np.asarray(stocks.applicable[window]) != INSIDE
    )
    fields = [valid, ~valid, np.where(valid, stock, 0.0), np.where(valid & outside, stock, 0.0)]
    fields += [np.where(valid, _added(draw, window), 0.0) for draw in stocks.draws]
    return np.stack([field * areas for field in fields]).reshape(len(fields), -1)


def _bounds(grid: RegionGrid, tile: Tile) -> tuple[float, float, float, float]:
    size = grid.resolution
    left, top = grid.west + tile.col0 * size, grid.north - tile.row0 * size
    return left, grid.north - tile.row1 * size, grid.west + tile.col1 * size, top


def _touches(grid: RegionGrid, tile: Tile, polygons: gpd.GeoDataFrame) -> bool:
    return len(polygons.sindex.query(box(*_bounds(grid, tile)))) > 0


def _coverage(
    grid: RegionGrid, tile: Tile, polygons: gpd.GeoDataFrame
) -> Iterator[tuple[int, NDArray[np.int64], Array]]:
    """Polygon, the cells of a tile that it covers (flat), and the share of each."""
    left, bottom, right, top = _bounds(grid, tile)
    near = np.sort(polygons.sindex.query(box(left, bottom, right, top), predicate="intersects"))
    if not len(near):
        return
    blank = np.zeros((tile.row1 - tile.row0, tile.col1 - tile.col0), "float32")
    source = NumPyRasterSource(blank, left, bottom, right, top, srs_wkt=grid.crs.to_wkt())
    shapes = gpd.GeoDataFrame({"row": near}, geometry=polygons.geometry.iloc[near].to_numpy(), crs=polygons.crs)
    table: Any = exact_extract(
        source, shapes, ["cell_id", "coverage"], include_cols=["row"], output="pandas", max_cells_in_memory=blank.size
    )
    for row, cells, share in zip(table["row"], table["cell_id"], table["coverage"], strict=True):
        yield int(row), np.asarray(cells, dtype="int64"), np.asarray(share, dtype="float64")


def _table(name: str, polygons: gpd.GeoDataFrame, sums: Array, level: float) -> pd.DataFrame:
    draws = sums[:, 4:] / KG_PER_TG
    unknown = np.full(len(sums), np.nan)
    ends = np.quantile(draws, [0.5 * (1 - level), 0.5 * (1 + level)], axis=1) if draws.size else (unknown, unknown)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums[:, 2] / sums[:, 0]
    return pd.DataFrame(
        {
            "totals": name,
            "polygon": [*polygons["name"], OUTSIDE],
            "area_km2": sums[:, 0] / 1e6,
            "missing_km2": sums[:, 1] / 1e6,
            "mean_kg_m2": mean,
            "stock_Tg": sums[:, 2] / KG_PER_TG,
            "stock_outside_applicability_Tg": sums[:, 3] / KG_PER_TG,
            "sd_Tg": draws.std(axis=1, ddof=1) if draws.size else unknown,
            "lower_Tg": ends[0],
            "upper_Tg": ends[1],
        }
    )
