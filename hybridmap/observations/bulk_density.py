"""Pedotransfer functions: fine-earth bulk density from organic carbon and texture, each by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.errors import HybridmapError, nearest

Array = NDArray[np.float64]
FITTED = "federer1993_fitted"
OM_PER_OC = 1.724
"""Van Bemmelen factor: organic matter per organic carbon."""
ORGANIC_OC_PCT = 12.0
"""Organic horizons begin above this; functions for mineral soil are not used there."""
CROPLAND = ("crop", "cultivat", "arable")
"""A land cover that contains one of these words (any case) is cultivated."""
FEWEST_ROWS = 30
"""The mixing law is not fitted on fewer measured rows."""


@dataclass(frozen=True)
class FineEarth:
    """Composition of the fine earth [% of its mass].

    Attributes
    ----------
    oc, sand, clay : array, shape (layer,)
        Organic carbon, sand and clay; NaN where not measured.
    """

    oc: Array
    sand: Array
    clay: Array


@dataclass(frozen=True)
class Mixing:
    """Bulk densities [g cm-3] of pure mineral and pure organic matter in the mixing law of Federer et al. (1993)."""

    mineral: float = 1.40
    organic: float = 0.20

    def density(self, oc_pct: Array) -> Array:
        """Bulk density [g cm-3] at an organic carbon content [%]: the volumes of the two kinds of matter add up."""
        organic_matter = OM_PER_OC * oc_pct / 100.0
        mixed = organic_matter * self.mineral + (1.0 - organic_matter) * self.organic
        return self.organic * self.mineral / mixed


def hollis2012_cultivated(soil: FineEarth) -> Array:
    """Cultivated topsoils, Hollis et al. (2012, doi 10.1111/j.1365-2389.2011.01412.x)."""
    return 0.80806 + 0.823844 * np.exp(-0.27993 * soil.oc) + 0.0014065 * soil.sand - 0.0010299 * soil.clay


def hollis2012_mineral(soil: FineEarth) -> Array:
    """Other mineral horizons, Hollis et al. (2012)."""
    return 0.69794 + 0.750636 * np.exp(-0.230355 * soil.oc) + 0.0008687 * soil.sand - 0.0005164 * soil.clay


def hollis2012_organic(soil: FineEarth) -> Array:
    """Organic horizons (OC above 12 %), Hollis et al. (2012); falls with OC. NaN below 12 %."""
    return np.where(soil.oc > ORGANIC_OC_PCT, 1.4903 - 0.33293 * np.log(np.maximum(soil.oc, 1e-9)), np.nan)


def manrique_jones1991(soil: FineEarth) -> Array:
    """Manrique & Jones (1991, SSSAJ 55, 476-481); NaN above 12 % OC, where it runs to zero.

    Examples
    --------
    4 % organic carbon: 1.660 - 0.318 * 2.

    >>> import numpy as np
    >>> unknown = np.array([np.nan])
    >>> manrique_jones1991(FineEarth(np.array([4.0]), unknown, unknown)).round(6).tolist()
    [1.024]
    """
    return np.where(soil.oc <= ORGANIC_OC_PCT, 1.660 - 0.318 * np.sqrt(soil.oc), np.nan)


def federer1993(soil: FineEarth) -> Array:
    """Mixing of organic and mineral matter, Federer et al. (1993, doi 10.1139/x93-131)."""
    return Mixing().density(soil.oc)


def adams1973(soil: FineEarth) -> Array:
    """Adams (1973): the mixing law with 0.244 and 1.64 g cm-3."""
    return Mixing(1.64, 0.244).density(soil.oc)


def icpforests_som(soil: FineEarth) -> Array:
    """ICP Forests mineral layers; NaN above 12 % OC, where it runs to zero."""
    return np.where(soil.oc <= ORGANIC_OC_PCT, (1511.0 - 81.1 * np.sqrt(10.0 * soil.oc)) / 1000.0, np.nan)


PEDOTRANSFER: dict[str, Callable[[FineEarth], Array]] = {
    "hollis2012_cultivated": hollis2012_cultivated,
    "hollis2012_mineral": hollis2012_mineral,
    "hollis2012_organic": hollis2012_organic,
    "manrique_jones1991": manrique_jones1991,
    "federer1993": federer1993,
    "adams1973": adams1973,
    "icpforests_som": icpforests_som,
}
"""Functions of the composition of the fine earth to its bulk density [g cm-3]."""


def fit_mixing(oc_pct: Array, bulk_density: Array) -> Mixing:
    """Fit the two densities of :class:`Mixing` on measured rows; the published-range default if under 30 rows.

    Parameters
    ----------
    oc_pct : array, shape (row,)
        Organic carbon [%].
    bulk_density : array, shape (row,)
        Measured fine-earth bulk density [g cm-3].
    """
    from scipy.optimize import least_squares

    is_measured = np.isfinite(oc_pct) & np.isfinite(bulk_density)
    if is_measured.sum() < FEWEST_ROWS:
        return Mixing()

    def residuals(densities: Array) -> Array:
        return Mixing(*densities).density(oc_pct[is_measured]) - bulk_density[is_measured]

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


class FilledDensity(NamedTuple):
    """Bulk density of layers, measured or filled.

    Attributes
    ----------
    bd_fine_g_cm3 : Series
        Measured or filled [g cm-3]; NaN where no function applies.
    bd_source : Series
        "measured", the name of the function, or "none".
    mixing : Mixing or None
        Densities that were fitted on the measured rows, for the record.
    """

    bd_fine_g_cm3: pd.Series
    bd_source: pd.Series
    mixing: Mixing | None


def fill_bulk_density(layers: pd.DataFrame, name: str) -> FilledDensity:
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
    FilledDensity

    Raises
    ------
    HybridmapError
        If there is no such function.

    Examples
    --------
    Without sand and clay, "auto" mixes organic and mineral matter: 1.4 g cm-3 without any carbon.

    >>> import numpy as np
    >>> layer = {"oc_g_kg": 0.0, "bd_fine_g_cm3": np.nan, "sand_pct": np.nan, "clay_pct": np.nan, "landcover": ""}
    >>> filled = fill_bulk_density(pd.DataFrame([layer]), "auto")
    >>> filled.bd_fine_g_cm3.round(9).tolist(), filled.bd_source.tolist()
    ([1.4], ['federer1993_fitted'])
    """
    check_pedotransfer(name)
    oc, sand, clay, measured = (
        layers[column].to_numpy(float) for column in ("oc_g_kg", "sand_pct", "clay_pct", "bd_fine_g_cm3")
    )
    soil = FineEarth(oc / 10.0, sand, clay)
    mixing = fit_mixing(soil.oc, measured) if name in ("auto", FITTED) else None
    values = measured.copy()
    source = np.where(np.isfinite(measured), "measured", "none").astype(object)
    for label, estimate in _estimates(name, soil, layers["landcover"], mixing):
        fills = (source == "none") & np.isfinite(estimate)
        values[fills], source[fills] = estimate[fills], label
    return FilledDensity(pd.Series(values, index=layers.index), pd.Series(source, index=layers.index), mixing)


def _estimates(name: str, soil: FineEarth, landcover: pd.Series, mixing: Mixing | None) -> list[tuple[str, Array]]:
    """Names and estimates [g cm-3] of the functions to try in turn; NaN where one does not apply."""
    if mixing is None:
        return [(name, PEDOTRANSFER[name](soil))]
    estimates = [(FITTED, mixing.density(soil.oc))]
    if name == "auto":
        is_cultivated = landcover.str.lower().str.contains("|".join(CROPLAND), regex=True).to_numpy(dtype=bool)
        # Hollis' functions are NaN without texture, as a sum with NaN is.
        estimates = [
            ("hollis2012_organic", hollis2012_organic(soil)),
            ("hollis2012_cultivated", np.where(is_cultivated, hollis2012_cultivated(soil), np.nan)),
            ("hollis2012_mineral", hollis2012_mineral(soil)),
            *estimates,
        ]
    return estimates
