"""Find every mistake in a configuration and its data before anything runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from hybridmap.config import Config, Experiment, ObservationSource, Raster, reading
from hybridmap.config.reading import data_path
from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.derived_layers import inputs_of
from hybridmap.covariates.raster_source import check_layer
from hybridmap.errors import HybridmapError
from hybridmap.experiment.training import checked_model, model_spec, training_options
from hybridmap.fetch.catalogue import RECEIPT, find_download
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.observations.bulk_density import check_pedotransfer
from hybridmap.observations.ingest import read_source

TEMPLATE = Path(reading.__file__).with_name("template.yaml")


def check(config: Config) -> list[str]:
    """Check grid, tables, rasters and experiments; nothing is written.

    Returns
    -------
    list of str
        What was found to be in order, a line a part.

    Raises
    ------
    HybridmapError
        With every mistake, a line each.
    """
    fine, wrong = [], []
    for what, run in _checks(config):
        try:
            fine.append(f"ok   {what}: {run()}")
        except HybridmapError as error:
            wrong.append(f"{what}: {error}")
    if wrong:
        count = "1 mistake" if len(wrong) == 1 else f"{len(wrong)} mistakes"
        raise HybridmapError("\n  ".join([f"{count} in region '{config.region}'", *wrong]))
    return fine


def write_template(path: Path) -> None:
    """Write a commented region file to start from; HybridmapError if `path` exists."""
    if path.exists():
        raise HybridmapError(f"{path} exists already; give another name, so that nothing is lost.")
    template = TEMPLATE.read_text(encoding="utf-8")
    path.write_text(template.replace("my_region", _region_name(path)), encoding="utf-8")


def _region_name(path: Path) -> str:
    """A valid region name from the file's: lower case, letters, digits and underscores."""
    return re.sub(r"[^a-z0-9_]+", "_", path.stem.lower()).strip("_0123456789") or "my_region"


def _checks(config: Config) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "grid", partial(_grid, config)
    yield "build", partial(_pedotransfer, config)
    if config.downloads:
        yield "downloads", partial(_downloads, config)
    made = config.demo is None or data_path(config, "made.json").is_file()
    if made:
        for source in config.observations:
            yield f"observations {source.name}", partial(_source, config, source)
        for layer in (*config.auxiliary, *config.covariates, *config.forcing):
            yield f"layer {layer.name}", partial(_layer, config, layer)
        for layer in config.reference.layers if config.reference else ():
            yield f"reference {layer.name}", partial(_layer, config, layer)
    else:
        yield "inputs", lambda: "made by 'hybridmap demo' when the workflow runs"
    for experiment in config.experiments:
        yield f"experiment {experiment.name}", partial(_experiment, config, experiment)


def _downloads(config: Config) -> str:
    for name in config.downloads:
        find_download(name)
    missing = [name for name in config.downloads if not (data_path(config, name) / RECEIPT).is_file()]
    if missing:
        raise HybridmapError(
            f"not fetched yet: {', '.join(missing)}; run the workflow, or hybridmap fetch {' '.join(missing)} --to"
            f" {data_path(config, '')}."
        )
    return f"{len(config.downloads)} data sets are there"


def _grid(config: Config) -> str:
    grid = RegionGrid.of(config.grid)
    return f"{grid.width} x {grid.height} cells of {grid.resolution:g} in {grid.crs.name}"


def _pedotransfer(config: Config) -> str:
    check_pedotransfer(config.build.pedotransfer)
    return f"{config.build.top_cm:g}-{config.build.bottom_cm:g} cm, bulk density by {config.build.pedotransfer}"


def _source(config: Config, source: ObservationSource) -> str:
    table = read_source(config, source)
    return f"{len(table)} layers of {table['site_id'].nunique()} sites"


def _layer(config: Config, layer: Raster) -> str:
    if layer.derive is None:
        return check_layer(layer, RegionGrid.of(config.grid), config.data_root)
    inputs = inputs_of(layer, RegionLayers.of(config))
    return f"{layer.derive.function} of {', '.join(n for ns in inputs.values() for n in ns)}"


def _experiment(config: Config, experiment: Experiment) -> str:
    depth = (config.build.bottom_cm - config.build.top_cm) / 100.0
    names = [layer.name for layer in config.covariates], [layer.name for layer in config.forcing]
    classes = {layer.name: [0.0] for layer in config.covariates if layer.kind == "categorical"}
    spec = model_spec(experiment, depth, *names, classes)
    model = checked_model(experiment, spec)
    training_options(experiment, spec)
    return f"{len(model.neural_names)} neural and {len(model.shared_names)} global parameters"
