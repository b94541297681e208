"""Sites take the year of a layer that their sampling says; what they take and what is left out is counted."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import write_raster
from numpy.typing import NDArray
from pyproj import Transformer

from hybridmap.config import Config
from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.cube import open_cube
from hybridmap.covariates.cube_build import build_cube
from hybridmap.observations.quality.drop_counts import DropCounts
from hybridmap.samples.sample import sample_sites

WEST, NORTH = 4_000_000.0, 2_840_000.0
SHAPE = (200, 150)
YEARS = [2006, 2012, 2018]
RANDOM = np.random.default_rng(0)
SITES = 400


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rasters")
    write_raster(folder / "a.tif", RANDOM.normal(size=SHAPE).astype("float32"), WEST, NORTH, 1000)
    for name in ("c", "npp"):
        for year in YEARS:
            values = year + RANDOM.uniform(0, 0.5, SHAPE).astype("float32")
            write_raster(folder / f"{name}_{year}.tif", values, WEST, NORTH, 1000)
    return folder


@pytest.fixture(scope="module")
def sites() -> pd.DataFrame:
    x, y = WEST + RANDOM.uniform(0, 150_000, SITES), NORTH - RANDOM.uniform(0, 200_000, SITES)
    lon, lat = Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True).transform(x, y)
    year = RANDOM.choice([np.nan, 1990.0, 2004.0, 2006.0, 2009.5, 2015.0, 2018.0, 2024.0], SITES)
    source = RANDOM.choice(["one", "two"], SITES)
    ids = [f"s{i}" for i in range(SITES)]
    return pd.DataFrame({"site_id": ids, "source": source, "lon": lon, "lat": lat, "year": year})


def samples_of(folder: Path, sites: pd.DataFrame, ladder: DropCounts, **rule: Any) -> pd.DataFrame:
    covariates = [{"name": "a", "path": "a.tif"}, {"name": "c", "path": "c_{year}.tif", "years": YEARS, **rule}]
    forcing = [{**covariates[1], "name": "npp", "path": "npp_{year}.tif"}]
    grid = {"crs": "EPSG:3035", "resolution": 1000, "bounds": [WEST, NORTH - 200_000, WEST + 150_000, NORTH]}
    raw = {"region": "r", "data_root": str(folder), "grid": grid, "covariates": covariates, "forcing": forcing}
    build_cube(RegionLayers.of(Config.model_validate(raw)), folder / "cube.zarr", 64)
    return sample_sites(sites, open_cube(folder / "cube.zarr"), ladder)


def field(folder: Path, name: str, year: int) -> NDArray[np.float32]:
    cube = open_cube(folder / "cube.zarr")
    return cube.read_year(name, year, cube.grid.extent)


@pytest.mark.parametrize(
    ("rule", "year_of"),
    [
        ({}, {2004: 2006, 2006: 2006, 2009.5: 2012, 2015: 2012, 2018: 2018, 2024: 2018}),
        ({"max_years_apart": 5}, {2004: 2006, 2006: 2006, 2009.5: 2012, 2015: 2012, 2018: 2018}),
        ({"year_match": "previous"}, {2006: 2006, 2009.5: 2006, 2015: 2012, 2018: 2018, 2024: 2018}),
        ({"year_match": "exact"}, {2006: 2006, 2018: 2018}),
    ],
)
def test_a_site_has_the_values_of_its_own_year(
    rule: dict[str, Any], year_of: dict[float, int], folder: Path, sites: pd.DataFrame
) -> None:
    ladder = DropCounts("sample")
    samples = samples_of(folder, sites, ladder, **rule)
    assert set(samples["site_id"]) == set(sites.loc[sites["year"].isin(list(year_of)), "site_id"])
    assert (samples["year_of.c"] == samples["year"].map(year_of)).all()
    for year, rows in samples.groupby("year_of.c"):
        cells = rows["row"].to_numpy(), rows["col"].to_numpy()
        np.testing.assert_array_equal(rows["covariate.c"], field(folder, "c", int(str(year)))[cells])
        np.testing.assert_array_equal(rows["forcing.npp"], field(folder, "forcing.npp", int(str(year)))[cells])
    counts = ladder.table()
    for of_c in ("c of 2006", "c of 2018"):
        total = counts.loc[counts["reason"] == of_c, "before"].sum()
        assert total == (samples["year_of.c"] == int(of_c[-4:])).sum() > 0
    dropped = counts.groupby("rule")["dropped"].sum()
    assert dropped["undated"] == sites["year"].isna().sum()
    assert dropped["undated"] + dropped.get("year", 0) == SITES - len(samples)


def test_sites_without_a_year_take_the_one_that_is_given(
    folder: Path, sites: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="hybridmap"):
        samples = samples_of(folder, sites, DropCounts("sample"), undated=2012)
    undated = samples[samples["year"].isna()]
    assert len(undated) == sites["year"].isna().sum()
    assert (undated["covariate.c"] // 1 == 2012).all()
    said = next(record.message for record in caplog.records if record.message.startswith("c: sites take"))
    assert f"{len(undated)} of the sites say no year and take 2012" in said
    assert "at most 6" in said


def test_a_site_is_lost_to_a_hole_of_its_own_year_alone(folder: Path, sites: pd.DataFrame) -> None:
    samples = samples_of(folder, sites, DropCounts("sample"))
    holed = field(folder, "c", 2006).copy()
    holed[:100] = np.nan
    write_raster(folder / "h_2006.tif", holed, WEST, NORTH, 1000)
    write_raster(folder / "h_2018.tif", field(folder, "c", 2018), WEST, NORTH, 1000)
    ladder = DropCounts("sample")
    left = samples_of(folder, sites, ladder, path="h_{year}.tif", years=[2006, 2018])
    lost = set(samples["site_id"]) - set(left["site_id"])
    is_early, is_north = samples["year"] <= 2009.5, samples["row"] < 100
    assert lost == set(samples.loc[is_early & is_north, "site_id"])
    assert (ladder.table().groupby("rule")["dropped"].sum()["nodata"]) == len(lost)
