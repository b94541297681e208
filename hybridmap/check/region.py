"""Find every mistake in a configuration and its data before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from hybridmap.check.clm5 import AWAITED, awaits_raster, awaits_table, check_climate
from hybridmap.check.demo import check_demo_layer, check_demo_table
from hybridmap.check.exclusion import check_exclusion
from hybridmap.check.extent import check_extent, split_checks
from hybridmap.check.layers import check_forcing, check_scenarios, check_temperature
from hybridmap.check.maps import check_interval_names, check_maps, model_of
from hybridmap.check.polygons import polygon_checks
from hybridmap.check.publication import check_publication
from hybridmap.check.tables import check_mapping, check_table, check_targets
from hybridmap.check.years import check_each_year, check_map_year, check_sampling_years, dated_layers
from hybridmap.config import Config, Experiment, ObservationSource, Raster
from hybridmap.config.region_layers import RegionLayers
from hybridmap.config.search import Search
from hybridmap.covariates.derived_layers import inputs_of
from hybridmap.covariates.layer_check import check_layer
from hybridmap.errors import HybridmapError, nearest
from hybridmap.evaluate.search import candidates_of
from hybridmap.experiment.layers import ModelLayers
from hybridmap.experiment.specification import training_options
from hybridmap.fetch.catalogue import find_entry
from hybridmap.fetch.data_set import RECEIPT
from hybridmap.files.paths import under
from hybridmap.files.results import RegionFiles
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.observations.bulk_density import check_pedotransfer
from hybridmap.observations.campaigns import campaigns_apart
from hybridmap.observations.depth.measured_layers import check_overlaps
from hybridmap.observations.schema import Schema

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
            sentence = str(error).removeprefix(f"experiment '{subject.removeprefix('experiment ')}': ")
            mistakes += [f"{subject}: {line}" for line in sentence.splitlines()]
    if mistakes:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        raise HybridmapError("\n  ".join([f"{count} in region '{config.region}'", *mistakes]))
    return passed


def _checks(config: Config) -> Iterator[Check]:
    yield "grid", partial(_grid, config)
    yield "build", partial(_pedotransfer, config)
    if config.quantities:
        yield "quantities", partial(_quantities, config)
    if config.publication is not None:
        yield "publication", partial(check_publication, config, config.publication)
    if config.downloads:
        yield "downloads", partial(_downloads, config)
    if config.clm5_forcing is not None:
        yield "clm5_forcing", partial(check_climate, config, config.clm5_forcing)
    yield from _input_checks(config)
    yield "splits and experiments", partial(_something_to_do, config)
    yield from split_checks(config)
    for experiment in config.experiments:
        yield f"experiment {experiment.name}", partial(_experiment, config, experiment)
    if config.search is not None:
        yield "search", partial(_search, config, config.search)
    if dated_layers(config) or config.predict.year is not None:
        yield "years", partial(check_map_year, config)
    # Which maps a model has is known once its table is there.
    if any(e.map for e in config.experiments) and not any(awaits_table(config, e.name) for e in config.experiments):
        yield "predict", partial(check_interval_names, config)


def _input_checks(config: Config) -> Iterator[Check]:
    """Tables and rasters; those of the synthetic landscape are checked once they are made."""
    if config.demo is not None and not under(config.data_root, "made.json").is_file():
        yield "data_root", partial(_demo_root, config)
        for source in config.observations:
            yield f"observations {source.name}", partial(_mapping, config, source)
            yield f"table {source.name}", partial(check_demo_table, source, config.data_root)
        for layer in (*config.auxiliary, *config.covariates, *config.forcing):
            yield f"layer {layer.name}", partial(_layer_of_each_year, config, layer, is_demo=True)
        yield "inputs", lambda: "made by 'hybridmap demo' when the workflow runs"
        return
    for source in config.observations:
        yield f"observations {source.name}", partial(_source, config, source)
    for layer in (*config.auxiliary, *config.covariates, *config.forcing):
        yield f"layer {layer.name}", partial(_layer_of_each_year, config, layer)
    for exclusion in config.exclude:
        yield f"exclude {exclusion.layer}", partial(check_exclusion, config, exclusion)
    for layer in config.reference.layers if config.reference else ():
        yield f"reference {layer.name}", partial(_layer, config, layer)
    yield from polygon_checks(config)


def _demo_root(config: Config) -> str:
    folder = RegionFiles(Path(config.results) / config.region).demo_inputs.parent
    if under(config.data_root, "") != folder:
        raise HybridmapError(
            f"the synthetic inputs are made in {folder}, but data_root is {config.data_root}; set data_root:"
            f" '{folder}', or demo: null for inputs of your own."
        )
    return str(folder)


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
    check_extent(grid)
    return f"{grid.width} x {grid.height} cells of {grid.resolution:g} in {grid.crs.name}"


def _pedotransfer(config: Config) -> str:
    check_pedotransfer(config.build.pedotransfer)
    top, bottom = config.build.span_cm
    form = "one interval" if config.build.layers is None else "every layer"
    return f"{form} of {top:g}-{bottom:g} cm, bulk density by {config.build.pedotransfer}"


def _quantities(config: Config) -> str:
    from matplotlib import colormaps

    Schema(config.all_quantities)
    for quantity in config.quantities:
        if quantity.colours not in colormaps:
            raise HybridmapError(
                f"'{quantity.name}': no colour map '{quantity.colours}'{nearest(quantity.colours, colormaps)}; names"
                " are those of matplotlib."
            )
    return ", ".join(f"{q.name} [{q.unit}]" for q in config.quantities)


def _mapping(config: Config, source: ObservationSource) -> str:
    return check_mapping(source, Schema(config.all_quantities))


def _source(config: Config, source: ObservationSource) -> str:
    schema = Schema(config.all_quantities)
    table = check_table(source, config.data_root, RegionGrid.of(config.grid), schema)
    if config.build.layers is not None and config.build.layers.overlaps == "refuse":
        check_overlaps(campaigns_apart(table), schema)
    note = check_sampling_years(table["year"], dated_layers(config))
    return f"{len(table)} layers of {table['site_id'].nunique()} sites" + (f"; {note}" if note else "")


def _layer_of_each_year(config: Config, layer: Raster, is_demo: bool = False) -> str:
    if awaits_raster(config, layer):
        return AWAITED
    return check_each_year(layer, partial(check_demo_layer, config=config) if is_demo else partial(_layer, config))


def _layer(config: Config, layer: Raster) -> str:
    if layer.derive is None:
        sentence = check_layer(layer, RegionGrid.of(config.grid), config.data_root)
        check_temperature(layer, RegionGrid.of(config.grid), config.data_root)
        return sentence
    inputs = inputs_of(layer, RegionLayers.of(config))
    return f"{layer.derive.function} of {', '.join(n for ns in inputs.values() for n in ns)}"


def _something_to_do(config: Config) -> str:
    for section in ("observations", "covariates", "splits", "experiments"):
        if not getattr(config, section):
            raise HybridmapError(
                f"the region has no {section}; add them, or lay the file over the default: hybridmap check config.yaml"
                " my_region.yaml."
            )
    return f"{len(config.splits)} split schemes, {len(config.experiments)} experiments"


def _search(config: Config, search: Search) -> str:
    layers = ModelLayers.of_region(config.build, config.covariates, config.forcing, config.all_quantities)
    for name in search.experiments:
        if not awaits_table(config, name):
            candidates_of(config.experiment(name), search, layers)
    return f"{len(search.candidates())} combinations of {', '.join(search.experiments)}"


def _experiment(config: Config, experiment: Experiment) -> str:
    if awaits_table(config, experiment.name):
        return f"its table is {AWAITED}"
    model, spec = model_of(config, experiment)
    training_options(experiment, spec)
    if config.observations:
        check_targets(config.observations, experiment.targets, Schema(config.all_quantities))
    check_forcing(config, model)
    check_scenarios(config, model)
    maps = check_maps(config, experiment, model) if experiment.map else []
    counts = f"{len(model.neural_names)} neural and {len(model.shared_names)} global parameters"
    return "; ".join([counts, *maps])
