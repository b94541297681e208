"""An experiment that sees the position, from training on disk to scores and intervals."""

from pathlib import Path

import pandas as pd

from hybridmap.config import Config
from hybridmap.config.search import with_values
from hybridmap.evaluate.applicability_threshold import learn_applicability
from hybridmap.evaluate.scores import evaluate
from hybridmap.experiment.layers import ModelLayers
from hybridmap.experiment.training import train_folds
from hybridmap.train import load_model


def test_an_experiment_with_position_is_trained_scored_and_placed(
    small_region: tuple[Config, Path], tmp_path: Path
) -> None:
    config, folder = small_region
    values = {"encoder.position_waves": {"count": 8}, "loss.name": "square_quantiles", "training.max_epochs": 4}
    experiment = with_values(config.experiment("all_neural"), {**values, "uncertainty.method": "head"})
    layers = ModelLayers.of_region(config.build, config.covariates, config.forcing, config.all_quantities)
    samples, splits = folder / "samples.parquet", folder / "splits.parquet"
    folds = ["block-0", "block-1", "block-2"]
    train_folds(experiment, layers, folds, samples, splits, tmp_path, "cpu")
    models = {fold: tmp_path / fold / "model" for fold in folds}
    assert load_model(models["block-0"]).forcing_names[-2:] == ("lon", "lat")
    evaluate(experiment, samples, splits, models, tmp_path / "scores", config.all_quantities)
    predictions = pd.read_parquet(tmp_path / "scores/predictions.parquet")
    test = predictions[predictions["part"] == "test"]
    assert test["predicted.soc"].notna().all()
    assert (test["conformal_upper.soc"] > test["conformal_lower.soc"]).all()
    few = config.predict.model_copy(update={"references": 100})
    learn_applicability(experiment, config.covariates, few, models["block-0"], samples, splits, tmp_path / "aoa.npz")
    assert (tmp_path / "aoa.npz").is_file()
