"""Years of layers as a region file may write them: read right, or refused in one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hybridmap.check.inputs import cube_files
from hybridmap.config import Config, Raster
from hybridmap.config.layer_years import read_years
from hybridmap.config.reading import load_config
from hybridmap.config.stages import stage_settings
from hybridmap.errors import HybridmapError

GRID = {"crs": "EPSG:3035", "resolution": 1000, "bounds": [4_000_000, 2_600_000, 4_050_000, 2_640_000]}


def region(folder: Path, layer: dict[str, Any], section: str = "covariates", **more: Any) -> Config:
    path = folder / "region.yaml"
    raw = {"region": "r", "data_root": str(folder), "grid": GRID, section: [{"name": "cover", **layer}], **more}
    path.write_text(yaml.safe_dump(raw))
    return load_config(path)


@given(st.lists(st.integers(1000, 3000), min_size=1, unique=True))
def test_a_list_is_read_in_order_whatever_its_own(years: list[int]) -> None:
    assert read_years(years) == sorted(years) == list(read_years({year: f"{year}.tif" for year in years}) or ())
    assert read_years(read_years(years)) == sorted(years)


def test_a_span_holds_both_its_ends() -> None:
    assert read_years("2000-2003") == [2000, 2001, 2002, 2003] == read_years(["2000–2001", "2002 to 2003"])


@pytest.mark.parametrize(
    ("layer", "paths"),
    [
        ({"path": "c_{year}.tif", "years": [2018, 2006]}, ["c_2006.tif", "c_2018.tif"]),
        ({"years": {2006: "old.tif", 2018: "new/c.tif"}}, ["old.tif", "new/c.tif"]),
        ({"path": "c.nc", "variable": "c", "years": "2006-2007"}, ["c.nc"]),
        ({"path": "c.tif", "years": {2006: 1, 2007: 2}}, ["c.tif"]),
        ({"path": "${HOME_OF_C:-here}/{year}.tif", "years": [2006]}, ["here/2006.tif"]),
    ],
)
def test_the_files_of_all_years_are_inputs(layer: dict[str, Any], paths: list[str], tmp_path: Path) -> None:
    config = region(tmp_path, layer)
    assert cube_files(config) == [str(tmp_path / path) for path in paths]
    again = Config.model_validate(json.loads(stage_settings(config, "cube")))
    assert again.covariates == config.covariates


def test_each_year_is_a_layer_of_its_own() -> None:
    by_file = Raster(name="c", path="{year}/{year}.tif", years=[2006, 2018], undated=2018).by_year()
    assert [(r.name, r.path, r.years, r.undated) for r in by_file.values()] == [
        ("c@2006", "2006/2006.tif", None, "drop"),
        ("c@2018", "2018/2018.tif", None, "drop"),
    ]
    assert [r.band for r in Raster(name="c", path="c.tif", years={2006: 1, 2018: 2}).rasters()] == [1, 2]
    assert [r.year for r in Raster(name="c", path="c.nc", years=[2006, 2018]).rasters()] == [2006, 2018]


def test_shares_months_and_bands_have_the_years_of_their_layer(tmp_path: Path) -> None:
    shares = region(tmp_path, {"path": "c_{year}.tif", "years": [2006, 2018], "classes": {1: "a", 2: "b"}}).covariates
    assert [(s.name, s.group, s.year_list) for s in shares] == [
        ("cover_a", "cover", [2006, 2018]),
        ("cover_b", "cover", [2006, 2018]),
    ]
    months = region(tmp_path, {"years": {2006: "a_{month}.tif", 2018: "b.tif"}, "months": True}).covariates
    assert months[3].by_year()[2006].path == "a_04.tif"
    months = region(tmp_path, {"path": "{year}_{month}.tif", "years": [2006], "months": True}).covariates
    assert months[11].by_year()[2006].path == "2006_12.tif"
    bands = region(tmp_path, {"path": "{year}.tif", "years": [2006], "bands": [3, 5]}).covariates
    assert [band.by_year()[2006].band for band in bands] == [3, 5]


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        ({"path": "c_{year}.tif"}, "path has {year}; add 'years', as [2006, 2012]"),
        ({"path": "c_{year}.tif", "years": {2006: 1}}, "path has {year}"),
        ({"path": "c.tif", "years": []}, "is empty; expected years as [2006, 2012]"),
        ({"path": "c.tif", "years": [2006, 2006]}, "2006 stands twice"),
        ({"path": "c.tif", "years": "all"}, "'all' is no year"),
        ({"path": "c.tif", "years": [2006.5]}, "2006.5 is no year"),
        ({"path": "c.tif", "years": True}, "True is no year"),
        ({"path": "c.tif", "years": "2018-2006"}, "2018-2006 runs backwards"),
        ({"path": "c.tif", "years": [6]}, "6 lies outside 1000 to 3000"),
        ({"years": {2006: None}}, "2006 is None; expected the file of the year, or its band"),
        ({"path": "c.tif", "years": {2006: 0}}, "bands are counted from 1"),
        ({"path": "c.tif", "years": {2006: 1, 2007: "d.tif"}}, "files here and bands there"),
        ({"path": "c.tif", "years": {2006: "d.tif"}}, "leave out 'path'"),
        ({"years": [2006]}, "years needs the 'path' of the file"),
        ({"path": "c.nc", "years": [2006], "band": 2}, "the year decides the band"),
        ({"path": "c.nc", "years": [2006], "months": True}, "the year decides the band"),
        ({"path": "c.nc", "years": [2006], "year": 2006}, "both 'year' and 'years'"),
        ({"path": "c.tif", "year_match": "exact"}, "are keys of a layer with 'years'"),
        ({"path": "c_{year}.tif", "years": [2006], "undated": 2007}, "undated 2007 is none of the years [2006]"),
        ({"derive": {"function": "slope", "of": "dem"}, "years": [2006]}, "a derived layer has no years"),
        ({"name": "year", "path": "c_{year}.tif", "years": [2006]}, "cannot be called 'year'"),
        ({"path": "c_{year}.tif", "years": [2006], "max_years_apart": -1}, "greater than or equal to 0"),
        ({"path": "c_{year}.tif", "years": [2006], "year_match": "next"}, "'nearest', 'previous' or 'exact'"),
    ],
)
def test_what_cannot_be_is_one_sentence(layer: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(HybridmapError) as caught:
        region(tmp_path, layer)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "region.yaml" in str(caught.value)


def test_the_table_of_covariates_may_have_years(tmp_path: Path) -> None:
    rows = 'name,path,years,undated\nndvi,n_{year}.tif,2000-2002,2001\nburnt,,"{2005: a.tif, 2015: b.tif}",\n'
    (tmp_path / "more.csv").write_text(rows)
    ndvi, burnt = region(tmp_path, {"path": "c.tif"}, covariates_table="more.csv").covariates[1:]
    assert (ndvi.year_list, ndvi.undated, ndvi.by_year()[2002].path) == ([2000, 2001, 2002], 2001, "n_2002.tif")
    assert burnt.by_year()[2015].path == "b.tif"


def test_years_where_they_have_no_use_are_refused(tmp_path: Path) -> None:
    dated = {"path": "c_{year}.tif", "years": [2006]}
    with pytest.raises(HybridmapError, match="auxiliary layer 'cover' has years"):
        region(tmp_path, dated, "auxiliary")
    reference = {"name": "m", "layers": [{"name": "soc", **dated}], "weights": [1]}
    with pytest.raises(HybridmapError, match="a published map is of one time"):
        region(tmp_path, {"path": "c.tif"}, reference=reference)
    forcing = [{"name": "cover", "path": "f_{year}.tif", "years": [2007]}]
    with pytest.raises(HybridmapError, match="two layers 'cover' have different years"):
        region(tmp_path, dated, forcing=forcing)


def test_files_of_every_year_lie_under_data_root(tmp_path: Path) -> None:
    with pytest.raises(HybridmapError, match="lies outside data_root"):
        region(tmp_path, {"years": {2006: "c.tif", 2007: "/elsewhere/c.tif"}})
