"""Rows of a table into layers of the common schema: units, flags, and what follows from other columns."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.config import Column, ObservationSource
from hybridmap.observations.schema import Field, Schema, field_factor
from hybridmap.observations.sources.coordinates import LAT, LON
from hybridmap.observations.tables import cells
from hybridmap.observations.tables.cells import CellRules

LOG = logging.getLogger("hybridmap")
COORDINATES = {"lon": LON, "lat": LAT}


def layers_of_rows(
    rows: pd.DataFrame,
    columns: Mapping[str, Column],
    source: ObservationSource,
    path: Path,
    rules: CellRules,
    schema: Schema,
) -> pd.DataFrame:
    """Bring rows of a table into the common schema, one layer a row.

    Parameters
    ----------
    rows : DataFrame
        Cells of the table with parsed coordinates, indexed by the row in the file.
    columns : mapping of str to Column
        Schema field → where it comes from.
    source : ObservationSource
        Name, licence, methods, and what becomes of values below the detection limit.
    path : Path
        The table, for the errors.
    rules : CellRules
        How its cells are written.
    schema : Schema
        The common schema with the quantities of the region.

    Returns
    -------
    DataFrame
        Its columns and all fields of `columns`, in the units of the schema.

    Raises
    ------
    HybridmapError
        For an unknown unit, or a cell that is no number.
    """
    layers = pd.DataFrame({"oc_flag": "ok"}, index=rows.index, dtype=object)
    for field, column in columns.items():
        origin = f"{path}: column '{column.column}' for '{field}'" if column.column else f"{path}: '{field}'"
        layers[field], below_limit = _field(rows, schema.fields[field], column, origin, rules)
        if field == "oc_g_kg":
            layers.loc[below_limit, "oc_flag"] = "lod"
    layers["source"] = source.name
    layers["source_row"] = rows.index.to_numpy()
    density = columns.get("bd_fine_g_cm3")
    if density is not None and density.otherwise and "bd_method" not in layers:
        layers["bd_method"] = _first_filled(rows, density)
    _fill_labels(layers, source)
    missing = {
        name: np.nan if name in schema.layer_numbers else "" for name in schema.layer_columns if name not in layers
    }
    return layers.assign(**missing)


def _field(
    rows: pd.DataFrame, field: Field, column: Column, origin: str, rules: CellRules
) -> tuple[pd.Series, NDArray[np.bool_]]:
    """Values of one field in the unit of the schema, and which of them stand for "below the detection limit"."""
    quantity, none_below = field.quantity, np.zeros(len(rows), bool)
    if field.name in COORDINATES:
        return rows[COORDINATES[field.name]], none_below
    if quantity == "text":
        return cells.text(rows, column, rules), none_below
    if quantity == "year":
        return cells.year(rows, column, origin, rules), none_below
    factor = field_factor(field, column.unit, origin)
    numbers = cells.number(rows, column, origin, rules, quantity)
    if column.factor != 1.0:
        LOG.info("%s: values are multiplied with the factor %g", origin, column.factor)
    return numbers.values * factor * column.factor, numbers.below_limit


def _first_filled(rows: pd.DataFrame, column: Column) -> pd.Series:
    """Name of the first column that has a value."""
    method = pd.Series("", index=rows.index)
    for name in (str(column.column), *column.otherwise):
        is_filled = cells.text(rows, Column(column=name)) != ""
        method = method.where((method != "") | ~is_filled, name)
    return method


def _fill_labels(layers: pd.DataFrame, source: ObservationSource) -> None:
    """Licence and methods of the source, where the table has none of its own."""
    labels = {"licence": source.licence, "frac_method": source.fraction_method, "mbc_method": source.biomass_method}
    for field, label in labels.items():
        of_row = layers[field] if field in layers else pd.Series("", index=layers.index)
        layers[field] = of_row.where(of_row != "", label)
