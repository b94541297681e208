"""Verbs from a trained model to maps, and from maps to what is made of them."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

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
@options.out(required=False)
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
@click.option("--plan", is_flag=True, help="Predict nothing, but say what it would take.")
@click.option("--summary", type=options.FILE, help="What --plan says, as JSON.")
def _predict(
    config: Config,
    experiment: str,
    model: Path,
    cube: Path,
    samples: Path | None,
    calibration: Path | None,
    applicability: Path | None,
    expected_error: Path | None,
    out: Path | None,
    workers: int,
    device: str,
    scheduler: str,
    patience: float,
    part: str,
    plan: bool,
    summary: Path | None,
) -> None:
    """Maps as Zarr."""
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
    if out is None:
        raise HybridmapError("--out is missing: what to write (or --plan to only look ahead).")
    from hybridmap.predict.recipe import Job
    from hybridmap.predict.run import Execution, predict
    from hybridmap.samples.year_span import years_of_samples

    years = years_of_samples(samples) if samples else ()
    predict(Job(recipe, cube, out, years), Execution(workers, scheduler, patience, part, device))


@stage
@options.experiment()
@options.model()
@options.maps()
@options.samples()
@options.predictions(required=False)
@options.rasters()
@options.summary()
@click.option("--item", type=options.FILE, help="STAC item of the maps to write (JSON); a picture goes beside it.")
@click.option("--catalog", type=options.FILE, help="STAC catalog of the region, which links the item.")
@click.option("--project", type=options.FILE, help="QGIS project of the maps to write (QGS).")
@click.option("--title", default="", help="Title of the maps; left out, that of the region and the experiment.")
@click.option("--accept-implausible", is_flag=True, help="Write GeoTIFFs also where physics fails.")
def _export(
    config: Config,
    experiment: str,
    model: Path,
    maps: Path,
    samples: Path,
    predictions: Path | None,
    rasters: Path,
    summary: Path,
    item: Path | None,
    catalog: Path | None,
    project: Path | None,
    title: str,
    accept_implausible: bool,
) -> None:
    """What maps say of themselves, and maps as GeoTIFF, with a STAC item and a QGIS project."""
    from hybridmap import __version__
    from hybridmap.diagnose.plausibility import Evidence, implausible
    from hybridmap.export.cog import write_cogs
    from hybridmap.export.origin import Origin, write_origin
    from hybridmap.predict.colour_range import observed_limits

    section = config.experiment(experiment)
    title = title or f"{config.title or config.region}: {section.title or experiment}"
    is_accepted = accept_implausible or config.predict.accept_implausible
    reasons = [] if is_accepted else implausible(section, model, Evidence(predictions, maps))
    write_origin(maps, replace(Origin.of_samples(samples, __version__), title=title, publication=config.publication))
    observed = observed_limits(samples, config.all_quantities.values())
    write_cogs(maps, rasters, summary, withheld=_why_withheld(experiment, reasons), observed=observed)
    if item:
        from hybridmap.export.stac import Subject, write_stac

        name = f"{config.region}-{experiment}".replace("_", "-")
        write_stac(Subject(name, title, config.build, catalog, config.publication), maps, summary, samples, item)
    if project:
        from hybridmap.export.qgis_project import write_project
        from hybridmap.grid.store import grid_of
        from hybridmap.grid.verified_store import open_verified

        write_project(title, grid_of(open_verified(maps)), summary, project)


@verb
@click.argument("files", nargs=-1, required=True, type=options.FILE, help="What is read to make a map.")
@click.option("--also", cls=Several, help="Texts that count too, as fingerprints of code.")
@options.out()
def _sums(files: tuple[Path, ...], also: tuple[str, ...], out: Path) -> None:
    """Checksums and sizes of files in one, which stands for them: the shares of a map wait for it."""
    from hybridmap.files.sum_list import write_sum_list

    write_sum_list(files, also, out)


def _why_withheld(experiment: str, reasons: list[str]) -> str:
    if not reasons:
        return ""
    return (
        f"physics of '{experiment}' fails ({'; '.join(reasons)}); the store is written,"
        " --accept-implausible or predict.accept_implausible: true writes rasters too"
    )


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
