"""Densities: fine earth from whole soil, and carbon per volume."""

from __future__ import annotations

from typing import Any

import pandas as pd

ROCK_DENSITY = 2.65
"""Density of coarse fragments [g cm-3]."""


def soc_density(oc_g_kg: Any, bd_fine_g_cm3: Any, cf_vol: Any) -> Any:
    """Carbon per volume of soil [kg m-3] = content [g kg-1] * fine-earth density [g cm-3] * (1 - fragments by volume).

    The factor is exactly 1; arrays, Series or numbers. Holds for SOC and for its fractions alike.
    """
    return oc_g_kg * bd_fine_g_cm3 * (1.0 - cf_vol)


def fragments_from_whole(bd_whole_g_cm3: Any, cf_mass: Any) -> tuple[Any, Any]:
    """Fine-earth bulk density [g cm-3] and volume share of fragments, from whole-soil density and mass share."""
    volume = bd_whole_g_cm3 * cf_mass / ROCK_DENSITY
    return bd_whole_g_cm3 * (1.0 - cf_mass) / (1.0 - volume), volume


def fragments_from_mass(bd_fine_g_cm3: Any, cf_mass: Any) -> Any:
    """Volume share of fragments from their mass share and the density of the fine earth [g cm-3]."""
    stones = cf_mass / ROCK_DENSITY
    return stones / (stones + (1.0 - cf_mass) / bd_fine_g_cm3)


def fine_earth(
    bd_fine: pd.Series, bd_whole: pd.Series, cf_vol: pd.Series, cf_mass: pd.Series
) -> tuple[pd.Series, pd.Series]:
    """Best fine-earth bulk density [g cm-3] and fragments by volume, from whatever was measured.

    A whole-soil density without any fragments stays unused: it says nothing certain about the fine earth.
    """
    fine_a, volume_a = fragments_from_whole(bd_whole, cf_mass)
    fine_b = (bd_whole - ROCK_DENSITY * cf_vol) / (1.0 - cf_vol)
    fine = bd_fine.fillna(fine_b.where(fine_b > 0)).fillna(fine_a)
    volume = cf_vol.fillna(volume_a).fillna(fragments_from_mass(fine, cf_mass))
    return fine, volume
