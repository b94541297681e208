"""Every measured layer as an observation of its own depth: its identifier, replicates, and layers that overlap."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.config import MeasuredLayers
from hybridmap.errors import HybridmapError
from hybridmap.observations.depth.segments import ROUNDING
from hybridmap.observations.quality.drop_counts import DropCounts
from hybridmap.observations.schema import Schema


def layers_as_rows(
    layers: pd.DataFrame, settings: MeasuredLayers, columns: list[str], drops: DropCounts
) -> pd.DataFrame:
    """Give every layer an identifier of its own, and leave out those outside the depths that are asked for.

    Parameters
    ----------
    layers : DataFrame
        ``site_id``, ``top_cm``, ``bottom_cm``, `columns`; layers of one ``site_id`` are a profile.
    settings : MeasuredLayers
        Depths, and what becomes of layers that overlap.
    columns : list of str
        Of the quantities that are modelled.
    drops : DropCounts
        Counts what is dropped.

    Returns
    -------
    DataFrame
        The layers with ``profile_id``, what ``site_id`` was, and ``site_id`` as ``PROFILE 0-10 cm``; replicates of one
        interval share it.

    Raises
    ------
    HybridmapError
        If layers of a profile overlap in a quantity, and are not to be dropped.
    """
    middle = 0.5 * (layers["top_cm"] + layers["bottom_cm"])
    is_outside = (middle < settings.top_cm) | (middle > settings.bottom_cm)
    span = f"{settings.top_cm:g}-{settings.bottom_cm:g} cm"
    layers = drops.drop_rows(layers, is_outside, "interval", f"middle of the layer not in {span}")
    is_empty = layers[columns].isna().all(axis=1)
    layers = drops.drop_rows(layers, is_empty, "nothing", "no quantity is known of the layer")
    is_overlapping = pd.Series(False, index=layers.index)
    for column in columns:
        is_measured = layers[column].notna()
        if settings.overlaps == "refuse":
            refuse_overlaps(layers, is_measured)
        is_overlapping |= overlaps(layers, is_measured)
    layers = drops.drop_rows(layers, is_overlapping, "overlap", "shares a part of its depth with another layer")
    words = layers["top_cm"].map("{:g}".format) + "-" + layers["bottom_cm"].map("{:g}".format)
    profile = layers["site_id"].astype(str)
    return layers.assign(profile_id=profile, site_id=profile + " " + words + " cm")


def overlaps(layers: pd.DataFrame, is_measured: pd.Series) -> pd.Series:
    """Which layers share a part of their depth with another of their profile; replicates of one interval do not count.

    Parameters
    ----------
    layers : DataFrame
        ``site_id``, ``top_cm``, ``bottom_cm``.
    is_measured : Series of bool
        The layers that are looked at.

    Returns
    -------
    Series of bool
        Indexed like `layers`.

    Examples
    --------
    >>> layers = pd.DataFrame({"site_id": ["a"] * 4, "top_cm": [0, 0, 10, 25], "bottom_cm": [10, 10, 30, 50]})
    >>> overlaps(layers, layers["top_cm"] >= 0).tolist()
    [False, False, True, True]
    """
    intervals = layers.loc[is_measured, ["site_id", "top_cm", "bottom_cm"]].drop_duplicates()
    intervals = intervals.sort_values(["site_id", "top_cm", "bottom_cm"], kind="stable")
    is_new = (intervals["site_id"] != intervals["site_id"].shift(1)).to_numpy()
    top, bottom = intervals["top_cm"].to_numpy(float), intervals["bottom_cm"].to_numpy(float)
    deepest = intervals.groupby("site_id", sort=False)["bottom_cm"].cummax().to_numpy(float)
    shallowest = _least_top_below(intervals["site_id"], top)
    is_crossed = np.zeros(len(intervals), dtype=bool)
    is_crossed[1:] = ~is_new[1:] & (top[1:] < deepest[:-1] - ROUNDING)
    is_crossed |= shallowest < bottom - ROUNDING
    crossed = intervals.assign(is_crossed=is_crossed)
    marked = layers[["site_id", "top_cm", "bottom_cm"]].merge(crossed, how="left")["is_crossed"]
    return pd.Series((marked == True).to_numpy(), index=layers.index) & is_measured  # noqa: E712 - missing is no


def _least_top_below(site: pd.Series, top: NDArray[np.float64]) -> NDArray[np.float64]:
    """Top of the next layer of the same profile, in order of their tops; infinite for the last."""
    following = pd.Series(top, index=site.index).groupby(site, sort=False).shift(-1)
    return np.asarray(following.fillna(np.inf), dtype=float)


def refuse_overlaps(layers: pd.DataFrame, is_measured: pd.Series) -> None:
    """Raise HybridmapError for the first profile with layers that share a part of their depth.

    Parameters
    ----------
    layers : DataFrame
        ``source``, ``site_id``, ``source_row``, ``top_cm``, ``bottom_cm``.
    is_measured : Series of bool
        The layers that are looked at.

    Raises
    ------
    HybridmapError
        Naming the source, the profile, two layers and their rows.
    """
    crossed = layers[overlaps(layers, is_measured)]
    if crossed.empty:
        return
    profile = crossed["site_id"].iloc[0]
    rows = crossed[crossed["site_id"] == profile].drop_duplicates(["top_cm", "bottom_cm"]).sort_values("top_cm")
    first, second = (rows.iloc[k] for k in (0, 1))
    profiles = crossed["site_id"].nunique()
    raise HybridmapError(
        f"{first['source']}: layers of the profile '{profile}' overlap: {_words(first)} and {_words(second)}"
        f" ({profiles} {'profile' if profiles == 1 else 'profiles'} in all); every layer is an observation of its own"
        " depth, so correct the depths, or set build.layers.overlaps: drop."
    )


def _words(layer: pd.Series) -> str:
    return f"{layer['top_cm']:g}-{layer['bottom_cm']:g} cm in row {layer['source_row']:g}"


def check_overlaps(layers: pd.DataFrame, schema: Schema) -> None:
    """Raise HybridmapError where layers of a table, as they were read, overlap in a quantity.

    Parameters
    ----------
    layers : DataFrame
        Of the common schema.
    schema : Schema
        The common schema with the quantities of the region.

    Raises
    ------
    HybridmapError
        As :func:`refuse_overlaps`.
    """
    contents = {quantity.column: content for content, quantity in schema.densities.items()}
    for column in schema.columns:
        is_measured = layers[column].notna()
        if column in contents:
            is_measured |= layers[contents[column]].notna()
        refuse_overlaps(layers, is_measured & (layers["bottom_cm"] > layers["top_cm"]))
