"""Draws of a posterior of parameters reach maps of intervals, stocks of every draw, and totals of areas."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
import zarr
from map_recipes import recipe_of
from shapely import box
from trainings import layers_of, train_experiment

from hybridmap.config import Config
from hybridmap.covariates.cube import open_cube
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.intervals import calibrate, central_predictions, interval_columns
from hybridmap.experiment.specification import checked_model, model_spec
from hybridmap.export.totals import KG_PER_TG, totals
from hybridmap.model import HybridModel
from hybridmap.model.draws import ends_for_another, ensemble_draws, mean_of
from hybridmap.model.random_prior import RandomPrior
from hybridmap.predict import run
from hybridmap.predict.predictor import Predictor
from hybridmap.predict.recipe import Job
from hybridmap.predict.run import Execution
from hybridmap.quantities import QUANTITIES
from hybridmap.train import load_members, load_model, save_model

METHODS: dict[str, dict[str, Any]] = {
    "laplace": {"method": "laplace", "draws": 20},
    "randomised_priors": {"method": "randomised_priors", "members": 2},
    "smoother": {"method": "smoother", "draws": 20},
}
LEVEL = 0.9


@pytest.fixture(scope="module")
def posterior(request: pytest.FixtureRequest, small_region: tuple[Config, Path]) -> tuple[Config, Path]:
    """`some_neural` of the small region with another source of uncertainty, trained, and its folder."""
    config, folder = small_region
    raw = config.model_dump(by_alias=True)
    block = next(e for e in raw["experiments"] if e["name"] == "some_neural")
    block |= {"name": request.param, "uncertainty": {**METHODS[request.param], "level": LEVEL}}
    block["training"] |= {"max_epochs": 8}
    raw["experiments"] = [block]
    raw["totals"] = [{"name": "land", "polygons": "p.gpkg", "attribute": "name"}]
    changed = Config.model_validate(raw)
    out = folder / f"posterior-{request.param}"
    train_experiment(changed, request.param, ["all"], folder / "samples.parquet", folder / "splits.parquet", out)
    return changed, out


@pytest.mark.parametrize("posterior", ["laplace"], indirect=True)
def test_draws_of_parameters_reach_maps_and_totals(
    posterior: tuple[Config, Path], small_region: tuple[Config, Path], tmp_path: Path
) -> None:
    (config, out), (_, folder) = posterior, small_region
    plain = recipe_of(config, "laplace", out / "all/model")
    recipe = replace(
        plain, predict=plain.predict.model_copy(update={"intervals": "spread", "interval_of": ["soc", "cue"]})
    )
    run.predict(Job(recipe, folder / "cube.zarr", tmp_path / "maps.zarr"), Execution(2))
    members, cube = load_members(out / "all/model"), open_cube(folder / "cube.zarr")
    assert members is not None
    covariates, forcing, valid = cube.read_window(cube.grid.extent)
    driven = {k: torch.tensor(v[valid]) for k, v in forcing.items()}
    draws = ensemble_draws(members, torch.tensor(covariates[:, valid].T.copy()), driven)
    assert len(draws["soc"]) == 20
    store = zarr.open_group(tmp_path / "maps.zarr", mode="r")
    lower, upper = ends_for_another(draws["parameter.cue"], LEVEL)
    np.testing.assert_allclose(np.asarray(store["cue_lower"])[valid], lower, rtol=1e-4)
    np.testing.assert_allclose(np.asarray(store["cue_upper"])[valid], upper, rtol=1e-4)
    np.testing.assert_allclose(np.asarray(store["cue"])[valid], mean_of(draws["parameter.cue"]), rtol=1e-4)
    assert (upper > lower).all()
    assert (
        store["cue_upper"].attrs["interval_source"] == "quantiles of 20 draws of the last layer and global parameters"
    )
    depth = recipe.interval.thickness_m
    for k in (0, 19):
        stock = np.asarray(store[f"draws/soc_stock_{k:02}"])[valid]
        np.testing.assert_allclose(stock, draws["soc"][k] * depth, rtol=1e-3)
    west, south, east, north = 4_000_000, 2_600_000, 4_160_000, 2_720_000
    everything = gpd.GeoDataFrame({"name": ["all"]}, geometry=[box(west, south, east, north)], crs="EPSG:3035")
    everything.to_file(tmp_path / "p.gpkg")
    totals(config.totals, str(tmp_path), LEVEL, tmp_path / "maps.zarr", tmp_path / "totals.csv")
    row = pd.read_csv(tmp_path / "totals.csv").set_index("polygon").loc["all"]
    cell = config.grid.resolution**2
    sums = [float(np.nansum(np.asarray(store[f"draws/soc_stock_{k:02}"]))) * cell / KG_PER_TG for k in range(20)]
    assert row["sd_Tg"] == pytest.approx(np.std(sums, ddof=1), rel=1e-3)
    assert row["lower_Tg"] == pytest.approx(np.quantile(sums, 0.05), rel=1e-3)
    assert row["upper_Tg"] == pytest.approx(np.quantile(sums, 0.95), rel=1e-3)


@pytest.mark.parametrize("posterior", [*METHODS], indirect=True)
def test_a_posterior_is_kept_with_the_model(posterior: tuple[Config, Path], small_region: tuple[Config, Path]) -> None:
    (config, out), (_, folder) = posterior, small_region
    experiment, samples = config.experiments[0], pd.read_parquet(folder / "samples.parquet")
    model, members = load_model(out / "all/model"), load_members(out / "all/model")
    assert isinstance(model, HybridModel)
    assert isinstance(members, HybridModel)
    assert len(members.standardise.mean) == experiment.uncertainty.draw_count
    assert isinstance(model.encoder, RandomPrior) == (experiment.name == "randomised_priors")
    columns = interval_columns(experiment, model, out / "all/model", samples)
    means = central_predictions(experiment, model, out / "all/model", samples)
    shared = f"parameter.{model.shared_names[0]}"
    for name in ("parameter.cue", shared):
        low, high = model.bounds_of(name.removeprefix("parameter."))
        lower, upper = columns[f"lower.{name}"], columns[f"upper.{name}"]
        assert ((low - 1e-6 <= lower) & (lower <= upper) & (upper <= high * (1 + 1e-6))).all()
        assert ((lower <= means[name] * (1 + 1e-5)) & (means[name] <= upper * (1 + 1e-5))).all()
    is_neural_drawn = experiment.name != "smoother"
    assert (columns["sd.parameter.cue"] > 0).all() == is_neural_drawn
    assert (columns[f"sd.{shared}"] > 0).all()


@pytest.mark.parametrize("posterior", ["laplace"], indirect=True)
def test_calibration_on_targets_leaves_the_range_of_a_posterior(
    posterior: tuple[Config, Path], small_region: tuple[Config, Path]
) -> None:
    (config, out), (_, folder) = posterior, small_region
    experiment, samples = config.experiments[0], pd.read_parquet(folder / "samples.parquet")
    model = load_model(out / "all/model")
    columns = interval_columns(experiment, model, out / "all/model", samples)
    means = central_predictions(experiment, model, out / "all/model", samples)
    table = pd.DataFrame({**columns, "parameter.cue": means["parameter.cue"]})
    for target in experiment.targets:
        table[f"observed.{target}"] = samples[QUANTITIES[target].column].to_numpy()
        table[f"predicted.{target}"] = means[target]
    for name in (c.removeprefix("sd.") for c in columns if c.startswith("sd.parameter.")):
        table[name] = means[name]
    table["fold"], table["scheme"], table["part"] = np.arange(len(table)) % 3, "block", "test"
    sites = pd.DataFrame({"block": np.arange(len(table)) % 60}, index=table.index)
    found = calibrate(table, sites, experiment)
    np.testing.assert_array_equal(found["conformal_lower.parameter.cue"], table["lower.parameter.cue"])
    np.testing.assert_array_equal(found["conformal_upper.parameter.cue"], table["upper.parameter.cue"])


def test_a_recipe_of_draws_says_what_it_lacks(trained: Path, small_region: tuple[Config, Path], tmp_path: Path) -> None:
    config, _ = small_region
    model = tmp_path / "model"
    source = trained / "some_neural/all/model"
    save_model(load_model(source), yaml.safe_load((source / "model.yaml").read_text()), model)
    plain = recipe_of(config, "some_neural", model)
    lacking = replace(plain, uncertainty=replace(plain.uncertainty, method="laplace", draws=7))
    with pytest.raises(HybridmapError, match="only one member, the experiment asks for 7; train it again"):
        Predictor(lacking)


def test_a_method_that_does_not_fit_is_refused_before_training(small_region: tuple[Config, Path]) -> None:
    config, folder = small_region
    experiment = config.experiment("some_neural")
    changes: dict[str, Any] = {"encoder": {"name": "kan"}, "uncertainty": {"method": "laplace"}}
    changed = type(experiment).model_validate({**experiment.model_dump(by_alias=True), **changes})
    layers = layers_of(config).at_sites(pd.read_parquet(folder / "samples.parquet"))
    with pytest.raises(HybridmapError, match="experiment 'some_neural': uncertainty: laplace needs an encoder that"):
        checked_model(changed, model_spec(changed, layers))
