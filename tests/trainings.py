"""Training an experiment of a configuration, as several tests do."""

from collections.abc import Sequence
from pathlib import Path

from hybridmap.config import Config
from hybridmap.experiment.layers import ModelLayers
from hybridmap.experiment.training import train_folds


def layers_of(config: Config) -> ModelLayers:
    return ModelLayers.of_region(config.build, config.covariates, config.forcing)


def train_experiment(config: Config, name: str, folds: Sequence[str], samples: Path, splits: Path, out: Path) -> None:
    train_folds(config.experiment(name), layers_of(config), folds, samples, splits, out, "cpu")
