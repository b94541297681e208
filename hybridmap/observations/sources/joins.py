"""Columns of a second table added to the rows of the first."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from hybridmap.config import Column, Join
from hybridmap.errors import HybridmapError
from hybridmap.observations.formats.registry import check_header, resolve_join
from hybridmap.observations.tables import cells
from hybridmap.observations.tables.filters import selected
from hybridmap.observations.tables.source_table import SourceTable, open_table

KEY = "__key"


class Partner:
    """A table to join: opened, its columns checked.

    Parameters
    ----------
    join : Join
        As the region file or the format has it.
    path : Path
        The table.

    Raises
    ------
    HybridmapError
        If the table is missing, is another one than the format says, or lacks a column.
    """

    def __init__(self, join: Join, path: Path) -> None:
        self.join, known = resolve_join(join)
        self.table: SourceTable = open_table(
            path,
            encoding=self.join.encoding,
            skip_rows=self.join.skip_rows,
            layer=self.join.layer,
            aliases=known.aliases if known else None,
            matrix_columns=self.join.variable_columns,
        )
        if known is not None and self.join.format is not None:
            check_header(self.table, known, self.join.format)
        if not self.join.by:
            raise HybridmapError(
                f"join '{path}': say with 'by' which columns identify a row, as {{POINTID: POINT_ID}}."
            )
        self.table.require([*self.join.by.values(), *self.join.take.values(), *self.join.where], "to join by")

    def columns(self) -> list[str]:
        """Names that the join adds."""
        return list(self.join.take)

    def keys(self, rows: pd.DataFrame) -> pd.Series:
        """Identifier of each row of the first table."""
        return _key(rows, list(self.join.by))

    def rows(self, wanted: set[str] | None) -> pd.DataFrame:
        """One row an identifier, indexed by it, with the columns that are taken; only identifiers in `wanted`."""
        on, take = list(self.join.by.values()), self.join.take
        parts = []
        for chunk in self.table.chunks({*on, *take.values(), *self.join.where}):
            chunk = chunk[selected(chunk, self.join.where, {})]
            key = _key(chunk, on)
            if wanted is not None:
                chunk, key = chunk[key.isin(wanted)], key[key.isin(wanted)]
            parts.append(chunk.assign(**{KEY: key}))
        found = pd.concat(parts) if parts else pd.DataFrame(columns=[KEY, *on, *take.values()])
        found = found[found[KEY] != ""]
        taken = pd.DataFrame({new: found[old] for new, old in take.items()}).assign(**{KEY: found[KEY]})
        return self._one_each(taken)

    def _one_each(self, taken: pd.DataFrame) -> pd.DataFrame:
        """One row an identifier, by the rule of the join."""
        rule = self.join.combine
        if rule == "one":
            twice = taken[taken.duplicated([KEY, *self.columns()], keep="first")]
            taken = taken.drop(index=twice.index)
            again = taken[taken[KEY].duplicated()]
            if len(again):
                raise HybridmapError(
                    f"{self.table.path}: row {again.index[0]} repeats '{again[KEY].iloc[0]}' with other values; say"
                    " with 'combine' whether to take the first, the sum or the mean."
                )
        if rule in ("one", "first"):
            return taken.drop_duplicates(KEY).set_index(KEY)
        rows = taken.index.to_numpy()
        numbers = {
            name: cells.number(taken, Column(column=name), rows, f"{self.table.path}: column '{self.join.take[name]}'")[
                0
            ]
            for name in self.columns()
        }
        grouped = pd.DataFrame(numbers).assign(**{KEY: taken[KEY]}).groupby(KEY)
        return grouped.mean() if rule == "mean" else grouped.sum(min_count=1)


def attach(rows: pd.DataFrame, key: pd.Series, found: pd.DataFrame) -> pd.DataFrame:
    """Return `rows` with the columns of `found` at their `key`; missing where there is no partner."""
    aligned = found.reindex(key.to_numpy())
    return rows.assign(**{name: aligned[name].to_numpy() for name in found.columns})


def _key(rows: pd.DataFrame, columns: list[str]) -> pd.Series:
    """Columns as one text, numbers without a decimal point where they are whole; "" if the first is empty."""
    parts = [_plain(rows[c]) for c in columns]
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + "|" + part
    return joined.where(parts[0] != "", "")


def _plain(cells: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(cells):
        whole = (cells.dropna() % 1 == 0).all()
        cells = cells.astype("Int64") if whole else cells
    return cells.astype("string").fillna("").str.strip().str.removesuffix(".0").astype(object)
