"""What to map by a whole configuration, as the command takes it apart."""

from pathlib import Path

from hybridmap.config import Config
from hybridmap.predict.recipe import Recipe


def recipe_of(
    config: Config, experiment: str, model: Path, calibration: Path | None = None, applicability: Path | None = None
) -> Recipe:
    depth_m = (config.build.bottom_cm - config.build.top_cm) / 100.0
    uncertainty = config.experiment(experiment).uncertainty
    return Recipe(model, config.predict, uncertainty, depth_m, calibration, applicability, bool(config.totals))
