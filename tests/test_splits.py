"""Folds: nothing torn, nothing lost, rare targets spread."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridmap.config import Split
from hybridmap.data.parts import MAP_FOLD, fold_ids, parts_of
from hybridmap.data.splits import assign_folds
from hybridmap.errors import HybridmapError


def sites(n: int, seed: int, places: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    place = random.integers(0, places, n)
    x, y = random.uniform(0, 1e6, (2, places))
    return pd.DataFrame(
        {
            "site_id": [f"s{i}" for i in range(n)],
            "group_id": [f"g{p}" for p in place],
            "x": x[place] + random.uniform(-3, 3, n),
            "y": y[place] + random.uniform(-3, 3, n),
            "soc_density_kg_m3": 1.0,
            "poc_kg_m3": np.where(random.random(n) < 0.3, 1.0, np.nan),
            "moc_kg_m3": np.nan,
            "mbc_kg_m3": np.where(random.random(n) < 0.06, 1.0, np.nan),
        }
    )


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(["random", "block"]), folds=st.integers(3, 6))
def test_places_and_blocks_are_never_torn(seed: int, kind: str, folds: int) -> None:
    table = sites(300, seed, 120)
    scheme = Split(name="s", kind=kind, folds=folds, size_km=100, seed=seed)
    dealt = assign_folds(table, scheme, 1.0)
    assert dealt["site_id"].tolist() == table["site_id"].tolist()
    assert (dealt.groupby("group_id")["fold"].nunique() == 1).all()
    if kind == "block":
        assert (dealt.groupby("block")["fold"].nunique() == 1).all()
    assert set(dealt["fold"]) == set(range(folds))
    pd.testing.assert_frame_equal(dealt, assign_folds(table, scheme, 1.0))


def test_rare_targets_are_in_every_fold() -> None:
    table = sites(1500, 3, 700)
    dealt = assign_folds(table, Split(name="b", folds=5, size_km=60), 1.0)
    counts = table.groupby(dealt["fold"])[["soc_density_kg_m3", "poc_kg_m3", "mbc_kg_m3"]].count()
    assert (counts.max() <= 1.3 * counts.min()).all()


def test_blocks_have_the_size_asked_for() -> None:
    table = sites(500, 1, 400)
    dealt = assign_folds(table, Split(name="b", folds=3, size_km=150), 1.0)
    spans = table.groupby(dealt["block"])[["x", "y"]].agg(np.ptp)
    assert (spans <= 150_000 + 10).all(axis=None)


def test_a_degree_counts_its_metres() -> None:
    table = sites(200, 1, 150)
    table[["x", "y"]] /= 111_320.0
    metres = sites(200, 1, 150)
    scheme = Split(name="b", folds=3, size_km=100)
    blocks = assign_folds(table, scheme, 111_320.0)["block"]
    assert blocks.tolist() == assign_folds(metres, scheme, 1.0)["block"].tolist()


def test_too_few_blocks_are_refused() -> None:
    with pytest.raises(HybridmapError, match="cannot fill 5 folds"):
        assign_folds(sites(50, 0, 20), Split(name="b", folds=5, size_km=5000), 1.0)


def test_parts_of_a_fold_are_disjoint_and_complete() -> None:
    table = sites(300, 0, 200)
    splits = assign_folds(table, Split(name="block", folds=4, size_km=80), 1.0)
    tested = pd.Series(0, index=table.index)
    for fold in fold_ids({"block": 4}):
        parts = parts_of(table, splits, fold, "block")
        assert set(parts) == ({"train", "validation"} if fold == MAP_FOLD else {"train", "validation", "test"})
        tested += (parts == "test").astype(int)
        groups = table["group_id"].groupby(parts).unique()
        assert not set(groups["train"]) & set(groups["validation"])
    assert (tested == 1).all()


def test_stale_splits_are_named() -> None:
    table = sites(100, 0, 60)
    splits = assign_folds(table.iloc[:90], Split(name="block", folds=3, size_km=80), 1.0)
    with pytest.raises(HybridmapError, match="older than the samples"):
        parts_of(table, splits, "block-0", "block")


def test_groups_stay_whole_after_rows_are_dropped() -> None:
    """Parts are found by the site's name, so dropping or reordering rows moves no site and tears no place."""
    random = np.random.default_rng(0)
    table = pd.DataFrame({"site_id": [f"s{i}" for i in range(300)], "group_id": random.integers(0, 90, 300)})
    table[["x", "y"]] = random.uniform(0, 1e6, (90, 2))[table["group_id"]]
    splits = assign_folds(table, Split(name="random", kind="random", folds=5), 1.0)
    before = pd.Series(parts_of(table, splits, "random-2", "random").to_numpy(), index=table["site_id"])
    rest = table.drop(index=random.choice(300, 170, replace=False)).sample(frac=1, random_state=1)
    after = parts_of(rest, splits, "random-2", "random")
    assert (after.to_numpy() == before[rest["site_id"]].to_numpy()).all()
    assert (rest.assign(part=after.to_numpy()).groupby("group_id")["part"].nunique() == 1).all()
