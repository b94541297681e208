"""Changes of the stocks of polygons under scenarios, with intervals in which what both have in common cancels."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t

from hybridmap.config import Total
from hybridmap.export.area_intervals import AreaCells
from hybridmap.export.stocks import Stocks, open_changes
from hybridmap.export.totals import CARBON, KG_PER_TG, OUTSIDE, polygon_sums, polygons_of
from hybridmap.files.reading import read_csv
from hybridmap.files.tables import write_csv
from hybridmap.grid.verified_store import open_verified

LOG = logging.getLogger("hybridmap")
Array = NDArray[np.float64]
DEPTHS = ["top_cm", "bottom_cm"]
BLOCKS = "means of "
"""Begins the source of an interval of today's total that held-out blocks gave."""
COLUMNS = [
    *("totals", "scenario", "quantity", "polygon", "area_km2", "stock_Tg", "change_Tg", "change_percent"),
    *("lower_Tg", "upper_Tg", "interval", "not_learned"),
]


def changes(
    sets: Sequence[Total],
    data_root: str,
    level: float,
    store: Path,
    today: Path,
    out: Path,
    quantities: Sequence[str] = CARBON,
) -> None:
    """Write the changes of the stocks of every polygon under every scenario that is mapped.

    Parameters
    ----------
    sets : sequence of Total
        Sets of polygons, of the configuration.
    data_root : str
        Folder that their paths start from.
    level : float
        Share that an interval should hold.
    store : Path
        ``maps.zarr`` with the changes of stocks among its draws.
    today : Path
        Totals of the same maps.
    out : Path
        CSV: ``totals, scenario, quantity, polygon, area_km2, stock_Tg`` (today), ``change_Tg, change_percent,
        lower_Tg, upper_Tg, interval`` (what its ends hold) and ``not_learned`` (parameters that the data did not
        teach). Without a process model there is no scenario, and no row.
    quantities : sequence of str
        Those that have a stock.
    """
    root = open_verified(store)
    tables = [pd.DataFrame(columns=COLUMNS)]
    totals = read_csv(today)
    for stocks in open_changes(root, quantities):
        for total in sets:
            polygons = polygons_of(total, data_root, stocks.grid)
            cells = AreaCells(len(polygons) + 1, stocks.grid)
            sums = polygon_sums(stocks, polygons, total, cells)
            table = _today(totals, total.name, stocks).assign(polygon=[*polygons["name"], OUTSIDE])
            tables.append(_with_changes(table, stocks, sums, level))
            text = "%s: change of %s in %s %.4g Tg on the whole map"
            LOG.info(text, stocks.scenario, stocks.quantity, total.name, tables[-1]["change_Tg"].sum())
    if len(tables) == 1:
        LOG.info("no changes under scenarios: none is asked for, or there is no process model to answer it")
    write_csv(pd.concat([table for table in tables if len(table)] or tables, ignore_index=True), out)


def _today(totals: pd.DataFrame, name: str, stocks: Stocks) -> pd.DataFrame:
    """Rows of the totals of today that a change belongs to, in the order of their polygons."""
    is_subject = (totals["totals"] == name) & (totals["quantity"] == stocks.quantity)
    if stocks.interval is not None:
        top, bottom = stocks.interval.top_cm, stocks.interval.bottom_cm
        is_subject &= (totals["top_cm"] == top) & (totals["bottom_cm"] == bottom)
    return totals[is_subject].reset_index(drop=True)


def _with_changes(table: pd.DataFrame, stocks: Stocks, sums: Array, level: float) -> pd.DataFrame:
    """Changes of each polygon beside the totals of today."""
    change, draws = sums[:, 3] / KG_PER_TG, sums[:, 5:] / KG_PER_TG
    members, has_blocks = draws.shape[1], table["interval"].astype(str).str.startswith(BLOCKS)
    with np.errstate(invalid="ignore", divide="ignore"):
        stock, middle = table["stock_Tg"].to_numpy(float), 0.5 * (table["lower_Tg"] + table["upper_Tg"]).to_numpy(float)
        shift = np.where(has_blocks, middle / stock - 1.0, 0.0)
        relative = np.where(has_blocks, 0.5 * (table["upper_Tg"] - table["lower_Tg"]) / stock, 0.0)
    half = np.zeros(len(table)) if members < 2 else draws.std(axis=1, ddof=1) * _further_member(members, level)
    centre, half = change * (1.0 + shift), np.hypot(half, np.abs(change) * relative)
    # A polygon without cells changes by nothing known.
    is_known = (sums[:, 0] > 0) & ((members > 1) | has_blocks)
    columns: dict[str, Any] = {
        "scenario": stocks.scenario,
        "area_km2": sums[:, 0] / 1e6,
        "change_Tg": np.where(sums[:, 0] > 0, change, np.nan),
        "change_percent": np.where(sums[:, 0] > 0, 100.0 * change / np.where(stock > 0, stock, np.nan), np.nan),
        "lower_Tg": np.where(is_known, centre - half, np.nan),
        "upper_Tg": np.where(is_known, centre + half, np.nan),
        "interval": [_source(members, bool(blocks)) for blocks in has_blocks],
        "not_learned": stocks.not_learned,
    }
    depths = [name for name in DEPTHS if name in table]
    return table.assign(**columns)[[*COLUMNS[:4], *depths, *COLUMNS[4:]]]


def _further_member(members: int, level: float) -> float:
    """Standard deviations that hold one more member as often as the level says, by Student's t."""
    return float(t.ppf(0.5 * (1.0 + level), members - 1) * np.sqrt(1.0 + 1.0 / members))


def _source(members: int, has_blocks: bool) -> str:
    """What an interval holds, in words."""
    of_members = f"differences between {members} members" if members > 1 else ""
    of_blocks = "the error of today's stock, in proportion" if has_blocks else ""
    content = " and ".join(text for text in (of_members, of_blocks) if text)
    if not content:
        return "none: a single model, and no interval of today's stock"
    return f"{content}; {'equations and constants count' if of_members else 'the response itself counts'} as right"
