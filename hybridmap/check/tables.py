"""Tables of measurements: read as the workflow reads them, and where that fails, every fault and not only the first."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import pandas as pd
from pyproj import Transformer

from hybridmap.config import Column, ObservationSource
from hybridmap.errors import HybridmapError, nearest
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.observations.ingest import read_source
from hybridmap.observations.schema import SCHEMA, Schema, field_factor
from hybridmap.observations.sources.opened_source import check_fields
from hybridmap.observations.sources.quantity_fields import with_quantity_fields

LOG = logging.getLogger("hybridmap")
COORDINATES = ("lon", "lat")


def check_table(source: ObservationSource, data_root: str, grid: RegionGrid, schema: Schema = SCHEMA) -> pd.DataFrame:
    """Read a table into the common schema.

    Parameters
    ----------
    source : ObservationSource
        Format, column map, units, joins, filters.
    data_root : str
        Folder that its paths start from.
    grid : RegionGrid
        Of the region.
    schema : Schema
        The common schema with the quantities of the region.

    Returns
    -------
    DataFrame
        As :func:`hybridmap.observations.ingest.read_source`.

    Raises
    ------
    HybridmapError
        With every fault that can be told from the others, a line each.
    """
    try:
        return _with_measurements(read_source(source, data_root, grid, schema=schema), schema)
    except HybridmapError as error:
        mistakes = [str(error)]
    if source.format is None and not source.layers and set(COORDINATES) <= set(source.columns):
        mistakes += [fault for part in _parts(source, grid) if (fault := _fault(part, data_root, grid, schema))]
    raise HybridmapError("\n".join(dict.fromkeys(mistakes)))


def _with_measurements(table: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    fields = [field for field in (*schema.measured, "soc_stock_kg_m2") if field in table]
    if fields and not table[fields].notna().any().any():
        raise HybridmapError(
            f"no row has a value of {', '.join(fields)} that soils can have; check columns, units, detection limits and"
            " missing codes."
        )
    return table


def check_mapping(source: ObservationSource, schema: Schema = SCHEMA) -> str:
    """Check the column map of a table that is not there yet.

    Raises
    ------
    HybridmapError
        For a field that the schema has not, or a unit that its field cannot have; a line each.
    """
    if source.format is not None:
        return "made later"
    source = with_quantity_fields(source, schema)
    maps = [{**source.columns, **overlay} for overlay in source.layers or [{}]]
    items = [item for columns in maps for item in columns.items()]
    mistakes = [fault for item in items if (fault := _mapping_fault(source.name, schema, *item))]
    if not mistakes:
        try:
            check_fields(source.name, maps, schema)
        except HybridmapError as error:
            mistakes.append(str(error))
    if mistakes:
        raise HybridmapError("\n".join(dict.fromkeys(mistakes)))
    return f"{len(source.columns)} columns mapped"


FURTHER_FIELDS = {
    "soc": ("tc_g_kg", "soc_stock_kg_m2"),
    "poc": ("poc_share",),
    "moc": ("moc_share",),
}
"""Quantity → fields that it is made of, beside its content and its own column."""


def check_targets(sources: Sequence[ObservationSource], targets: Sequence[str], schema: Schema = SCHEMA) -> None:
    """Refuse a target that no table has; those of known formats may have any.

    Parameters
    ----------
    sources : sequence of ObservationSource
        Of the region.
    targets : sequence of str
        Of an experiment.
    schema : Schema
        With the quantities of the region.

    Raises
    ------
    HybridmapError
        With the targets that there are.
    """
    if any(source.format or any(join.format for join in source.joins) for source in sources):
        return
    fields = {field for source in sources for field in _fields_of(with_quantity_fields(source, schema))}
    measured = [
        name
        for name, quantity in schema.quantities.items()
        if fields & {quantity.content, quantity.column, *FURTHER_FIELDS.get(name, ())}
    ]
    if unmeasured := [target for target in targets if target not in measured]:
        raise HybridmapError(
            f"targets: no table has '{unmeasured[0]}'; map its column, or give the experiments (experiment_defaults)"
            f" targets: {measured}."
        )


def _fields_of(source: ObservationSource) -> set[str]:
    maps = (source.columns, *source.layers, *(join.columns for join in source.joins))
    return {field for columns in maps for field in columns}


def _mapping_fault(source: str, schema: Schema, field: str, column: Column) -> str:
    fields = schema.fields
    if field not in fields:
        return f"'{field}' is no field of the schema{nearest(field, fields)}; fields are {list(fields)}."
    if fields[field].quantity in ("text", "year", "angle"):
        return ""
    try:
        field_factor(fields[field], column.unit, f"source '{source}': '{field}'")
    except HybridmapError as error:
        return str(error)
    return ""


def _fault(part: ObservationSource, data_root: str, grid: RegionGrid, schema: Schema) -> str:
    level = LOG.level
    LOG.setLevel(logging.ERROR)  # what is said of a part is not of the table
    try:
        read_source(part, data_root, grid, schema=schema)
    except HybridmapError as error:
        return str(error)
    finally:
        LOG.setLevel(level)
    return ""


def _parts(source: ObservationSource, grid: RegionGrid) -> Iterator[ObservationSource]:
    """The source with all but one of its fields replaced by constants that are in order; coordinates go together."""
    sound = _sound_columns(grid)
    fields = [field for field in source.columns if field not in COORDINATES]
    for field in fields:
        # A joined table may be at fault itself, and would be named again and again.
        yield _with_columns(source, {**sound, field: source.columns[field]}, crs=None, where={}, exclude={})
    coordinates = {field: source.columns[field] for field in COORDINATES}
    # A single site may not lie in two places, so that each row is a site of its own where the table tells.
    site = {"site_id": source.columns["site_id"]} if "site_id" in source.columns else {}
    yield _with_columns(source, {**sound, **site, **coordinates}, crs=source.crs, where={}, exclude={})


def _with_columns(source: ObservationSource, columns: dict[str, Column], **changes: object) -> ObservationSource:
    return source.model_copy(update={"columns": columns, "licence": source.licence or "any", **changes})


def _sound_columns(grid: RegionGrid) -> dict[str, Column]:
    """Constants for the fields that every table needs: one layer in the middle of the region."""
    west, south, east, north = grid.bounds
    to_degrees = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform((west + east) / 2, (south + north) / 2)
    return {
        "site_id": Column(value="site"),
        "lon": Column(value=lon),
        "lat": Column(value=lat),
        "top_cm": Column(value=0.0, unit="cm"),
        "bottom_cm": Column(value=10.0, unit="cm"),
        "oc_g_kg": Column(value=20.0, unit="g/kg"),
    }
