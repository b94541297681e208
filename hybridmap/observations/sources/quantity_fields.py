"""Columns that a region file maps to quantities by name, as fields of the common schema."""

from __future__ import annotations

from collections.abc import Mapping

from hybridmap.config import Column, ObservationSource
from hybridmap.errors import HybridmapError
from hybridmap.observations.schema import Schema


def with_quantity_fields(source: ObservationSource, schema: Schema) -> ObservationSource:
    """Replace names of quantities by the fields that hold them.

    Parameters
    ----------
    source : ObservationSource
        Its columns, those of its joins and of the layers of a wide table may name quantities.
    schema : Schema
        With the quantities of the region.

    Returns
    -------
    ObservationSource
        With fields of the schema alone.

    Raises
    ------
    HybridmapError
        If a content is given for what is no density, or one field is mapped twice.
    """
    maps = {
        "columns": _fields(source.columns, source.name, schema),
        "layers": [_fields(columns, source.name, schema) for columns in source.layers],
        "joins": [
            join.model_copy(update={"columns": _fields(join.columns, source.name, schema)}) for join in source.joins
        ],
    }
    return source.model_copy(update=maps)


def _fields(columns: Mapping[str, Column], source: str, schema: Schema) -> dict[str, Column]:
    fields: dict[str, Column] = {}
    for name, column in columns.items():
        field, field_column = _field(name, column, source, schema)
        if field in fields:
            raise HybridmapError(f"source '{source}': '{name}' is '{field}', which is mapped already; map one of them.")
        fields[field] = field_column
    return fields


def _field(name: str, column: Column, source: str, schema: Schema) -> tuple[str, Column]:
    quantity = schema.quantities.get(name)
    if column.content is None:
        return (name if quantity is None else quantity.column), column
    if quantity is None:
        raise HybridmapError(
            f"source '{source}': '{name}' has a 'content' and is no quantity; there are {list(schema.quantities)}."
        )
    if not quantity.content:
        raise HybridmapError(
            f"source '{source}': '{name}' has a 'content', but its unit, {quantity.unit}, is that of no density;"
            " map its own column with 'column'."
        )
    return quantity.content, column.model_copy(update={"column": column.content, "content": None})
