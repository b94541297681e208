"""Verbs around the whole workflow: a region file, its check, its run, what there is of it."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import click

from hybridmap.cli import options
from hybridmap.cli.verb import verb
from hybridmap.cli.words import Remainder, WholeNumber
from hybridmap.errors import HybridmapError

LOG = logging.getLogger("hybridmap")


@verb
@click.argument("out", type=options.FILE, help="Region file to write.")
@click.option("--table", type=options.FILE, help="Table of soil samples, whose columns are looked at.")
@options.rasters(required=False, help="Folder of covariates.")
@click.option("--crs", default="", help="Of coordinates of the table that are not degrees, as EPSG:5514.")
def _init(out: Path, table: Path | None, rasters: Path | None, crs: str) -> None:
    """Write a commented region file to start from, drafted from what you have."""
    from hybridmap.check.region_draft import write_region_draft
    from hybridmap.config.template import write_template

    if table is None:
        if rasters or crs:
            raise HybridmapError("--rasters and --crs go with --table, the table of soil samples.")
        write_template(out)
        return
    for line in write_region_draft(out, table, rasters, crs):
        LOG.info("%s", line)


@verb
@click.argument(
    "config",
    nargs=-1,
    required=True,
    type=options.FILE,
    help="Configuration files, or process models: .py files or names.",
)
def _check(config: tuple[Path, ...]) -> None:
    """Find every mistake in a configuration and its data before anything runs."""
    from hybridmap.check.process_model import check_model
    from hybridmap.check.region import check
    from hybridmap.cli.workflow import default_file
    from hybridmap.config.reading import load_config
    from hybridmap.process import list_processes

    models = [path for path in config if path.suffix == ".py" or str(path) in list_processes()]
    files = [path for path in config if path not in models]
    lines = [line for path in models for line in check_model(str(path))]
    if files:
        region = load_config(*files)
        if len(files) == 1 and not region.experiments:
            default = default_file()
            region = load_config(default, *files)
            LOG.info("%s names no experiments: laid over %s, as 'hybridmap run' does", files[0], default.name)
        lines += check(region)
    for line in lines:
        LOG.info("%s", line)


@verb
@click.argument("config", nargs=-1, type=options.FILE, help="Region files; none for the demo.")
@click.option("--cores", default="all", help="How many; by default all.")
@click.option("--quiet", is_flag=True, help="Say only how far it is, and what went wrong.")
@click.option("--snakemake", "words", cls=Remainder, metavar="WORD", help="All that follows goes to snakemake.")
def _run(config: tuple[Path, ...], cores: str, quiet: bool, words: tuple[str, ...]) -> None:
    """Run the workflow in this folder, with the packaged defaults."""
    from hybridmap.cli.workflow import run_workflow

    run_workflow(config, cores, words, quiet)


@verb
@options.region_folder()
def _status(results: Path) -> None:
    """What there is of a region, in a few lines."""
    from hybridmap.report.summary import region_of, summary_lines

    for line in summary_lines(region_of(results), results):
        sys.stdout.write(f"{line}\n")


COUNT = WholeNumber()
AMOUNT = click.FloatRange(min=0)
POSITIVE = click.FloatRange(min=0, min_open=True)


@verb
@click.argument("config", nargs=-1, required=True, type=options.FILE, help="Region files, over the packaged defaults.")
@click.option("--cells", type=COUNT, default=0, help="Cells with data, as 6e9; by default all of the grid.")
@click.option("--covariates", type=COUNT, default=0, help="How many; by default those of the region.")
@click.option("--resolution", type=AMOUNT, default=0.0, help="Cell size, in units of the CRS of the region.")
@click.option("--sites", type=COUNT, default=0, help="Sites to train on; without it training is not counted.")
@click.option("--hours", type=POSITIVE, default=24.0, help="In which the work shall be done (24).")
@click.option("--node-cores", type=click.IntRange(min=1), default=32, help="Cores of a node (32).")
@click.option("--node-memory-gb", type=AMOUNT, default=0.0, help="Memory of the largest node, held against every job.")
@click.option("--core-hour-price", type=AMOUNT, default=0.0, help="Of a core for an hour, in any currency.")
@click.option("--tb-month-price", type=AMOUNT, default=0.0, help="Of a terabyte for a month.")
@click.option("--months", type=AMOUNT, default=1.0, help="That layers and maps are kept (1).")
def _plan(config: tuple[Path, ...], **wishes: Any) -> None:
    """What a region will take before anything is there: jobs, hours, nodes, storage, cost."""
    from hybridmap.check.region_plan import Wish, plan_lines
    from hybridmap.cli.workflow import default_file, job_needs
    from hybridmap.config.reading import load_config

    for line in plan_lines(load_config(default_file(), *config), Wish(**wishes), job_needs()):
        sys.stdout.write(f"{line}\n")


@verb
@click.argument("folder", type=options.FILE, help="Folder to copy to.")
def _deploy(folder: Path) -> None:
    """Copy the workflow and its defaults into a folder, to be changed there."""
    from hybridmap.cli.workflow import DEPLOYED, deploy

    deploy(folder)
    LOG.info("%s: %s", folder, ", ".join(DEPLOYED))


@verb
@click.option("--markdown", is_flag=True, help="As the reference page of the docs.")
def _schema(markdown: bool) -> None:
    """Print the JSON schema of the configuration."""
    if markdown:
        from hybridmap.config.reference_page import markdown as reference_page

        sys.stdout.write(reference_page())
        return
    from hybridmap.config import Config

    json.dump(Config.model_json_schema(), sys.stdout, indent=2)
    sys.stdout.write("\n")
