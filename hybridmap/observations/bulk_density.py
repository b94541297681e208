"""Pedotransfer functions: fine-earth bulk density from organic carbon and texture, each by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.errors import HybridmapError, nearest

Array = NDArray[np.float64]
FITTED = "federer1993_fitted"
OM_PER_OC = 1.724
"""Van Bemmelen factor: organic matter per organic carbon."""
ORGANIC_OC_PCT = 12.0
"""Organic horizons begin here; functions for mineral soil are not used above."""
CROPLAND = ("crop", "cultivat", "arable")
"""A land cover that contains one of these words (any case) is cultivated."""


@dataclass(frozen=True)
class Mixing:
    """Bulk densities [g cm-3] of pure mineral and pure organic matter in the mixing law of Federer et al. (1993)."""

    mineral: float = 1.40
    organic: float = 0.20


def hollis2012_cultivated(oc: Array, sand: Array, clay: Array) -> Array:
    """Cultivated topsoils, Hollis et al. (2012, doi 10.1111/j.1365-2389.2011.01412.x)."""
    return 0.80806 + 0.823844 * np.exp(-0.27993 * oc) + 0.0014065 * sand - 0.0010299 * clay


def hollis2012_mineral(oc: Array, sand: Array, clay: Array) -> Array:
    """Other mineral horizons, Hollis et al. (2012)."""
    return 0.69794 + 0.750636 * np.exp(-0.230355 * oc) + 0.0008687 * sand - 0.0005164 * clay


def hollis2012_organic(oc: Array, sand: Array, clay: Array) -> Array:
    """Organic horizons (OC above 12 %), Hollis et al. (2012); falls with OC. NaN below 12 %."""
    return np.where(oc > ORGANIC_OC_PCT, 1.4903 - 0.33293 * np.log(np.maximum(oc, 1e-9)), np.nan)


def manrique_jones1991(oc: Array, sand: Array, clay: Array) -> Array:
    """Manrique & Jones (1991, SSSAJ 55, 476-481); NaN above 12 % OC, where it runs to zero."""
    return np.where(oc <= ORGANIC_OC_PCT, 1.660 - 0.318 * np.sqrt(oc), np.nan)


def federer1993(oc: Array, sand: Array, clay: Array, mixing: Mixing | None = None) -> Array:
    """Mixing of organic and mineral matter, Federer et al. (1993, doi 10.1139/x93-131)."""
    m = mixing or Mixing()
    om = OM_PER_OC * oc / 100.0
    return m.organic * m.mineral / (om * m.mineral + (1.0 - om) * m.organic)


def adams1973(oc: Array, sand: Array, clay: Array) -> Array:
    """Adams (1973): the mixing law with 0.244 and 1.64 g cm-3."""
    return federer1993(oc, sand, clay, Mixing(1.64, 0.244))


def icpforests_som(oc: Array, sand: Array, clay: Array) -> Array:
    """ICP Forests mineral layers; NaN above 12 % OC, where it runs to zero."""
    return np.where(oc <= ORGANIC_OC_PCT, (1511.0 - 81.1 * np.sqrt(10.0 * oc)) / 1000.0, np.nan)


PEDOTRANSFER: dict[str, Callable[[Array, Array, Array], Array]] = {
    "hollis2012_cultivated": hollis2012_cultivated,
    "hollis2012_mineral": hollis2012_mineral,
    "hollis2012_organic": hollis2012_organic,
    "manrique_jones1991": manrique_jones1991,
    "federer1993": federer1993,
    "adams1973": adams1973,
    "icpforests_som": icpforests_som,
}
"""Functions of (organic carbon [%], sand [%], clay [%]) to fine-earth bulk density [g cm-3]."""


def fit_mixing(oc_pct: Array, bulk_density: Array) -> Mixing:
    """Fit the two densities of :func:`federer1993` on measured rows; the published-range default if under 30 rows.

    Parameters
    ----------
    oc_pct : array, shape (row,)
        Organic carbon [%].
    bulk_density : array, shape (row,)
        Measured fine-earth bulk density [g cm-3].
    """
    from scipy.optimize import least_squares

    known = np.isfinite(oc_pct) & np.isfinite(bulk_density)
    if known.sum() < 30:
        return Mixing()
    zero = np.zeros(int(known.sum()))

    def residuals(densities: Array) -> Array:
        modelled = federer1993(oc_pct[known], zero, zero, Mixing(*densities))
        return modelled - bulk_density[known]

    fitted = least_squares(residuals, x0=(1.4, 0.2), bounds=((0.75, 0.05), (1.9, 0.6)), loss="soft_l1", f_scale=0.1)
    return Mixing(*(float(v) for v in fitted.x))


def check_pedotransfer(name: str) -> None:
    """Raise HybridmapError unless `name` is "auto", "federer1993_fitted" or a known function."""
    if name == "tao2023":
        raise HybridmapError(
            "build.pedotransfer: the function of Tao et al. (2023, doi 10.1038/s41586-023-06042-3) is not published in"
            f" a form that could be checked; choose 'auto' or one of {list(PEDOTRANSFER)}."
        )
    choices = ["auto", FITTED, *PEDOTRANSFER]
    if name not in choices:
        raise HybridmapError(
            f"build.pedotransfer: no function '{name}'{nearest(name, choices)}; choose one of {choices}."
        )


def fill_bulk_density(layers: pd.DataFrame, name: str) -> tuple[pd.Series, pd.Series, dict[str, Any]]:
    """Fill missing bulk density.

    Parameters
    ----------
    layers : DataFrame
        With ``oc_g_kg``, ``bd_fine_g_cm3``, ``sand_pct``, ``clay_pct``, ``landcover``.
    name : str
        A key of :data:`PEDOTRANSFER`; "federer1993_fitted", Federer's with its two densities fitted on the measured
        rows; or "auto": Hollis' organic function above 12 % OC, with texture Hollis' cultivated or mineral one,
        without texture "federer1993_fitted".

    Returns
    -------
    bd_fine_g_cm3 : Series
        Measured or filled [g cm-3]; NaN where the function does not apply.
    bd_source : Series
        "measured", the name of the function, or "none".
    constants : dict
        Fitted constants, for the record.
    """
    check_pedotransfer(name)
    oc = layers["oc_g_kg"].to_numpy(float) / 10.0
    sand, clay = layers["sand_pct"].to_numpy(float), layers["clay_pct"].to_numpy(float)
    measured = layers["bd_fine_g_cm3"].to_numpy(float)
    values, source = measured.copy(), np.where(np.isfinite(measured), "measured", "none").astype(object)
    constants: dict[str, Any] = {}
    missing = ~np.isfinite(measured)
    everywhere = np.ones(len(oc), bool)
    choices: list[tuple[str, NDArray[np.bool_], Array]] = []
    if name in ("auto", FITTED):
        mixing = fit_mixing(oc, measured)
        constants = {FITTED: {"mineral": mixing.mineral, "organic": mixing.organic}}
        choices = [(FITTED, everywhere, federer1993(oc, sand, clay, mixing))]
    else:
        choices = [(name, everywhere, PEDOTRANSFER[name](oc, sand, clay))]
    if name == "auto":
        cultivated = layers["landcover"].str.lower().str.contains("|".join(CROPLAND), regex=True).to_numpy(dtype=bool)
        organic, texture = oc > ORGANIC_OC_PCT, np.isfinite(sand) & np.isfinite(clay)
        choices = [
            ("hollis2012_organic", organic, hollis2012_organic(oc, sand, clay)),
            ("hollis2012_cultivated", texture & cultivated, hollis2012_cultivated(oc, sand, clay)),
            ("hollis2012_mineral", texture, hollis2012_mineral(oc, sand, clay)),
            *choices,
        ]
    for label, applies, estimate in choices:
        use = missing & applies & np.isfinite(estimate) & (source == "none")
        values[use], source[use] = estimate[use], label
    return pd.Series(values, index=layers.index), pd.Series(source, index=layers.index), constants
