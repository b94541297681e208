"""What each verb runs: one function a verb, which takes the configuration apart and does nothing else.

A function imports what it runs itself, so that a command starts quickly, and so that the code of a stage can be read
from it (:mod:`hybridmap.fingerprint`). The function of ``hybridmap some-verb`` is called ``_some_verb``.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hybridmap.cli.options import OPTIONS
from hybridmap.errors import HybridmapError
from hybridmap.files.results import FoldFiles

if TYPE_CHECKING:
    from hybridmap.config import Config

LOG = logging.getLogger("hybridmap")


def _demo(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.testing.files import write_landscape

    write_landscape(config, args.out)


def _ingest(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.grid.region_grid import RegionGrid
    from hybridmap.observations.ingest import find_source, ingest
    from hybridmap.observations.schema import Schema

    source, schema = find_source(config.observations, args.source), Schema(config.all_quantities)
    ingest(source, config.data_root, RegionGrid.of(config.grid), args.out, args.quality, schema)


def _build(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.observations.build import build
    from hybridmap.observations.schema import Schema

    schema = Schema(config.all_quantities)
    build(config.build, config.grid, args.observations, args.out, args.quality, args.dropped, schema)


def _clm5_cells(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.covariates.land_model.assumptions import read_assumptions
    from hybridmap.covariates.land_model.climate_cells import write_climate_cells
    from hybridmap.grid.region_grid import RegionGrid

    layers = config.clm5_forcing
    if layers is None:
        raise HybridmapError(f"region '{config.region}' has no 'clm5_forcing'.")
    assumptions = read_assumptions(layers.assumptions)
    write_climate_cells(layers, assumptions, RegionGrid.of(config.grid), config.data_root, args.out)


def _cube(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.config.region_layers import RegionLayers
    from hybridmap.covariates.cube_build import build_cube

    build_cube(RegionLayers.of(config), args.out, config.predict.tile, workers=args.workers)


def _sample(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.samples.sample import sample

    columns = {f.name: config.all_quantities[f.measured].column for f in config.forcing if f.measured is not None}
    sample(args.observations, args.cube, args.out, args.quality, columns, args.dropped)


def _split(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.grid.region_grid import RegionGrid
    from hybridmap.samples.splits import split

    columns, grid = [q.column for q in config.all_quantities.values()], RegionGrid.of(config.grid)
    split(config.splits, grid, args.samples, args.out, config.data_root, args.cube, columns)


def _train(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.experiment.layers import ModelLayers
    from hybridmap.experiment.training import note_models, train_folds

    experiment = config.experiment(args.experiment)
    layers = ModelLayers.of_region(config.build, config.covariates, config.forcing, config.all_quantities)
    train_folds(experiment, layers, args.fold, args.samples, args.splits, args.out, args.device)
    if args.sums:
        note_models([args.out / fold for fold in args.fold], args.sums)


def _evaluate(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.evaluate.scores import evaluate

    models = {folder.name: FoldFiles(folder).model for folder in args.folds}
    experiment, quantities = config.experiment(args.experiment), config.all_quantities
    evaluate(experiment, args.samples, args.splits, models, args.out, quantities)


def _baseline(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.evaluate.baselines import baseline

    quantities = config.all_quantities
    baseline(args.name, config.covariates, config.splits, args.samples, args.splits, args.out, quantities)


def _search(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.evaluate.search import search
    from hybridmap.experiment.layers import ModelLayers

    if config.search is None:
        raise HybridmapError("search: the configuration has no such section; give 'experiments' and 'over' there.")
    layers = ModelLayers.of_region(config.build, config.covariates, config.forcing, config.all_quantities)
    search(config.experiment(args.experiment), config.search, layers, args.samples, args.splits, args.out)


def _ladder(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.evaluate.ladder import write_ladder
    from hybridmap.files.results import ScoreFiles

    files = {folder.name: ScoreFiles(folder).predictions for folder in args.baselines}
    experiment, quantities = config.experiment(args.experiment), config.all_quantities
    write_ladder(experiment, args.samples, args.splits, args.predictions, files, args.out, quantities)


def _applicability(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.evaluate.applicability_threshold import learn_applicability

    experiment, predict = config.experiment(args.experiment), config.predict
    learn_applicability(experiment, config.covariates, predict, args.model, args.samples, args.splits, args.out)


def _expected_error(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.evaluate.extrapolation import learn_expected_error

    experiment, quantities = config.experiment(args.experiment), config.all_quantities
    tables = args.samples, args.splits, args.predictions
    learn_expected_error(experiment, config.splits, args.applicability, tables, args.out, quantities)


def _predict(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.predict.worker_start import may_have_gpu, passes_of, start_early

    uncertainty = config.experiment(args.experiment).uncertainty
    if not args.plan and not args.scheduler and not may_have_gpu(args.device):
        start_early(args.cube, passes_of(uncertainty, config.predict))
    from hybridmap.predict.mapped_depths import mapped_depths, modelled_interval
    from hybridmap.predict.recipe import Recipe

    interval, depths = modelled_interval(config.build), mapped_depths(config.build, config.predict)
    keep_draws = bool(config.totals)
    trust = config.experiment(args.experiment).own_process
    paths = args.calibration, args.applicability
    recipe = Recipe(
        args.model, config.predict, uncertainty, interval, *paths, keep_draws, trust, depths, args.expected_error
    )
    if args.plan:
        from hybridmap.predict.estimate import estimate

        plan = estimate(recipe, args.cube, args.workers)
        LOG.info("%s", "\n".join(plan.lines()))
        if args.summary:
            plan.save(args.summary)
        return
    for option in ("--out",) if args.part else ("--out", "--rasters", "--summary"):
        if getattr(args, option.removeprefix("--")) is None:
            raise HybridmapError(f"{option} is missing: {OPTIONS[option]['help']} (or --plan to only look ahead).")
    from hybridmap import __version__
    from hybridmap.diagnose.plausibility import Evidence, implausible
    from hybridmap.export.cog import write_cogs
    from hybridmap.predict.origin import Origin
    from hybridmap.predict.recipe import Job
    from hybridmap.predict.run import Execution, predict

    execution = Execution(args.workers, args.scheduler, args.patience, args.part, args.device)
    origin = Origin.of_samples(args.samples, __version__) if args.samples else Origin()
    job = Job(recipe, args.cube, args.out, origin)

    def export() -> None:
        accepted = args.accept_implausible or config.predict.accept_implausible
        reasons = [] if accepted else implausible(config.experiment(args.experiment), args.model, evidence)
        write_cogs(args.out, args.rasters, args.summary, withheld=_why_withheld(args.experiment, reasons))

    evidence = Evidence(args.predictions, args.out)
    predict(job, _map_title(config, args.experiment), execution, export)


def _why_withheld(experiment: str, reasons: list[str]) -> str:
    if not reasons:
        return ""
    return (
        f"physics of '{experiment}' fails ({'; '.join(reasons)}); the store is written,"
        " --accept-implausible or predict.accept_implausible: true writes rasters too"
    )


def _map_title(config: Config, experiment: str) -> str:
    return f"{config.title or config.region}: {config.experiment(experiment).title or experiment}"


def _stac(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.export.stac import Subject, write_stac

    title = _map_title(config, args.experiment)
    subject = Subject(f"{config.region}-{args.experiment}".replace("_", "-"), title, config.build, args.catalog)
    write_stac(subject, args.maps, args.summary, args.samples, args.out)
    if args.project:
        from hybridmap.export.qgis_project import write_project
        from hybridmap.grid.store import grid_of
        from hybridmap.grid.verified_store import open_verified

        write_project(title, grid_of(open_verified(args.maps)), args.summary, args.project)


def _catalog(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.export.catalog import write_catalog

    write_catalog(config.region, config.title or config.region, args.items, args.out)


def _totals(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.export.area_intervals import read_stock_errors
    from hybridmap.export.totals import totals
    from hybridmap.predict.mapped_depths import modelled_interval

    level = config.experiment(args.experiment).uncertainty.level
    quantities = [name for name, q in config.all_quantities.items() if q.has_stock]
    errors = read_stock_errors(args.calibration, config.all_quantities, modelled_interval(config.build).thickness_m)
    totals(config.totals, config.data_root, level, args.maps, args.out, quantities, errors)
    if args.changes:
        from hybridmap.export.changes import changes

        changes(config.totals, config.data_root, level, args.maps, args.out, args.changes, quantities)


def _next_samples(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.files.paths import under
    from hybridmap.files.results import RegionFiles
    from hybridmap.report.next_samples import SampleFiles, check_count, next_samples

    count, region = check_count(args.count), RegionFiles(Path(config.results) / config.region)
    experiment, files = config.experiment(args.experiment), region.experiment(args.experiment)
    inputs = SampleFiles(region.samples, region.cube, files.maps, files.applicability)
    boundaries = under(config.data_root, config.boundaries) if config.boundaries else None
    quantity = config.all_quantities[experiment.targets[0]]
    next_samples(inputs, quantity, count, boundaries, args.out or files.next_samples, config.predict.year)


def _diagnose(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.diagnose.extent import Borders
    from hybridmap.diagnose.plausibility import Evidence, diagnose
    from hybridmap.files.paths import under

    borders = None
    if config.boundaries and config.boundaries_attribute:
        borders = Borders(under(config.data_root, config.boundaries), config.boundaries_attribute)
    paths = (args.predictions, args.maps, args.skill, args.held_out, borders, args.identifiability, args.samples)
    diagnose(config.experiment(args.experiment), Evidence(*paths), args.model, args.out)


def _identifiability(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.config import Identifiability
    from hybridmap.diagnose.identifiability.passport import Tables, write_passport
    from hybridmap.experiment.layers import ModelLayers

    layers = ModelLayers.of_region(config.build, config.covariates, config.forcing, config.all_quantities)
    models = {folder.name: FoldFiles(folder).model for folder in args.folds}
    starts = (config.identifiability or Identifiability()) if args.starts else None
    tables = Tables(args.samples, args.splits)
    write_passport(config.experiment(args.experiment), layers, tables, models, args.out, starts)


def _relationships(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.diagnose.relationships.tables import Evidence, write_relationships
    from hybridmap.testing.landscape import true_parameters

    experiment, relations = config.experiment(args.experiment), true_parameters if config.demo else None
    models = {folder.name: FoldFiles(folder).model for folder in args.folds}
    evidence = Evidence(args.samples, args.identifiability)
    write_relationships(experiment, config.all_quantities, evidence, models, args.out, relations)
    if args.figure:
        from hybridmap.files.results import RelationshipFiles
        from hybridmap.plot.relationships import draw_relationships

        draw_relationships(RelationshipFiles(args.out), experiment.title or experiment.name, args.figure)


def _proda(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.evaluate.proda.tables import Region, write_proda
    from hybridmap.experiment.layers import ModelLayers
    from hybridmap.files.results import ProdaFiles
    from hybridmap.plot.proda import draw_proda

    if config.proda is None:
        raise HybridmapError("proda: the configuration has no such section; give 'experiments' there.")
    experiment = config.experiment(args.experiment)
    layers = ModelLayers.of_region(config.build, config.covariates, config.forcing, config.all_quantities)
    folds = next(split.folds for split in config.splits if split.name == experiment.splits[0])
    write_proda(experiment, config.proda, Region(layers, args.samples, args.splits, folds), args.out)
    draw_proda(ProdaFiles(args.out), config.all_quantities[experiment.targets[0]])


def _reference(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.evaluate.reference_map import compare_reference

    if config.reference is None:
        raise HybridmapError(f"region '{config.region}' has no 'reference'.")
    compare_reference(config.reference, config.data_root, args.maps, args.out)


def _report(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.report.html import report

    report(config, args.results, args.out, args.figures, args.processes)


def _provenance(config: Config, args: argparse.Namespace) -> None:
    from hybridmap.report.run_record import write_run_record

    write_run_record(config, args.results, args.out)


@dataclass(frozen=True)
class Stage:
    """A verb that takes the files of a configuration: what it runs, its help, and its options."""

    run: Callable[[Config, argparse.Namespace], None]
    help: str
    options: str
    """Names of :data:`~hybridmap.cli.options.OPTIONS`; with ``?`` it may be left out, with ``+`` it takes several."""


STAGES = {
    "demo": Stage(_demo, "make the inputs of the synthetic region", "--out"),
    "ingest": Stage(_ingest, "read one observation table into the common schema", "--source --out --quality?"),
    "build": Stage(_build, "densities, quality control, one row a site", "--observations+ --out --quality --dropped"),
    "clm5-cells": Stage(_clm5_cells, "forcing of CLM5 from the climate of the region", "--out"),
    "cube": Stage(_cube, "warp all rasters onto the grid of the region", "--out --workers"),
    "sample": Stage(_sample, "covariates at the observations", "--observations --cube --out --quality --dropped?"),
    "split": Stage(_split, "deal sites into folds", "--samples --cube? --out"),
    "train": Stage(
        _train, "train folds side by side", "--experiment --fold+ --samples --splits --out --sums? --device"
    ),
    "evaluate": Stage(_evaluate, "scores per target and fold", "--experiment --samples --splits --folds+ --out"),
    "baseline": Stage(_baseline, "fit an ordinary model to every fold", "--name --samples --splits --out"),
    "search": Stage(_search, "try values of keys on nested folds", "--experiment --samples --splits --out"),
    "ladder": Stage(
        _ladder,
        "an experiment between floor, ordinary models and ceiling",
        "--experiment --samples --splits --predictions --baselines --out",
    ),
    "applicability": Stage(
        _applicability, "what decides where a model applies", "--experiment --model --samples --splits --out"
    ),
    "expected-error": Stage(
        _expected_error,
        "what errors to expect away from the sites, from regions that were held out",
        "--experiment --applicability --samples --splits --predictions --out",
    ),
    "predict": Stage(
        _predict,
        "maps as Zarr and GeoTIFF",
        "--experiment --model --cube --samples? --calibration? --applicability? --expected-error? --predictions? --out?"
        " --rasters? --summary? --workers --device --scheduler --patience --part --plan --accept-implausible",
    ),
    "stac": Stage(
        _stac, "describe the maps as a STAC item", "--experiment --maps --summary --samples --out --catalog? --project?"
    ),
    "catalog": Stage(_catalog, "a STAC catalog over the items of a region", "--items+ --out"),
    "totals": Stage(_totals, "carbon stocks of polygons", "--experiment --maps --calibration? --out --changes?"),
    "next-samples": Stage(
        _next_samples,
        "rank places by how much a sample there would make the map more certain",
        "--experiment --count --out?",
    ),
    "diagnose": Stage(
        _diagnose,
        "the verdict: physics, skill, intervals and parameters",
        "--experiment --predictions --maps? --model --skill? --held-out? --identifiability? --samples? --out",
    ),
    "identifiability": Stage(
        _identifiability,
        "which parameters mean something",
        "--experiment --samples --splits --folds+ --starts --out",
    ),
    "relationships": Stage(
        _relationships,
        "how parameters and targets follow each covariate",
        "--experiment --samples --folds+ --identifiability? --out --figure?",
    ),
    "proda": Stage(
        _proda, "sites calibrated one by one, beside an experiment", "--experiment --samples --splits --out"
    ),
    "reference": Stage(_reference, "compare the SOC map with a published one", "--maps --out"),
    "report": Stage(_report, "one self-contained page about the region", "--results --out --figures --processes"),
    "provenance": Stage(_provenance, "which job made each file, from what, and the digests of all", "--results --out"),
}
