"""Verbs from published and own tables to one row a site."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hybridmap.cli import options
from hybridmap.cli.verb import stage, verb
from hybridmap.cli.words import Several

if TYPE_CHECKING:
    from hybridmap.config import Config


@stage
@options.out()
def _demo(config: Config, out: Path) -> None:
    """Make the inputs of the synthetic region."""
    from hybridmap.testing.files import write_landscape

    write_landscape(config, out)


@verb
@click.argument("name", required=False, help="Name of the format to describe.")
@options.out(required=False, help="Folder for a page of each format.")
def _formats(name: str | None, out: Path | None) -> None:
    """List the data sets that are known by name, or describe one."""
    from hybridmap.observations.formats.pages import format_page, write_format_pages
    from hybridmap.observations.formats.registry import format_names, read_format

    if out:
        write_format_pages(out)
    if name:
        sys.stdout.write(format_page(name))
    elif not out:
        sys.stdout.writelines(f"{entry:28}{read_format(entry).title}\n" for entry in format_names())


@stage
@click.option("--source", required=True, help="Name of the source.")
@options.out()
@options.quality(required=False)
def _ingest(config: Config, source: str, out: Path, quality: Path | None) -> None:
    """Read one observation table into the common schema."""
    from hybridmap.grid.region_grid import RegionGrid
    from hybridmap.observations.ingest import find_source, ingest
    from hybridmap.observations.schema import Schema

    schema = Schema(config.all_quantities)
    table = find_source(config.observations, source)
    ingest(table, config.data_root, RegionGrid.of(config.grid), out, quality, schema)


@stage
@options.observations(cls=Several, help="Tables of observations.")
@options.out()
@options.quality()
@options.dropped()
def _build(config: Config, observations: tuple[Path, ...], out: Path, quality: Path, dropped: Path) -> None:
    """Densities, quality control, one row a site."""
    from hybridmap.observations.build import build
    from hybridmap.observations.schema import Schema

    schema = Schema(config.all_quantities)
    build(config.build, config.grid, observations, out, quality, dropped, schema)
