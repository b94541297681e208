"""What a notebook does with results: open, look, predict from tables of any kind, copy; bad tables get a sentence."""

import copy
import json
import pickle
import re
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml
from conftest import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from region_stages import verb

import hybridmap as hm
from hybridmap.config.reading import load_config
from hybridmap.config.stages import stage_settings
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.expected_error import ExpectedError
from hybridmap.evaluate.site_distance import SiteDensity
from hybridmap.files.results import ExperimentFiles
from hybridmap.model.training_range import TableWarning
from hybridmap.notebook.experiment import Experiment
from hybridmap.notebook.region import Region
from hybridmap.predict.colour_range import rounded
from hybridmap.samples.clustered_regions import unit_vectors

NAMES = {"single": {"method": "mc_dropout", "passes": 10}, "several": {"method": "ensemble", "members": 3}}


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory, small_region: tuple[Any, Path]) -> Region:
    """A region with two experiments, one an ensemble, up to their maps; the second has none."""
    config, source = small_region
    folder = tmp_path_factory.mktemp("results") / "tiny"
    (folder / "settings").mkdir(parents=True)
    for name, stored in {"samples.parquet": "samples.parquet", "splits.parquet": "splits.parquet",
                         "covariates.zarr": "cube.zarr"}.items():  # fmt: skip
        (folder / name).symlink_to(source / stored)
    raw = config.model_dump(by_alias=True, mode="json")
    block = {"process": {"name": "five_pool"}, "neural": ["cue"],
             "splits": ["block"], "targets": ["soc"],
             "encoder": {"name": "mlp", "hidden": [16], "dropout": 0.1},
             "training": {"max_epochs": 6, "patience": 6}}  # fmt: skip
    raw["experiments"] = [{"name": name, **block, "uncertainty": uncertainty} for name, uncertainty in NAMES.items()]
    file = folder.parent / "region.yaml"
    file.write_text(yaml.safe_dump(raw))
    whole = load_config(file)
    (folder / "settings" / "predict.json").write_text(stage_settings(whole, "predict"))
    tables = "--samples", folder / "samples.parquet", "--splits", folder / "splits.parquet"
    for name in NAMES:
        out = folder / "experiments" / name
        folds = [f"block-{k}" for k in range(3)]
        verb("train", file, "--experiment", name, "--fold", *folds, "all", *tables, "--out", out)
        (out / "settings.json").write_text(stage_settings(whole, "experiment", name))
        models = [out / fold for fold in folds]
        verb("evaluate", file, "--experiment", name, *tables, "--folds", *models, "--out", out / "evaluation")
    out = folder / "experiments" / "single"
    maps, model = out / "maps.zarr", ("--model", out / "all" / "model", *tables[:2])
    exported = "--maps", maps, "--rasters", out / "maps", "--summary", out / "maps.json"
    inputs = *model, "--cube", folder / "covariates.zarr"
    calibration = "--calibration", out / "evaluation" / "conformal.json"
    verb("predict", file, "--experiment", "single", *inputs, *calibration, "--out", maps)
    verb("export", file, "--experiment", "single", *model, *exported)
    opened = hm.load(folder)
    assert isinstance(opened, Region)
    return opened


def layers_of(experiment: Experiment, rows: int = 5) -> pd.DataFrame:
    """Layers of some samples under an index of words."""
    table = experiment.samples.filter(regex=r"^(covariate|forcing)\.").head(rows)
    return table.set_axis([f"site {k}" for k in range(len(table))], axis=0)


def test_type_says_what_a_folder_is(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = region.folder
    assert isinstance(hm.load(folder / "experiments" / "several"), Experiment)
    assert type(hm.load(folder / "experiments" / "several" / "all" / "model")).__name__ == "Ensemble"
    assert type(hm.load(folder / "experiments" / "single" / "all" / "model")).__name__ == "HybridModel"
    (folder.parent / "results").symlink_to(folder.parent)
    monkeypatch.chdir(folder.parent)
    assert list(hm.load("tiny")) == ["several", "single"]  # type: ignore[arg-type]
    with pytest.raises(HybridmapError, match=r"no folder 'tinny' nor 'results/tinny'"):
        hm.load("tinny")


def test_what_it_is_stands_in_its_repr(region: Region) -> None:
    single, several = region["single"], region["several"]
    assert "Experiment 'single' of region 'tiny'" in repr(single)
    assert "every map, a lazy Dataset" in single._repr_html_()
    assert "no maps yet: 'snakemake" in repr(several)
    assert "single" in repr(region)
    assert "<table>" in region._repr_html_()
    assert repr(several.model).startswith("Ensemble of 3 five_pool models")


def test_what_is_missing_is_said_with_what_makes_it(region: Region) -> None:
    with pytest.raises(
        HybridmapError, match=r"maps.zarr: no maps yet: 'snakemake .*several/maps.zarr/zarr.json' makes"
    ):
        _ = region["several"].maps
    with pytest.raises(HybridmapError, match="no observations yet"):
        _ = region.observations
    with pytest.raises(HybridmapError, match=r"no experiment 'singel' \(did you mean 'single'\?\)"):
        region["singel"]
    with pytest.raises(HybridmapError, match="model of which experiment"):
        _ = region.model


def test_tables_are_frames_and_maps_are_lazy(region: Region) -> None:
    assert {"single", "several"} <= set(region.metrics["experiment"])
    assert "covariate.clay" in region.samples
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        maps = region["single"].maps
    assert maps["soc"].chunks is not None
    assert maps["soc"].dims == ("y", "x")


def test_predictions_for_the_cube_are_the_maps(region: Region) -> None:
    single = region["single"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TableWarning)
        predicted = single.predict(region.covariates)
    assert isinstance(predicted, xr.Dataset)
    for name in ("soc", "soc_lower", "soc_upper", "cue"):
        np.testing.assert_allclose(predicted[name], single.maps[name], rtol=2e-4)
    np.testing.assert_array_equal(predicted["y"], single.maps["y"])
    assert (predicted["soc_lower"] < predicted["soc_upper"]).sum() > 100


def test_a_cube_as_xarray_opens_it_is_predicted_like_its_layers(region: Region) -> None:
    raw = xr.open_zarr(region.folder / "covariates.zarr").isel(y=slice(4, 20))
    single = region["single"]
    for model in (single, single.model):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TableWarning)
            whole, part = model.predict(region.covariates), model.predict(raw)
        np.testing.assert_array_equal(part["soc"], whole["soc"].isel(y=slice(4, 20)))
    factor = xr.DataArray(np.where(raw["band"] == "clay", 100.0, 1.0), dims="band")
    with pytest.warns(TableWarning, match=r"clay: all of .* rows lie outside"):
        single.model.predict(raw.assign(covariates=raw["covariates"] * factor))
    alone = xr.Dataset({"covariates": raw["covariates"]})
    with pytest.raises(HybridmapError, match="no forcing 'npp'"):
        single.model.predict(alone)


def test_intervals_are_widened_far_from_the_sites_as_on_the_maps(region: Region, tmp_path: Path) -> None:
    """A rule of expected errors that grow with the distance; its file is of the shape that the workflow writes."""
    folder, file = tmp_path / "tiny", region.folder.parent / "region.yaml"
    files = ExperimentFiles(folder / "experiments" / "single")
    shutil.copytree(region["single"].folder, files.folder, ignore=shutil.ignore_patterns("maps*"))
    for name in ("samples.parquet", "splits.parquet", "covariates.zarr", "settings"):
        (folder / name).symlink_to(region.folder / name)
    tables = "--samples", folder / "samples.parquet", "--splits", folder / "splits.parquet"
    model = "--model", files.fold("all").model
    verb("applicability", file, "--experiment", "single", *model, *tables, "--out", files.applicability)
    sites = pd.read_parquet(folder / "samples.parquet", columns=["lon", "lat"])
    places, middle = unit_vectors(*sites.to_numpy().T), float(SiteDensity.of(*sites.to_numpy().T).distance_km(
        *sites.to_numpy().T).mean())  # fmt: skip
    errors = ExpectedError("soc", "", "single", np.zeros(0), np.array([middle]), np.array([[1.0, 1.5]]), 1e9, 1e9, 1.0,
                           np.zeros(0), np.array([3.0]), places)  # fmt: skip
    errors.save(files.expected_error.table)
    rules = "--calibration", files.scores.conformal, "--applicability", files.applicability
    exported = "--maps", files.maps, "--rasters", files.rasters, "--summary", files.map_list
    cube, expected = ("--cube", folder / "covariates.zarr"), ("--expected-error", files.expected_error.table)
    verb("predict", file, "--experiment", "single", *model, *cube, *rules, *expected, "--out", files.maps, *tables[:2])
    verb("export", file, "--experiment", "single", *model, *exported, *tables[:2])
    limits = {entry["name"]: entry.get("colour_limits") for entry in json.loads(files.map_list.read_text())}
    most = float(pd.read_parquet(folder / "samples.parquet")["soc_density_kg_m3"].quantile(0.95))
    assert limits["soc"] == limits["soc_lower"] == limits["soc_upper"] == list(rounded((0.0, most)))
    experiment = Experiment(files.folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TableWarning)
        plain = region["single"].predict(region.covariates)
        widened = experiment.predict(region.covariates)
        part = experiment.predict(xr.open_zarr(folder / "covariates.zarr").isel(x=slice(3, 9)))
    for name in ("soc", "soc_lower", "soc_upper", "applicable", "site_distance"):
        np.testing.assert_allclose(widened[name], experiment.maps[name], rtol=2e-4)
        np.testing.assert_allclose(part[name], experiment.maps[name].isel(x=slice(3, 9)), rtol=2e-4)
    factor = (widened["soc_upper"] - widened["soc"]) / (plain["soc_upper"] - plain["soc"])
    is_far = experiment.maps["site_distance"] > middle
    assert 10 < int(is_far.sum()) < int(factor.notnull().sum()) - 10
    np.testing.assert_allclose(factor.where(is_far).mean(), 3.0, rtol=1e-3)
    np.testing.assert_allclose(factor.where(~is_far).mean(), 1.0, rtol=1e-3)
    table = experiment.samples
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TableWarning)
        frame, row = experiment.predict(table), experiment.predict(table.iloc[3])
    expected_distance = SiteDensity(places).distance_km(*table[["lon", "lat"]].to_numpy("float64").T)
    np.testing.assert_allclose(frame["site_distance"], expected_distance, rtol=1e-5)
    assert row["soc_upper"] == pytest.approx(frame["soc_upper"].iloc[3], rel=1e-5)
    with pytest.warns(TableWarning, match="no lon and lat .*not widened"):
        narrow = experiment.predict(layers_of(experiment))
    np.testing.assert_array_equal(narrow["soc"], frame["soc"].iloc[:5])
    assert (narrow["soc_upper"] <= frame["soc_upper"].iloc[:5].to_numpy() * (1 + 1e-6)).all()


@pytest.mark.parametrize("name", NAMES)
def test_tables_come_back_in_kind(region: Region, name: str) -> None:
    experiment = region[name]
    table = layers_of(experiment)
    before = table.copy()
    for model in (experiment, experiment.model):
        frame = model.predict(table)
        assert list(frame.index) == list(table.index)
        row = model.predict(table.iloc[2])
        assert isinstance(row, pd.Series)
        assert row.name == "site 2"
        number = model.predict(table.iloc[2].to_dict())
        assert isinstance(number["soc"], float)
        dataset = model.predict(xr.Dataset.from_dataframe(table))
        columns = model.predict({key: table[key].tolist() for key in table})
        for values in (dataset["soc"].to_numpy(), columns["soc"]):
            np.testing.assert_allclose(values, frame["soc"], rtol=1e-6)
        assert row["soc"] == pytest.approx(frame["soc"].iloc[2], rel=1e-5)
        assert number["soc"] == pytest.approx(frame["soc"].iloc[2], rel=1e-5)
    pd.testing.assert_frame_equal(table, before)
    assert {"soc_lower", "soc_upper"} <= set(experiment.predict(table))


def test_intervals_without_a_calibration_are_told(region: Region, tmp_path: Path) -> None:
    experiment = Experiment(region["several"].folder)
    calibrated = experiment.predict(layers_of(experiment))
    other = Experiment(region["several"].folder)
    other.files.scores.conformal = tmp_path / "conformal.json"
    with pytest.warns(TableWarning, match=r"no conformal.json of its evaluation, .* not calibrated"):
        raw = other.predict(layers_of(other))
    np.testing.assert_array_equal(raw["soc"], calibrated["soc"])
    assert not np.allclose(raw["soc_upper"], calibrated["soc_upper"])


def test_a_row_that_lacks_a_layer_has_no_prediction(region: Region) -> None:
    table = layers_of(region["single"])
    table.iloc[1, 0] = np.nan
    whole, cut = (region["single"].model.predict(t)["soc"] for t in (layers_of(region["single"]), table))
    assert np.isnan(cut.iloc[1])
    np.testing.assert_array_equal(cut.drop("site 1"), whole.drop("site 1"))
    with pytest.raises(HybridmapError, match="no row of the table"):
        region["single"].predict(table.iloc[[1]])


BAD = {
    "two names": (lambda t: t.assign(clay=1.0), "both 'covariate.clay' and 'clay'"),
    "absent": (lambda t: t.drop(columns="covariate.clay"), "no covariate 'clay'"),
    "words": (lambda t: t.assign(**{"covariate.clay": "much"}), "'clay' of the table is not a column of numbers"),
    "lengths": (lambda t: {**{k: t[k].tolist() for k in t}, "covariate.clay": [1.0]}, "one length"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_table_that_cannot_be_read_gets_a_sentence(region: Region, case: str) -> None:
    change, sentence = BAD[case]
    for model in (region["single"], region["single"].model, region["several"].model):
        with pytest.raises(HybridmapError, match=sentence):
            model.predict(change(layers_of(region["single"])))


def test_units_and_ranges_are_watched(region: Region) -> None:
    table = layers_of(region["single"])
    with pytest.warns(TableWarning, match=r"mat: all of 5 rows .* in kelvin, not degrees Celsius: subtract 273.15"):
        region["single"].predict(table.assign(**{"forcing.mat": table["forcing.mat"] + 273.15}))
    far = table.assign(**{"covariate.clay": [99.0, *table["covariate.clay"][1:]]})
    with pytest.warns(TableWarning, match="clay: 1 of 5 rows lie outside .*the model extrapolates"):
        region["several"].model.predict(far)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(1, 40), st.sampled_from([(1.0, 273.15), (100.0, 0.0), (0.001, 0.0)]))
def test_rows_of_training_are_never_doubted_and_mixed_units_always(width: float, wrong: tuple[float, float]) -> None:
    from hybridmap.model.training_range import range_doubts

    values = np.linspace(2.0, 2.0 + width, 7).astype("float32")
    ranges = {"x": (float(values[0]), float(values[-1]))}
    assert range_doubts({"x": values}, ranges, {}) == []
    assert range_doubts({"x": wrong[0] * values + wrong[1]}, ranges, {})


@pytest.mark.parametrize("copied", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy, copy.copy])
def test_models_can_be_copied(region: Region, copied: Any) -> None:
    for name in NAMES:
        model = region[name].model
        np.testing.assert_array_equal(
            copied(model).predict(layers_of(region[name]))["soc"], model.predict(layers_of(region[name]))["soc"]
        )


def test_a_kan_can_be_pickled() -> None:
    kan = hm.KAN(3, 2)
    again = pickle.loads(pickle.dumps(kan))
    again.load_state_dict(kan.state_dict())
    assert [n for n, _ in again.named_parameters()] == [n for n, _ in kan.named_parameters()]


def test_members_of_an_ensemble_are_models(region: Region) -> None:
    several = region["several"].model
    table = layers_of(region["several"])
    each = [several.member(k).predict(table)["soc"] for k in range(len(several))]
    np.testing.assert_allclose(np.mean(each, axis=0), several.predict(table)["soc"], rtol=1e-5)
    with pytest.raises(HybridmapError, match="members 0 to 2"):
        several.member(3)
    with pytest.raises(HybridmapError, match="ask the ensemble itself"):
        several.members.predict(table)


def test_the_package_shows_load() -> None:
    assert "load" in dir(hm)
    assert ROOT.is_dir()


def test_a_region_stays_open_when_the_notebook_goes_elsewhere(
    region: Region, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = region.folder.absolute()
    monkeypatch.chdir(folder.parent)
    opened = hm.load(Path(folder.name))
    assert isinstance(opened, Region)
    assert "'snakemake tiny/observations.parquet'" in repr(opened)
    monkeypatch.chdir(tmp_path)
    assert len(opened["single"].metrics)
    table = layers_of(region["single"])
    np.testing.assert_array_equal(opened["single"].predict(table)["soc"], region["single"].predict(table)["soc"])


def test_what_is_no_folder_of_results_is_one_sentence(region: Region, tmp_path: Path) -> None:
    folder = region.folder.absolute()
    for path, says in {
        folder.parent / "region.yaml": "region.yaml: a file; name a folder: results/REGION",
        folder / "samples.parquet": "a file; name a folder",
        tmp_path: "neither results nor a trained model",
        folder / "experiments": "neither results nor a trained model",
        "": "no folder is named",
        None: "no folder is named",
        "~/nowhere at all": "there is no folder",
    }.items():
        with pytest.raises(HybridmapError, match=re.escape(says)):
            hm.load(path)  # type: ignore[arg-type]


@pytest.mark.parametrize("cells", [pd.Timestamp("2020-01-01"), pd.Timedelta(days=3), 1j, "abc"])
def test_a_column_that_is_no_number_is_refused(region: Region, cells: Any) -> None:
    table = layers_of(region["single"])
    with pytest.raises(
        HybridmapError, match=f"'{table.columns[0].partition('.')[2]}' of the table is .*not a column of"
    ):
        region["single"].predict(table.assign(**{table.columns[0]: cells}))


def test_a_table_without_names_is_refused(region: Region) -> None:
    table = layers_of(region["single"])
    for offered in (None, [1.0, 2.0], table.to_numpy(), region.covariates[table.columns[0]]):
        with pytest.raises(
            HybridmapError, match=f"a table has columns by name: .* a {type(offered).__name__} has none"
        ):
            region["single"].predict(offered)


def test_other_kinds_of_numbers_and_indices_give_the_same(region: Region) -> None:
    table = layers_of(region["single"], 6)
    plain = region["single"].predict(table)["soc"].to_numpy()
    nested = table.set_index(pd.MultiIndex.from_product([[1, 2], list("abc")]))
    repeated = table.set_index(pd.Index([7] * 6))
    for offered in (table.convert_dtypes(), table.astype(object), nested, repeated, table.assign(note="x")):
        predicted = region["single"].predict(offered)
        np.testing.assert_allclose(predicted["soc"], plain)
        assert predicted.index.equals(offered.index)


def test_a_cube_turned_or_renamed_gives_the_same_map(region: Region) -> None:
    cube = region.covariates.load()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TableWarning)
        whole = region["single"].predict(cube)["soc"]
        turned = region["single"].predict(cube.isel(y=slice(None, None, -1)))["soc"]
        renamed = region["single"].predict(cube.rename({"y": "lat", "x": "lon"}))["soc"]
        lazy = region["single"].predict(cube.chunk({"x": 5, "y": 7}))["soc"]
    np.testing.assert_array_equal(turned.sel(y=whole["y"]), whole)
    assert renamed.dims == ("lat", "lon")
    np.testing.assert_array_equal(renamed, whole)
    np.testing.assert_array_equal(lazy, whole)
