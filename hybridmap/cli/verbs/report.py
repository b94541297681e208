"""Verbs about a finished region: its page, its record, its files as they were written."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hybridmap.cli import options
from hybridmap.cli.verb import stage, verb
from hybridmap.errors import HybridmapError

if TYPE_CHECKING:
    from hybridmap.config import Config

LOG = logging.getLogger("hybridmap")


@stage
@options.results()
@options.out()
@click.option("--figures", type=options.FILE, required=True, help="Folder for figures.")
@click.option("--processes", type=int, default=1, help="Experiments whose figures are drawn at a time.")
def _report(config: Config, results: Path, out: Path, figures: Path, processes: int) -> None:
    """One self-contained page about the region."""
    from hybridmap.report.html import report

    report(config, results, out, figures, processes)


@verb
@options.region_folder()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to serve at; by default a free one.")
@click.option("--no-browser", is_flag=True, help="Open no browser, but say the address.")
def _view(results: Path, port: int, no_browser: bool) -> None:
    """Open the report of a region with its maps at full resolution, served to this machine alone."""
    from hybridmap.report.map_server import serve

    serve(results, port, not no_browser)


@stage
@options.results()
@options.out()
def _provenance(config: Config, results: Path, out: Path) -> None:
    """Which job made each file, from what, and the digests of all."""
    from hybridmap.report.run_record import write_run_record

    write_run_record(config, results, out)


@verb
@options.region_folder()
def _verify(results: Path) -> None:
    """Read all files of a region again and name those that are not what was written, and who made them."""
    from hybridmap.report.verification import verify

    verification = verify(results)
    for line in [*verification.differences, *verification.notes]:
        LOG.info("%s", line)
    if verification.differences:
        count = verification.files + verification.sources
        raise HybridmapError(
            f"{results}: {len(verification.differences)} of {count} files are not what was written. Delete them"
            " and run snakemake again, or look at what changed them."
        )
    LOG.info("%s: %d files as written, %d sources as they were read", results, verification.files, verification.sources)


@verb
@options.region_folder()
@click.option("--workflow", type=options.FILE, default=Path("Snakefile"), help="The Snakefile of the run.")
def _crate(results: Path, workflow: Path) -> None:
    """Describe the folder of a region as an RO-Crate."""
    from hybridmap.export.crate import write_crate

    LOG.info("%s", write_crate(results, workflow))
