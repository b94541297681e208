"""Regions that are clusters of the sites: contiguous, the same again, and as many as there can be."""

import numpy as np
import pandas as pd
import pytest

from hybridmap.config import Split
from hybridmap.errors import HybridmapError
from hybridmap.samples.clustered_regions import clustered_regions
from hybridmap.samples.schemes import Geography
from hybridmap.samples.splits import assign_folds

PLANE = Geography(metres_per_unit=1.0)


def sites(n: int = 300) -> pd.DataFrame:
    random = np.random.default_rng(0)
    lon, lat = random.uniform(170, 190, n), random.uniform(40, 60, n)
    return pd.DataFrame(
        {
            "site_id": [f"s{i}" for i in range(n)], "group_id": np.arange(n) // 2, "x": lon, "y": lat,
            "lon": (lon + 180) % 360 - 180, "lat": lat,
        }
    )  # fmt: skip


def test_regions_hold_together_over_the_date_line_and_never_tear_a_place() -> None:
    table = sites()
    table[["lon", "lat"]] = table.groupby("group_id")[["lon", "lat"]].transform("first")
    region = clustered_regions(table, 10)
    assert len(np.unique(region)) == 10
    assert (table.assign(region=region).groupby("group_id")["region"].nunique() == 1).all()
    np.testing.assert_array_equal(region, clustered_regions(table, 10))
    # A region is nearer to itself than to the rest: its spread is small against that of all sites.
    lon = table["lon"] % 360
    within = table.assign(lon=lon).groupby(region)[["lon", "lat"]].std().mean()
    assert (within < 0.5 * table.assign(lon=lon)[["lon", "lat"]].std()).all()


def test_a_split_of_regions_without_polygons_holds_out_a_cluster_a_fold() -> None:
    table = sites()
    folds = assign_folds(table, Split(name="region", kind="region", folds=10), PLANE)
    assert sorted(folds["fold"].unique()) == list(range(10))
    assert (folds.groupby("fold")["block"].nunique() == 1).all()
    one_place = table.assign(group_id=0)
    with pytest.raises(HybridmapError, match="1 regions cannot fill 10 folds, there are no more places"):
        assign_folds(one_place, Split(name="region", kind="region", folds=10), PLANE)


def test_sites_without_coordinates_have_no_regions() -> None:
    with pytest.raises(HybridmapError, match="regions need the coordinates of every site; samples lack lat"):
        clustered_regions(sites().assign(lat=np.nan), 10)
