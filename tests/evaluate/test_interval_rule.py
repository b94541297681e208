"""From predictions to intervals: scale, floor and groups learned from other sites, and what is said where they lack."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridmap.errors import HybridmapError
from hybridmap.evaluate.interval_rule import TERCILES, IntervalRule, RuleOptions, learn_rule
from hybridmap.model.draws import conformal_factor, conformal_rank


def options(groups: str = "none", is_signed: bool = False, level: float = 0.9) -> RuleOptions:
    return RuleOptions(level, groups, is_signed)


def soils(seed: int, n: int = 2000, log: float = 0.0, plain: float = 0.0) -> pd.DataFrame:
    """Soils whose errors are on the logarithm, in kg m-3, or both."""
    random = np.random.default_rng(seed)
    predicted = np.exp(random.normal(2.0, 0.7, n))
    observed = predicted * np.exp(log * random.normal(size=n)) + plain * random.normal(size=n)
    return pd.DataFrame({"observed.soc": np.maximum(observed, 0.0), "predicted.soc": predicted})


def sites_of(table: pd.DataFrame, blocks: int = 100, **classes: Any) -> pd.DataFrame:
    return pd.DataFrame({"block": np.arange(len(table)) % blocks, **classes}, index=table.index)


def ends(rule: IntervalRule, table: pd.DataFrame, sites: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    columns = rule.columns(table, sites)
    lower, upper, pit = (columns[f"{name}.soc"].to_numpy() for name in ("conformal_lower", "conformal_upper", "pit"))
    return lower, upper, pit


def held(table: pd.DataFrame, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    return (lower <= table["observed.soc"].to_numpy()) & (table["observed.soc"].to_numpy() <= upper)


def test_scores_choose_the_scale_on_which_errors_are_alike() -> None:
    for table, is_log in ((soils(0, log=0.5), True), (soils(0, plain=5.0), False)):
        rule = learn_rule(table, sites_of(table), "soc", options())
        assert rule.form.is_log == is_log
        assert rule.facts()["scale"] == ("log" if is_log else "plain")
    table = soils(0, log=0.5)
    assert not learn_rule(table, sites_of(table), "soc", options(is_signed=True)).form.is_log
    offset = learn_rule(table, sites_of(table), "soc", options()).form.offset
    assert offset == pytest.approx(0.02 * table["observed.soc"].mean())


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    log=st.sampled_from([0.0, 0.3, 1.0]),
    plain=st.sampled_from([0.0, 3.0, 30.0]),
    groups=st.sampled_from(["none", "tercile", "landcover"]),
    level=st.sampled_from([0.5, 0.8, 0.9]),
)
def test_new_sites_are_held_as_often_as_promised(
    seed: int, log: float, plain: float, groups: str, level: float
) -> None:
    """Exchangeable sites, each its own block: the share inside is beta distributed, however errors are made."""
    table, n = soils(seed, 1200, log, plain), 600
    sites = sites_of(table, len(table), landcover=np.array(["a", "b", "c"])[np.arange(len(table)) % 3])
    rule = learn_rule(table[:n], sites[:n], "soc", options(groups, level=level))
    lower, upper, pit = ends(rule, table[n:], sites[n:])
    assert (lower >= 0).all()
    assert (upper > lower).all()
    assert (upper.astype("float32") > lower.astype("float32")).all()
    share = held(table[n:], lower, upper).mean()
    # Binomial in the new sites, beta in the held-out ones of each group; five deviations.
    margin = 5 * math.sqrt(level * (1 - level) * 2 / n) + 3 / n
    assert share > level - margin
    if log or plain:
        assert share < level + margin
        assert (np.abs(2 * pit - 1) < level - 1e-9).mean() == pytest.approx(share)


@given(scores=st.lists(st.floats(0, 10), min_size=12, max_size=60), level=st.sampled_from([0.5, 0.75, 0.9]))
def test_the_factor_is_the_order_statistic_of_split_conformal_prediction(scores: list[float], level: float) -> None:
    """Each site its own block: the k-th smallest score, k = ceil((n + 1) level), as in crepes."""
    k = math.ceil((len(scores) + 1) * level - 1e-9)
    factor = conformal_factor(scores, np.ones(len(scores)), range(len(scores)), level)
    assert factor == (sorted(scores)[k - 1] if k <= len(scores) else math.inf)
    # A score is reached at each level above its rank, and at none below.
    ranks = conformal_rank(scores, scores, range(len(scores)))
    np.testing.assert_array_equal(np.asarray(scores) <= factor, ranks < level - 1e-9)


def test_ranks_of_nothing_are_nothing() -> None:
    assert np.isnan(conformal_rank([1.0, np.nan], [1.0, 2.0], [0, 1])).tolist() == [False, True]
    assert np.isnan(conformal_rank([1.0], [np.nan], [0])).all()


def test_a_spread_that_follows_nothing_is_floored_by_the_error_of_calibration() -> None:
    """Members that agree by chance made intervals of almost no width; those that disagree made absurd ones."""
    table = soils(1, plain=5.0)
    random = np.random.default_rng(2)
    table["sd.soc"] = np.exp(random.normal(-2.0, 2.0, len(table)))
    sites = sites_of(table)
    rule = learn_rule(table, sites, "soc", options(is_signed=True))
    residuals = table["observed.soc"] - table["predicted.soc"]
    assert rule.form.rms == pytest.approx(np.sqrt((residuals**2).mean()))
    lower, upper, _ = ends(rule, table, sites)
    width = upper - lower
    assert width.min() > 0.9 * np.median(width)
    constant = learn_rule(table.drop(columns="sd.soc"), sites, "soc", options(is_signed=True))
    assert width.mean() < 1.1 * (constant.pooled.factor(0.9) * 2)
    raw = 2 * conformal_factor(residuals, table["sd.soc"].clip(lower=1e-6), sites["block"]) * table["sd.soc"]
    assert raw.mean() > 5 * width.mean()


def test_thirds_have_factors_of_their_own() -> None:
    table = soils(3, 3000)
    table["observed.soc"] += np.where(table["predicted.soc"] > 12, 10.0, 1.0) * np.sin(np.arange(3000))
    sites = sites_of(table)
    facts = learn_rule(table, sites, "soc", options("tercile", is_signed=True)).facts()
    assert facts["thresholds"] == pytest.approx(np.quantile(table["predicted.soc"], [1 / 3, 2 / 3]))
    assert list(facts["groups"]) == sorted(TERCILES)
    assert facts["groups"]["highest third"] > 3 * facts["groups"]["lowest third"]


def test_a_group_of_few_blocks_takes_the_factor_of_all_and_that_is_said() -> None:
    table = soils(4, 1000, plain=3.0)
    landcover = np.where(np.arange(1000) % 100 < 19, "bog", "field")
    table.loc[landcover == "bog", "observed.soc"] += 100.0
    sites = sites_of(table, landcover=landcover)
    rule = learn_rule(table, sites, "soc", options("landcover"))
    assert list(rule.of_group) == ["field"]
    assert rule.notes == (
        "soc: groups with fewer than 20 blocks, or too few for the level, take the factor of all sites: 'bog' (19)",
    )
    unknown = sites.assign(landcover="moon")
    lower, upper, _ = ends(rule, table, unknown)
    # A land cover that other folds never saw is one of all sites.
    pooled = learn_rule(table, sites, "soc", options())
    np.testing.assert_array_equal(np.stack([lower, upper]), np.stack(ends(pooled, table, sites)[:2]))


def test_without_classes_groups_are_refused_in_a_sentence_or_said_to_be_none() -> None:
    table = soils(5, 200)
    with pytest.raises(HybridmapError, match=r"uncertainty.groups: landcover, but no sample has a landcover; set it"):
        learn_rule(table, sites_of(table), "soc", options("landcover"))
    rule = learn_rule(table, sites_of(table, depth="0-10 cm"), "soc", options("depth"))
    assert rule.notes == ("soc: all sites are one depth, '0-10 cm', so there are no groups",)


@pytest.mark.parametrize("groups", ["none", "tercile"])
def test_constant_predictions_and_zero_spread(groups: str) -> None:
    table = soils(6, 500, log=0.5).assign(**{"predicted.soc": 8.0, "sd.soc": 0.0})
    sites = sites_of(table)
    rule = learn_rule(table, sites, "soc", options(groups))
    lower, upper, _ = ends(rule, table, sites)
    assert np.ptp(upper - lower) == 0.0
    assert 0.88 < held(table, lower, upper).mean() < 0.93
    assert any("predictions are constant, so there are no thirds" in note for note in rule.notes)
    assert any("all draws agree everywhere" in note for note in rule.notes)


def test_perfect_and_negative_predictions_leave_an_interval_of_what_can_be() -> None:
    table = soils(7, 200)
    sites = sites_of(table)
    rule = learn_rule(table, sites, "soc", options())
    lower, upper, _ = ends(rule, table, sites)
    assert held(table, lower, upper).all()
    assert (upper > lower).all()
    below_zero = table.assign(**{"predicted.soc": -50.0})
    lower, upper, _ = ends(rule, below_zero, sites)
    assert (lower == 0).all()
    assert (upper > 0).all()


def test_too_few_blocks_for_the_level_have_no_end() -> None:
    table = soils(8, 100, plain=1.0)
    rule = learn_rule(table, sites_of(table, 5), "soc", options())
    lower, upper, _ = ends(rule, table, sites_of(table, 5))
    assert (lower == 0).all()
    assert np.isinf(upper).all()
    nothing = table.assign(**{"observed.soc": np.nan})
    lower, upper, pit = ends(learn_rule(nothing, sites_of(table), "soc", options("tercile")), nothing, sites_of(table))
    assert np.isnan(np.stack([lower, upper, pit])).all()
