"""Intervals by a spread that the encoder learned: from training to scores and maps."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from map_recipes import recipe_of
from trainings import train_experiment

from hybridmap.config import Config
from hybridmap.errors import HybridmapError
from hybridmap.evaluate.interval_scale import LogScale, PlainScale, scale_of
from hybridmap.evaluate.scores import evaluate
from hybridmap.predict.recipe import Job
from hybridmap.predict.run import Execution, predict

DISTANCES = st.floats(0.2, 3.0)


@given(observed=st.floats(0.0, 500.0), predicted=st.floats(0.0, 500.0), below=DISTANCES, above=DISTANCES)
def test_an_observation_lies_on_the_end_of_the_interval_of_its_own_score(
    observed: float, predicted: float, below: float, above: float
) -> None:
    scale = LogScale(*(pd.Series([v]) for v in (observed, predicted, below, above, 0.5)))
    score = float(scale.scores()[0])
    lower, upper = (float(end[0]) for end in scale.ends(score))
    assert lower >= 0.0
    assert lower - 1e-6 * (1 + observed) <= observed <= upper + 1e-6 * (1 + observed)
    nearest = lower if observed < predicted else upper
    assert nearest == pytest.approx(observed, rel=3e-6, abs=3e-6)
    wider = scale.ends(score + 0.1)
    assert float(wider[1][0]) > upper


@given(observed=st.floats(0.0, 500.0), predicted=st.floats(0.0, 500.0), below=DISTANCES, above=DISTANCES)
def test_learned_ends_in_the_unit_are_as_they_were_until_a_number_widens_them(
    observed: float, predicted: float, below: float, above: float
) -> None:
    logs = LogScale(*(pd.Series([v]) for v in (observed, predicted, below, above, 0.5)))
    unit = logs.widened(2e4)
    for of_unit, of_logs in zip(unit.ends(1.0), logs.ends(1.0), strict=True):
        np.testing.assert_allclose(of_unit, of_logs, rtol=1e-6, atol=2e-6)
    score = float(unit.scores()[0])
    assert score >= 0.0
    lower, upper = (float(end[0]) for end in unit.ends(score))
    assert 0.0 <= lower <= observed + 1e-4 * (1 + observed)
    assert observed <= upper + 1e-4 * (1 + observed)
    assert float(unit.ends(score + 0.1)[1][0]) > upper


def test_without_heads_the_scale_is_the_spread_or_one() -> None:
    table = pd.DataFrame({"observed.soc": [3.0, 5.0], "predicted.soc": [4.0, 2.0]})
    assert scale_of(table, "soc").scores().tolist() == [1.0, 3.0]
    scale = scale_of(table.assign(**{"sd.soc": [2.0, 0.5]}), "soc")
    assert isinstance(scale, PlainScale)
    assert scale.scores().tolist() == [0.5, 6.0]
    assert [end.tolist() for end in scale.ends(2.0)] == [[0.0, 1.0], [8.0, 3.0]]


@pytest.fixture(scope="module")
def trained(small_region: tuple[Config, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Path, Path]:
    base, region = small_region
    folder = tmp_path_factory.mktemp("heads")
    raw: dict[str, Any] = base.model_dump(by_alias=True)
    first = raw["experiments"][0]
    raw["experiments"] = [
        {**first, "name": "ends", "loss": {"name": "log_quantiles"}, "uncertainty": {"method": "head"}}
    ]
    raw["predict"] |= {"applicability": False, "interval_of": ["soc", "mbc"]}
    raw["experiments"][0]["training"] |= {"max_epochs": 60, "patience": 60}
    config = Config.model_validate(raw)
    tables = region / "samples.parquet", region / "splits.parquet"
    folds = ["block-0", "block-1", "block-2", "all"]
    train_experiment(config, "ends", folds, *tables, folder / "ends")
    models = {fold: folder / "ends" / fold / "model" for fold in folds[:3]}
    evaluate(config.experiment("ends"), *tables, models, folder / "scores")
    return config, folder, region


def test_held_out_blocks_are_held_and_no_end_is_negative(trained: tuple[Config, Path, Path]) -> None:
    _, folder, _ = trained
    table = pd.read_csv(folder / "scores/intervals.csv")
    of_all = (table["fold"] == "pooled") & (table["stratum"] == "all")
    pooled = table[of_all & (table["source"] == "conformal")].set_index("target")
    assert 0.84 < pooled.loc["soc", "coverage"] < 0.97
    predictions = pd.read_parquet(folder / "scores/predictions.parquet")
    test = predictions[predictions["part"] == "test"]
    assert (test["conformal_lower.soc"] >= 0).all()
    width = test["conformal_upper.soc"] - test["conformal_lower.soc"]
    assert (width > 0).all()
    # Soils of more carbon are less certain, which a width of one size cannot say.
    assert np.corrcoef(width, test["predicted.soc"])[0, 1] > 0.5
    observed = test["observed.soc"].to_numpy()
    climatology = np.quantile(observed, [0.05, 0.95])
    beyond = np.maximum(climatology[0] - observed, 0) + np.maximum(observed - climatology[1], 0)
    assert pooled.loc["soc", "interval_score"] < np.ptp(climatology) + 20 * beyond.mean()


def test_maps_take_the_same_intervals(trained: tuple[Config, Path, Path]) -> None:
    config, folder, region = trained
    recipe = recipe_of(config, "ends", folder / "ends/all/model", folder / "scores/conformal.json")
    predict(Job(recipe, region / "cube.zarr", folder / "maps.zarr"), Execution(workers=1))
    root = zarr.open_group(folder / "maps.zarr", mode="r")
    soc, lower, upper = (np.asarray(root[name]) for name in ("soc", "soc_lower", "soc_upper"))
    is_land = np.isfinite(soc)
    assert (lower[is_land] >= 0).all()
    assert (lower[is_land] < soc[is_land]).all()
    assert (soc[is_land] < upper[is_land]).all()
    assert "a spread that the encoder learned, calibrated" in root["soc_lower"].attrs["interval_source"]
    assert "soc_sd" not in root


def test_a_head_needs_a_loss_that_teaches_it(small_region: tuple[Config, Path]) -> None:
    raw = small_region[0].model_dump(by_alias=True)
    raw["experiments"][0] |= {"uncertainty": {"method": "head"}}
    with pytest.raises((ValueError, HybridmapError), match="uncertainty: head needs a loss that learns the spread"):
        Config.model_validate(raw)
