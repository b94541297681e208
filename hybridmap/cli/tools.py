"""Verbs with arguments of their own: checks, lists, downloads, forcing, templates.

A function imports what it runs itself, so that a command starts quickly.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hybridmap.cli.options import FORCING_ARGUMENTS, PLAN_ARGUMENTS, SCENARIO, Arguments, argument
from hybridmap.errors import HybridmapError

LOG = logging.getLogger("hybridmap")


def _check(args: argparse.Namespace) -> None:
    from hybridmap.check.process_model import check_model
    from hybridmap.check.region import check
    from hybridmap.cli.workflow import default_file
    from hybridmap.config.reading import load_config
    from hybridmap.process import list_processes

    models = [path for path in args.config if path.suffix == ".py" or str(path) in list_processes()]
    files = [path for path in args.config if path not in models]
    lines = [line for path in models for line in check_model(str(path))]
    if files:
        config = load_config(*files)
        if len(files) == 1 and not config.experiments:
            default = default_file()
            config = load_config(default, *files)
            LOG.info("%s names no experiments: laid over %s, as 'hybridmap run' does", files[0], default.name)
        lines += check(config)
    for line in lines:
        LOG.info("%s", line)


def _schema(args: argparse.Namespace) -> None:
    if args.markdown:
        from hybridmap.config.reference_page import markdown

        sys.stdout.write(markdown())
        return
    from hybridmap.config import Config

    json.dump(Config.model_json_schema(), sys.stdout, indent=2)
    sys.stdout.write("\n")


def _formats(args: argparse.Namespace) -> None:
    from hybridmap.observations.formats.pages import format_page, write_format_pages
    from hybridmap.observations.formats.registry import format_names, read_format

    if args.out:
        write_format_pages(args.out)
    for name in [args.name] if args.name else [] if args.out else format_names():
        sys.stdout.write(format_page(name) if args.name else f"{name:28}{read_format(name).title}\n")


def _fetch(args: argparse.Namespace) -> None:
    from hybridmap.fetch.catalogue import catalogue
    from hybridmap.fetch.data_set import fetch

    for name in args.names:
        fetch(name, args.to / name, args.offline, origin=args.origin)
    if not args.names:
        for name, entry in catalogue().items():
            source = entry.size if entry.files else f"by hand from {entry.request}"
            sys.stdout.write(f"{name:22}{entry.title} ({entry.licence}; {source})\n")


def _clm5_forcing(args: argparse.Namespace) -> None:
    if args.source == "climate":
        _clm5_forcing_of_climate(args)
        return
    from hybridmap.config.reading import load_config
    from hybridmap.covariates.clm5_forcing import write_clm5_cells, write_clm5_forcing
    from hybridmap.grid.region_grid import RegionGrid

    if alien := next((option for option in ("resolution", "assume", *SCENARIO) if getattr(args, option)), ""):
        raise HybridmapError(f"--{alien.replace('_', '-')} changes what is made of a climate; add --from climate.")
    if args.region:
        write_clm5_cells(args.files, RegionGrid.of(load_config(*args.region).grid), args.out)
    else:
        write_clm5_forcing(args.files, args.sites, args.out)


def _clm5_forcing_of_climate(args: argparse.Namespace) -> None:
    from hybridmap.config.climate_layers import load_climate_layers
    from hybridmap.config.reading import load_config
    from hybridmap.covariates.land_model.assumptions import read_assumptions
    from hybridmap.covariates.land_model.climate_cells import write_climate_cells
    from hybridmap.grid.region_grid import RegionGrid

    if not args.region:
        raise HybridmapError("--sites is for history files; a climate makes a table of cells, so give --region.")
    layers, region = load_climate_layers(*args.files), load_config(*args.region)
    if args.resolution:
        layers = layers.model_copy(update={"resolution": args.resolution})
    if wrong := next((pair for pair in args.assume if "=" not in pair), ""):
        raise HybridmapError(f"--assume {wrong}: expected KEY=VALUE, as thermal_diffusivity=4e-7.")
    changes = dict(pair.split("=", 1) for pair in args.assume)
    changes |= {name: getattr(args, name) for name in SCENARIO if getattr(args, name)}
    assumptions = read_assumptions({**layers.assumptions, **changes})
    write_climate_cells(layers, assumptions, RegionGrid.of(region.grid), region.data_root, args.out)


def _init(args: argparse.Namespace) -> None:
    from hybridmap.check.region_draft import write_region_draft
    from hybridmap.config.template import write_template

    if args.table is None:
        if args.rasters or args.crs:
            raise HybridmapError("--rasters and --crs go with --table, the table of soil samples.")
        write_template(args.out)
        return
    for line in write_region_draft(args.out, args.table, args.rasters, args.crs):
        LOG.info("%s", line)


def _status(args: argparse.Namespace) -> None:
    from hybridmap.report.summary import region_of, summary_lines

    for line in summary_lines(region_of(args.results), args.results):
        sys.stdout.write(f"{line}\n")


def _run(args: argparse.Namespace) -> None:
    from hybridmap.cli.workflow import run_workflow

    run_workflow(args.config, args.cores, args.words, args.quiet)


def _deploy(args: argparse.Namespace) -> None:
    from hybridmap.cli.workflow import DEPLOYED, deploy

    deploy(args.folder)
    LOG.info("%s: %s", args.folder, ", ".join(DEPLOYED))


def _plan(args: argparse.Namespace) -> None:
    from dataclasses import fields

    from hybridmap.check.region_plan import Wish, plan_lines
    from hybridmap.cli.workflow import default_file, job_needs
    from hybridmap.config.reading import load_config

    wish = Wish(**{field.name: getattr(args, field.name) for field in fields(Wish)})
    for line in plan_lines(load_config(default_file(), *args.config), wish, job_needs()):
        sys.stdout.write(f"{line}\n")


def _verify(args: argparse.Namespace) -> None:
    from hybridmap.report.verification import verify

    verification = verify(args.results)
    for line in [*verification.differences, *verification.notes]:
        LOG.info("%s", line)
    if verification.differences:
        count = verification.files + verification.sources
        raise HybridmapError(
            f"{args.results}: {len(verification.differences)} of {count} files are not what was written. Delete them"
            " and run snakemake again, or look at what changed them."
        )
    LOG.info(
        "%s: %d files as written, %d sources as they were read", args.results, verification.files, verification.sources
    )


def _crate(args: argparse.Namespace) -> None:
    from hybridmap.export.crate import write_crate

    LOG.info("%s", write_crate(args.results, args.workflow))


def _netcdf(args: argparse.Namespace) -> None:
    from hybridmap.export.netcdf import write_netcdf

    write_netcdf(args.maps, args.out)


def _view(args: argparse.Namespace) -> None:
    from hybridmap.report.map_server import serve

    serve(args.results, args.port, not args.no_browser)


@dataclass(frozen=True)
class Tool:
    """A verb with arguments of its own."""

    run: Callable[[argparse.Namespace], None]
    help: str
    arguments: Arguments


TOOLS = {
    "check": Tool(
        _check,
        "find every mistake in a configuration and its data before anything runs",
        (argument("config", nargs="+", type=Path, help="configuration files, or process models: .py files or names"),),
    ),
    "schema": Tool(
        _schema,
        "print the JSON schema of the configuration",
        (argument("--markdown", action="store_true", help="as the reference page of the docs"),),
    ),
    "formats": Tool(
        _formats,
        "list the data sets that are known by name, or describe one",
        (
            argument("name", nargs="?", help="name of the format to describe"),
            argument("--out", type=Path, help="folder for a page of each format"),
        ),
    ),
    "fetch": Tool(
        _fetch,
        "fetch public data sets by name; without a name, list them",
        (
            argument("names", nargs="*", help="data sets"),
            argument("--to", type=Path, default=Path("data"), help="folder that gets a folder for each"),
            argument(
                "--from",
                dest="origin",
                default="",
                metavar="PLACE",
                help="folder or address of a copy of the data, looked at first: PLACE/DATA_SET/FILE",
            ),
            argument("--offline", action="store_true", help="fetch nothing, but say which file belongs where"),
        ),
    ),
    "clm5-forcing": Tool(
        _clm5_forcing,
        "forcing of the CLM5 model, from CESM history files or from climate",
        FORCING_ARGUMENTS,
    ),
    "init": Tool(
        _init,
        "write a commented region file to start from, drafted from what you have",
        (
            argument("out", type=Path, help="region file to write"),
            argument("--table", type=Path, help="table of soil samples, whose columns are looked at"),
            argument("--rasters", type=Path, help="folder of covariates"),
            argument("--crs", default="", help="of coordinates of the table that are not degrees, as EPSG:5514"),
        ),
    ),
    "status": Tool(
        _status,
        "what there is of a region, in a few lines",
        (argument("results", type=Path, help="folder of the region, as results/demo"),),
    ),
    "run": Tool(
        _run,
        "run the workflow in this folder, with the packaged defaults",
        (
            argument("config", nargs="*", type=Path, help="region files; none for the demo"),
            argument("--cores", default="all", help="how many; by default all"),
            argument("--quiet", action="store_true", help="say only how far it is, and what went wrong"),
            argument(
                "--snakemake",
                dest="words",
                nargs=argparse.REMAINDER,
                default=[],
                help="all that follows goes to snakemake",
            ),
        ),
    ),
    "plan": Tool(
        _plan,
        "what a region will take before anything is there: jobs, hours, nodes, storage, cost",
        PLAN_ARGUMENTS,
    ),
    "deploy": Tool(
        _deploy,
        "copy the workflow and its defaults into a folder, to be changed there",
        (argument("folder", type=Path, help="folder to copy to"),),
    ),
    "verify": Tool(
        _verify,
        "read all files of a region again and name those that are not what was written, and who made them",
        (argument("results", type=Path, help="folder of the region, as results/demo"),),
    ),
    "view": Tool(
        _view,
        "open the report of a region with its maps at full resolution, served to this machine alone",
        (
            argument("results", type=Path, help="folder of the region, as results/demo"),
            argument("--port", type=int, default=0, help="port to serve at; by default a free one"),
            argument("--no-browser", action="store_true", help="open no browser, but say the address"),
        ),
    ),
    "netcdf": Tool(
        _netcdf,
        "copy the maps of an experiment into one NetCDF file",
        (
            argument("maps", type=Path, help="maps.zarr of the experiment"),
            argument("out", type=Path, help="NetCDF file to write"),
        ),
    ),
    "crate": Tool(
        _crate,
        "describe the folder of a region as an RO-Crate",
        (
            argument("results", type=Path, help="folder of the region, as results/demo"),
            argument("--workflow", type=Path, default=Path("Snakefile"), help="the Snakefile of the run"),
        ),
    ),
}
