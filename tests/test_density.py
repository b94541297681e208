"""Densities and depth: closed forms, check values and properties."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridmap.data.density import fine_earth, fragments_from_mass, fragments_from_whole, slice_interval, soc_density

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


def test_whole_density_without_fragments_stays_unused() -> None:
    gone = pd.Series([np.nan])
    fine, volume = fine_earth(gone, pd.Series([1.5]), gone, gone)
    assert fine.isna().all()
    assert volume.isna().all()


def profile(tops: list[float], bottoms: list[float], values: list[float], site: str = "a") -> pd.DataFrame:
    return pd.DataFrame({"site_id": site, "top_cm": tops, "bottom_cm": bottoms, "y": values})


@pytest.mark.parametrize(("bottom", "mean"), [(20, 25.0), (30, 23.3333333333), (100, 12.0)])
def test_slice_check_values(bottom: float, mean: float) -> None:
    table = profile([0, 10, 30, 60], [10, 30, 60, 100], [30.0, 20.0, 10.0, 5.0])
    means, coverage = slice_interval(table, ["y"], 0, bottom, 0.8, 5)
    assert means.loc["a", "y"] == pytest.approx(mean, rel=1e-9)
    assert coverage.loc["a", "y"] == pytest.approx(1.0)


def test_slice_needs_coverage_and_no_wide_gap() -> None:
    table = pd.concat(
        [
            profile([0], [15], [10.0], "short"),
            profile([0], [16], [10.0], "enough"),
            profile([0, 11], [5, 20], [10.0, 20.0], "gap"),
            profile([0, 4], [2, 20], [10.0, 20.0], "crack"),
        ]
    )
    means, _ = slice_interval(table, ["y"], 0, 20, 0.7, 5)
    assert means["y"].round(6).to_dict() == pytest.approx(
        {"short": 10.0, "enough": 10.0, "gap": np.nan, "crack": (2 * 10 + 16 * 20) / 18}, nan_ok=True, abs=1e-5
    )
    strict, _ = slice_interval(table, ["y"], 0, 20, 0.8, 5)
    assert np.isnan(strict.loc["short", "y"])
    assert strict.loc["enough", "y"] == 10.0


def test_overlapping_layers_count_once() -> None:
    table = profile([0, 0, 10], [10, 20, 20], [10.0, 20.0, 40.0])
    means, _ = slice_interval(table, ["y"], 0, 20, 0.8, 5)
    assert means.loc["a", "y"] == pytest.approx(((10 + 20) / 2 * 10 + (20 + 40) / 2 * 10) / 20)


@given(
    st.lists(st.floats(0.5, 30.0), min_size=1, max_size=6),
    st.lists(st.floats(0.1, 100.0), min_size=6, max_size=6),
)
def test_slice_conserves_stock_and_stays_in_range(widths: list[float], values: list[float]) -> None:
    edges = np.concatenate([[0.0], np.cumsum(widths)])
    values = values[: len(widths)]
    table = profile(edges[:-1].tolist(), edges[1:].tolist(), values).sample(frac=1, random_state=1)
    means, _ = slice_interval(table, ["y"], 0.0, float(edges[-1]), 0.99, 5)
    stock = float(np.dot(np.diff(edges), values))
    assert means.loc["a", "y"] * edges[-1] == pytest.approx(stock, rel=1e-9)
    assert min(values) - 1e-9 <= means.loc["a", "y"] <= max(values) + 1e-9
