"""Means on intervals and stocks: check values, conservation, coverage."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridmap.observations.depth.intervals import DepthRules, interval_means, stocks

CHECK = ([0, 10, 30, 60], [10, 30, 60, 100], [30.0, 20.0, 10.0, 5.0])


def profile(tops: list[float], bottoms: list[float], values: list[float], site: str = "a") -> pd.DataFrame:
    return pd.DataFrame({"site_id": site, "top_cm": tops, "bottom_cm": bottoms, "y": values})


@pytest.mark.parametrize(("bottom", "mean"), [(20, 25.0), (30, 23.3333333333), (100, 12.0)])
def test_slice_check_values(bottom: float, mean: float) -> None:
    table = profile([0, 10, 30, 60], [10, 30, 60, 100], [30.0, 20.0, 10.0, 5.0])
    means, _ = interval_means(table, ["y"], 0, bottom, DepthRules())
    assert means.loc["a", "y"] == pytest.approx(mean, rel=1e-9)


def test_slice_needs_coverage_and_no_wide_gap() -> None:
    table = pd.concat(
        [
            profile([0], [15], [10.0], "short"),
            profile([0], [16], [10.0], "enough"),
            profile([0, 11], [5, 20], [10.0, 20.0], "gap"),
            profile([0, 4], [2, 20], [10.0, 20.0], "crack"),
        ]
    )
    means, _ = interval_means(table, ["y"], 0, 20, DepthRules(min_coverage=0.7))
    assert means["y"].round(6).to_dict() == pytest.approx(
        {"short": 10.0, "enough": 10.0, "gap": np.nan, "crack": (2 * 10 + 16 * 20) / 18}, nan_ok=True, abs=1e-5
    )
    strict, _ = interval_means(table, ["y"], 0, 20, DepthRules())
    assert np.isnan(strict.loc["short", "y"])
    assert strict.loc["enough", "y"] == 10.0


def test_overlapping_layers_count_once() -> None:
    table = profile([0, 0, 10], [10, 20, 20], [10.0, 20.0, 40.0])
    means, _ = interval_means(table, ["y"], 0, 20, DepthRules())
    assert means.loc["a", "y"] == pytest.approx(((10 + 20) / 2 * 10 + (20 + 40) / 2 * 10) / 20)


@given(
    st.lists(st.floats(0.5, 30.0), min_size=1, max_size=6),
    st.lists(st.floats(0.1, 100.0), min_size=6, max_size=6),
)
def test_slice_conserves_stock_and_stays_in_range(widths: list[float], values: list[float]) -> None:
    edges = np.concatenate([[0.0], np.cumsum(widths)])
    values = values[: len(widths)]
    table = profile(edges[:-1].tolist(), edges[1:].tolist(), values).sample(frac=1, random_state=1)
    means, _ = interval_means(table, ["y"], 0.0, float(edges[-1]), DepthRules(min_coverage=0.99))
    stock = float(np.dot(np.diff(edges), values))
    assert means.loc["a", "y"] * edges[-1] == pytest.approx(stock, rel=1e-9)
    assert min(values) - 1e-9 <= means.loc["a", "y"] <= max(values) + 1e-9


def test_many_profiles_of_any_length_do_not_disturb_each_other() -> None:
    random = np.random.default_rng(0)
    tables, alone = [], []
    for k in range(60):
        edges = np.concatenate([[0.0], np.cumsum(random.uniform(2, 30, random.integers(1, 40)))])
        table = profile(
            edges[:-1].tolist(), edges[1:].tolist(), random.uniform(1, 50, len(edges) - 1).tolist(), f"p{k:02d}"
        )
        tables.append(table)
        alone.append(interval_means(table, ["y"], 0, 30, DepthRules("spline"))[0])
    together, _ = interval_means(pd.concat(tables).sample(frac=1, random_state=0), ["y"], 0, 30, DepthRules("spline"))
    pd.testing.assert_frame_equal(together, pd.concat(alone), rtol=1e-10)


def test_a_single_layer_is_constant() -> None:
    means, _ = interval_means(profile([0], [40], [7.0]), ["y"], 0, 30, DepthRules("spline"))
    assert means.loc["a", "y"] == 7.0


def test_what_the_spline_takes_below_zero_is_cut_and_flagged() -> None:
    table = profile([0, 5, 10], [5, 10, 100], [200.0, 0.1, 0.1])
    means, flags = interval_means(table, ["y"], 10, 20, DepthRules("spline"))
    assert (means.loc["a", "y"], flags.loc["a", "y"]) == (0.0, "clipped")


def test_stocks_need_the_whole_depth() -> None:
    table = pd.concat(
        [profile(*CHECK), profile([0, 10], [10, 70], [30.0, 20.0], "short"), profile([8], [100], [5.0], "late")]
    )
    to30 = stocks(table, "y", 30, DepthRules())
    assert to30["stock"].to_dict() == pytest.approx({"a": 7.0, "late": np.nan, "short": 7.0}, nan_ok=True)
    to100 = stocks(table, "y", 100, DepthRules())
    assert to100["stock"].to_dict() == pytest.approx({"a": 12.0, "late": np.nan, "short": np.nan}, nan_ok=True)
    further = stocks(table, "y", 100, DepthRules(extrapolate=True))
    assert further.loc["short"].tolist() == [pytest.approx(3.0 + 12.0 + 6.0), "extrapolated"]
    assert further.loc["a", "flag"] == ""
