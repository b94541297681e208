"""Verbs from covariates at the sites to trained models."""

from __future__ import annotations

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
@options.observations()
@options.cube()
@options.out()
@options.quality()
@options.dropped(required=False)
def _sample(config: Config, observations: Path, cube: Path, out: Path, quality: Path, dropped: Path | None) -> None:
    """Covariates at the observations."""
    from hybridmap.samples.sample import sample

    columns = {f.name: config.all_quantities[f.measured].column for f in config.forcing if f.measured is not None}
    sample(observations, cube, out, quality, columns, dropped)


@stage
@options.samples()
@options.cube(required=False)
@options.out()
def _split(config: Config, samples: Path, cube: Path | None, out: Path) -> None:
    """Deal sites into folds."""
    from hybridmap.grid.region_grid import RegionGrid
    from hybridmap.samples.splits import split

    columns, grid = [q.column for q in config.all_quantities.values()], RegionGrid.of(config.grid)
    split(config.splits, grid, samples, out, config.data_root, cube, columns)


@stage
@options.experiment()
@click.option("--fold", "folds", cls=Several, required=True, help="Names of folds, such as block-0, or all.")
@options.samples()
@options.splits()
@options.out()
@click.option("--sums", type=options.FILE, help="Sums of the files of all trained models, NAME.sums (JSON).")
@options.device()
def _train(
    config: Config,
    experiment: str,
    folds: tuple[str, ...],
    samples: Path,
    splits: Path,
    out: Path,
    sums: Path | None,
    device: str,
) -> None:
    """Train folds side by side."""
    from hybridmap.experiment.layers import ModelLayers
    from hybridmap.experiment.training import note_models, train_folds

    layers = ModelLayers.of_region(config.build, config.covariates, config.forcing, config.all_quantities)
    train_folds(config.experiment(experiment), layers, folds, samples, splits, out, device)
    if sums:
        note_models([out / fold for fold in folds], sums)


@stage
@options.experiment()
@options.samples()
@options.splits()
@options.out()
def _search(config: Config, experiment: str, samples: Path, splits: Path, out: Path) -> None:
    """Try values of keys on nested folds."""
    from hybridmap.evaluate.search import search
    from hybridmap.experiment.layers import ModelLayers

    if config.search is None:
        raise HybridmapError("search: the configuration has no such section; give 'experiments' and 'over' there.")
    layers = ModelLayers.of_region(config.build, config.covariates, config.forcing, config.all_quantities)
    search(config.experiment(experiment), config.search, layers, samples, splits, out)


@stage
@click.option("--name", required=True, help="Name of the baseline.")
@options.samples()
@options.splits()
@options.out()
def _baseline(config: Config, name: str, samples: Path, splits: Path, out: Path) -> None:
    """Fit an ordinary model to every fold."""
    from hybridmap.evaluate.baselines import baseline

    baseline(name, config.covariates, config.splits, samples, splits, out, config.all_quantities)
