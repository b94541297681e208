"""Folds: nothing torn, nothing lost, rare targets spread."""

from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridmap.config import Grid, Split
from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.samples.distances import prediction_distances, validation_distances
from hybridmap.samples.folds import MAP_FOLD, fold_ids, roles_in_fold
from hybridmap.samples.schemes import SCHEMES, Geography, degree_blocks
from hybridmap.samples.splits import assign_folds, split

PLANE = Geography(metres_per_unit=1.0)


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
    dealt = assign_folds(table, scheme, PLANE)
    assert dealt["site_id"].tolist() == table["site_id"].tolist()
    assert (dealt.groupby("group_id")["fold"].nunique() == 1).all()
    if kind == "block":
        assert (dealt.groupby("block")["fold"].nunique() == 1).all()
    assert set(dealt["fold"]) == set(range(folds))
    pd.testing.assert_frame_equal(dealt, assign_folds(table, scheme, PLANE))


def test_rare_targets_are_in_every_fold() -> None:
    table = sites(1500, 3, 700)
    dealt = assign_folds(table, Split(name="b", folds=5, size_km=60), PLANE)
    counts = table.groupby(dealt["fold"])[["soc_density_kg_m3", "poc_kg_m3", "mbc_kg_m3"]].count()
    assert (counts.max() <= 1.3 * counts.min()).all()


def test_blocks_have_the_size_asked_for() -> None:
    table = sites(500, 1, 400)
    dealt = assign_folds(table, Split(name="b", folds=3, size_km=150), PLANE)
    spans = table.groupby(dealt["block"])[["x", "y"]].agg(np.ptp)
    assert (spans <= 150_000 + 10).all(axis=None)


def test_a_degree_counts_its_metres() -> None:
    table = sites(200, 1, 150)
    table[["x", "y"]] /= 111_320.0
    metres = sites(200, 1, 150)
    scheme = Split(name="b", folds=3, size_km=100)
    blocks = assign_folds(table, scheme, Geography(111_320.0))["block"]
    assert blocks.tolist() == assign_folds(metres, scheme, PLANE)["block"].tolist()


def test_every_kind_of_a_region_file_has_a_scheme() -> None:
    assert set(SCHEMES) == set(get_args(Split.model_fields["kind"].annotation))


def test_too_few_blocks_are_refused() -> None:
    with pytest.raises(HybridmapError, match="cannot fill 5 folds"):
        assign_folds(sites(50, 0, 20), Split(name="b", folds=5, size_km=5000), PLANE)


def test_roles_in_a_fold_are_disjoint_and_complete() -> None:
    table = sites(300, 0, 200)
    splits = assign_folds(table, Split(name="block", folds=4, size_km=80), PLANE)
    tested = pd.Series(0, index=table.index)
    for fold in fold_ids({"block": 4}):
        parts = roles_in_fold(table, splits, fold, "block")
        assert set(parts) == ({"train", "validation"} if fold == MAP_FOLD else {"train", "validation", "test"})
        tested += (parts == "test").astype(int)
        groups = table["group_id"].groupby(parts).unique()
        assert not set(groups["train"]) & set(groups["validation"])
    assert (tested == 1).all()


def test_stale_splits_are_named() -> None:
    table = sites(100, 0, 60)
    splits = assign_folds(table.iloc[:90], Split(name="block", folds=3, size_km=80), PLANE)
    with pytest.raises(HybridmapError, match="older than the samples"):
        roles_in_fold(table, splits, "block-0", "block")


def test_groups_stay_whole_after_rows_are_dropped() -> None:
    """Parts are found by the site's name, so dropping or reordering rows moves no site and tears no place."""
    random = np.random.default_rng(0)
    table = pd.DataFrame({"site_id": [f"s{i}" for i in range(300)], "group_id": random.integers(0, 90, 300)})
    table[["x", "y"]] = random.uniform(0, 1e6, (90, 2))[table["group_id"]]
    splits = assign_folds(table, Split(name="random", kind="random", folds=5), PLANE)
    before = pd.Series(roles_in_fold(table, splits, "random-2", "random").to_numpy(), index=table["site_id"])
    rest = table.drop(index=random.choice(300, 170, replace=False)).sample(frac=1, random_state=1)
    after = roles_in_fold(rest, splits, "random-2", "random")
    assert (after.to_numpy() == before[rest["site_id"]].to_numpy()).all()
    assert (rest.assign(part=after.to_numpy()).groupby("group_id")["part"].nunique() == 1).all()


def test_degree_blocks_are_those_of_the_published_runs(shared: Path) -> None:
    vectors = np.load(shared / "vectors/clm5/dev.npz")
    lon, lat = vectors["split_lonlat"].T
    table = pd.DataFrame(
        {"site_id": np.arange(len(lon)).astype(str), "group_id": np.arange(len(lon)), "lon": lon, "lat": lat}
    )
    scheme = Split(name="scirren", kind="degree_block", size_degrees=2, folds=5, seed=12345)
    dealt = assign_folds(table, scheme, Geography(111_320.0))
    assert dealt["fold"].tolist() == vectors["split_fold"].tolist()
    assert (dealt.groupby("block")["fold"].nunique() == 1).all()


def test_a_buffer_keeps_training_away_from_test_sites() -> None:
    table = sites(600, 5, 500)
    splits = assign_folds(table, Split(name="b", folds=4, size_km=200, buffer_km=40), PLANE)
    for k in range(4):
        parts = roles_in_fold(table, splits, f"b-{k}", "b")
        place = table[["x", "y"]].to_numpy()
        test = place[parts == "test"]
        for part in ("train", "validation"):
            gap = np.linalg.norm(place[parts == part][:, None] - test[None], axis=-1).min(axis=1)
            assert (gap >= 40_000).all()
        near = np.linalg.norm(place[parts == "buffer"][:, None] - test[None], axis=-1).min(axis=1)
        assert len(near)
        assert (near < 40_000).all()
    assert "buffer" not in set(roles_in_fold(table, splits, MAP_FOLD, "b"))


def test_a_nested_scheme_stops_each_test_fold_with_every_other() -> None:
    table = sites(300, 0, 200)
    scheme = Split(name="n", folds=4, size_km=80, nested=True)
    splits = assign_folds(table, scheme, PLANE)
    assert scheme.runs == 12
    seen = set()
    for run in fold_ids({"n": scheme.runs})[:-1]:
        parts = roles_in_fold(table, splits, run, "n").to_numpy()
        fold = splits["fold"].to_numpy()
        test, stop = set(fold[parts == "test"]), set(fold[parts == "validation"])
        assert len(test) == len(stop) == 1
        assert test != stop
        seen.add((*test, *stop))
    assert len(seen) == 12


def test_leave_region_out_by_column_and_by_polygons(tmp_path: Path) -> None:
    import geopandas as gpd
    from shapely.geometry import box

    table = sites(400, 2, 300).assign(
        country=lambda t: np.where(t["x"] < 3e5, "west", np.where(t["x"] < 6e5, "mid", "east"))
    )
    by_column = assign_folds(table, Split(name="r", kind="region", column="country", folds=3), PLANE)
    assert by_column.groupby("block")["fold"].nunique().tolist() == [1, 1, 1]
    boxes = [box(0, 0, 3e5, 1e6), box(3e5, 0, 6e5, 1e6), box(6e5, 0, 1e6, 1e6)]
    gpd.GeoDataFrame({"name": ["west", "mid", "east"]}, geometry=boxes, crs="EPSG:3035").to_file(tmp_path / "r.gpkg")
    table.drop(columns="country").to_parquet(tmp_path / "samples.parquet")
    grid = RegionGrid.of(Grid(crs="EPSG:3035", resolution=1000, bounds=(0, 0, 1e6, 1e6)))
    scheme = {"name": "r", "kind": "region", "polygons": "r.gpkg", "attribute": "name", "folds": 3}
    paths = tmp_path / "samples.parquet", tmp_path / "splits.parquet", str(tmp_path)
    split([Split(**scheme)], grid, *paths)
    by_polygon = pd.read_parquet(tmp_path / "splits.parquet")
    agree = (by_polygon["block"].to_numpy() == by_column["block"].to_numpy()).mean()
    assert agree > 0.99  # a place on the line may go either way
    for wrong, says in (
        ({"attribute": "nam"}, "no attribute 'nam' .did you mean 'name'"),
        ({"polygons": "x.gpkg"}, "no such"),
    ):
        with pytest.raises(HybridmapError, match=says):
            split([Split(**{**scheme, **wrong})], grid, *paths)
    with pytest.raises(HybridmapError, match=r"no column 'countri' .did you mean 'country'"):
        assign_folds(table, Split(name="r", kind="region", column="countri", folds=3), PLANE)
    with pytest.raises(HybridmapError, match="3 regions cannot fill 5 folds"):
        assign_folds(table, Split(name="r", kind="region", column="country", folds=5), PLANE)


def clumped(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Sites in eight clumps; a map of the whole square."""
    random = np.random.default_rng(seed)
    centre = random.uniform(1e5, 9e5, (8, 2))
    table = sites(400, seed, 400)
    table["group_id"] = [f"g{i}" for i in range(400)]
    table[["x", "y"]] = centre[random.integers(0, 8, 400)] + random.normal(0, 8e3, (400, 2))
    return table, random.uniform(0, 1e6, (1500, 2))


def test_distance_matching_makes_validation_as_hard_as_the_map() -> None:
    from scipy.stats import wasserstein_distance

    table, cells = clumped(0)
    place = table[["x", "y"]].to_numpy()
    wanted = prediction_distances(place, cells)

    def off(scheme: Split) -> float:
        fold = assign_folds(table, scheme, Geography(1.0, cells))["fold"].to_numpy()
        return float(wasserstein_distance(validation_distances(place, fold), wanted))

    matched = off(Split(name="d", kind="distance", folds=4))
    easy = off(Split(name="r", kind="random", folds=4))
    assert matched < 0.6 * easy
    # Sites spread like the cells need no clusters: single places match best.
    even = sites(400, 1, 400)
    near = Geography(1.0, even[["x", "y"]].to_numpy() + 30.0)
    again = assign_folds(even, Split(name="d", kind="distance", folds=4), near)
    assert again["block"].nunique() > 100


def reference_mismatch(place: np.ndarray, cells: np.ndarray, folds: int) -> float:
    """Least W of kNNDM as published and as in the package CAST: Ward's clusters, dealt along the first component."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.stats import wasserstein_distance

    n, tree = len(place), linkage(place, "ward")
    axis = np.linalg.eigh(np.cov(place.T))[1][:, -1]
    wanted, least = prediction_distances(place, cells), np.inf
    for count in np.unique(np.exp(np.linspace(np.log(folds), np.log(n - 2), 100)).round().astype(int)):
        cluster = fcluster(tree, count, "maxclust")
        sizes = {c: int((cluster == c).sum()) for c in np.unique(cluster)}
        ordered = sorted(sizes, key=lambda c: float((place[cluster == c] @ axis).mean()))
        alone = [c for c in ordered if sizes[c] >= n / folds]
        rest = [k for k in range(folds) if k >= len(alone)]
        dealt = {c: rest[i % len(rest)] for i, c in enumerate(c for c in ordered if c not in alone)} if rest else {}
        fold = np.array([({c: i for i, c in enumerate(alone)} | dealt)[c] for c in cluster])
        if np.bincount(fold).max() <= 0.5 * n and len(np.unique(fold)) > 1:
            least = min(least, wasserstein_distance(validation_distances(place, fold), wanted))
    return float(least)


@pytest.mark.parametrize("seed", range(4))
def test_distance_matching_is_as_close_as_the_reference_on_clumped_samples(seed: int) -> None:
    """As 1,000 clumped points in a square of 100 in the reference's own example."""
    from scipy.stats import wasserstein_distance

    random = np.random.default_rng(seed)
    centre = random.uniform(0, 100, (12, 2))
    table = sites(300, seed, 300)
    table["group_id"] = [f"g{i:03d}" for i in range(300)]
    table[["x", "y"]] = np.clip(centre[random.integers(0, 12, 300)] + random.normal(0, 2, (300, 2)), 0, 100)
    place, cells = table[["x", "y"]].to_numpy(), random.uniform(0, 100, (1000, 2))
    fold = assign_folds(table, Split(name="d", kind="distance", folds=5), Geography(1.0, cells))["fold"].to_numpy()
    mismatch = wasserstein_distance(validation_distances(place, fold), prediction_distances(place, cells))
    assert mismatch <= 1.1 * reference_mismatch(place, cells, 5)
    assert np.bincount(fold).max() <= 150


@settings(max_examples=50, deadline=None)
@given(
    columns=st.lists(st.integers(-60, 60), min_size=2, max_size=8),
    rows=st.lists(st.integers(-60, 60), min_size=8, max_size=8),
    size=st.sampled_from([0.5, 1.0, 2.0, 3.0]),
)
def test_sites_on_edges_of_squares_have_folds_as_those_inside_have(
    columns: list[int], rows: list[int], size: float
) -> None:
    """A site on the western or southern edge of a square belongs to it, also to the last one."""
    lon, lat = size * np.array(columns, float), size * np.array(rows[: len(columns)], float)
    fold = degree_blocks(lon, lat, size, folds=3)
    assert set(fold.tolist()) <= {0, 1, 2}
    inside = degree_blocks(lon + 0.25 * size, lat + 0.25 * size, size, folds=3)
    np.testing.assert_array_equal(fold, inside)


def test_a_scheme_that_lacks_what_it_needs_is_refused(tmp_path: Path) -> None:
    for keys, says in (
        ({"kind": "strata"}, "kind strata needs 'layer'"),
        ({"kind": "region", "polygons": "p.gpkg"}, "regions by polygons need both 'polygons' and 'attribute'"),
        ({"folds": 2}, "folds must be at least 3"),
    ):
        with pytest.raises(ValueError, match=says):
            Split(name="s", **keys)
    grid = RegionGrid.of(Grid(resolution=1, bounds=(0, 0, 9, 9)))
    sites(60, 0, 50).to_parquet(tmp_path / "samples.parquet")
    with pytest.raises(HybridmapError, match="give the cube with --cube"):
        split([Split(name="d", kind="distance")], grid, tmp_path / "samples.parquet", tmp_path / "never")
    with pytest.raises(HybridmapError, match="the region has no splits"):
        split([], grid, tmp_path / "samples.parquet", tmp_path / "never")
