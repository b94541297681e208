"""Stocks of polygons: true cell areas, cells cut by borders, and intervals from held-out blocks or draws."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
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
from hybridmap.export.area_intervals import AreaCells, StockErrors
from hybridmap.export.stocks import Stocks, added, open_stocks
from hybridmap.files.paths import under
from hybridmap.files.tables import write_csv
from hybridmap.grid.mask import read_named_polygons
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import file_shape, read_map
from hybridmap.grid.tiles import Tile, tiles_of

LOG = logging.getLogger("hybridmap")
CARBON = ("soc",)
"""Quantity whose stock every region has."""
OUTSIDE = "(outside)"
"""Row of the part of the map that no polygon covers."""
ROUNDING = 1e-6
"""Share of a cell below which what polygons leave is the rounding of their shares."""
INSIDE = 1
"""Code of the map ``applicable`` where the model applies; what was not judged is outside."""
KG_PER_TG, M2_PER_KM2 = 1e9, 1e6
Array = NDArray[np.float64]


def totals(
    sets: Sequence[Total],
    data_root: str,
    level: float,
    store: Path,
    out: Path,
    quantities: Sequence[str] = CARBON,
    errors: Mapping[str, StockErrors] | None = None,
) -> None:
    """Write the stocks of every polygon of some sets.

    Parameters
    ----------
    sets : sequence of Total
        Sets of polygons, of the configuration.
    data_root : str
        Folder that their paths start from.
    level : float
        Share that an interval should hold.
    store : Path
        ``maps.zarr`` with a map ``{quantity}_stock`` [kg m-2], and its draws where there is a source of spread.
    out : Path
        CSV: ``totals, quantity, polygon, area_km2`` (with a prediction), ``missing_km2`` (without), ``mean_kg_m2,
        stock_Tg, stock_outside_applicability_Tg, sd_Tg, lower_Tg, upper_Tg, mean_lower_kg_m2, mean_upper_kg_m2,
        interval`` (where the ends come from). The last row of each set and quantity is the rest of the map, so that its
        rows add up to the map. Of maps with a depth every interval has its rows, and then all of them together;
        ``top_cm`` and ``bottom_cm`` say which.
    quantities : sequence of str
        Those that have a stock; the ones that are not mapped are left out.
    errors : mapping of str to StockErrors, optional
        What held-out blocks taught of each quantity; without it intervals are quantiles of the draws.

    Raises
    ------
    HybridmapError
        If no map of a stock is there, or a file of polygons is wrong, or polygons overlap.
    """
    all_stocks = open_stocks(store, quantities, errors or {})
    tables = []
    for total in sets:
        polygons = polygons_of(total, data_root, all_stocks[0].grid)
        for stocks in all_stocks:
            table = _stock_table(stocks, polygons, total, level)
            depth = "" if stocks.interval is None else f" {stocks.interval}"
            text = "totals %s: %s%s, %d polygons, %.4g Tg on the whole map"
            LOG.info(text, total.name, stocks.quantity, depth, len(polygons), table["stock_Tg"].sum())
            tables.append(table)
    write_csv(pd.concat(tables, ignore_index=True), out)


def whole_map(
    level: float, store: Path, quantities: Sequence[str] = CARBON, errors: Mapping[str, StockErrors] | None = None
) -> pd.DataFrame:
    """Stocks of all cells of a map together.

    Parameters
    ----------
    level : float
        Share that an interval should hold.
    store : Path
        ``maps.zarr``.
    quantities : sequence of str
        Those that have a stock.
    errors : mapping of str to StockErrors, optional
        What held-out blocks taught of each quantity.

    Returns
    -------
    DataFrame
        A row a quantity (of maps with a depth a row an interval, then one of all), with the columns of :func:`totals`.
    """
    all_stocks = open_stocks(store, quantities, errors or {})
    no_polygons = gpd.GeoDataFrame({"name": []}, geometry=[], crs=all_stocks[0].grid.crs)
    total = Total(name="map", polygons="-", attribute="-")
    return pd.concat([_stock_table(stocks, no_polygons, total, level) for stocks in all_stocks], ignore_index=True)


def _stock_table(stocks: Stocks, polygons: gpd.GeoDataFrame, total: Total, level: float) -> pd.DataFrame:
    """Rows of one quantity and interval of soil, the last one of what no polygon covers."""
    cells = AreaCells(len(polygons) + 1, stocks.grid)
    sums = polygon_sums(stocks, polygons, total, cells)
    table = _table(total.name, polygons, sums, level)
    if stocks.excluded is not None:
        table.insert(4, "excluded_km2", sums[:, 2] / M2_PER_KM2)
    _add_intervals(table, stocks, cells)
    table.insert(1, "quantity", stocks.quantity)
    if stocks.interval is not None:
        table.insert(3, "top_cm", stocks.interval.top_cm)
        table.insert(4, "bottom_cm", stocks.interval.bottom_cm)
    return table


def polygons_of(total: Total, data_root: str, grid: RegionGrid) -> gpd.GeoDataFrame:
    """Polygons of a set that lie on the map.

    Parameters
    ----------
    total : Total
        The set.
    data_root : str
        Folder that its path starts from.
    grid : RegionGrid
        Of the maps.

    Returns
    -------
    GeoDataFrame
        With ``name``, in the CRS of the grid.

    Raises
    ------
    HybridmapError
        If there are none.
    """
    polygons = read_named_polygons(under(data_root, total.polygons), total.attribute, grid)
    if polygons.empty:
        raise HybridmapError(f"totals '{total.name}': no polygon of {total.polygons} lies on the map.")
    return polygons


def polygon_sums(stocks: Stocks, polygons: gpd.GeoDataFrame, total: Total, area_cells: AreaCells) -> Array:
    """Sums over polygons, and over the rest of the map.

    Parameters
    ----------
    stocks : Stocks
        Maps of what is summed up.
    polygons : GeoDataFrame
        In the CRS of the grid.
    total : Total
        The set that they are of, for errors.
    area_cells : AreaCells
        Counts the cells of each polygon too, where their errors matter.

    Returns
    -------
    array, shape (polygon + 1, 5 + draw)
        Area [m2], area without data [m2], excluded area [m2], stock [kg], stock outside applicability [kg], then the
        stock of each draw.
    """
    sums = np.zeros((len(polygons) + 1, 5 + len(stocks.draws)))
    for tile in tiles_of(stocks.grid, file_shape(stocks.stock[0])[0]):
        window = np.s_[tile.row0 : tile.row1, tile.col0 : tile.col1]
        stock = added(stocks.stock, window)
        if not np.isfinite(stock).any() and not _touches(stocks.grid, tile, polygons):
            continue
        weighted = _weighted(stocks, tile, stock)
        half_width = _half_widths(stocks, tile, stock)
        numbers = _cell_numbers(stocks.grid, tile)
        rest = np.ones(stock.size)
        for row, cells, share in _coverage(stocks.grid, tile, polygons):
            sums[row] += weighted[:, cells] @ share
            area_cells.add(row, numbers[cells], half_width[cells] * share)
            rest[cells] -= share
        if rest.min() < -1e-3:
            raise HybridmapError(
                f"totals '{total.name}': polygons of {total.polygons} overlap, so their sums would count carbon twice;"
                f" give each area to one '{total.attribute}', or list overlapping sets as totals of their own."
            )
        rest = np.where(rest > ROUNDING, rest, 0.0)
        sums[-1] += weighted @ rest
        area_cells.add(len(polygons), numbers, half_width * rest)
    sums[-1, 1] = np.nan  # the rest of a map has no border, and so no missing part
    return sums


def _half_widths(stocks: Stocks, tile: Tile, stock: Array) -> Array:
    """Area of each cell times the half width of its interval [kg], (cell,); 0 where they do not matter."""
    if not stocks.has_area_intervals:
        return np.zeros(stock.size)
    half_width = stocks.half_width(np.s_[tile.row0 : tile.row1, tile.col0 : tile.col1])
    return np.asarray(np.where(np.isfinite(stock), half_width, 0.0) * stocks.grid.cell_areas(tile)).reshape(-1)


def _cell_numbers(grid: RegionGrid, tile: Tile) -> NDArray[np.int64]:
    """Number on the grid of each cell of a tile, row by row."""
    rows, columns = np.arange(tile.row0, tile.row1), np.arange(tile.col0, tile.col1)
    return np.asarray(rows[:, None] * grid.width + columns, dtype="int64").reshape(-1)


def _weighted(stocks: Stocks, tile: Tile, stock: Array) -> Array:
    """What is summed up, times the area of each cell: (sum, cell), in the order of :func:`polygon_sums`."""
    window = np.s_[tile.row0 : tile.row1, tile.col0 : tile.col1]
    valid = np.isfinite(stock)
    areas = stocks.grid.cell_areas(tile)
    outside = (
        np.zeros(stock.shape, bool) if stocks.applicable is None else np.asarray(stocks.applicable[window]) != INSIDE
    )
    excluded = np.zeros_like(valid) if stocks.excluded is None else np.isfinite(read_map(stocks.excluded, window))
    fields = [valid, ~valid & ~excluded, ~valid & excluded]
    fields += [np.where(valid, stock, 0.0), np.where(valid & outside, stock, 0.0)]
    fields += [np.where(valid, added(draw, window), 0.0) for draw in stocks.draws]
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
    draws = sums[:, 5:] / KG_PER_TG
    unknown = np.full(len(sums), np.nan)
    ends = np.quantile(draws, [0.5 * (1 - level), 0.5 * (1 + level)], axis=1) if draws.size else (unknown, unknown)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums[:, 3] / sums[:, 0]
    return pd.DataFrame(
        {
            "totals": name,
            "polygon": [*polygons["name"], OUTSIDE],
            "area_km2": sums[:, 0] / 1e6,
            "missing_km2": sums[:, 1] / 1e6,
            "mean_kg_m2": mean,
            "stock_Tg": sums[:, 3] / KG_PER_TG,
            "stock_outside_applicability_Tg": sums[:, 4] / KG_PER_TG,
            "sd_Tg": draws.std(axis=1, ddof=1) if draws.size else unknown,
            "lower_Tg": ends[0],
            "upper_Tg": ends[1],
        }
    )


def _add_intervals(table: pd.DataFrame, stocks: Stocks, cells: AreaCells) -> None:
    """Put the ends that held-out blocks give in the place of those of the draws, and say where they come from."""
    if stocks.errors is not None:
        errors = stocks.errors.errors
        ends = [(np.nan, np.nan)] * len(table)
        if stocks.has_area_intervals:
            ends = [cells.sums(row).interval(errors) for row in range(len(table))]
        lower, upper = np.transpose(ends) / KG_PER_TG
        table["sd_Tg"] = 0.5 * (upper - lower) / errors.factor
        table["lower_Tg"] = np.maximum(table["stock_Tg"] + lower, stocks.errors.least)
        table["upper_Tg"] = table["stock_Tg"] + upper
    for end in ("lower", "upper"):
        table[f"mean_{end}_kg_m2"] = table[f"{end}_Tg"] * KG_PER_TG / (table["area_km2"] * M2_PER_KM2)
    table["interval"] = stocks.source
