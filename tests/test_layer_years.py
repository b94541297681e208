"""A landscape of which half is cleared between two years, from its rasters to a map of each year, by the commands."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
import yaml
from conftest import ROOT, write_raster
from numpy.typing import NDArray
from pyproj import Transformer

from hybridmap.cli import main
from hybridmap.testing.landscape import make_landscape

WEST, NORTH, CELL = 4_000_000.0, 2_720_000.0, 2000.0
ROWS, COLUMNS = 48, 64
OF_FOREST = 5.0
"""Carbon that a forest has more [kg m-3]."""
REGION: dict[str, Any] = {
    "region": "cleared",
    "demo": None,
    "data_root": "inputs",
    "grid": {"resolution": CELL, "bounds": [WEST, NORTH - ROWS * CELL, WEST + COLUMNS * CELL, NORTH]},
    "observations": [
        {
            "name": "survey",
            "path": "survey.csv",
            "licence": "CC0-1.0",
            "columns": {
                **{name: name for name in ("site_id", "lon", "lat", "year")},
                "top_cm": {"value": 0, "unit": "cm"},
                "bottom_cm": {"value": 20, "unit": "cm"},
                "soc_density_kg_m3": {"column": "soc", "unit": "kg/m3"},
            },
        }
    ],
    "covariates": [
        {"name": "clay", "path": "clay.tif", "unit": "pct"},
        {"name": "cover", "path": "cover_{year}.tif", "years": [2006, 2018], "classes": {1: "forest"}},
    ],
    "auxiliary": [],
    "forcing": [],
    "splits": [{"name": "block", "folds": 3, "size_km": 20}],
    "experiment_defaults": {"splits": ["block"], "targets": ["soc"], "training": {"max_epochs": 200, "patience": 200}},
    "experiments": [{"name": "net", "process": None}],
    "baselines": [],
    "predict": {"intervals": "none", "applicability": False},
}


class Run:
    """The files of a region, and its commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def files(self, **changes: Any) -> list[str]:
        (self.folder / "region.yaml").write_text(yaml.safe_dump(REGION | {"data_root": str(self.folder / "inputs")}))
        (self.folder / "changes.yaml").write_text(yaml.safe_dump(changes))
        names = [ROOT / "config.yaml", self.folder / "region.yaml", self.folder / "changes.yaml"]
        return [str(name) for name in names]

    def __call__(self, verb: str, options: str = "", **changes: Any) -> int:
        words = [str(self.folder / word[1:]) if word.startswith("@") else word for word in options.split()]
        return main([verb, *self.files(**changes), *words])

    def map_of(self, name: str) -> NDArray[np.float32]:
        with rasterio.open(self.folder / name / "soc.tif") as file:
            return np.asarray(file.read(1))


def write_inputs(folder: Path) -> NDArray[np.bool_]:
    """Rasters and a table of sites, sampled in either year; returns the cells that were cleared between."""
    landscape, random = make_landscape(ROWS, COLUMNS, 10), np.random.default_rng(0)
    clay, was_forest = landscape.covariates["clay"], landscape.covariates["forest"] > 0.4
    is_forest = {2006: was_forest, 2018: was_forest & (np.arange(COLUMNS) > COLUMNS // 2)}
    write_raster(folder / "clay.tif", clay.astype("float32"), WEST, NORTH, CELL)
    for year, forest in is_forest.items():
        write_raster(folder / f"cover_{year}.tif", np.where(forest, 1, 2).astype("uint8"), WEST, NORTH, CELL)
    row, col = random.integers(0, ROWS, 600), random.integers(0, COLUMNS, 600)
    x, y = WEST + (col + 0.5) * CELL, NORTH - (row + 0.5) * CELL
    lon, lat = Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True).transform(x, y)
    year = random.choice([2004, 2006, 2008, 2017, 2020], 600)
    forest = np.where(year < 2012, is_forest[2006][row, col], is_forest[2018][row, col])
    soc = 6.0 + 0.1 * clay[row, col] + OF_FOREST * forest + random.normal(0, 0.3, 600)
    ids = [f"s{i}" for i in range(600)]
    table = pd.DataFrame({"site_id": ids, "lon": lon, "lat": lat, "year": year, "soc": soc.round(3)})
    table.to_csv(folder / "survey.csv", index=False)
    return is_forest[2006] & ~is_forest[2018]


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, NDArray[np.bool_]]:
    """The region up to a trained model, and the cells that were cleared."""
    run = Run(tmp_path_factory.mktemp("cleared"))
    (run.folder / "inputs").mkdir()
    is_cleared = write_inputs(run.folder / "inputs")
    assert main(["check", *run.files()]) == 0
    for verb, options in {
        "ingest": "--source survey --out @survey.parquet --quality @survey.csv",
        "build": "--observations @survey.parquet --out @o.parquet --quality @q.csv --dropped @d.parquet",
        "cube": "--out @cube.zarr",
        "sample": "--observations @o.parquet --cube @cube.zarr --out @samples.parquet --quality @samples.csv",
        "split": "--samples @samples.parquet --cube @cube.zarr --out @splits.parquet",
        "train": "--experiment net --fold all --samples @samples.parquet --splits @splits.parquet --out @net",
    }.items():
        assert run(verb, options) == 0
    return run, is_cleared


def predict(run: Run, name: str, **changes: Any) -> int:
    options = "--experiment net --model @net/all/model --samples @samples.parquet"
    files = f"--maps @{name}.zarr --rasters @{name} --summary @{name}.json"
    return run("predict", f"{options} --cube @cube.zarr --out @{name}.zarr", **changes) or run(
        "export", f"{options} {files}", **changes
    )


def test_maps_of_two_years_differ_where_the_land_changed(region: tuple[Run, NDArray[np.bool_]]) -> None:
    run, is_cleared = region
    assert predict(run, "latest") == 0
    for year in (2006, 2018):
        assert predict(run, f"of_{year}", predict={"year": year}) == 0
    early, late = run.map_of("of_2006"), run.map_of("of_2018")
    np.testing.assert_array_equal(early[~is_cleared], late[~is_cleared])
    lost = (early - late)[is_cleared]
    assert abs(lost.mean() - OF_FOREST) < 0.5
    assert lost.min() > 0.5 * OF_FOREST
    np.testing.assert_array_equal(run.map_of("latest"), late)
    for name, words in {"latest": "cover 2018", "of_2006": "cover 2006"}.items():
        with rasterio.open(run.folder / name / "soc.tif") as file:
            assert file.tags(1)["layer_years"] == words


def test_a_map_that_was_begun_for_another_year_is_not_continued(region: tuple[Run, NDArray[np.bool_]]) -> None:
    run = region[0]
    assert predict(run, "again", predict={"year": 2006}) == 0
    assert predict(run, "again", predict={"year": 2018}) == 0
    assert predict(run, "once", predict={"year": 2018}) == 0
    np.testing.assert_array_equal(run.map_of("again"), run.map_of("once"))


def test_sites_have_the_cover_of_their_year(region: tuple[Run, NDArray[np.bool_]]) -> None:
    run, is_cleared = region
    samples = pd.read_parquet(run.folder / "samples.parquet")
    of_cleared = samples[is_cleared[samples["row"], samples["col"]]]
    assert (of_cleared["covariate.cover_forest"] == (of_cleared["year"] < 2012)).all()
    assert of_cleared["covariate.cover_forest"].nunique() == 2
    counts = pd.read_csv(run.folder / "samples.csv").set_index("reason")["before"]
    assert counts["cover of 2006"] + counts["cover of 2018"] == len(samples)


LAYER = REGION["covariates"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"predict": {"year": 2012}}, "years: predict.year: 'cover' has no year 2012; it has 2006, 2018."),
        (
            {"predict": {"year": {"clay": 2006}}},
            "years: predict.year: no layer 'clay' with years; there are ['cover'].",
        ),
        (
            {"covariates": [LAYER[0]], "predict": {"year": 2012}},
            "years: predict.year: no covariate or forcing has years; leave the key out, or give a layer 'years'.",
        ),
        ({"covariates": [{**LAYER[1], "years": [2006, 2019]}]}, "cover_2019.tif; check 'path' and 'data_root'."),
        (
            {"covariates": [{**LAYER[1], "years": {1990: "cover_2006.tif"}, "path": ""}]},
            "observations survey: no row can take a year of 'cover' (1990): 600 were not sampled within",
        ),
    ],
)
def test_check_says_which_year_is_missing(
    changes: Any, sentence: str, region: tuple[Run, NDArray[np.bool_]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert region[0]("check", **changes) == 1
    said = capsys.readouterr()
    assert sentence in said.out + said.err
    assert "Traceback" not in said.err


def test_check_says_how_many_rows_lie_outside(
    region: tuple[Run, NDArray[np.bool_]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert region[0]("check", covariates=[LAYER[0], {**LAYER[1], "max_years_apart": 1}]) == 0
    said = capsys.readouterr()
    years = pd.read_csv(region[0].folder / "inputs/survey.csv")["year"]
    count = int(years.isin([2004, 2008, 2020]).sum())
    assert f"of 'cover' {count} were not sampled within 1 year of 2006, 2018 and are dropped" in said.out + said.err
    assert "years: cover 2018" in said.out + said.err


def test_a_map_of_a_year_that_is_not_there_is_not_begun(
    region: tuple[Run, NDArray[np.bool_]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(region[0], "never", predict={"year": 2012}) == 1
    assert "predict.year: 'cover' has no year 2012; it has 2006, 2018." in capsys.readouterr().err
    assert not list(region[0].folder.glob("never*"))
