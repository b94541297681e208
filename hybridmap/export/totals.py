"""Carbon stocks of polygons: true cell areas, cells cut by borders, and intervals from the draws of the model."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray
from shapely.geometry import box

from hybridmap.config import Total
from hybridmap.errors import HybridmapError
from hybridmap.files.paths import under
from hybridmap.files.tables import write_csv
from hybridmap.grid.mask import read_named_polygons
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import grid_of, read_map
from hybridmap.grid.tiles import Tile, tiles_of
from hybridmap.grid.verified_store import open_verified

LOG = logging.getLogger("hybridmap")
STOCK, DRAWS = "soc_stock", "draws"
OUTSIDE = "(outside)"
"""Row of the part of the map that no polygon covers."""
ROUNDING = 1e-6
"""Share of a cell below which what polygons leave is the rounding of their shares."""
KG_PER_TG = 1e9
Array = NDArray[np.float64]


def totals(sets: Sequence[Total], data_root: str, level: float, store: Path, out: Path) -> None:
    """Write the SOC stock of every polygon of some sets.

    Parameters
    ----------
    sets : sequence of Total
        Sets of polygons, of the configuration.
    data_root : str
        Folder that their paths start from.
    level : float
        Share of the draws between the ends of an interval.
    store : Path
        ``maps.zarr`` with the map ``soc_stock`` [kg m-2], and its draws where there is a source of spread.
    out : Path
        CSV: ``totals, polygon, area_km2`` (with a prediction), ``missing_km2`` (without), ``mean_kg_m2, stock_Tg,
        stock_outside_applicability_Tg, sd_Tg, lower_Tg, upper_Tg``. The last row of each set is the rest of the map, so
        that its rows add up to the map.

    Raises
    ------
    HybridmapError
        If the map of stocks is missing, or a file of polygons is wrong, or polygons overlap.
    """
    stocks = _open_stocks(store)
    tables = []
    for total in sets:
        polygons = read_named_polygons(under(data_root, total.polygons), total.attribute, stocks.grid)
        if polygons.empty:
            raise HybridmapError(f"totals '{total.name}': no polygon of {total.polygons} lies on the map.")
        table = _table(total.name, polygons, _sums(stocks, polygons, total), level)
        whole = table["stock_Tg"].sum()
        LOG.info("totals %s: %d polygons, %.4g Tg on the whole map", total.name, len(polygons), whole)
        tables.append(table)
    write_csv(pd.concat(tables, ignore_index=True), out)


@dataclass(frozen=True)
class Stocks:
    """Maps that totals are made of: the stock, its draws, and where the model applies (None without such a map)."""

    grid: RegionGrid
    stock: Any
    draws: list[Any]
    applicable: Any


def _open_stocks(store: Path) -> Stocks:
    root = open_verified(store)
    if STOCK not in root:
        raise HybridmapError(f"{store}: no map '{STOCK}', which totals are made of; add it to predict.maps.")
    group: Any = root.get(DRAWS)
    draws = [] if group is None else [group[name] for name in sorted(group.array_keys()) if name.startswith(STOCK)]
    return Stocks(grid_of(root), root[STOCK], draws, root.get("applicable"))


def _sums(stocks: Stocks, polygons: gpd.GeoDataFrame, total: Total) -> Array:
    """Sums a polygon (the rest last): area, area without data, stock, stock outside applicability, then draws."""
    sums = np.zeros((len(polygons) + 1, 4 + len(stocks.draws)))
    for tile in tiles_of(stocks.grid, int(stocks.stock.shards[0])):
        window = np.s_[tile.row0 : tile.row1, tile.col0 : tile.col1]
        stock = read_map(stocks.stock, window)
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
    outside = np.zeros(stock.shape, bool) if stocks.applicable is None else np.asarray(stocks.applicable[window]) == 0
    fields = [valid, ~valid, np.where(valid, stock, 0.0), np.where(valid & outside, stock, 0.0)]
    fields += [np.where(valid, read_map(draw, window), 0.0) for draw in stocks.draws]
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
