"""Find every mistake in a configuration and its data before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from hybridmap.config import Config, Experiment, ObservationSource, Raster
from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.derived_layers import inputs_of
from hybridmap.covariates.layer_check import check_layer
from hybridmap.errors import HybridmapError
from hybridmap.experiment.layers import ModelLayers
from hybridmap.experiment.specification import checked_model, model_spec, training_options
from hybridmap.fetch.catalogue import find_entry
from hybridmap.fetch.data_set import RECEIPT
from hybridmap.files.paths import under
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.observations.bulk_density import check_pedotransfer
from hybridmap.observations.ingest import read_source

Check = tuple[str, Callable[[], str]]
"""What is checked, and a function that says in words what it is or raises :class:`HybridmapError`."""


def check(config: Config) -> list[str]:
    """Check grid, tables, rasters and experiments; nothing is written.

    Returns
    -------
    list of str
        What is in order, a line a check.

    Raises
    ------
    HybridmapError
        With every mistake, a line each.
    """
    passed, mistakes = [], []
    for subject, run in _checks(config):
        try:
            passed.append(f"ok   {subject}: {run()}")
        except HybridmapError as error:
            mistakes.append(f"{subject}: {error}")
    if mistakes:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        raise HybridmapError("\n  ".join([f"{count} in region '{config.region}'", *mistakes]))
    return passed


def _checks(config: Config) -> Iterator[Check]:
    yield "grid", partial(_grid, config)
    yield "build", partial(_pedotransfer, config)
    if config.downloads:
        yield "downloads", partial(_downloads, config)
    yield from _input_checks(config)
    for experiment in config.experiments:
        yield f"experiment {experiment.name}", partial(_experiment, config, experiment)


def _input_checks(config: Config) -> Iterator[Check]:
    """Tables and rasters; those of the synthetic landscape are checked once they are made."""
    if config.demo is not None and not under(config.data_root, "made.json").is_file():
        yield "inputs", lambda: "made by 'hybridmap demo' when the workflow runs"
        return
    for source in config.observations:
        yield f"observations {source.name}", partial(_source, config, source)
    for layer in (*config.auxiliary, *config.covariates, *config.forcing):
        yield f"layer {layer.name}", partial(_layer, config, layer)
    for layer in config.reference.layers if config.reference else ():
        yield f"reference {layer.name}", partial(_layer, config, layer)


def _downloads(config: Config) -> str:
    for name in config.downloads:
        find_entry(name)
    missing = [name for name in config.downloads if not (under(config.data_root, name) / RECEIPT).is_file()]
    if missing:
        raise HybridmapError(
            f"not fetched yet: {', '.join(missing)}; run the workflow, or hybridmap fetch {' '.join(missing)} --to"
            f" {under(config.data_root, '')}."
        )
    return f"{len(config.downloads)} data sets are there"


def _grid(config: Config) -> str:
    grid = RegionGrid.of(config.grid)
    return f"{grid.width} x {grid.height} cells of {grid.resolution:g} in {grid.crs.name}"


def _pedotransfer(config: Config) -> str:
    check_pedotransfer(config.build.pedotransfer)
    return f"{config.build.top_cm:g}-{config.build.bottom_cm:g} cm, bulk density by {config.build.pedotransfer}"


def _source(config: Config, source: ObservationSource) -> str:
    table = read_source(source, config.data_root, RegionGrid.of(config.grid))
    return f"{len(table)} layers of {table['site_id'].nunique()} sites"


def _layer(config: Config, layer: Raster) -> str:
    if layer.derive is None:
        return check_layer(layer, RegionGrid.of(config.grid), config.data_root)
    inputs = inputs_of(layer, RegionLayers.of(config))
    return f"{layer.derive.function} of {', '.join(n for ns in inputs.values() for n in ns)}"


def _experiment(config: Config, experiment: Experiment) -> str:
    layers = ModelLayers.of_region(config.build, config.covariates, config.forcing)
    spec = model_spec(experiment, layers)
    model = checked_model(experiment, spec)
    training_options(experiment, spec)
    return f"{len(model.neural_names)} neural and {len(model.shared_names)} global parameters"
