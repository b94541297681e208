"""Coarse fragments where none were measured: never 0 in silence."""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np
import pandas as pd

from hybridmap.config import Build
from hybridmap.observations.density import fragments_from_mass
from hybridmap.observations.quality.drop_counts import DropCounts

LOG = logging.getLogger("hybridmap")


class FilledFragments(NamedTuple):
    """Coarse fragments of layers, measured or assumed.

    Attributes
    ----------
    cf_vol : Series
        Share of the volume.
    cf_source : Series
        "measured" or "assumed".
    """

    cf_vol: pd.Series
    cf_source: pd.Series


def fill_fragments(
    layers: pd.DataFrame, bd_fine_g_cm3: pd.Series, settings: Build, drops: DropCounts
) -> FilledFragments:
    """Fill missing coarse fragments, and say so.

    Parameters
    ----------
    layers : DataFrame
        ``cf_vol``, ``cf_mass`` (shares), ``site_id``, ``source``, ``top_cm``, ``bottom_cm``.
    bd_fine_g_cm3 : Series, shape (layer,)
        Measured or estimated; turns a share of mass into one of volume.
    settings : Build
        ``missing_coarse_fragments`` and the interval.
    drops : DropCounts
        Gets a line a source for assumed values.

    Returns
    -------
    FilledFragments
    """
    measured = layers["cf_vol"].fillna(fragments_from_mass(bd_fine_g_cm3, layers["cf_mass"]))
    is_missing = measured.isna()
    if not is_missing.any():
        return FilledFragments(measured, pd.Series("measured", index=layers.index))
    assumed, origin = _assumed(layers, measured, settings)
    LOG.log(
        logging.INFO if assumed or settings.missing_coarse_fragments != "median" else logging.WARNING,
        "coarse fragments (stones) unknown in %d of %d layers: %g of the volume assumed, %s (cf_source: assumed)",
        int(is_missing.sum()),
        len(layers),
        assumed,
        origin,
    )
    reason = f"coarse fragments unknown, {assumed:.3g} of the volume assumed: {origin}"
    for source, rows in is_missing.groupby(layers["source"]):
        if rows.any():
            drops.count(str(source), "assumed_fragments", reason, int(rows.sum()), 0, "layers")
    return FilledFragments(
        measured.fillna(assumed), pd.Series(np.where(is_missing, "assumed", "measured"), index=layers.index)
    )


def _assumed(layers: pd.DataFrame, measured: pd.Series, settings: Build) -> tuple[float, str]:
    """Share of the volume to assume, and where it comes from."""
    if settings.missing_coarse_fragments != "median":
        return settings.missing_coarse_fragments, "as build.missing_coarse_fragments says"
    is_inside = (layers["top_cm"] < settings.bottom_cm) & (layers["bottom_cm"] > settings.top_cm)
    of_sites = measured[is_inside & measured.notna()].groupby(layers["site_id"]).mean()
    if of_sites.empty:
        return 0.0, "because no site has any measured; set build.missing_coarse_fragments"
    return float(of_sites.median()), f"the median of {len(of_sites)} sites where they are measured"
