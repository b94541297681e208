"""Intervals of area means: errors that go together, block means that are held, what is said where they cannot be."""

import math

import numpy as np
import pandas as pd
import pytest

from hybridmap.config import Experiment
from hybridmap.evaluate.area_errors import AreaErrors, AreaSites, learn_area_errors
from hybridmap.evaluate.area_table import area_table, map_areas
from hybridmap.evaluate.spatial_covariance import (
    Covariance,
    fit_covariance,
    geometry,
    many_sets,
    members_of,
    offered_ranges,
    places_of,
    set_means,
    squares,
)

KM_PER_DEGREE = 111.2


def field(lon: np.ndarray, lat: np.ndarray, range_km: float, seed: int) -> np.ndarray:
    """Errors of variance 1 that are alike over about `range_km`: sums of random waves."""
    random, waves = np.random.default_rng(seed), 200
    # Frequencies of an exponential covariance in the plane.
    direction, length = random.uniform(0, 2 * np.pi, waves), np.sqrt(random.uniform(0, 1, waves) ** -2 - 1) / range_km
    phase = random.uniform(0, 2 * np.pi, waves)
    x, y = KM_PER_DEGREE * np.cos(np.radians(lat)) * lon, KM_PER_DEGREE * lat
    angle = np.outer(x, length * np.cos(direction)) + np.outer(y, length * np.sin(direction)) + phase
    return np.sqrt(2 / waves) * np.cos(angle).sum(1)


def landscape(seed: int, n: int = 1500, sill: float = 0.3, nugget: float = 0.7, bias: float = 0.0) -> pd.DataFrame:
    """Sites over 8 by 8 degrees with a width of 2 kg m-3, in blocks of half a degree and five folds."""
    random = np.random.default_rng(seed)
    lon, lat = random.uniform(8, 16, n), random.uniform(46, 54, n)
    error = bias + math.sqrt(sill) * field(lon, lat, 60.0, seed) + math.sqrt(nugget) * random.normal(size=n)
    predicted = 30 + 8 * np.sin(lon) + 8 * np.cos(lat) + random.uniform(-5, 5, n)
    number = (np.floor(lon * 1.5) * 100 + np.floor(lat * 1.5)).astype(int)
    half_width = random.uniform(1, 3, n)
    return pd.DataFrame(
        {
            "site_id": [str(i) for i in range(n)], "source": "s", "scheme": "block", "part": "test", "lon": lon,
            "lat": lat, "fold": number % 5, "block": number.astype(str), "observed.soc": predicted + half_width * error,
            "predicted.soc": predicted, "conformal_lower.soc": predicted - half_width,
            "conformal_upper.soc": predicted + half_width, "error": error,
        }
    )  # fmt: skip


def experiment(**more: object) -> Experiment:
    return Experiment.model_validate({"name": "e", "global": "all", "targets": ["soc"], **more})


def table_of(rows: pd.DataFrame) -> pd.DataFrame:
    return area_table(rows.drop(columns="block"), rows[["block"]], experiment())


def test_the_geometry_of_a_mean() -> None:
    places = places_of(np.array([10.0, 10.0, 11.0]), np.array([50.0, 50.0, 50.0]))
    distance = float(np.linalg.norm(places[0] - places[2]))
    assert distance == pytest.approx(KM_PER_DEGREE * math.cos(math.radians(50)), rel=0.01)
    nugget, shared = geometry(places[[0, 2]], np.array([1.0, 3.0]), np.array([distance]))
    assert nugget == pytest.approx(0.25**2 + 0.75**2)
    assert shared == pytest.approx(0.25**2 + 0.75**2 + 2 * 0.25 * 0.75 / math.e)
    assert Covariance(2.0, (3.0,), (distance,)).variance(places[:1], np.ones(1)) == pytest.approx(5.0)
    # The nugget vanishes with many cells, what they share does not.
    many = np.repeat(places[:1], 300, axis=0)
    assert Covariance(2.0, (3.0,), (50.0,)).variance(many, np.ones(300)) == pytest.approx(3.0 + 2.0 / 300)


def test_variances_come_back_from_means_over_squares() -> None:
    sums = []
    for seed in range(4):
        rows = landscape(seed, 2500)
        lon, lat = rows["lon"].to_numpy(), rows["lat"].to_numpy()
        places = places_of(lon, lat)
        ranges = offered_ranges(places)
        means = set_means(places, rows["error"].to_numpy(), np.ones(len(rows)), many_sets(lon, lat, ranges), ranges)
        fit = fit_covariance(means, 0.0, ranges)
        near = sum(s for s, r in zip(fit.sills, fit.ranges_km, strict=True) if r < 20)
        # What is shared over less than the distance of sites looks like a nugget.
        sums.append([fit.nugget + near, sum(fit.sills) - near])
    apart, shared = np.mean(sums, axis=0)
    assert apart == pytest.approx(0.7, abs=0.12)
    assert shared == pytest.approx(0.3, abs=0.12)


def test_squares_hold_each_place_once() -> None:
    rows = landscape(0, 500)
    codes = squares(rows["lon"].to_numpy(), rows["lat"].to_numpy(), 100.0)
    parts = members_of(codes, 1)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(500))
    for part in parts:
        assert np.ptp(places_of(rows["lon"].iloc[part], rows["lat"].iloc[part]), axis=0).max() < 200


def test_true_means_of_areas_are_held_where_independent_errors_would_fail() -> None:
    """Districts of a known field of errors that nobody sampled: what was learned at sites holds their true means."""
    inside, alone = [], []
    for seed in range(8):
        rows = landscape(seed, bias=0.1)
        learned = learn_area_errors(AreaSites.of(rows, "soc"), 0.9)
        lon, lat = (axis.ravel() for axis in np.meshgrid(np.linspace(8, 16, 60), np.linspace(46, 54, 60)))
        error = 0.1 + math.sqrt(0.3) * field(lon, lat, 60.0, seed)
        for cells in members_of(squares(lon, lat, 150.0), 36):
            lower, upper = learned.interval(places_of(lon[cells], lat[cells]), np.ones(len(cells)))
            inside.append(lower <= error[cells].mean() <= upper)
            alone.append(abs(error[cells].mean()) <= 1.645 / math.sqrt(len(cells)))
    assert 0.85 <= np.mean(inside) <= 0.96
    assert np.mean(alone) < 0.4  # the same interval if cells erred each by itself


def test_held_out_block_means_are_held_at_every_size() -> None:
    tables = pd.concat([table_of(landscape(seed, 3000)) for seed in range(3)])
    blocks = tables[tables["area"] == "block"]
    assert (blocks["n"] > 100).all()
    assert blocks["coverage"].mean() == pytest.approx(0.9, abs=0.04)
    assert tables.loc[tables["area"] != "block", "coverage"].mean() == pytest.approx(0.9, abs=0.05)
    # Predictions follow the soil, so they beat the quantiles of the means of other blocks.
    assert (blocks["interval_score"] < 0.5 * blocks["climatology_score"]).all()
    np.testing.assert_allclose(tables["error"], tables["coverage"] - 0.9)


def test_a_bias_moves_the_interval_and_does_not_widen_it() -> None:
    plain, biased = (learn_area_errors(AreaSites.of(landscape(1, bias=b), "soc"), 0.9) for b in (0.0, 2.0))
    assert biased.mean - plain.mean == pytest.approx(2.0, abs=1e-3)
    width = [np.ptp(errors.interval(np.zeros((1, 3)), np.ones(1), 0.0)) for errors in (plain, biased)]
    assert width[1] == pytest.approx(width[0], rel=1e-3)


def test_the_interval_of_one_cell_has_the_nugget_and_that_of_many_has_not() -> None:
    errors = AreaErrors(Covariance(1.0, (0.5,), (1e6,)), 0.0, 0.0, 2.0, 40, "")
    place = np.zeros((1, 3))
    assert errors.interval(place, np.ones(1), 1.0)[1] == pytest.approx(2 * math.sqrt(1.5))
    random = places_of(np.random.default_rng(0).uniform(8, 9, 50), np.full(50, 50.0))
    assert errors.interval(random, np.ones(50), 1e-6)[1] == pytest.approx(2 * math.sqrt(0.5), rel=1e-3)
    # A sample of cells says the same as all of them.
    errors = errors._replace(covariance=Covariance(1.0, (0.5,), (30.0,)))
    lon, lat = np.random.default_rng(1).uniform(8, 10, (2, 2000))
    every = errors.interval(places_of(lon, lat), np.ones(2000))[1]
    samples = [errors.interval(places_of(lon[k::20], lat[k::20]), np.ones(100), 1 / 2000)[1] for k in range(20)]
    assert np.sqrt(np.mean(np.square(samples))) == pytest.approx(every, rel=0.01)


def test_what_is_lacking_is_said() -> None:
    rows = landscape(0)
    few = rows[rows["block"].isin(rows["block"].unique()[:15])]
    learned = learn_area_errors(AreaSites.of(few, "soc"), 0.9)
    assert math.isnan(learned.factor)
    assert learned.note == "15 blocks with 5 observations or more, 20 are needed"
    table = table_of(few)
    assert table["coverage"].isna().all()
    assert table["note"].str.contains("20 are needed").all()
    # Coordinates or intervals that are missing leave their sites out.
    empty = rows.assign(lon=np.nan)
    assert table_of(empty)["note"].tolist() == ["no site has place, observation and interval"]
    half = rows.copy()
    half.loc[half.index[::2], "lat"] = np.nan
    assert len(AreaSites.of(half, "soc").lon) == len(rows) / 2
    assert table_of(half)["coverage"].notna().any()
    # With few blocks a fold has no finite interval.
    endless = rows.copy()
    endless.loc[endless["fold"] == 2, "conformal_upper.soc"] = np.inf
    assert len(AreaSites.of(endless, "soc").lon) == int((rows["fold"] != 2).sum())
    assert table_of(endless)["coverage"].notna().any()
    # A level that so few blocks cannot reach.
    many = learn_area_errors(AreaSites.of(rows, "soc"), 0.9999)
    assert "too few for level 0.9999" in many.note


def test_errors_that_are_all_zero_give_an_interval_that_is_no_number() -> None:
    rows = landscape(0)
    rows["observed.soc"] = rows["predicted.soc"]
    learned = learn_area_errors(AreaSites.of(rows, "soc"), 0.9)
    assert learned.note == "every held-out prediction is exact, so intervals of areas have no width"
    lower, upper = learned.interval(np.zeros((1, 3)), np.ones(1))
    assert lower < 0 < upper
    assert table_of(rows)["coverage"].dropna().eq(1.0).all()


def test_facts_survive_and_the_map_takes_the_first_scheme() -> None:
    rows = landscape(0)
    learned = learn_area_errors(AreaSites.of(rows, "soc"), 0.9)
    assert AreaErrors.from_facts(learned.facts()) == learned
    more = pd.concat([rows, rows.assign(scheme="other", **{"observed.soc": 0.0})], ignore_index=True)
    both = map_areas(more.drop(columns="block"), more[["block"]], experiment(splits=["block", "other"]))
    assert both["soc"] == learned.facts()
