"""Columns of a second table added to the rows of the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from hybridmap.config import Column, Join
from hybridmap.errors import HybridmapError
from hybridmap.observations.formats.registry import open_as_format, resolve_join
from hybridmap.observations.tables import cells
from hybridmap.observations.tables.cells import PLAIN, CellRules
from hybridmap.observations.tables.filters import rows_that_match
from hybridmap.observations.tables.missing_codes import label
from hybridmap.observations.tables.source_table import SourceTable

KEY = "__key"


@dataclass(frozen=True)
class JoinedTable:
    """A table to join: opened, its columns checked.

    Attributes
    ----------
    join : Join
        Laid over the format that it names.
    table : SourceTable
        The table.
    numeric : set of str
        Columns of the first table that hold coordinates or depths: 10, 10.0 and 10.00 are one key.
    rules : CellRules
        How its cells are written.
    fields : mapping of str to (str, Column)
        Name that the join adds → quantity and column map of the field that is read from it.
    """

    join: Join
    table: SourceTable
    numeric: frozenset[str] = frozenset()
    rules: CellRules = PLAIN
    fields: Mapping[str, tuple[str, Column]] = field(default_factory=dict)

    @property
    def new_columns(self) -> list[str]:
        """Names that the join adds."""
        return list(self.join.take)

    def keys(self, rows: pd.DataFrame) -> pd.Series:
        """Identifier of each row of the first table."""
        return _key(rows, list(self.join.by), [name in self.numeric for name in self.join.by])

    def rows_by_key(self, keys: set[str] | None = None) -> pd.DataFrame:
        """One row an identifier, indexed by it, with the columns that are added; only identifiers in `keys`.

        Raises
        ------
        HybridmapError
            If an identifier has several rows with other values, and the join does not say what becomes of them.
        """
        own_keys, sources = list(self.join.by.values()), self.join.take
        chunks = []
        for chunk in self.table.chunks({*own_keys, *sources.values(), *self.join.where}):
            chunk = chunk[rows_that_match(chunk, self.join.where)]
            key = _key(chunk, own_keys, [name in self.numeric for name in self.join.by])
            usable = key != "" if keys is None else key.isin(keys - {""})
            chunks.append(chunk.assign(**{KEY: key})[usable])
        rows = pd.concat(chunks) if chunks else pd.DataFrame(columns=[KEY, *own_keys, *sources.values()])
        columns = {name: rows[source] for name, source in sources.items()}
        return self._combined(pd.DataFrame(columns, index=rows.index).assign(**{KEY: rows[KEY]}))

    def first_key(self) -> str:
        """First identifier of the table that its filter leaves, "" if there is none."""
        own_keys = list(self.join.by.values())
        for chunk in self.table.chunks({*own_keys, *self.join.where}):
            keys = _key(chunk[rows_that_match(chunk, self.join.where)], own_keys, [False] * len(own_keys))
            if (keys != "").any():
                return str(keys[keys != ""].iloc[0])
        return ""

    def _combined(self, rows: pd.DataFrame) -> pd.DataFrame:
        """One row an identifier, by the rule of the join."""
        if self.join.combine == "one":
            rows = self._distinct(rows)
        if self.join.combine in ("one", "first"):
            return rows.drop_duplicates(KEY).set_index(KEY)
        numbers = {name: self._numbers(rows, name, source) for name, source in self.join.take.items()}
        groups = pd.DataFrame(numbers, index=rows.index).assign(**{KEY: rows[KEY]}).groupby(KEY)
        return groups.mean() if self.join.combine == "mean" else groups.sum(min_count=1)

    def _numbers(self, rows: pd.DataFrame, name: str, source: str) -> pd.Series:
        """Numbers of a column, read as the field that they are for."""
        quantity, column = self.fields.get(name, ("", Column(column=name)))
        single_column = column.model_copy(update={"otherwise": [], "minus": None})
        return cells.number(rows, single_column, f"{self.table.path}: column '{source}'", self.rules, quantity).values

    def _distinct(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows without exact repetitions; HybridmapError for an identifier with other values."""
        distinct = rows[~rows.duplicated([KEY, *self.new_columns], keep="first")]
        repeated = distinct[distinct[KEY].duplicated()]
        if len(repeated):
            raise HybridmapError(
                f"{self.table.path}: row {repeated.index[0]} repeats '{repeated[KEY].iloc[0]}' with other values; say"
                " with 'combine' whether to take the first, the sum or the mean."
            )
        return distinct


def open_join(join: Join, path: Path, numeric: frozenset[str] = frozenset()) -> JoinedTable:
    """Open a table to join and check its columns.

    Parameters
    ----------
    join : Join
        As the region file or the format has it.
    path : Path
        The table.
    numeric : set of str
        Columns of the first table that hold coordinates or depths.

    Returns
    -------
    JoinedTable

    Raises
    ------
    HybridmapError
        If the table is missing, is another one than the format says, or lacks a column.
    """
    join, published = resolve_join(join)
    table = open_as_format(path, join, published)
    if not join.by:
        raise HybridmapError(f"join '{path}': say with 'by' which columns identify a row, as {{POINTID: POINT_ID}}.")
    table.require([*join.by.values(), *join.take.values(), *join.where], "to join by")
    return JoinedTable(join, table, numeric)


def add_columns(rows: pd.DataFrame, keys: pd.Series, added: pd.DataFrame) -> pd.DataFrame:
    """Add to each row the columns of another table at its key.

    Parameters
    ----------
    rows : DataFrame
        Rows of the first table.
    keys : Series of str, shape (row,)
        Their identifiers.
    added : DataFrame
        Columns of the second table, indexed by identifier.

    Returns
    -------
    DataFrame
        `rows` with the columns of `added`; missing where `added` has no such identifier.
    """
    aligned = added.reindex(keys.to_numpy())
    return rows.assign(**{name: aligned[name].to_numpy() for name in added.columns})


def _key(rows: pd.DataFrame, columns: list[str], is_numeric: list[bool]) -> pd.Series:
    """Columns as one text, numbers without a decimal point where they are whole; "" if the first is empty."""
    words = [label(rows[name]).astype(object) for name in columns]
    words = [_as_numbers(word) if number else word for word, number in zip(words, is_numeric, strict=True)]
    joined = words[0]
    for further in words[1:]:
        joined = joined + "|" + further
    return joined.where(words[0] != "", "")


def _as_numbers(words: pd.Series) -> pd.Series:
    """Numbers in one spelling; what is none stays."""
    numbers = pd.to_numeric(words.str.replace(",", ".", regex=False), errors="coerce")
    return words.where(numbers.isna(), numbers.map("{:.10g}".format))
