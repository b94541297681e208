"""Quantities that a region declares, from a column to the report: what docs/quantities.md shows, run."""

import re
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import yaml
from conftest import ROOT
from rio_cogeo.cogeo import cog_validate
from shapely.geometry import box
from whole_workflow import finish_workflow

from hybridmap.check.region import check
from hybridmap.config.reading import load_config, parse_config
from hybridmap.errors import HybridmapError
from hybridmap.testing.files import write_landscape

BOUNDS = [4_000_000, 2_600_000, 4_128_000, 2_720_000]


def blocks(language: str) -> list[str]:
    """Code blocks of the page."""
    page = (ROOT / "docs/quantities.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def declared() -> dict[str, Any]:
    """The region file that the page's blocks make together."""
    return {key: value for block in blocks("yaml") for key, value in yaml.safe_load(block).items()}


def write_region(folder: Path) -> Path:
    """A small landscape whose table measures nitrogen, inorganic carbon and radiocarbon too, and its region file."""
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    raw["demo"]["sites"], raw["grid"]["bounds"] = 900, BOUNDS
    raw["demo"]["highest_site_m"] = 10_000  # sites everywhere
    write_landscape(parse_config(raw, "test"), folder / "inputs")
    table = pd.read_csv(folder / "inputs/observations.csv", sep=";")
    generator = np.random.default_rng(1)
    oc = pd.to_numeric(table["oc"], errors="coerce")
    depth_cm = (table["top"] + table["bottom"]) / 2
    table["tn"] = (oc / generator.normal(12, 1, len(table))).round(3)
    table["ic"] = (table["sand"] / 100 + generator.uniform(0, 0.2, len(table))).round(3)
    table["d14c"] = (80 - 12 * depth_cm + 2 * table["clay"] + generator.normal(0, 10, len(table))).round(1)
    table.loc[table.index[::3], "d14c"] = np.nan
    table.to_csv(folder / "inputs/survey.csv", index=False, sep=";")
    squares = [box(4_000_000, 2_600_000, 4_064_000, 2_720_000), box(4_064_000, 2_600_000, 4_128_000, 2_720_000)]
    gpd.GeoDataFrame({"half": ["west", "east"]}, geometry=squares, crs=3035).to_file(folder / "inputs/halves.geojson")
    (folder / "models").mkdir()
    (folder / "models/carbon_and_nitrogen.py").write_text(blocks("python")[0])
    region = {
        **declared(),
        "region": "nitrogen",
        "demo": None,
        "data_root": "inputs",
        "grid": {"bounds": BOUNDS},
        "splits": [{"name": "block", "folds": 3, "size_km": 20}],
        "experiment_defaults": {"splits": ["block"], "training": {"max_epochs": 40, "patience": 40}},
        "totals": [{"name": "halves", "polygons": "halves.geojson", "attribute": "half"}],
    }
    file = folder / "region.yaml"
    file.write_text(yaml.safe_dump(region))
    return file


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quantities")
    write_region(folder)
    return folder


@pytest.fixture(scope="module")
def results(inputs: Path) -> Path:
    finish_workflow(inputs, ROOT / "config.yaml", inputs / "region.yaml")
    return inputs / "results/nitrogen"


def test_the_page_passes_check(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(inputs)
    lines = check(load_config(ROOT / "config.yaml", inputs / "region.yaml"))
    assert any("total_n [kg m-3], inorganic_c [kg m-3], radiocarbon [permille]" in line for line in lines)


@pytest.mark.slow
@pytest.mark.nightly
def test_a_content_becomes_a_density_and_the_rest_keeps_its_unit(inputs: Path, results: Path) -> None:
    table = pd.read_csv(inputs / "inputs/survey.csv", sep=";")
    sites = pd.read_parquet(results / "observations.parquet").set_index("site_id")
    whole = table[(table["top"] == 0) & (table["bottom"] == 20) & ~table["site"].duplicated(keep=False)]
    whole = whole[whole["bulk_density"].notna() & whole["stones"].notna() & (whole["tn"] > 0)]
    whole = whole[("survey:" + whole["site"]).isin(sites.index)]
    assert len(whole) > 20
    rows = sites.loc["survey:" + whole["site"]]
    per_volume = whole["bulk_density"] * (1 - whole["stones"] / 100)
    np.testing.assert_allclose(rows["total_n_kg_m3"], whole["tn"] * per_volume, rtol=1e-6)
    np.testing.assert_allclose(rows["inorganic_c_kg_m3"], whole["ic"] * 10 * per_volume, rtol=1e-6)
    np.testing.assert_allclose(rows["radiocarbon_permille"], whole["d14c"], rtol=1e-6)
    assert (sites["radiocarbon_permille"] < 0).any()


@pytest.mark.slow
@pytest.mark.nightly
def test_every_model_is_scored_on_what_it_predicts(results: Path) -> None:
    metrics = pd.read_csv(results / "experiments/nitrogen/evaluation/metrics.csv")
    pooled = metrics[(metrics["fold"] == "pooled") & (metrics["subset"] == "all")]
    assert dict(zip(pooled["target"], pooled["unit"], strict=True)) == {"soc": "kg m-3", "total_n": "kg m-3"}
    scores = pooled[pooled["model"] == "nitrogen"].set_index("target")
    assert scores.loc["total_n", "pearson"] > 0.3
    network = pd.read_csv(results / "experiments/network/evaluation/metrics.csv")
    of_radiocarbon = network[(network["fold"] == "pooled") & (network["target"] == "radiocarbon")].set_index("model")
    assert of_radiocarbon["unit"].eq("permille").all()
    assert of_radiocarbon.loc["network", "rmse"].min() < of_radiocarbon.loc["mean", "rmse"].min()
    forest = pd.read_csv(results / "baselines/random_forest/metrics.csv")
    assert {"soc", "total_n", "inorganic_c", "radiocarbon"} <= set(forest["target"])
    intervals = pd.read_csv(results / "experiments/nitrogen/evaluation/intervals.csv")
    assert {"soc", "total_n"} == set(intervals["target"])


@pytest.mark.slow
@pytest.mark.nightly
def test_maps_have_its_unit_and_totals_its_stock(results: Path) -> None:
    maps = results / "experiments/nitrogen/maps"
    for name in ("total_n", "total_n_lower", "total_n_stock", "soc", "cn_old"):
        assert cog_validate(maps / f"{name}.tif")[0]
    with rasterio.open(maps / "total_n.tif") as raster, rasterio.open(maps / "total_n_stock.tif") as stocks:
        assert raster.units[0] == "kg m-3"
        assert raster.tags(1)["long_name"] == "total nitrogen"
        nitrogen, stock = raster.read(1, masked=True), stocks.read(1, masked=True)
        assert stocks.units[0] == "kg m-2"
    np.testing.assert_allclose(stock.compressed(), 0.2 * nitrogen.compressed(), rtol=1e-5)
    totals = pd.read_csv(results / "experiments/nitrogen/totals.csv").set_index(["quantity", "polygon"])
    assert {"soc", "total_n"} == set(totals.index.get_level_values(0))
    cells = nitrogen.count() * 2000**2
    whole = totals.loc["total_n"]
    np.testing.assert_allclose(whole["area_km2"].sum(), cells / 1e6, rtol=1e-6)
    np.testing.assert_allclose(whole["stock_Tg"].sum(), stock.sum(dtype="f8") * 2000**2 / 1e9, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.nightly
def test_what_can_be_negative_is_mapped_so(results: Path) -> None:
    maps = results / "experiments/network/maps"
    with rasterio.open(maps / "radiocarbon.tif") as raster, rasterio.open(maps / "radiocarbon_lower.tif") as lower:
        assert raster.units[0] == "permille"
        values, ends = raster.read(1, masked=True), lower.read(1, masked=True)
    assert (ends < 0).any()
    assert (values >= ends).all()
    assert not (maps / "radiocarbon_stock.tif").exists()


@pytest.mark.slow
@pytest.mark.nightly
def test_the_report_shows_it(results: Path) -> None:
    page = (results / "report/index.html").read_text()
    for text in ("<td>TN</td>", "<td>Δ14C</td>", '<td class="text">‰</td>', "TN KGE"):
        assert text in page


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"quantities": [{"name": "total_n"}]}, "quantities.total_n.unit' is missing"),
    ({"quantities": [{"name": "total_n", "unit": "bananas"}]}, "unknown unit 'bananas'; write it as kg m-3"),
    ({"quantities": [{"name": "total_n", "unit": ""}]}, "unknown unit ''"),
    ({"quantities": [{"name": "n", "unit": "1"}, {"name": "n", "unit": "1"}]}, "the name 'n' is used twice"),
    ({"quantities": [{"name": "soc", "unit": "1"}]}, "is a quantity of every region already"),
    ({"quantities": [{"name": "n", "unit": "1", "range": [3, 1]}]}, "range ends at 1, not above 3"),
    ({"quantities": [], "predict": {}}, "targets: no quantity 'total_n'"),
]


@pytest.mark.parametrize(("change", "sentence"), REFUSED)
def test_a_wrong_quantity_is_refused_when_the_file_is_read(change: dict[str, Any], sentence: str) -> None:
    raw = {**yaml.safe_load((ROOT / "config.yaml").read_text()), **declared(), **change}
    with pytest.raises(HybridmapError, match=re.escape(sentence)):
        parse_config(raw, "region.yaml")


UNFIT: list[tuple[str, str, str]] = [
    ("total_n: {content: tn, unit: g/kg}", "total_n: {content: tn, unit: kg/m3}", "unknown unit 'kg/m3'"),
    ("radiocarbon: {column: d14c, unit: permille}", "radiocarbon: {content: d14c, unit: g/kg}", "of no density"),
    ("radiocarbon: {column: d14c, unit: permille}", "radiocarbon: {column: d14c}", "needs a 'unit', as permille"),
    (
        "radiocarbon: {column: d14c, unit: permille}",
        "radiocarbon: {column: d14c, unit: kg m-3}",
        "measured in 'permille'",
    ),
    ("range: [-1000, 1000]", "range: [2000, 3000]", "lie outside 2000 to 3000 permille"),
    ("colours: RdBu", "colours: Redish", "no colour map 'Redish'"),
    ("name: radiocarbon,", "name: horizon,", "'horizon' is a field of the schema already"),
    ("targets: [soc, total_n]", "targets: [soc, radiocarbon]", "no output ['radiocarbon']"),
    ("unit: kg m-3, title: total nitrogen", "unit: g m-3, title: total nitrogen", "gives 'total_n' in kg m-3"),
]


@pytest.mark.parametrize(("before", "after", "sentence"), UNFIT)
def test_check_refuses_what_does_not_fit(
    inputs: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str, sentence: str
) -> None:
    monkeypatch.chdir(inputs)
    page = "\n".join(blocks("yaml"))
    assert before in page
    changed = page.replace(before, after)
    if "horizon" in after:
        changed = changed.replace("radiocarbon", "horizon")
    file = inputs / "changed.yaml"
    region = yaml.safe_load((inputs / "region.yaml").read_text())
    file.write_text(yaml.safe_dump({**region, **yaml.safe_load(changed)}))
    with pytest.raises(HybridmapError) as error:
        check(load_config(ROOT / "config.yaml", file))
    assert sentence in str(error.value)
