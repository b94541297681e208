"""Verbs from trained models to scores, intervals, the verdict and what models say about themselves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hybridmap.cli import options
from hybridmap.cli.verb import stage
from hybridmap.cli.words import Several
from hybridmap.errors import HybridmapError

if TYPE_CHECKING:
    from hybridmap.config import Config


@stage
@options.experiment()
@options.samples()
@options.splits()
@options.folds()
@options.out()
def _evaluate(config: Config, experiment: str, samples: Path, splits: Path, folds: tuple[Path, ...], out: Path) -> None:
    """Scores per target and fold."""
    from hybridmap.evaluate.scores import evaluate

    evaluate(config.experiment(experiment), samples, splits, _models(folds), out, config.all_quantities)


@stage
@options.experiment()
@options.samples()
@options.splits()
@options.predictions()
@click.option("--baselines", cls=Several, type=options.FILE, help="Folders of baselines, lowest first.")
@options.out()
def _ladder(
    config: Config,
    experiment: str,
    samples: Path,
    splits: Path,
    predictions: Path,
    baselines: tuple[Path, ...],
    out: Path,
) -> None:
    """An experiment between floor, ordinary models and ceiling."""
    from hybridmap.evaluate.ladder import write_ladder
    from hybridmap.files.results import ScoreFiles

    files = {folder.name: ScoreFiles(folder).predictions for folder in baselines}
    write_ladder(config.experiment(experiment), samples, splits, predictions, files, out, config.all_quantities)


@stage
@options.experiment()
@options.model()
@options.samples()
@options.splits()
@options.out()
def _applicability(config: Config, experiment: str, model: Path, samples: Path, splits: Path, out: Path) -> None:
    """What decides where a model applies."""
    from hybridmap.evaluate.applicability_threshold import learn_applicability

    learn_applicability(config.experiment(experiment), config.covariates, config.predict, model, samples, splits, out)


@stage
@options.experiment()
@options.applicability()
@options.samples()
@options.splits()
@options.predictions()
@options.out()
def _expected_error(
    config: Config, experiment: str, applicability: Path, samples: Path, splits: Path, predictions: Path, out: Path
) -> None:
    """What errors to expect away from the sites, from regions that were held out."""
    from hybridmap.evaluate.extrapolation import learn_expected_error

    tables = samples, splits, predictions
    learn_expected_error(
        config.experiment(experiment), config.splits, applicability, tables, out, config.all_quantities
    )


@stage
@options.experiment()
@options.predictions()
@options.maps(required=False)
@options.model()
@click.option("--skill", type=options.FILE, help="Skill of the evaluation (skill.json).")
@click.option("--held-out", type=options.FILE, help="Summary of 'hybridmap expected-error' (summary.json).")
@options.identifiability(required=False)
@options.samples(required=False)
@options.out()
def _diagnose(
    config: Config,
    experiment: str,
    predictions: Path,
    maps: Path | None,
    model: Path,
    skill: Path | None,
    held_out: Path | None,
    identifiability: Path | None,
    samples: Path | None,
    out: Path,
) -> None:
    """The verdict: physics, skill, intervals and parameters."""
    from hybridmap.diagnose.extent import Borders
    from hybridmap.diagnose.plausibility import Evidence, diagnose
    from hybridmap.files.paths import under

    borders = None
    if config.boundaries and config.boundaries_attribute:
        borders = Borders(under(config.data_root, config.boundaries), config.boundaries_attribute)
    evidence = Evidence(predictions, maps, skill, held_out, borders, identifiability, samples)
    diagnose(config.experiment(experiment), evidence, model, out)


@stage
@options.experiment()
@options.samples()
@options.splits()
@options.folds()
@click.option("--starts", is_flag=True, help="Also train from random starts, as the section says.")
@options.out()
def _identifiability(
    config: Config, experiment: str, samples: Path, splits: Path, folds: tuple[Path, ...], starts: bool, out: Path
) -> None:
    """Which parameters mean something."""
    from hybridmap.config import Identifiability
    from hybridmap.diagnose.identifiability.passport import Tables, write_passport
    from hybridmap.experiment.layers import ModelLayers

    layers = ModelLayers.of_region(config.build, config.covariates, config.forcing, config.all_quantities)
    section = (config.identifiability or Identifiability()) if starts else None
    write_passport(config.experiment(experiment), layers, Tables(samples, splits), _models(folds), out, section)


@stage
@options.experiment()
@options.samples()
@options.folds()
@options.identifiability(required=False)
@options.out()
@click.option("--figure", type=options.FILE, help="Figure to write (PNG).")
def _relationships(
    config: Config,
    experiment: str,
    samples: Path,
    folds: tuple[Path, ...],
    identifiability: Path | None,
    out: Path,
    figure: Path | None,
) -> None:
    """How parameters and targets follow each covariate."""
    from hybridmap.diagnose.relationships.tables import Evidence, write_relationships
    from hybridmap.testing.landscape import true_parameters

    section, relations = config.experiment(experiment), true_parameters if config.demo else None
    evidence = Evidence(samples, identifiability)
    write_relationships(section, config.all_quantities, evidence, _models(folds), out, relations)
    if figure:
        from hybridmap.files.results import RelationshipFiles
        from hybridmap.plot.relationships import draw_relationships

        draw_relationships(RelationshipFiles(out), section.title or section.name, figure)


@stage
@options.experiment()
@options.samples()
@options.splits()
@options.out()
def _proda(config: Config, experiment: str, samples: Path, splits: Path, out: Path) -> None:
    """Sites calibrated one by one, beside an experiment."""
    from hybridmap.evaluate.proda.tables import Region, write_proda
    from hybridmap.experiment.layers import ModelLayers
    from hybridmap.files.results import ProdaFiles
    from hybridmap.plot.proda import draw_proda

    if config.proda is None:
        raise HybridmapError("proda: the configuration has no such section; give 'experiments' there.")
    section = config.experiment(experiment)
    layers = ModelLayers.of_region(config.build, config.covariates, config.forcing, config.all_quantities)
    folds = next(split.folds for split in config.splits if split.name == section.splits[0])
    write_proda(section, config.proda, Region(layers, samples, splits, folds), out)
    draw_proda(ProdaFiles(out), config.all_quantities[section.targets[0]])


def _models(folders: Iterable[Path]) -> dict[str, Path]:
    """Folder of the model of each fold."""
    from hybridmap.files.results import FoldFiles

    return {folder.name: FoldFiles(folder).model for folder in folders}
