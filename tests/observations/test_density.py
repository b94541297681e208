"""Densities and depth: closed forms, check values and properties."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridmap.observations.density import fine_earth, fragments_from_mass, fragments_from_whole, soc_density

share = st.floats(0.0, 0.9)
density = st.floats(0.3, 1.9)


def test_check_values() -> None:
    assert fragments_from_whole(1.4, 0.2) == pytest.approx((1.2523206751, 0.1056603774), rel=1e-9)
    assert fragments_from_whole(1.1, 0.35) == pytest.approx((0.8365342163, 0.1452830189), rel=1e-9)
    assert fragments_from_mass(1.2, 0.2) == pytest.approx(0.1016949153, rel=1e-9)
    assert soc_density(20.0, 1.3, 0.1) == pytest.approx(23.4)


@given(whole=density, mass=share)
def test_whole_soil_route_counts_fragments_once(whole: float, mass: float) -> None:
    fine, volume = fragments_from_whole(whole, mass)
    assert soc_density(20.0, fine, volume) == pytest.approx(20.0 * whole * (1.0 - mass), rel=1e-9)


@given(fine=density, mass=share)
def test_mass_and_volume_shares_agree(fine: float, mass: float) -> None:
    volume = fragments_from_mass(fine, mass)
    whole = fine * (1.0 - volume) + 2.65 * volume
    assert fragments_from_whole(whole, mass) == pytest.approx((fine, volume), rel=1e-9, abs=1e-12)


def densities(**columns: float) -> pd.DataFrame:
    fields = ("bd_fine_g_cm3", "bd_whole_g_cm3", "bd_fine_whole_g_cm3", "cf_vol", "cf_mass")
    return pd.DataFrame([{**dict.fromkeys(fields, np.nan), **columns}])


@settings(deadline=None, max_examples=30)  # five tables an example
@given(fine=density, mass=share)
def test_all_three_densities_say_the_same(fine: float, mass: float) -> None:
    volume = fragments_from_mass(fine, mass)
    whole = fine * (1.0 - volume) + 2.65 * volume
    per_whole = fine * (1.0 - volume)
    pairs = (
        {"bd_fine_g_cm3": fine, "cf_mass": mass},
        {"bd_whole_g_cm3": whole, "cf_mass": mass},
        {"bd_fine_whole_g_cm3": per_whole, "cf_mass": mass},
        {"bd_fine_whole_g_cm3": per_whole, "cf_vol": volume},
        {"bd_fine_whole_g_cm3": per_whole, "bd_whole_g_cm3": whole},
    )
    for pair in pairs:
        fine_and_volume = [column.iloc[0] for column in fine_earth(densities(**pair))]
        assert fine_and_volume == pytest.approx([fine, volume], rel=1e-6, abs=1e-9), pair


@pytest.mark.parametrize("nonsense", [-0.1, 1.0, 1.2])
def test_a_share_that_is_none_converts_nothing(nonsense: float) -> None:
    fine, volume = fine_earth(densities(bd_whole_g_cm3=1.5, cf_mass=nonsense))
    assert fine.isna().all()
    assert volume.isna().all()


def test_whole_density_without_fragments_stays_unused() -> None:
    fine, volume = fine_earth(densities(bd_whole_g_cm3=1.5))
    assert fine.isna().all()
    assert volume.isna().all()
