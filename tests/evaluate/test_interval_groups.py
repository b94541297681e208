"""Groups of interval rules: chosen on nested folds, only where they help, never from what a fold cannot teach."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hybridmap.evaluate.interval_groups import CANDIDATES, best_rule, choose_options
from hybridmap.evaluate.interval_rule import RuleOptions


def options(groups: str) -> RuleOptions:
    return RuleOptions(0.9, groups, is_signed=False)


def soils(seed: int, n: int = 2000, log: float = 0.0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    predicted = np.exp(random.normal(2.0, 0.7, n))
    return pd.DataFrame({"observed.soc": predicted * np.exp(log * random.normal(size=n)), "predicted.soc": predicted})


def sites_of(table: pd.DataFrame, **classes: object) -> pd.DataFrame:
    return pd.DataFrame({"block": np.arange(len(table)) % 100, **classes}, index=table.index)


def folded(table: pd.DataFrame, folds: int = 4) -> pd.DataFrame:
    return table.assign(fold=np.arange(len(table)) % folds)


def bogs(seed: int, n: int = 2000) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Soils of two land covers, one of which scatters ten times as much, on the logarithm."""
    table = folded(soils(seed, n))
    is_bog = np.random.default_rng(seed).random(n) < 0.3
    scatter = np.where(is_bog, 1.0, 0.1) * np.random.default_rng(seed + 1).normal(size=n)
    table["observed.soc"] = table["predicted.soc"] * np.exp(scatter)
    return table, sites_of(table, landcover=np.where(is_bog, "bog", "field"), depth="10-30 cm")


def chosen(table: pd.DataFrame, sites: pd.DataFrame, groups: Sequence[str] = CANDIDATES) -> str:
    return choose_options(table, sites, "soc", [options(name) for name in groups]).groups


def test_groups_are_taken_where_they_help_and_left_where_they_do_not() -> None:
    table, sites = bogs(0)
    assert chosen(table, sites) == "landcover"
    rule = best_rule(table, sites, "soc", options("auto"))
    assert rule.options.groups == "landcover"
    assert rule.facts()["grouped_by"] == "landcover"
    # A map does not know land cover.
    assert best_rule(table, sites, "soc", options("auto"), of_maps=True).options.groups in ("none", "tercile")
    # Errors that are alike everywhere.
    alike = folded(soils(0, log=0.4))
    classes = np.where(np.arange(len(alike)) % 2, "a", "b")
    assert chosen(alike, sites_of(alike, landcover=classes)) == "none"
    # What is asked for is taken, whatever helps.
    assert best_rule(table, sites, "soc", options("tercile")).options.groups == "tercile"


def test_the_score_of_the_choice_is_of_folds_that_did_not_teach_it() -> None:
    """Labels that only memory of a fold could use: a class of its own for each fold says nothing to the others."""
    table = folded(soils(3, log=0.5))
    sites = sites_of(table, landcover=table["fold"].map("class {}".format))
    assert chosen(table, sites) == "none"


def test_few_blocks_and_one_class_leave_no_choice() -> None:
    table, sites = bogs(1)
    rare = sites.assign(landcover=np.where(sites["block"] < 19, "bog", "field"))
    for few in (rare, sites.assign(landcover="field"), sites.drop(columns="landcover")):
        assert chosen(table, few, ("none", "landcover", "depth")) == "none"
    one_fold = table.assign(fold=0)
    assert chosen(one_fold, sites) == "none"


def test_constant_and_missing_values_choose_nothing() -> None:
    table, sites = bogs(2)
    constant = table.assign(**{"predicted.soc": 20.0})
    assert best_rule(constant, sites, "soc", options("auto"), of_maps=True).options.groups == "none"
    for column in ("observed.soc", "predicted.soc"):
        empty = table.assign(**{column: np.nan})
        assert best_rule(empty, sites, "soc", options("auto")).options.groups == "none"


def test_what_counts_once_is_chosen_by_the_sites_of_folds_that_did_not_teach_it() -> None:
    """A fifth of the blocks has one site with a large error, the others many with small ones."""
    random = np.random.default_rng(5)
    table = folded(soils(4, n=3000))
    block = np.arange(len(table)) % 100
    block[2400:] = 100 + np.arange(600) // 25
    is_lone = (block < 100) & (np.arange(len(table)) < 100)
    keep = is_lone | (block >= 100)
    table = table[keep].reset_index(drop=True)
    block, is_lone = block[keep], is_lone[keep]
    scatter = np.where(is_lone, 1.0, 0.1) * random.normal(size=len(table))
    table["observed.soc"] = table["predicted.soc"] * np.exp(scatter)
    table["fold"] = random.integers(0, 4, len(table))
    sites = sites_of(table).assign(block=block)
    auto = options("none")._replace(counts_once="auto")
    rule = best_rule(table, sites, "soc", auto)
    assert rule.options.counts_once == "site"
    assert rule.facts()["counts_once"] == "site"
    by_block = best_rule(table, sites, "soc", options("none"))
    assert rule.pooled.factor(0.9) < by_block.pooled.factor(0.9)
    ends = rule.columns(table, sites)
    held = table["observed.soc"].between(ends["conformal_lower.soc"], ends["conformal_upper.soc"])
    assert 0.88 < held.mean() < 0.95
    alike = folded(soils(0, log=0.4))
    assert best_rule(alike, sites_of(alike), "soc", auto).options.counts_once == "block"
