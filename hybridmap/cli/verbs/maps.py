"""Verbs from a trained model to maps, and from maps to what is made of them."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hybridmap.cli import options
from hybridmap.cli.verb import stage, verb
from hybridmap.cli.words import Several
from hybridmap.errors import HybridmapError

if TYPE_CHECKING:
    from hybridmap.config import Config

LOG = logging.getLogger("hybridmap")


@stage
@options.experiment()
@options.model()
@options.cube()
@options.samples(required=False)
@options.calibration(required=False)
@options.applicability(required=False)
@click.option("--expected-error", type=options.FILE, help="File of 'hybridmap expected-error' (expected_error.npz).")
@options.predictions(required=False)
@options.out(required=False)
@options.rasters(required=False)
@options.summary(required=False)
@options.workers()
@options.device()
@click.option("--scheduler", default="", help="Address or file of a dask scheduler whose workers predict the tiles.")
@click.option(
    "--patience",
    type=float,
    default=300.0,
    help="Seconds to wait for the file of a dask scheduler, and for its workers when none is left.",
)
@click.option("--part", default="", help="k/n: only every n-th tile from the k-th; a run without finishes.")
@click.option("--plan", is_flag=True, help="Predict nothing, but say what it would take; --summary for JSON.")
@click.option("--accept-implausible", is_flag=True, help="Write GeoTIFFs also where physics fails.")
def _predict(
    config: Config,
    experiment: str,
    model: Path,
    cube: Path,
    samples: Path | None,
    calibration: Path | None,
    applicability: Path | None,
    expected_error: Path | None,
    predictions: Path | None,
    out: Path | None,
    rasters: Path | None,
    summary: Path | None,
    workers: int,
    device: str,
    scheduler: str,
    patience: float,
    part: str,
    plan: bool,
    accept_implausible: bool,
) -> None:
    """Maps as Zarr and GeoTIFF."""
    from hybridmap.predict.worker_start import may_have_gpu, passes_of, start_early

    section = config.experiment(experiment)
    uncertainty = section.uncertainty
    if not plan and not scheduler and not may_have_gpu(device):
        start_early(cube, passes_of(uncertainty, config.predict))
    from hybridmap.predict.mapped_depths import mapped_depths, modelled_interval
    from hybridmap.predict.recipe import Recipe

    interval, depths = modelled_interval(config.build), mapped_depths(config.build, config.predict)
    keep_draws, trust = bool(config.totals), section.own_process
    paths = calibration, applicability
    recipe = Recipe(model, config.predict, uncertainty, interval, *paths, keep_draws, trust, depths, expected_error)
    if plan:
        from hybridmap.predict.estimate import estimate

        estimated = estimate(recipe, cube, workers)
        LOG.info("%s", "\n".join(estimated.lines()))
        if summary:
            estimated.save(summary)
        return
    store = _target(out, options.out)
    from hybridmap import __version__
    from hybridmap.diagnose.plausibility import Evidence, implausible
    from hybridmap.export.cog import write_cogs
    from hybridmap.predict.colour_range import observed_limits
    from hybridmap.predict.origin import Origin
    from hybridmap.predict.recipe import Job
    from hybridmap.predict.run import Execution, predict

    def export(folder: Path, listing: Path) -> None:
        accepted = accept_implausible or config.predict.accept_implausible
        reasons = [] if accepted else implausible(section, model, Evidence(predictions, store))
        observed = observed_limits(samples, config.all_quantities.values()) if samples else {}
        write_cogs(store, folder, listing, withheld=_why_withheld(experiment, reasons), observed=observed)

    places = () if part else (_target(rasters, options.rasters), _target(summary, options.summary))
    execution = Execution(workers, scheduler, patience, part, device)
    origin = Origin.of_samples(samples, __version__) if samples else Origin()
    job = Job(recipe, cube, store, replace(origin, publication=config.publication))
    predict(job, _map_title(config, experiment), execution, partial(export, *places))


@verb
@click.argument("files", nargs=-1, required=True, type=options.FILE, help="What is read to make a map.")
@click.option("--also", cls=Several, help="Texts that count too, as fingerprints of code.")
@options.out()
def _sums(files: tuple[Path, ...], also: tuple[str, ...], out: Path) -> None:
    """Checksums and sizes of files in one, which stands for them: the shares of a map wait for it."""
    from hybridmap.files.sum_list import write_sum_list

    write_sum_list(files, also, out)


def _target(path: Path | None, option: partial[Any]) -> Path:
    """What a prediction writes; HybridmapError where its option was left out."""
    if path is None:
        about = str(option.keywords["help"]).removesuffix(".")
        raise HybridmapError(
            f"{option.args[0]} is missing: {about[0].lower()}{about[1:]} (or --plan to only look ahead)."
        )
    return path


def _why_withheld(experiment: str, reasons: list[str]) -> str:
    if not reasons:
        return ""
    return (
        f"physics of '{experiment}' fails ({'; '.join(reasons)}); the store is written,"
        " --accept-implausible or predict.accept_implausible: true writes rasters too"
    )


def _map_title(config: Config, experiment: str) -> str:
    return f"{config.title or config.region}: {config.experiment(experiment).title or experiment}"


@stage
@options.experiment()
@options.maps()
@options.calibration(required=False)
@options.out()
@click.option("--changes", type=options.FILE, help="Table of changes under scenarios to write.")
def _totals(
    config: Config, experiment: str, maps: Path, calibration: Path | None, out: Path, changes: Path | None
) -> None:
    """Carbon stocks of polygons."""
    from hybridmap.export.area_intervals import read_stock_errors
    from hybridmap.export.totals import totals
    from hybridmap.predict.mapped_depths import modelled_interval

    level = config.experiment(experiment).uncertainty.level
    quantities = [name for name, q in config.all_quantities.items() if q.has_stock]
    errors = read_stock_errors(calibration, config.all_quantities, modelled_interval(config.build).thickness_m)
    totals(config.totals, config.data_root, level, maps, out, quantities, errors)
    if changes:
        from hybridmap.export.changes import changes as write_changes

        write_changes(config.totals, config.data_root, level, maps, out, changes, quantities)


@stage
@options.maps()
@options.out()
def _reference(config: Config, maps: Path, out: Path) -> None:
    """Compare the SOC map with a published one."""
    from hybridmap.evaluate.reference_map import compare_reference

    if config.reference is None:
        raise HybridmapError(f"region '{config.region}' has no 'reference'.")
    compare_reference(config.reference, config.data_root, maps, out)


@stage
@options.experiment()
@click.option("--count", type=int, required=True, help="How many places.")
@options.out(required=False)
def _next_samples(config: Config, experiment: str, count: int, out: Path | None) -> None:
    """Rank places by how much a sample there would make the map more certain."""
    from hybridmap.files.paths import under
    from hybridmap.files.results import RegionFiles
    from hybridmap.report.next_samples import SampleFiles, check_count, next_samples

    number, region = check_count(count), RegionFiles(Path(config.results) / config.region)
    section, files = config.experiment(experiment), region.experiment(experiment)
    inputs = SampleFiles(region.samples, region.cube, files.maps, files.applicability)
    boundaries = under(config.data_root, config.boundaries) if config.boundaries else None
    quantity = config.all_quantities[section.targets[0]]
    next_samples(inputs, quantity, number, boundaries, out or files.next_samples, config.predict.year)


@stage
@options.experiment()
@options.maps()
@options.summary()
@options.samples()
@options.out()
@click.option("--catalog", type=options.FILE, help="STAC catalog of the region, which links the item.")
@click.option("--project", type=options.FILE, help="QGIS project of the maps to write (QGS).")
def _stac(
    config: Config,
    experiment: str,
    maps: Path,
    summary: Path,
    samples: Path,
    out: Path,
    catalog: Path | None,
    project: Path | None,
) -> None:
    """Describe the maps as a STAC item."""
    from hybridmap.export.stac import Subject, write_stac

    title = _map_title(config, experiment)
    name = f"{config.region}-{experiment}".replace("_", "-")
    subject = Subject(name, title, config.build, catalog, config.publication)
    write_stac(subject, maps, summary, samples, out)
    if project:
        from hybridmap.export.qgis_project import write_project
        from hybridmap.grid.store import grid_of
        from hybridmap.grid.verified_store import open_verified

        write_project(title, grid_of(open_verified(maps)), summary, project)


@stage
@click.option("--items", cls=Several, type=options.FILE, required=True, help="STAC items of experiments.")
@options.out()
def _catalog(config: Config, items: tuple[Path, ...], out: Path) -> None:
    """A STAC catalog over the items of a region."""
    from hybridmap.export.catalog import write_catalog

    write_catalog(config.region, config.title or config.region, items, out)


@verb
@click.argument("maps", type=options.FILE, help="Maps of the experiment (maps.zarr).")
@click.argument("out", type=options.FILE, help="NetCDF file to write.")
def _netcdf(maps: Path, out: Path) -> None:
    """Copy the maps of an experiment into one NetCDF file."""
    from hybridmap.export.netcdf import write_netcdf

    write_netcdf(maps, out)
