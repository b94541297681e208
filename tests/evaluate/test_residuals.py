"""Residuals by class of site, and how alike those of neighbours are."""

import numpy as np
import pandas as pd
import pytest

from hybridmap.evaluate.residuals import best_baseline, bias_rows, variogram_rows
from hybridmap.evaluate.rungs import CLIMATOLOGY, EXPERIMENT, MEAN, HeldOutSites, Rung

KEY = {"experiment": "mine", "scheme": "block", "target": "soc", "unit": "kg m-3"}


def held_out(seed: int = 0, blocks: int = 40, shared_km: bool = False) -> HeldOutSites:
    """Sites in blocks; in forests the experiment predicts 5 too much, elsewhere it is right but for noise."""
    random = np.random.default_rng(seed)
    n = blocks * 10
    observed = random.uniform(10, 30, n)
    is_forest = np.arange(n) % 2 == 0
    lon, lat = random.uniform(5, 15, n), random.uniform(45, 55, n)
    regional = 3.0 * np.sin(0.8 * lon) * np.cos(0.8 * lat) if shared_km else np.zeros(n)
    own = observed + 5.0 * is_forest * (not shared_km) + regional + 0.5 * random.normal(size=n)
    rival = observed + 4.0 * random.normal(size=n)
    sites = pd.DataFrame(
        {
            "site_id": np.arange(n).astype(str), "block": np.repeat(np.arange(blocks), 10).astype(str),
            "landcover": np.where(is_forest, "forest", "crop"), "density": "measured", "lon": lon, "lat": lat,
        }
    )  # fmt: skip
    rungs = {
        MEAN: np.full(n, 20.0), CLIMATOLOGY: np.full(n, 20.0), "linear": random.normal(size=n), "forest": rival,
        EXPERIMENT: own,
    }  # fmt: skip
    return HeldOutSites(sites, observed, {name: Rung(v, None, None) for name, v in rungs.items()}, 0.9)


def test_a_bias_of_one_class_is_said_of_that_class() -> None:
    table = pd.DataFrame(bias_rows(held_out(), KEY)).set_index("class")
    assert set(table["by"]) == {"all", "land cover"}, "a kind with one class says nothing"
    assert table.loc["forest", "bias"] == pytest.approx(5.0, abs=0.3)
    assert table.loc["forest", "low"] > 4 > 1 > table.loc["crop", "high"]
    assert table.loc["crop", "low"] < 0.1
    assert table.loc["forest", "normalised"] == pytest.approx(5 / 20, abs=0.03)
    assert table.loc["crop", "mae_difference_high"] < 0, "better than the best baseline"
    assert table.loc["forest", "mae_difference_low"] > 0, "worse than it"


def test_the_best_baseline_is_the_one_with_the_highest_r_and_no_constant() -> None:
    sites = held_out()
    assert best_baseline(sites) == "forest"
    alone = HeldOutSites(sites.sites, sites.observed, {n: sites.rungs[n] for n in (MEAN, EXPERIMENT)}, 0.9)
    assert best_baseline(alone) == MEAN


def test_no_range_with_few_blocks() -> None:
    table = pd.DataFrame(bias_rows(held_out(blocks=6), KEY))
    assert table[["low", "high", "mae_difference_low"]].isna().all().all()


def test_variogram_rises_where_neighbours_err_alike() -> None:
    alike, single = (pd.DataFrame(variogram_rows(held_out(shared_km=s), KEY)) for s in (True, False))
    assert alike["semivariance"].iloc[0] < 0.5 * alike["semivariance"].max()
    assert single["semivariance"].min() > 0.8
    assert alike["fitted"].is_monotonic_increasing
    sites = held_out()
    without = HeldOutSites(sites.sites.drop(columns=["lon", "lat"]), sites.observed, sites.rungs, 0.9)
    assert variogram_rows(without, KEY) == []
