"""What to map by a whole configuration, as the command takes it apart."""

from pathlib import Path

from hybridmap.config import Config
from hybridmap.predict.recipe import Recipe


def recipe_of(
    config: Config, experiment: str, model: Path, calibration: Path | None = None, applicability: Path | None = None
) -> Recipe:
    depth_m = (config.build.bottom_cm - config.build.top_cm) / 100.0
    settings = config.experiment(experiment)
    files, keep_draws = (calibration, applicability), bool(config.totals)
    return Recipe(model, config.predict, settings.uncertainty, depth_m, *files, keep_draws, settings.own_process)
