"""Revisits: layers of one site that lie over each other in different years are campaigns, not replicates."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hybridmap.observations.depth.segments import ROUNDING


def campaigns_apart(layers: pd.DataFrame) -> pd.DataFrame:
    """Give each campaign of a site that was sampled again an identifier of its own, ``site@year``.

    Layers of several years that share no depth are one profile that took several years to sample. A layer without a
    year belongs to the only campaign there is; beside several it stands for itself, ``site@unknown``.

    Parameters
    ----------
    layers : DataFrame
        ``site_id``, ``year``, ``top_cm``, ``bottom_cm``.

    Returns
    -------
    DataFrame
        `layers` with ``place_id``, the identifier before.
    """
    year = layers["year"]
    has_several = year.groupby(layers["site_id"]).transform("nunique") > 1
    sites = layers[has_several]
    revisited = [site for site, rows in sites.groupby("site_id", sort=False) if _is_revisited(rows)]
    is_revisited = layers["site_id"].isin(revisited)
    words = ["unknown" if np.isnan(number) else f"{number:g}" for number in year]
    suffix = pd.Series(words, index=layers.index, dtype=object)
    campaign = layers["site_id"].where(~is_revisited, layers["site_id"].astype(object) + "@" + suffix)
    return layers.assign(place_id=layers["site_id"], site_id=campaign)


def _is_revisited(rows: pd.DataFrame) -> bool:
    """Whether two layers of different known years share some depth."""
    top, bottom, year = (rows[name].to_numpy(float) for name in ("top_cm", "bottom_cm", "year"))
    shared = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    is_other_year = (year[:, None] != year) & ~np.isnan(year[:, None]) & ~np.isnan(year)
    return bool((is_other_year & (shared > ROUNDING)).any())


def overlapping_sites(layers: pd.DataFrame) -> int:
    """Number of sites whose layers share some depth."""
    ordered = layers.sort_values(["site_id", "top_cm", "bottom_cm"])
    deepest = ordered.groupby("site_id")["bottom_cm"].cummax().shift(1)
    is_same_site = ordered["site_id"] == ordered["site_id"].shift(1)
    is_overlapping = is_same_site & (ordered["top_cm"] < deepest - ROUNDING)
    return int(ordered.loc[is_overlapping, "site_id"].nunique())
