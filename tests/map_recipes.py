"""What to map by a whole configuration, as the command takes it apart."""

from pathlib import Path

from hybridmap.config import Config
from hybridmap.predict.mapped_depths import mapped_depths, modelled_interval
from hybridmap.predict.recipe import Recipe


def recipe_of(
    config: Config,
    experiment: str,
    model: Path,
    calibration: Path | None = None,
    applicability: Path | None = None,
    expected_error: Path | None = None,
) -> Recipe:
    settings = config.experiment(experiment)
    files, keep_draws = (calibration, applicability), bool(config.totals)
    interval, depths = modelled_interval(config.build), mapped_depths(config.build, config.predict)
    uncertainty, trust = settings.uncertainty, settings.own_process
    return Recipe(model, config.predict, uncertainty, interval, *files, keep_draws, trust, depths, expected_error)
