"""Any table of soil layers into the common schema: through the column map of the region file or a known format."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from hybridmap.config import ObservationSource
from hybridmap.errors import HybridmapError, nearest
from hybridmap.files.tables import with_points, write_csv, write_parquet
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.observations.quality.drop_counts import DropCounts
from hybridmap.observations.schema import SCHEMA, Schema
from hybridmap.observations.sources.coordinates import DegreeBounds, check_one_place_a_site
from hybridmap.observations.sources.derived_fields import count_unfinished_differences, derive_fields
from hybridmap.observations.sources.domains import judge_domains
from hybridmap.observations.sources.layers import layers_of_rows
from hybridmap.observations.sources.opened_source import open_source
from hybridmap.observations.sources.row_steps import read_rows
from hybridmap.observations.sources.unit_checks import check_ranges, check_units

LOG = logging.getLogger("hybridmap")


def find_source(sources: Iterable[ObservationSource], name: str) -> ObservationSource:
    """The source called `name`; HybridmapError if there is none."""
    by_name = {source.name: source for source in sources}
    if name not in by_name:
        raise HybridmapError(f"no observation source '{name}'{nearest(name, by_name)}; there are {sorted(by_name)}.")
    return by_name[name]


def ingest(
    source: ObservationSource,
    data_root: str,
    grid: RegionGrid,
    out: Path,
    quality: Path | None = None,
    schema: Schema = SCHEMA,
) -> None:
    """Read an observation source and write it as GeoParquet, one row a measured layer.

    Parameters
    ----------
    source : ObservationSource
        Format, column map, units, joins, filters.
    data_root : str
        Folder that its paths start from.
    grid : RegionGrid
        Rows outside its bounds are left out.
    out, quality : Path
        ``observations/{source}.parquet``, and counts of the rows that were left out while reading, if wanted.
    schema : Schema
        The common schema with the quantities of the region.

    Raises
    ------
    HybridmapError
        As :func:`read_source`.
    """
    drops = DropCounts("ingest")
    layers = read_source(source, data_root, grid, drops, schema)
    counts = ", ".join(f"{int(layers[c].notna().sum())} {c}" for c in schema.measured if layers[c].notna().any())
    LOG.info("%s: %d layers of %d sites (%s)", source.name, len(layers), layers["site_id"].nunique(), counts)
    for licence, count in layers["licence"].value_counts().items():
        LOG.info("licence %s: %d layers", licence or "not stated", count)
    if quality is not None:
        write_csv(drops.table(), quality)
    write_parquet(with_points(layers), out)


def read_source(
    source: ObservationSource,
    data_root: str,
    grid: RegionGrid,
    drops: DropCounts | None = None,
    schema: Schema = SCHEMA,
) -> pd.DataFrame:
    """Read one table into the common schema; the file streams, and only rows that pass stay in memory.

    Parameters
    ----------
    source : ObservationSource
        Format, column map, units, joins, filters.
    data_root : str
        Folder that its paths start from.
    grid : RegionGrid
        Rows outside its bounds are left out.
    drops : DropCounts, optional
        Counts the rows that are left out.
    schema : Schema
        The common schema with the quantities of the region.

    Returns
    -------
    DataFrame
        Columns of the schema; ``source_row`` counts lines with the header as 1.

    Raises
    ------
    HybridmapError
        For a missing file, a column or schema field that does not exist, an unknown unit or one that cannot be right,
        a cell that is no number, or a site identifier with two coordinates. The sentence names file, column and row.
    """
    opened = open_source(source, data_root, schema)
    path = opened.table.path
    drops = DropCounts("ingest") if drops is None else drops
    rows = read_rows(opened, DegreeBounds.of(grid), drops)
    tables = [layers_of_rows(rows, columns, opened.source, path, opened.rules, schema) for columns in opened.layer_maps]
    layers = pd.concat(tables, ignore_index=True)
    for columns in opened.layer_maps:
        check_units(path, layers, columns)
        check_ranges(path, layers, columns, schema)
        count_unfinished_differences(rows, columns, opened.source.name, drops)
    layers = derive_fields(judge_domains(layers, drops, schema), opened.source, opened.fields, path, drops)
    check_one_place_a_site(path, layers, opened.fields)
    return layers[list(schema.layer_columns)]
