"""Stocks down to several depths of one profile: differences, not replicates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from hybridmap.errors import HybridmapError
from hybridmap.observations.quality.drop_counts import DropCounts
from hybridmap.observations.schema import SCHEMA

STOCK = "soc_stock_kg_m2"


def stocks_of_layers(layers: pd.DataFrame, path: Path, column: str, drops: DropCounts) -> pd.DataFrame:
    """Turn stocks from one depth down to several (0-5, 0-30, 0-100 cm) into those of the layers between.

    Parameters
    ----------
    layers : DataFrame
        ``site_id``, ``year``, ``top_cm``, ``bottom_cm``, ``soc_stock_kg_m2``, ``source_row``.
    path : Path
        The table, for the errors.
    column : str
        Its column of stocks, for the errors.
    drops : DropCounts
        Counts the stocks that became differences.

    Returns
    -------
    DataFrame
        As `layers`, with other upper limits and stocks where they were cumulative.

    Raises
    ------
    HybridmapError
        If a stock is less than one to a smaller depth, or a row with a cumulative stock has contents too.
    """
    measured = layers[layers[STOCK].notna() & np.isfinite(layers["bottom_cm"])]
    profile = measured.groupby(["site_id", "year", "top_cm"], sort=False, dropna=False).ngroup()
    is_nested = measured["bottom_cm"].groupby(profile).transform("nunique") > 1
    nested = measured[is_nested]
    if nested.empty:
        return layers
    profile = profile[is_nested]
    # Stocks of one depth are replicates of each other; the next deeper one is compared with their mean.
    steps = nested[STOCK].groupby([profile, nested["bottom_cm"]]).mean().rename("stock").reset_index()
    steps.columns = pd.Index(["profile", "bottom", "stock"])
    shallower = steps.groupby("profile").shift(1)
    keys = pd.MultiIndex.from_arrays([profile, nested["bottom_cm"]])
    above = shallower.set_index(pd.MultiIndex.from_frame(steps[["profile", "bottom"]])).loc[keys]
    is_deeper = above["bottom"].notna().to_numpy()
    difference = nested[STOCK].to_numpy() - above["stock"].to_numpy()
    origin = f"{path}: column '{column}' for '{STOCK}'"
    _check(nested[is_deeper], difference[is_deeper], above["bottom"].to_numpy()[is_deeper], origin)
    rows = nested.index[is_deeper]
    changed = layers.copy()
    changed.loc[rows, "top_cm"] = above["bottom"].to_numpy()[is_deeper]
    changed.loc[rows, STOCK] = difference[is_deeper]
    reason = "cumulative stocks (one upper limit, several lower ones) became those of the layers between"
    drops.count(str(layers["source"].iloc[0]), "cumulative", reason, len(rows), 0, f"values of {STOCK}")
    return changed


def _check(rows: pd.DataFrame, difference: np.ndarray, above_cm: np.ndarray, origin: str) -> None:
    if (difference < 0).any():
        first = int(np.argmax(difference < 0))
        row = rows.iloc[first]
        raise HybridmapError(
            f"{origin}: row {row['source_row']} has a stock to {row['bottom_cm']:g} cm that is less than that to"
            f" {above_cm[first]:g} cm of site '{row['site_id']}' ({int((difference < 0).sum())} such rows in all);"
            " cumulative stocks cannot fall: correct 'top_cm' and 'bottom_cm', or the stocks."
        )
    has_contents = rows.reindex(columns=list(SCHEMA.measured)).notna().any(axis=1)
    if has_contents.any():
        row = rows[has_contents].iloc[0]
        raise HybridmapError(
            f"{origin}: row {row['source_row']} has a cumulative stock (site '{row['site_id']}' has one to"
            " a smaller depth too) and contents, which belong to another layer; map them as two sources, or subtract"
            " with 'minus' under 'layers'."
        )
