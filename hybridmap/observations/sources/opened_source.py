"""An observation source with its files found and every column that it names checked, before anything is read."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hybridmap.config import Column, ObservationSource
from hybridmap.errors import HybridmapError, nearest
from hybridmap.files.paths import under
from hybridmap.observations.formats.registry import open_as_format, resolve_source, with_optional_columns
from hybridmap.observations.schema import PROPERTIES, REQUIRED, SCHEMA, Schema
from hybridmap.observations.sources.joins import JoinedTable, open_join
from hybridmap.observations.sources.quantity_fields import with_quantity_fields
from hybridmap.observations.tables.cells import CellRules
from hybridmap.observations.tables.number_signs import NumberSigns
from hybridmap.observations.tables.source_table import SourceTable

NUMERIC_KEYS = ("lon", "lat", "top_cm", "bottom_cm")
"""Fields whose columns are numbers in a join too."""
LOG = logging.getLogger("hybridmap")


@dataclass(frozen=True)
class OpenedSource:
    """A source whose tables are open.

    Attributes
    ----------
    source : ObservationSource
        Laid over the format that it names.
    table : SourceTable
        Its main table.
    joins : list of JoinedTable
        Tables whose columns are added.
    schema : Schema
        The common schema with the quantities of the region.
    """

    source: ObservationSource
    table: SourceTable
    joins: list[JoinedTable]
    schema: Schema = SCHEMA

    @property
    def columns(self) -> dict[str, Column]:
        """Schema field → where it comes from, joined tables included."""
        joined = {field: column for table in self.joins for field, column in table.join.columns.items()}
        return {**self.source.columns, **joined}

    @property
    def layer_maps(self) -> list[dict[str, Column]]:
        """One map of fields to columns for each layer that a row of the table holds: one, or several if it is wide."""
        return [{**self.columns, **overlay} for overlay in self.source.layers or [{}]]

    @property
    def rules(self) -> CellRules:
        """How the cells of its tables are written."""
        return _rules(self.source, [self.table, *(join.table for join in self.joins)])

    @property
    def fields(self) -> dict[str, Column]:
        """As `columns`, with those that only the layers of a wide table have."""
        return {field: column for layer in self.layer_maps for field, column in layer.items()}

    @property
    def column_names(self) -> set[str]:
        """Columns that are read, of the main table or of a joined one."""
        mapped = {name for layer in self.layer_maps for column in layer.values() for name in names_in(column)}
        return mapped | {*self.source.where, *self.source.exclude, *(key for t in self.joins for key in t.join.by)}


def _rules(source: ObservationSource, tables: Sequence[SourceTable]) -> CellRules:
    return CellRules(
        NumberSigns(source.decimal, source.thousands),
        tuple(source.missing),
        tuple(source.not_detected),
        source.below_lod,
        all(table.is_comma_delimited for table in tables),
        any(table.has_stored_numbers for table in tables),
    )


def names_in(column: Column) -> list[str]:
    """Columns of the table that a mapped column reads."""
    names = (column.column, column.minus, *column.also, *column.otherwise)
    return [name for name in names if name is not None]


def open_source(source: ObservationSource, data_root: str, schema: Schema = SCHEMA) -> OpenedSource:
    """Find and check every file and column that a source names.

    Parameters
    ----------
    source : ObservationSource
        Format, column map, joins, filters.
    data_root : str
        Folder that its paths start from.
    schema : Schema
        The common schema with the quantities of the region.

    Returns
    -------
    OpenedSource

    Raises
    ------
    HybridmapError
        For a missing file, another table than the format says, or a column or schema field that does not exist.
    """
    source, published, path = resolve_source(source, under(data_root, source.path))
    source = with_quantity_fields(source, schema)
    if not source.columns:
        raise HybridmapError(f"source '{source.name}': no columns are mapped; add 'columns', or a known 'format'.")
    if not source.licence and "licence" not in source.columns:
        raise HybridmapError(f"source '{source.name}': 'licence' is missing; say under which licence the rows are.")
    table = open_as_format(path, source, published)
    source = with_optional_columns(source, published, table.columns)
    opened = OpenedSource(source, table, _open_joins(source, table, data_root, schema), schema)
    _check_columns(opened)
    check_fields(source.name, opened.layer_maps, schema)
    return opened


def _open_joins(source: ObservationSource, table: SourceTable, data_root: str, schema: Schema) -> list[JoinedTable]:
    joins, names = [], set(table.columns)
    mapped = [layer.get(field) for layer in [source.columns, *source.layers] for field in NUMERIC_KEYS]
    numeric = frozenset(column.column for column in mapped if column and column.column and not column.pick)
    for join in source.joins:
        path = under(data_root, join.path)
        if join.optional and not path.is_file():
            LOG.info("%s: no %s, which is optional", source.name, path.name)
            continue
        joined = open_join(join, path, numeric)
        table.require(joined.join.by, f"to join {path.name} by")
        for name in joined.new_columns:
            if name in names:
                raise HybridmapError(
                    f"source '{source.name}': the join of {path.name} takes a column as '{name}', which the source has"
                    " already; give it another name under 'take'."
                )
        names |= set(joined.new_columns)
        fields = _fields_by_column(source, joined.join.columns, schema)
        joins.append(replace(joined, rules=_rules(source, [joined.table]), fields=fields))
    return joins


def _fields_by_column(
    source: ObservationSource, joined: Mapping[str, Column], schema: Schema
) -> dict[str, tuple[str, Column]]:
    """Column → quantity of the field that is read from it, and its map."""
    maps, fields = [source.columns, *source.layers, joined], schema.fields
    mapped = [(field, column) for columns in maps for field, column in columns.items()]
    return {str(column.column): (fields[field].quantity, column) for field, column in mapped if field in fields}


def _check_columns(opened: OpenedSource) -> None:
    """Raise HybridmapError for an unknown field, or a column that no table has."""
    source, table, fields = opened.source, opened.table, opened.schema.fields
    joined = {name for joined_table in opened.joins for name in joined_table.new_columns}
    absent = {name for join in source.joins if join.optional for name in join.take} - joined
    for layer_map in opened.layer_maps:
        for field, column in layer_map.items():
            if field not in fields:
                raise HybridmapError(
                    f"source '{source.name}': '{field}' is no field of the schema{nearest(field, fields)};"
                    f" fields are {list(fields)}."
                )
            table.require([name for name in names_in(column) if name not in joined | absent], f"for '{field}'")
    table.require([name for name in (*source.where, *source.exclude) if name not in joined], "for a filter")


def check_fields(source: str, layer_maps: Sequence[Mapping[str, Column]], schema: Schema) -> None:
    """Raise HybridmapError unless the fields that every layer needs are mapped, and something is measured.

    Parameters
    ----------
    source : str
        Its name.
    layer_maps : sequence of mapping of str to Column
        Field → where it comes from, for each layer that a row holds.
    schema : Schema
        With the quantities of the region.
    """
    mapped: Mapping[str, Column] = {field: column for layer in layer_maps for field, column in layer.items()}
    measured = schema.measured
    for columns in layer_maps:
        _check_one_use(source, columns, schema)
    for field in REQUIRED:
        if field not in mapped:
            raise HybridmapError(f"source '{source}': the schema field '{field}' is not mapped; add it to columns.")
    if "tc_g_kg" in mapped and not {"ic_g_kg", "ph"} & set(mapped):
        raise HybridmapError(
            f"source '{source}': 'tc_g_kg' is total carbon, organic only without carbonate; map 'ic_g_kg' or 'ph' too."
        )
    for field in ("ic_g_kg", "ph"):
        if field in mapped and "tc_g_kg" not in mapped:
            LOG.warning("%s: '%s' is mapped and not used; it serves to correct 'tc_g_kg'", source, field)
    if not {*measured, "soc_stock_kg_m2", "tc_g_kg"} & set(mapped):
        raise HybridmapError(f"source '{source}': no measured quantity is mapped; map one of {list(measured)}.")


def _check_one_use(source: str, columns: Mapping[str, Column], schema: Schema) -> None:
    """Raise HybridmapError if two quantities are read from one column in the same way.

    A property of the soil, such as bulk density, may also be a quantity that the region declares.
    """
    readings: dict[tuple[object, ...], str] = {}
    fields = schema.fields
    for field, column in columns.items():
        if column.column is None or fields[field].quantity in ("text", "year"):
            continue
        reading = (column.column, column.pick, column.minus, column.minus_factor, column.factor, *column.otherwise)
        pair = {field, readings.get(reading, field)}
        is_both = bool(pair & {*PROPERTIES}) and any(fields[name].quantity == "own" for name in pair)
        if reading in readings and not is_both:
            raise HybridmapError(
                f"source '{source}': '{readings[reading]}' and '{field}' are both read from the column"
                f" '{column.column}'; correct 'columns'."
            )
        readings[reading] = field
