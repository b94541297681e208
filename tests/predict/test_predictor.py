"""What maps hold: intervals from their stated source, scenarios with parameters held, areas, stocks; kinds of maps."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import zarr
from map_recipes import recipe_of
from pyproj import Transformer
from small_models import column_model

import hybridmap
from hybridmap.config import Change, Config, Predict
from hybridmap.covariates.cube import open_cube
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.applicability_threshold import learn_applicability
from hybridmap.evaluate.expected_error import ExpectedError
from hybridmap.evaluate.scores import evaluate
from hybridmap.evaluate.site_distance import SiteDensity
from hybridmap.files.seal import sealed
from hybridmap.grid.depth_axis import Interval
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.tiles import tiles_of
from hybridmap.model.draws import dropout_draws, ensemble_draws, mean_of
from hybridmap.options import UncertaintyOptions
from hybridmap.predict import predictor, run
from hybridmap.predict.fast_encoder import make_fast
from hybridmap.predict.kinds import KINDS, Batch, MapKind
from hybridmap.predict.map_layers import MapLayer
from hybridmap.predict.portrayal import Portrayal
from hybridmap.predict.predictor import Predictor
from hybridmap.predict.recipe import Job, Recipe
from hybridmap.predict.run import Execution
from hybridmap.samples.clustered_regions import unit_vectors
from hybridmap.train import load_members, load_model, save_model


@pytest.fixture(scope="module")
def evaluated(small_region: tuple[Config, Path], trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the evaluation and the area of `some_neural`."""
    config, folder = small_region
    out = tmp_path_factory.mktemp("evaluated")
    models = {f"block-{k}": trained / f"some_neural/block-{k}/model" for k in range(3)}
    tables = folder / "samples.parquet", folder / "splits.parquet"
    evaluate(config.experiment("some_neural"), *tables, models, out)
    experiment, model = config.experiment("some_neural"), trained / "some_neural/all/model"
    learn_applicability(experiment, config.covariates, config.predict, model, *tables, out / "area.npz")
    return out


def recipe(
    config: Config, trained: Path, evaluated: Path | None = None, name: str = "some_neural", **changes
) -> Recipe:
    block = config.predict.model_copy(update=changes)
    config = config.model_copy(update={"predict": block})
    calibration = None if evaluated is None else evaluated / "conformal.json"
    area = None if evaluated is None else evaluated / "area.npz"
    return recipe_of(config, name, trained / f"{name}/all/model", calibration, area)


def cells(folder: Path, model) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    table = pd.read_parquet(folder / "samples.parquet")
    return model.tensors(table)


def test_conformal_maps_are_the_spread_times_the_factor(
    small_region: tuple[Config, Path], trained: Path, evaluated: Path
) -> None:
    config, folder = small_region
    made = Predictor(recipe(config, trained, evaluated, interval_of=["soc", "cue"]))
    stored = json.loads((evaluated / "conformal.json").read_text())
    assert stored["method"] == "ensemble"
    assert stored["scheme"] == "block"
    out = made(*cells(folder, made.model))
    rule, factor = stored["rules"]["soc"], stored["factors"]["soc"]
    assert rule["scale"] == "log"  # the spread of soils grows with their carbon
    centre = out["soc"] + rule["offset"]
    np.testing.assert_allclose(out["soc_upper"], centre * np.exp(factor) - rule["offset"], rtol=1e-4)
    np.testing.assert_allclose(out["soc_lower"], (centre * np.exp(-factor) - rule["offset"]).clamp(min=0), atol=1e-4)
    width = stored["parameter_factor"] * out["cue_sd"]
    np.testing.assert_allclose(out["cue_upper"] - out["cue"], width, rtol=1e-3, atol=1e-5)
    # The spread is that of the evaluation.
    members = load_members(trained / "some_neural/all/model")
    assert members is not None
    drawn = ensemble_draws(members, *cells(folder, made.model))
    np.testing.assert_allclose(out["soc_sd"], drawn["soc"].std(0), rtol=1e-3, atol=1e-4)
    about = made.layers["soc_upper"].attributes()
    assert about["interval_source"] == "the same ratio everywhere, calibrated on held-out blocks"
    assert made.layers["cue_upper"].about["interval_source"] == "5 members, calibrated on held-out blocks"
    assert about["interval_level"] == 0.9


@pytest.mark.filterwarnings("ignore::hybridmap.model.training_range.TableWarning")
def test_an_opened_ensemble_predicts_as_its_map(small_region: tuple[Config, Path], trained: Path) -> None:
    _, folder = small_region
    table = pd.read_parquet(folder / "samples.parquet").head(20)
    opened = hybridmap.load(trained / "some_neural/all/model")
    found = opened.predict(table)
    members = load_members(trained / "some_neural/all/model")
    assert members is not None
    drawn = ensemble_draws(members, *load_model(trained / "some_neural/all/model").tensors(table))
    for name in ("soc", "parameter.cue"):
        np.testing.assert_array_equal(found[name], drawn[name].double().mean(0).float())
        assert (found[name] != drawn[name][0].numpy()).any()
    assert opened.output_info()["soc"][0] == "kg m-3"
    assert opened.neural_names == members.neural_names


def test_the_calibration_holds_what_it_promises_on_its_own_blocks(evaluated: Path) -> None:
    table = pd.read_parquet(evaluated / "predictions.parquet")
    test = table[table["part"] == "test"].dropna(subset=["observed.soc"])
    stored = json.loads((evaluated / "conformal.json").read_text())
    offset = stored["rules"]["soc"]["offset"]
    distance = np.log((test["observed.soc"] + offset) / (test["predicted.soc"] + offset)).abs()
    assert 0.85 < (distance <= stored["factors"]["soc"]).mean() <= 1.0


@pytest.fixture(scope="module")
def dropped(small_region: tuple[Config, Path], trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained model of `some_neural` as one that is drawn from by dropout."""
    import yaml

    folder = tmp_path_factory.mktemp("dropped")
    source = trained / "some_neural/all/model"
    save_model(load_model(source), yaml.safe_load((source / "model.yaml").read_text()), folder / "model")
    return folder / "model"


@pytest.mark.parametrize("layers", ["last", "all"])
def test_dropout_maps_are_the_passes_of_the_evaluation(
    small_region: tuple[Config, Path], dropped: Path, layers: str
) -> None:
    config, folder = small_region
    plain = recipe_of(config, "some_neural", dropped)
    source = replace(plain.uncertainty, method="mc_dropout", passes=6, layers=layers)
    block = plain.predict.model_copy(update={"intervals": "spread"})
    made = Predictor(Recipe(dropped, block, source, Interval(0, 20)))
    model = load_model(dropped)
    x, forcing = cells(folder, model)
    out = made(x, forcing)
    drawn = dropout_draws(model, x, forcing, 6, layers == "last")["soc"]
    np.testing.assert_allclose(out["soc_sd"], drawn.std(0), rtol=2e-3, atol=1e-4)
    assert float(out["soc_sd"].min()) > 0
    assert (out["soc_lower"] <= out["soc_upper"]).all()
    # A pass is one network: a cell's draws do not depend on the cells beside it.
    some = made(x[40:45], {name: values[40:45] for name, values in forcing.items()})
    np.testing.assert_allclose(some["soc_sd"], out["soc_sd"][40:45], rtol=1e-4)


def test_scenarios_change_forcing_and_hold_parameters(small_region: tuple[Config, Path], trained: Path) -> None:
    config, folder = small_region
    scenarios = {"warmer": {"mat": Change(add=2.0)}, "less": {"npp": Change(multiply=0.8)}, "same": {"mat": Change()}}
    made = Predictor(recipe(config, trained, intervals="none", scenarios=scenarios))
    members = load_members(trained / "some_neural/all/model")
    assert members is not None
    x, forcing = cells(folder, made.model)
    out = made(x, forcing)

    def mean(changes: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {n: mean_of(v) for n, v in ensemble_draws(members, x, {**forcing, **changes}).items()}

    now, warm, less = mean({}), mean({"mat": forcing["mat"] + 2.0}), mean({"npp": forcing["npp"] * 0.8})
    np.testing.assert_allclose(out["soc_change_warmer"], warm["soc"] - now["soc"], atol=2e-3)
    np.testing.assert_allclose(out["soc_change_less"], less["soc"] - now["soc"], atol=2e-3)
    assert (out["soc_change_same"] == 0).all()
    assert (out["soc_change_less"] < 0).all()
    assert made.layers["poc_change_warmer"].description == "change of particulate organic carbon with mat +2"
    with pytest.raises(HybridmapError, match=r"predict.scenarios.x: the model has no forcing 'rain'; it has"):
        Predictor(recipe(config, trained, intervals="none", scenarios={"x": {"rain": Change(add=1.0)}}))


def test_the_change_of_outputs_that_are_no_targets_is_mapped_where_it_is_asked_for(
    small_region: tuple[Config, Path], trained: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config, folder = small_region
    choice: dict[str, Any] = {"intervals": "none", "scenarios": {"warmer": {"mat": Change(add=2.0)}}}
    choice["scenario_of"] = ["moc_saturation", "cue", "rain"]
    made = Predictor(recipe(config, trained, **choice))
    assert [name for name in made.layers if "_change_" in name] == ["moc_saturation_change_warmer"]
    assert made.notes[:2] == [f"no change of '{name}': this model has no such output" for name in ("cue", "rain")]
    x, forcing = cells(folder, made.model)
    warm = made(x, {**forcing, "mat": forcing["mat"] + 2.0})["moc_saturation"]
    now = made(x, forcing)
    np.testing.assert_allclose(now["moc_saturation_change_warmer"], warm - now["moc_saturation"], atol=1e-5)


def test_a_scenario_without_a_steady_state_is_no_number(small_region: tuple[Config, Path], trained: Path) -> None:
    config, folder = small_region
    scenarios = {"flood": {"npp": Change(multiply=3000.0)}}
    made = Predictor(recipe(config, trained, None, "some_neural_relaxed", intervals="none", scenarios=scenarios))
    x, forcing = cells(folder, made.model)
    with torch.no_grad():
        flooded = made.model(x, {**forcing, "npp": forcing["npp"] * 3000.0})
    lost = flooded["feasible"] == 0
    assert lost.any()
    change = made(x, forcing)["soc_change_flood"]
    assert change[lost].isnan().all()
    assert change[~lost & (made(x, forcing)["feasible"] == 1)].isfinite().all()


def test_a_network_without_a_process_has_no_scenarios_and_says_so(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config, folder = small_region
    scenarios = {"warmer": {"mat": Change(add=2.0)}}
    plain = recipe(config, trained, None, "pure_network", intervals="none", scenarios=scenarios)
    with caplog.at_level("INFO"):
        run.predict(Job(plain, folder / "cube.zarr", tmp_path / "m.zarr"), Execution(1))
    assert "no maps of scenarios: without a process model" in caplog.text


def test_stock_turnover_and_area(small_region: tuple[Config, Path], trained: Path, evaluated: Path) -> None:
    config, folder = small_region
    made = Predictor(recipe(config, trained, evaluated))
    x, forcing = cells(folder, made.model)
    out = made(x, forcing)
    np.testing.assert_allclose(out["soc_stock"], 0.2 * out["soc"], rtol=1e-6)
    litter = forcing["npp"] * 1e-3 / 0.2  # all of what comes in leaves at steady state
    np.testing.assert_allclose(out["turnover_time"], out["soc"] / litter, rtol=1e-4)
    assert made.layers["turnover_time"].unit == "yr"
    assert out["dissimilarity"].max() < 1e-2  # the sites themselves
    assert (out["area_of_applicability"] == 1).all()
    assert (out["applicable"] == 2).all()  # without held-out regions nothing is applicable
    strange = made(x + 6 * made.model.standardise.sd, forcing)
    assert (strange["applicable"] == 0).float().mean() > 0.9
    assert (strange["out_of_range"] > 0).all()
    assert made.layers["applicable"].attributes()["flag_meanings"] == "outside inside not_judged"
    assert "not judged" in made.notes[-1]


def test_intervals_and_draws_widen_where_larger_errors_are_expected(
    small_region: tuple[Config, Path], trained: Path, evaluated: Path, tmp_path: Path
) -> None:
    config, folder = small_region
    table = ExpectedError(
        target="soc", reason="", model="m", index_ends=np.array([0.5]), distance_ends_km=np.array([100.0]),
        table=np.array([[0.9, 1.5], [0.9, 1.5]]), largest_index=1e6, largest_distance_km=1000.0, threshold=1.1,
        class_ends=np.zeros(0), factors=np.array([1.8]), places=np.eye(3),
    )  # fmt: skip
    table.save(tmp_path / "errors.npz")
    plain = replace(recipe(config, trained, evaluated), keep_draws=True)
    judged = Predictor(replace(plain, expected_error=tmp_path / "errors.npz"))
    x, forcing = cells(folder, judged.model)
    far = torch.arange(len(x)) % 2 == 1
    distance = torch.where(far, 400.0, 20.0)
    out, before = judged(x, forcing, distance), Predictor(plain)(x, forcing)
    assert (out["applicable"] == (~far).float()).all()
    assert (out["site_distance"] == distance).all()
    assert out["expected_error"][far].unique().tolist() == [1.5]
    for name in ("soc", "soc_sd", "area_of_applicability"):
        assert torch.equal(out[name], before[name])
    for end in ("soc_lower", "soc_upper", "draws/soc_stock_00"):
        assert torch.equal(out[end][~far], before[end][~far])
    width = (out["soc_upper"] - out["soc"]) / (before["soc_upper"] - before["soc"])
    torch.testing.assert_close(width[far], torch.full_like(width[far], 1.8), rtol=1e-3, atol=1e-3)
    assert (out["soc_lower"] >= 0).all()
    drawn = [name for name in out if name.startswith("draws/soc_stock")]
    spread, spread_before = (torch.stack([maps[name] for name in drawn]).std(0) for maps in (out, before))
    torch.testing.assert_close(spread[far], 1.8 * spread_before[far], rtol=1e-3, atol=1e-5)
    # Farther than any site that was held out: outside, whatever its error.
    assert (judged(x, forcing, torch.full((len(x),), 5000.0))["applicable"] == 0).all()


def test_errors_that_were_not_judged_leave_intervals_and_say_nothing(
    small_region: tuple[Config, Path], trained: Path, evaluated: Path, tmp_path: Path
) -> None:
    config, folder = small_region
    ExpectedError.not_judged("soc", "one region").save(tmp_path / "errors.npz")
    plain = recipe(config, trained, evaluated)
    silent = Predictor(replace(plain, expected_error=tmp_path / "errors.npz"))
    x, forcing = cells(folder, silent.model)
    out, before = silent(x, forcing), Predictor(plain)(x, forcing)
    assert out["expected_error"].isnan().all()
    assert torch.equal(out["soc_upper"], before["soc_upper"])
    assert not (out["applicable"] == 1).any()
    with pytest.raises(HybridmapError, match="--expected-error needs --applicability too"):
        Predictor(replace(plain, expected_error=tmp_path / "errors.npz", applicability=None))


def test_distances_are_the_same_in_every_tile(
    small_region: tuple[Config, Path], trained: Path, evaluated: Path, tmp_path: Path
) -> None:
    config, _ = small_region
    grid, random = RegionGrid.of(config.grid), np.random.default_rng(0)
    places = unit_vectors(random.uniform(9, 13, 50), random.uniform(47, 49, 50))
    judged = replace(ExpectedError.not_judged("soc", ""), places=places, table=np.ones((1, 1)))
    judged.save(tmp_path / "errors.npz")
    extent = Predictor(replace(recipe(config, trained, evaluated), expected_error=tmp_path / "errors.npz")).extent
    whole = extent.distances_km(grid, grid.extent)
    assert whole is not None
    for tile in tiles_of(grid, 7):
        part = extent.distances_km(grid, tile)
        assert part is not None
        assert torch.equal(part, whole[tile.slices])
    lon, lat = Transformer.from_crs(grid.crs, 4326, always_xy=True).transform(*np.meshgrid(grid.x, grid.y))
    exact = SiteDensity(places).distance_km(lon.ravel(), lat.ravel()).reshape(lon.shape)
    assert np.abs(whole.numpy() - exact).max() < 2.0


def test_only_the_maps_that_are_asked_for(small_region: tuple[Config, Path], trained: Path, tmp_path: Path) -> None:
    config, folder = small_region
    few = recipe(config, trained, intervals="none", maps=["soc", "cue"])
    run.predict(Job(few, folder / "cube.zarr", tmp_path / "m.zarr"), Execution(1))
    names = set(zarr.open_group(tmp_path / "m.zarr", mode="r").array_keys())
    assert names == {"soc", "cue", "x", "y", "spatial_ref", "depth", "depth_bounds"}
    with pytest.raises(HybridmapError, match=r"predict.maps: this model has no map 'sco'"):
        Predictor(recipe(config, trained, intervals="none", maps=["sco"]))


def test_packed_maps_are_rounded_and_say_how(small_region: tuple[Config, Path], trained: Path, tmp_path: Path) -> None:
    import rioxarray  # noqa: F401
    import xarray as xr

    config, folder = small_region
    cube = folder / "cube.zarr"
    run.predict(Job(recipe(config, trained, intervals="none"), cube, tmp_path / "a.zarr"), Execution(1))
    run.predict(
        Job(recipe(config, trained, intervals="none", packed={"soc": 0.01}), cube, tmp_path / "b.zarr"),
        Execution(1),
    )
    exact, packed = (zarr.open_group(tmp_path / n, mode="r") for n in ("a.zarr", "b.zarr"))
    assert packed["soc"].dtype == np.int16
    read = xr.open_zarr(tmp_path / "b.zarr", consolidated=False)["soc"].values  # as any CF reader does
    np.testing.assert_allclose(read, np.asarray(exact["soc"]), atol=0.00501)
    tight = recipe(config, trained, intervals="none", packed={"soc": 1e-4})
    with pytest.raises(
        HybridmapError, match=r"map 'soc': [\d.]+ kg m-3 does not fit into 16 bits with a step of 0.0001"
    ):
        run.predict(Job(tight, cube, tmp_path / "c.zarr"), Execution(1))
    assert not (tmp_path / "c.zarr").exists()


def test_what_cannot_be_mapped_is_said(
    small_region: tuple[Config, Path], trained: Path, evaluated: Path, tmp_path: Path
) -> None:
    config, _ = small_region
    with pytest.raises(HybridmapError, match="conformal intervals need --calibration"):
        Predictor(recipe(config, trained))
    other = tmp_path / "conformal.json"
    stored = json.loads((evaluated / "conformal.json").read_text())
    plain = recipe(config, trained)

    def with_calibration(content: object) -> Recipe:
        other.write_text(json.dumps(sealed(content) if isinstance(content, dict) else content))
        return Recipe(plain.model, plain.predict, plain.uncertainty, Interval(0, 20), other)

    with pytest.raises(HybridmapError, match=r"calibrated for none at level 0.9, the experiment asks for ensemble"):
        Predictor(with_calibration({**stored, "method": "none"}))
    with pytest.raises(HybridmapError, match=r"blocks are too few for an interval of 'soc' at level 0.9"):
        Predictor(with_calibration({**stored, "factors": {**stored["factors"], "soc": None}}))
    with pytest.raises(HybridmapError, match=r"conformal.json: damaged"):
        Predictor(with_calibration([1]))
    with pytest.raises(HybridmapError, match=r"predict.interval_of: no map 'depth'"):
        Predictor(recipe(config, trained, evaluated, interval_of=["depth"]))
    pure = recipe_of(config, "pure_network", trained / "pure_network/all/model", None, evaluated / "area.npz")
    block = pure.predict.model_copy(update={"intervals": "none"})
    Predictor(Recipe(pure.model, block, pure.uncertainty, Interval(0, 20), None, evaluated / "area.npz"))
    from hybridmap.evaluate.applicability import Applicability

    area = Applicability.load(evaluated / "area.npz")
    object.__setattr__(area, "names", area.names[::-1])
    area.save(tmp_path / "turned.npz")
    with pytest.raises(HybridmapError, match="made for a model of other covariates"):
        Predictor(Recipe(plain.model, block, plain.uncertainty, Interval(0, 20), None, tmp_path / "turned.npz"))


def test_a_model_without_a_spread_gets_one_width(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path
) -> None:
    config, folder = small_region
    models = {f"block-{k}": trained / f"pure_network/block-{k}/model" for k in range(3)}
    evaluate(config.experiment("pure_network"), folder / "samples.parquet", folder / "splits.parquet", models, tmp_path)
    recipe = recipe_of(config, "pure_network", trained / "pure_network/all/model", tmp_path / "conformal.json")
    made = Predictor(recipe)
    out = made(*cells(folder, make_fast(load_model(recipe.model))))
    stored = json.loads((tmp_path / "conformal.json").read_text())
    assert stored["rules"]["soc"]["scale"] == "plain"
    np.testing.assert_allclose(out["soc_upper"] - out["soc"], stored["factors"]["soc"], rtol=1e-4)
    assert "soc_sd" not in out
    assert made.layers["soc_lower"].about["interval_source"].startswith("the same width everywhere")


def test_maps_with_everything_are_the_same_with_any_workers(
    small_region: tuple[Config, Path], trained: Path, evaluated: Path, tmp_path: Path
) -> None:
    config, folder = small_region
    scenarios = {"warmer": {"mat": Change(add=2.0)}}
    for count, tile in ((1, 64), (3, 32)):
        whole = recipe(config, trained, evaluated, scenarios=scenarios, tile=tile)
        run.predict(Job(whole, folder / "cube.zarr", tmp_path / f"{count}.zarr"), Execution(count))
    one, two = (zarr.open_group(tmp_path / n, mode="r") for n in ("1.zarr", "3.zarr"))
    assert {"soc_lower", "soc_sd", "dissimilarity", "applicable", "soc_change_warmer"} <= set(one.array_keys())
    complete = open_cube(folder / "cube.zarr").valid_mask()
    for name in one.array_keys():
        np.testing.assert_array_equal(np.asarray(one[name]), np.asarray(two[name]))
    assert (np.asarray(one["applicable"])[~complete] == 255).all()
    assert (np.asarray(one["applicable"])[complete] != 255).all()


class Doubled(MapKind):
    """Twice the carbon: a kind of map that a user adds."""

    drawn_outputs = ("soc",)

    def layers(self) -> dict[str, MapLayer]:
        return {"twice": MapLayer("kg m-3", "twice the carbon")}

    def member_outputs(self, model, encoded, forcing, outputs) -> dict[str, torch.Tensor]:  # type: ignore[no-untyped-def]
        return {"twice": 2 * outputs["soc"]}

    def values(self, batch: Batch) -> dict[str, torch.Tensor]:
        assert len(batch.draws["soc"]) == 5
        return {"twice": batch.outputs["twice"]}


def test_a_new_kind_of_map_is_one_class_and_one_entry(
    small_region: tuple[Config, Path], trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folder = small_region
    monkeypatch.setattr(predictor, "KINDS", (*KINDS, Doubled))
    made = Predictor(recipe(config, trained, intervals="none"))
    out = made(*cells(folder, made.model))
    assert list(out) == list(made.layers)
    np.testing.assert_allclose(out["twice"], 2 * out["soc"], rtol=1e-6)


def test_a_kind_without_a_map_on_the_list_is_not_computed(
    small_region: tuple[Config, Path], trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folder = small_region
    monkeypatch.setattr(predictor, "KINDS", (*KINDS, Doubled))
    monkeypatch.setattr(Doubled, "values", lambda *_: pytest.fail("computed"))
    made = Predictor(recipe(config, trained, intervals="none", maps=["soc"]))
    assert list(made(*cells(folder, made.model))) == ["soc"]


def test_maps_say_how_they_are_drawn(small_region: tuple[Config, Path], trained: Path, evaluated: Path) -> None:
    config, _ = small_region
    layers = Predictor(recipe(config, trained, evaluated, scenarios={"warmer": {"mat": Change(add=2.0)}})).layers
    groups = {name: layer.portrayal.group for name, layer in layers.items()}
    assert [name for name in groups if groups[name] == "quantity"] == ["poc", "mbc", "moc", "soc"]
    assert [layers[name].portrayal.rank for name in ("soc", "poc", "moc", "mbc")] == [0, 1, 2, 3]
    assert groups["cue"] == "parameter"
    assert groups["soc_sd"] == "interval"
    assert layers["soc_change_warmer"].attributes()["figure_symmetric"] == 1
    assert Portrayal.of(layers["soc_lower"].attributes()) == layers["soc_lower"].portrayal
    assert layers["doc"].portrayal == Portrayal()


def test_maps_of_a_column_are_those_of_each_interval(tmp_path: Path) -> None:
    """What is shared between intervals changes no number."""
    model = column_model(tmp_path)
    depths = (Interval(0, 5), Interval(5, 30), Interval(30, 100))
    block = Predict(intervals="none", applicability=False, scenarios={"warmer": {"mat": Change(add=2.0)}})
    together = Predictor(Recipe(model, block, UncertaintyOptions(), Interval(0, 100), trust=True, depths=depths))
    covariates, forcing = torch.randn(7, 2), {"mat": torch.linspace(0, 20, 7)}
    maps = together(covariates, forcing)
    assert maps["soc"].shape == (3, 7)
    assert maps["surface"].shape == (7,)
    assert maps["soc_change_warmer"].shape == (3, 7)
    for k, interval in enumerate(depths):
        alone = Predictor(Recipe(model, block, UncertaintyOptions(), interval, trust=True, depths=(interval,)))
        one = alone(covariates, forcing)
        torch.testing.assert_close(one["soc"][0], maps["soc"][k], rtol=0, atol=0)
        torch.testing.assert_close(one["soc_change_warmer"][0], maps["soc_change_warmer"][k], rtol=0, atol=0)
        torch.testing.assert_close(one["soc_stock"][0], maps["soc"][k] * interval.thickness_m, rtol=1e-6, atol=0)


def test_stocks_to_30_and_100_cm_are_sums_over_the_mapped_intervals(tmp_path: Path) -> None:
    model, block = column_model(tmp_path), Predict(intervals="none", applicability=False)
    covariates, forcing = torch.randn(7, 2), {"mat": torch.linspace(0, 20, 7)}

    def maps_of(*ends: int) -> dict[str, torch.Tensor]:
        depths = tuple(Interval(top, bottom) for top, bottom in pairwise(ends))
        recipe = Recipe(model, block, UncertaintyOptions(), Interval(0, 100), trust=True, depths=depths)
        predictor = Predictor(recipe)
        for name in ("soc_stock_0_30cm", "soc_stock_0_100cm"):
            assert name not in predictor.layers or predictor.lead(name) == ()
        return predictor(covariates, forcing)

    maps = maps_of(0, 5, 30, 100, 120)
    torch.testing.assert_close(maps["soc_stock_0_30cm"], maps["soc_stock"][:2].sum(0))
    torch.testing.assert_close(maps["soc_stock_0_100cm"], maps["soc_stock"][:3].sum(0))
    # However finely the soil is cut.
    torch.testing.assert_close(maps_of(0, 10, 20, 30)["soc_stock_0_30cm"], maps["soc_stock_0_30cm"])
    # Nothing is continued, and one interval has its own map.
    assert not {"soc_stock_0_30cm", "soc_stock_0_100cm"} & maps_of(0, 20, 60).keys()
    assert "soc_stock_0_30cm" not in maps_of(0, 30, 60)
