"""Pedotransfer functions: fine-earth bulk density from organic carbon and texture, each by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.errors import HybridmapError, nearest
from hybridmap.observations.landcover import are_cultivated

Array = NDArray[np.float64]
FITTED = "federer1993_fitted"
OM_PER_OC = 1.724
"""Van Bemmelen factor: organic matter per organic carbon."""
ORGANIC_OC_PCT = 12.0
"""Organic horizons begin above this; functions for mineral soil are not used there."""
TOPSOIL_CM = 30.0
"""A layer whose middle lies above this depth is topsoil; functions for topsoil are not used below."""
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
    """Bulk densities [g cm-3] of pure mineral and organic matter in the mixing law; by default as published (1993)."""

    mineral: float = 1.45
    organic: float = 0.11

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
    """Mixing of organic and mineral matter, Federer et al. (1993, doi 10.1139/x93-131): 0.11 and 1.45 g cm-3."""
    return Mixing().density(soil.oc)


def mixing_140_020(soil: FineEarth) -> Array:
    """Federer's law with 0.20 and 1.40 g cm-3, an older default of hybridmap that is not published."""
    return Mixing(1.40, 0.20).density(soil.oc)


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
    "mixing_140_020": mixing_140_020,
    "adams1973": adams1973,
    "icpforests_som": icpforests_som,
}
"""Functions of the composition of the fine earth to its bulk density [g cm-3]."""


def fit_mixing(oc_pct: Array, bulk_density: Array) -> Mixing | None:
    """Fit the two densities of :class:`Mixing` on measured rows; None on fewer than :data:`FEWEST_ROWS`.

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
        return None

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
        Densities that were fitted on the measured rows, for the record; None if none were.
    """

    bd_fine_g_cm3: pd.Series
    bd_source: pd.Series
    mixing: Mixing | None


def fill_bulk_density(layers: pd.DataFrame, name: str, fit_on: pd.Series | None = None) -> FilledDensity:
    """Fill missing bulk density.

    Parameters
    ----------
    layers : DataFrame
        With ``oc_g_kg``, ``bd_fine_g_cm3``, ``sand_pct``, ``clay_pct``, ``landcover``, ``top_cm``, ``bottom_cm``.
    name : str
        A key of :data:`PEDOTRANSFER`; "federer1993_fitted", Federer's law with its two densities fitted on the measured
        rows; or "auto": Hollis' organic function above 12 % OC, with texture Hollis' cultivated (topsoil only) or
        mineral one, without texture "federer1993_fitted", or "federer1993" where too few rows are measured to fit it.
    fit_on : Series, optional
        Densities to fit the mixing law on [g cm-3]; by default the measured ones.

    Returns
    -------
    FilledDensity

    Raises
    ------
    HybridmapError
        If there is no such function, or too few rows to fit the one that is asked for.

    Examples
    --------
    Without sand, clay and measured rows, "auto" mixes organic and mineral matter: 1.45 g cm-3 without any carbon.

    >>> import numpy as np
    >>> layer = {"oc_g_kg": 0.0, "bd_fine_g_cm3": np.nan, "sand_pct": np.nan, "clay_pct": np.nan, "landcover": ""}
    >>> filled = fill_bulk_density(pd.DataFrame([layer | {"top_cm": 0, "bottom_cm": 20}]), "auto")
    >>> filled.bd_fine_g_cm3.round(9).tolist(), filled.bd_source.tolist()
    ([1.45], ['federer1993'])
    """
    check_pedotransfer(name)
    oc, sand, clay, measured = (
        layers[column].to_numpy(float) for column in ("oc_g_kg", "sand_pct", "clay_pct", "bd_fine_g_cm3")
    )
    soil = FineEarth(oc / 10.0, sand, clay)
    mixing = _fitted_mixing(name, soil.oc, measured if fit_on is None else fit_on.to_numpy(float))
    values = measured.copy()
    source = np.where(np.isfinite(measured), "measured", "none").astype(object)
    for label, estimate in _estimates(name, soil, layers, mixing):
        fills = (source == "none") & np.isfinite(estimate)
        values[fills], source[fills] = estimate[fills], label
    return FilledDensity(pd.Series(values, index=layers.index), pd.Series(source, index=layers.index), mixing)


def _fitted_mixing(name: str, oc_pct: Array, measured: Array) -> Mixing | None:
    """Mixing law on the measured rows, where `name` asks for it; HybridmapError if only that could fill."""
    mixing = fit_mixing(oc_pct, measured) if name in ("auto", FITTED) else None
    if name == FITTED and mixing is None and not np.isfinite(measured).all():
        count = int((np.isfinite(measured) & np.isfinite(oc_pct)).sum())
        raise HybridmapError(
            f"build.pedotransfer: '{FITTED}' is fitted on rows with measured bulk density and organic carbon, and there"
            f" are {count}, fewer than {FEWEST_ROWS}; choose 'federer1993' (published constants) or 'auto'."
        )
    return mixing


def _estimates(name: str, soil: FineEarth, layers: pd.DataFrame, mixing: Mixing | None) -> list[tuple[str, Array]]:
    """Names and estimates [g cm-3] of the functions to try in turn; NaN where one does not apply."""
    fitted = [] if mixing is None else [(FITTED, mixing.density(soil.oc))]
    is_topsoil = ((layers["top_cm"] + layers["bottom_cm"]) / 2.0 < TOPSOIL_CM).to_numpy(dtype=bool)
    # Hollis' functions are NaN without texture, as a sum with NaN is.
    cultivated = np.where(is_topsoil, hollis2012_cultivated(soil), np.nan)
    mineral = ("hollis2012_mineral", hollis2012_mineral(soil))
    if name == "auto":
        of_crops = np.where(are_cultivated(layers["landcover"]), cultivated, np.nan)
        organic = ("hollis2012_organic", hollis2012_organic(soil))
        published = ("federer1993", federer1993(soil))
        return [organic, ("hollis2012_cultivated", of_crops), mineral, *(fitted or [published])]
    if name == "hollis2012_cultivated":
        return [(name, cultivated), mineral]  # its authors' function for what lies below
    return fitted or ([] if name == FITTED else [(name, PEDOTRANSFER[name](soil))])
