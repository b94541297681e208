"""Densities: fine earth from whole soil, and carbon per volume."""

from __future__ import annotations

from typing import Any

import pandas as pd

ROCK_DENSITY = 2.65
"""Density of coarse fragments [g cm-3]."""
ROUNDING_SHARE = 0.02
"""Share by which two densities of one soil may differ for being rounded."""


def soc_density(oc_g_kg: Any, bd_fine_g_cm3: Any, cf_vol: Any) -> Any:
    """Carbon per volume of soil [kg m-3] = content * fine-earth density * (1 - fragments by volume).

    The factor of the units is exactly 1. Holds for SOC and for its fractions alike.

    Parameters
    ----------
    oc_g_kg : number, array or Series
        Organic carbon of the fine earth [g kg-1].
    bd_fine_g_cm3 : number, array or Series
        Bulk density of the fine earth [g cm-3].
    cf_vol : number, array or Series
        Coarse fragments, share of the volume.

    Returns
    -------
    number, array or Series
        Organic carbon [kg m-3].

    Examples
    --------
    A tenth of the soil is stones; a litre of the rest weighs 1.3 kg, and 2 % of that is carbon.

    >>> round(soc_density(20.0, 1.3, 0.1), 9)
    23.4
    """
    return oc_g_kg * bd_fine_g_cm3 * (1.0 - cf_vol)


def fragments_from_whole(bd_whole_g_cm3: Any, cf_mass: Any) -> tuple[Any, Any]:
    """Fine-earth bulk density [g cm-3] and volume share of fragments, from whole-soil density and mass share.

    Examples
    --------
    Of 1.325 g in a cm3, 0.53 g are stones: 0.2 cm3 of rock. The other 0.795 g fill 0.8 cm3.

    >>> fine, volume = fragments_from_whole(1.325, 0.4)
    >>> round(fine, 5), round(volume, 5)
    (0.99375, 0.2)
    """
    volume = bd_whole_g_cm3 * cf_mass / ROCK_DENSITY
    return bd_whole_g_cm3 * (1.0 - cf_mass) / (1.0 - volume), volume


def fragments_from_mass(bd_fine_g_cm3: Any, cf_mass: Any) -> Any:
    """Volume share of fragments from their mass share and the density of the fine earth [g cm-3]."""
    stones = cf_mass / ROCK_DENSITY
    return stones / (stones + (1.0 - cf_mass) / bd_fine_g_cm3)


def fragments_per_whole(bd_fine_whole_g_cm3: Any, cf_mass: Any) -> Any:
    """Volume share of fragments from their mass share and the fine earth per volume of the whole soil [g cm-3].

    Examples
    --------
    In a cm3, 1.05 g are fine earth and 0.45 g, 30 % of all, are stones.

    >>> round(fragments_per_whole(1.05, 0.3) * 2.65, 9)
    0.45
    """
    return bd_fine_whole_g_cm3 * cf_mass / (1.0 - cf_mass) / ROCK_DENSITY


def measured_or_without_stones(layers: pd.DataFrame) -> pd.Series:
    """Measured density of the fine earth [g cm-3]; per whole soil where no stones are known, as most soils have few."""
    per_whole = layers["bd_fine_whole_g_cm3"].where(layers["cf_vol"].isna() & layers["cf_mass"].isna())
    return layers["bd_fine_g_cm3"].fillna(per_whole)


def fine_earth(layers: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Best fine-earth density and fragments by volume, from whatever was measured; NaN where nothing says.

    A whole-soil density without any fragments stays unused: it says nothing certain about the fine earth. A share of
    fragments of all or less than nothing is no share.

    Parameters
    ----------
    layers : DataFrame
        ``bd_fine_g_cm3``, ``bd_whole_g_cm3``, ``bd_fine_whole_g_cm3`` [g cm-3], ``cf_vol`` and ``cf_mass`` (shares).

    Returns
    -------
    bd_fine_g_cm3, cf_vol : Series, shape (layer,)
        As measured, else from the others.
    """
    bd_whole, per_whole = _positive(layers["bd_whole_g_cm3"]), _positive(layers["bd_fine_whole_g_cm3"])
    by_both = ((bd_whole - per_whole) / bd_whole).where(lambda share: share > -ROUNDING_SHARE).clip(lower=0.0)
    cf_vol, cf_mass = _share(layers["cf_vol"]), _share(layers["cf_mass"]).fillna(by_both)
    fine_by_mass, volume_by_mass = fragments_from_whole(bd_whole, cf_mass)
    fine_by_volume = (bd_whole - ROCK_DENSITY * cf_vol) / (1.0 - cf_vol)
    volume = cf_vol.fillna(_share(fragments_per_whole(per_whole, cf_mass)))
    fine = layers["bd_fine_g_cm3"].fillna(per_whole / (1.0 - volume))
    fine = fine.fillna(fine_by_volume.where(fine_by_volume > 0)).fillna(fine_by_mass)
    volume = volume.fillna(volume_by_mass).fillna(fragments_from_mass(fine, cf_mass))
    return fine, layers["cf_vol"].fillna(volume)


def _share(values: pd.Series) -> pd.Series:
    return values.where((values >= 0.0) & (values < 1.0))


def _positive(values: pd.Series) -> pd.Series:
    return values.where(values > 0.0)
