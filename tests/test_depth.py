"""Layers as observations of their own depth, from a table of profiles to maps of intervals: docs/depth.md, run."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from conftest import ROOT
from known_profiles import PROFILES, read_fields, truth, write_region
from whole_workflow import finish_workflow

from hybridmap.check.region import check
from hybridmap.config.reading import load_config
from hybridmap.errors import HybridmapError

INTERVALS = ((0, 30), (30, 60))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("profiles")
    write_region(folder)
    return folder


@pytest.fixture(scope="module")
def results(inputs: Path) -> Path:
    finish_workflow(inputs, ROOT / "config.yaml", inputs / "region.yaml")
    return inputs / "results/profiles"


def test_the_page_passes_check(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(inputs)
    lines = check(load_config(ROOT / "config.yaml", inputs / "region.yaml"))
    assert any("every layer of 0-100 cm" in line for line in lines)


@pytest.mark.slow
@pytest.mark.nightly
def test_every_layer_is_an_observation_of_its_depth(inputs: Path, results: Path) -> None:
    table = pd.read_csv(inputs / "inputs/profiles.csv")
    rows = pd.read_parquet(results / "observations.parquet")
    middle = 0.5 * (table["top"] + table["bottom"])
    assert len(rows) == int((middle <= 100).sum())
    assert rows["profile_id"].nunique() == PROFILES
    assert rows["site_id"].is_unique
    one = rows.set_index("site_id").loc["profiles:p000 25-60 cm"]
    measured = table[(table["profile"] == "p000") & (table["top"] == 25)].iloc[0]
    assert (one["top_cm"], one["bottom_cm"]) == (25, 60)
    np.testing.assert_allclose(one["soc_density_kg_m3"], measured["oc"] * 1.25, rtol=1e-6)
    np.testing.assert_allclose(one["total_n_kg_m3"], measured["tn"] * 1.25, rtol=1e-6)
    samples = pd.read_parquet(results / "samples.parquet")
    np.testing.assert_allclose(samples["forcing.layer_bottom"], samples["bottom_cm"] / 100, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.nightly
def test_a_profile_is_in_one_fold(results: Path) -> None:
    samples, splits = pd.read_parquet(results / "samples.parquet"), pd.read_parquet(results / "splits.parquet")
    fold = samples.merge(splits[["site_id", "fold"]], on="site_id", validate="one_to_one")
    assert (fold.groupby("profile_id")["fold"].nunique() == 1).all()
    assert fold["fold"].nunique() == 3


@pytest.mark.slow
@pytest.mark.nightly
def test_maps_of_intervals_agree_with_the_known_profiles(inputs: Path, results: Path) -> None:
    fields, _ = read_fields(inputs)
    store = xr.open_zarr(results / "experiments/by_depth/maps.zarr", consolidated=False)
    assert store["soc"].dims == ("depth", "y", "x")
    np.testing.assert_allclose(store["depth"], [0.15, 0.45])
    np.testing.assert_allclose(store["depth_bounds"], [[0.0, 0.3], [0.3, 0.6]])
    for position, (top, bottom) in enumerate(INTERVALS):
        size = np.ones(fields["clay"].size)
        flat = {name: field.ravel() for name, field in fields.items()}
        known = truth(inputs, flat, top * size, bottom * size)
        for name in ("soc", "total_n"):
            mapped = store[name].isel(depth=position).to_numpy().ravel()
            is_land = np.isfinite(mapped) & np.isfinite(known[name])
            r = np.corrcoef(np.log(mapped[is_land]), np.log(known[name][is_land]))[0, 1]
            slope = np.polyfit(np.log(known[name][is_land]), np.log(mapped[is_land]), 1)[0]
            bias = float(np.mean(mapped[is_land]) / np.mean(known[name][is_land]) - 1)
            assert is_land.sum() > 500
            assert r > 0.85, (name, top, r)
            assert 0.7 < slope < 1.2, (name, top, slope)
            assert abs(bias) < 0.15, (name, top, bias)
    stock = store["soc_stock"] / store["soc"]
    np.testing.assert_allclose(stock.isel(depth=1).to_numpy()[np.isfinite(stock[1])], 0.3, rtol=1e-5)
    assert store["applicable"].dims == ("y", "x")


@pytest.mark.slow
@pytest.mark.nightly
def test_one_file_an_interval_says_its_depth(results: Path) -> None:
    folder = results / "experiments/by_depth/maps"
    names = {file.name for file in folder.glob("soc_*cm.tif")}
    assert {"soc_0-30cm.tif", "soc_30-60cm.tif"} <= names
    assert not (folder / "soc.tif").exists()
    with rasterio.open(folder / "soc_30-60cm.tif") as raster:
        tags = raster.tags(1)
        assert (tags["depth_top_cm"], tags["depth_bottom_cm"]) == ("30", "60")
        assert "30-60 cm" in tags["long_name"]
        store = xr.open_zarr(results / "experiments/by_depth/maps.zarr", consolidated=False)
        np.testing.assert_array_equal(raster.read(1), store["soc"].isel(depth=1).to_numpy())
    assert (folder / "applicable.tif").exists()
    assert "layers of 0\N{EN DASH}100 cm" in (results / "report/index.html").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.nightly
def test_depth_is_learned_by_every_model(results: Path) -> None:
    """Held-out blocks: a model that could not see depth would miss most of the variance, which is vertical."""
    samples = pd.read_parquet(results / "samples.parquet")
    log_soc = np.log(samples["soc_density_kg_m3"])
    by_profile = log_soc.groupby(samples["profile_id"]).transform("mean")
    blind = np.corrcoef(by_profile, log_soc)[0, 1]  # the best that a map without depth could do
    for name in ("experiments/by_depth", "experiments/network", "baselines/gradient_boosting"):
        folder = results / name
        table = pd.read_parquet(next(folder.rglob("predictions.parquet")))
        test = table[table["part"] == "test"]
        r = np.corrcoef(np.log(test["observed.soc"]), np.log(test["predicted.soc"].clip(1e-3)))[0, 1]
        assert r > blind + 0.1, (name, r, blind)


@pytest.mark.slow
@pytest.mark.nightly
def test_the_ladder_scores_every_depth_by_itself_beside_depth_alone(results: Path) -> None:
    ladder = pd.read_csv(results / "experiments/by_depth/evaluation/ladder.csv")
    soc = ladder[(ladder["target"] == "soc") & (ladder["stratum"] == "depth")]
    assert {"0-10 cm", "10-30 cm", "30-60 cm"} <= set(soc["class"])
    assert "depth" in set(ladder["rung"])


def refused(inputs: Path, changes: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """What check says of the region with changes laid over it."""
    monkeypatch.chdir(inputs)
    extra = tmp_path / "extra.yaml"
    extra.write_text(changes)
    with pytest.raises(HybridmapError) as error:
        check(load_config(ROOT / "config.yaml", inputs / "region.yaml", extra))
    return str(error.value)


def test_layers_that_overlap_are_named(inputs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    table = pd.read_csv(inputs / "inputs/profiles.csv")
    table.loc[5, ["top", "bottom"]] = [3, 22]  # p001 5-20
    table.to_csv(inputs / "inputs/crossed.csv", index=False)
    region = (inputs / "region.yaml").read_text().replace("path: profiles.csv", "path: crossed.csv")
    (inputs / "crossed.yaml").write_text(region)
    monkeypatch.chdir(inputs)
    with pytest.raises(HybridmapError) as error:
        check(load_config(ROOT / "config.yaml", inputs / "crossed.yaml"))
    sentence = str(error.value)
    assert "the profile 'p001' overlap: 0-5 cm in row" in sentence
    assert "and 3-22 cm in row 7" in sentence
    assert "build.layers.overlaps: drop" in sentence


def test_depth_of_a_model_without_depth_is_refused(
    inputs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sentence = refused(inputs, "build: {layers: null}\nbaselines: [linear]\n", monkeypatch, tmp_path)
    assert "experiment by_depth: predict.depths: this model has no depth" in sentence


def test_a_reference_of_another_interval_is_refused_before_anything_runs(
    inputs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    layers = "layers: [{name: a, path: covariates/clay.tif}], weights: [1]"
    region = f"reference: {{name: published, {layers}}}\n"
    assert "say of which interval it is" in refused(inputs, region, monkeypatch, tmp_path)
    region = f"reference: {{name: published, {layers}, depth_cm: [0, 20]}}\n"
    sentence = refused(inputs, region, monkeypatch, tmp_path)
    assert "the mapped intervals 0-30cm, 30-60cm do not add up to its 0-20 cm" in sentence


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ("predict: {depths: [[0, 30], [20, 60]]}\n", "[20, 60] does not follow"),
        ("predict: {depths: [[0, 2.5]]}\n", "depths"),
        ("predict: {depths: [[30, 0]]}\n", "[30, 0] does not follow"),
        ("build: {layers: {top_cm: 50, bottom_cm: 20}}\n", "must increase"),
        ("build: {layers: {root_beta: 1.2}}\n", "root_beta"),
        ("build: {depth: spline}\n", "spline"),
        ("build: {bottom_cm: 30}\n", "'layers' has its own top_cm and bottom_cm"),
        ("build: {layers: {overlaps: merge}}\n", "overlaps"),
        ("build: {layers: null}\n", "baselines: 'depth' has nothing to go by"),
        ("covariates: [{name: layer_top, path: covariates/clay.tif}]\n", "the name 'layer_top' is that of an end"),
    ],
)
def test_keys_that_cannot_be_meant_are_refused(
    changes: str, words: str, inputs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert words in refused(inputs, changes, monkeypatch, tmp_path)
