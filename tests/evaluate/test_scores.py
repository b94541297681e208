"""Scores of held-out sites, and the floor of the mean."""

import sys
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from trainings import train_experiment

from hybridmap.config import Config
from hybridmap.errors import HybridmapError
from hybridmap.evaluate import metrics
from hybridmap.evaluate.scores import evaluate
from hybridmap.samples.folds import roles_in_fold
from hybridmap.train import load_model


@pytest.fixture(scope="module")
def evaluated(
    small_region: tuple[Config, Path], trained: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Config, Path, Path]:
    config, folder = small_region
    out = tmp_path_factory.mktemp("evaluation")
    for name in ("some_neural", "pure_network"):
        models = {f"block-{k}": trained / name / f"block-{k}" / "model" for k in range(3)}
        tables = folder / "samples.parquet", folder / "splits.parquet"
        evaluate(config.experiment(name), *tables, models, out / name)
    return config, folder, out


def test_every_site_is_tested_once_by_a_model_that_never_saw_it(evaluated: tuple[Config, Path, Path]) -> None:
    _, folder, out = evaluated
    predictions = pd.read_parquet(out / "some_neural/predictions.parquet")
    samples, splits = pd.read_parquet(folder / "samples.parquet"), pd.read_parquet(folder / "splits.parquet")
    test = predictions[predictions["part"] == "test"]
    assert sorted(test["site_id"]) == sorted(samples["site_id"])
    for k in range(3):
        rows = predictions[predictions["fold"] == k]
        assert (rows["part"].to_numpy() == roles_in_fold(samples, splits, f"block-{k}", "block").to_numpy()).all()


def test_metrics_follow_from_the_predictions(evaluated: tuple[Config, Path, Path]) -> None:
    _, _, out = evaluated
    predictions = pd.read_parquet(out / "some_neural/predictions.parquet")
    table = pd.read_csv(out / "some_neural/metrics.csv")
    test = predictions[predictions["part"] == "test"]
    for target in ("soc", "poc", "moc", "mbc"):
        row = table.query(
            "target == @target and fold == 'pooled' and part == 'test' and subset == 'all' and model != 'mean'"
        ).iloc[0]
        observed, predicted = test[f"observed.{target}"], test[f"predicted.{target}"]
        assert row["n"] == observed.notna().sum() > 0
        assert row["kge"] == pytest.approx(metrics.kge(predicted, observed), rel=1e-5)
        assert row["nse"] == pytest.approx(metrics.nse(predicted, observed), rel=1e-4, abs=1e-5)


def test_the_mean_is_that_of_the_training_sites(evaluated: tuple[Config, Path, Path]) -> None:
    _, _, out = evaluated
    predictions = pd.read_parquet(out / "some_neural/predictions.parquet")
    for _, fold in predictions.groupby("fold"):
        training = fold.loc[fold["part"] == "train", "observed.soc"].mean()
        assert fold["mean.soc"].to_numpy() == pytest.approx(training, rel=1e-5)


def test_scaler_knows_the_training_sites_only(small_region: tuple[Config, Path], trained: Path) -> None:
    _, folder = small_region
    samples, splits = pd.read_parquet(folder / "samples.parquet"), pd.read_parquet(folder / "splits.parquet")
    parts = roles_in_fold(samples, splits, "block-1", "block")
    model = load_model(trained / "some_neural/block-1/model")
    columns = [f"covariate.{n}" for n in model.covariate_names]
    expected = samples.loc[parts == "train", columns].mean().to_numpy()
    np.testing.assert_allclose(model.standardise.mean.numpy(), expected, rtol=1e-4)
    assert not np.allclose(expected, samples[columns].mean().to_numpy(), rtol=1e-4)


@pytest.mark.filterwarnings("ignore::hybridmap.model.training_range.TableWarning")
def test_predict_takes_a_table_and_names_what_it_lacks(small_region: tuple[Config, Path], trained: Path) -> None:
    _, folder = small_region
    samples = pd.read_parquet(folder / "samples.parquet")
    model = load_model(trained / "some_neural/all/model")
    before = samples.copy()
    out = model.predict(samples)
    pd.testing.assert_frame_equal(samples, before)
    plain = {c.removeprefix("covariate.").removeprefix("forcing."): samples[c].to_numpy() for c in samples if "." in c}
    assert set(out) == set(model.output_info())
    np.testing.assert_array_equal(out["soc"], model.predict(plain)["soc"])
    with pytest.raises(HybridmapError, match="no covariate 'wetness'"):
        model.predict(samples.drop(columns="covariate.wetness"))


def test_a_target_that_no_training_site_has_is_named(small_region: tuple[Config, Path], tmp_path: Path) -> None:
    config, folder = small_region
    samples = pd.read_parquet(folder / "samples.parquet")
    splits = pd.read_parquet(folder / "splits.parquet")
    train = (roles_in_fold(samples, splits, "block-0", "block") == "train").to_numpy()
    samples.loc[train, "mbc_kg_m3"] = np.nan
    samples.to_parquet(tmp_path / "s.parquet")
    with pytest.raises(HybridmapError, match=r"'some_neural', fold 'block-0': target 'mbc' has 0 observations"):
        train_experiment(
            config, "some_neural", ["block-0"], tmp_path / "s.parquet", folder / "splits.parquet", tmp_path
        )
    assert not (tmp_path / "block-0" / "model").exists()


@pytest.mark.parametrize(("column", "factor", "says"), [("mat", 273.15, "'mat'"), ("npp", 1e-3, "'npp'")])
def test_forcing_in_another_unit_is_noticed(
    small_region: tuple[Config, Path], tmp_path: Path, column: str, factor: float, says: str
) -> None:
    config, folder = small_region
    samples = pd.read_parquet(folder / "samples.parquet")
    values = samples[f"forcing.{column}"]
    samples[f"forcing.{column}"] = values + factor if column == "mat" else values * factor
    samples.to_parquet(tmp_path / "s.parquet")
    with pytest.raises(HybridmapError, match=says):
        train_experiment(config, "some_neural", ["all"], tmp_path / "s.parquet", folder / "splits.parquet", tmp_path)


def test_the_history_goes_to_tensorboard_or_says_what_is_missing(
    small_region: tuple[Config, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folder = small_region
    raw = config.model_dump(by_alias=True)
    raw["experiments"] = [e for e in raw["experiments"] if e["name"] == "all_global"]
    raw["experiments"][0]["training"] |= {"tensorboard": True, "max_epochs": 2}
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    tables = folder / "samples.parquet", folder / "splits.parquet"
    with pytest.raises(HybridmapError, match="needs the package tensorboard"):
        train_experiment(Config.model_validate(raw), "all_global", ["all"], *tables, tmp_path)
    assert not (tmp_path / "all/model").exists()
    rows: list[tuple[str, float, int]] = []

    class Writer:
        def __init__(self, folder: str) -> None:
            self.folder = folder

        def add_scalar(self, key: str, value: float, epoch: int) -> None:
            rows.append((key, value, epoch))

        def close(self) -> None:
            rows.append(("closed", 0.0, 0))

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=Writer))
    train_experiment(Config.model_validate(raw), "all_global", ["all"], *tables, tmp_path)
    history = pd.read_csv(tmp_path / "all/history.csv")
    assert [v for k, v, _ in rows if k == "validation_loss"] == pytest.approx(history["validation_loss"].tolist())
    assert rows[-1][0] == "closed"


@pytest.mark.filterwarnings("ignore::hybridmap.model.training_range.TableWarning")
def test_classes_train_and_predict(small_region: tuple[Config, Path], tmp_path: Path) -> None:
    """A categorical layer becomes learned vectors; the model knows its classes, and a new class is not an error."""
    config, folder = small_region
    raw = config.model_dump(by_alias=True)
    next(layer for layer in raw["covariates"] if layer["name"] == "forest")["kind"] = "categorical"
    samples = pd.read_parquet(folder / "samples.parquet")
    samples["covariate.forest"] = np.digitize(samples["covariate.forest"], [0.2, 0.5]).astype("float32")
    samples.to_parquet(tmp_path / "s.parquet")
    changed = Config.model_validate(raw)
    train_experiment(changed, "some_neural", ["all"], tmp_path / "s.parquet", folder / "splits.parquet", tmp_path)
    model = load_model(tmp_path / "all/model")
    assert model.inputs is not None
    classes = [0.0, 1.0, 2.0]
    assert model.inputs.embeddings[0].classes.tolist() == classes
    out = {c: model.predict(samples.assign(**{"covariate.forest": c}))["soc"] for c in (*classes, 9.0)}
    assert all(np.isfinite(v).all() for v in out.values())
    assert not np.allclose(out[0.0], out[2.0], rtol=1e-3)
