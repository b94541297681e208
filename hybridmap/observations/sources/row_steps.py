"""Rows of an opened source, read as a list of steps: each takes a chunk and gives a chunk, and its drops count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from hybridmap.errors import HybridmapError
from hybridmap.observations.quality.drop_counts import DropCounts
from hybridmap.observations.sources.coordinates import CoordinateReader, DegreeBounds
from hybridmap.observations.sources.joins import JoinedTable, add_columns
from hybridmap.observations.sources.opened_source import OpenedSource
from hybridmap.observations.tables.filters import matches


@dataclass
class Step:
    """One step of reading.

    Attributes
    ----------
    work : callable
        Chunk of rows to the same chunk, with fewer rows or more columns.
    rule, reason : str
        Why it drops rows, as for :class:`DropCounts`; empty where it drops none.
    dropped : int
        Rows that it dropped so far.
    """

    work: Callable[[pd.DataFrame], pd.DataFrame]
    rule: str = ""
    reason: str = ""
    dropped: int = 0

    def __call__(self, chunk: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of `chunk` that pass, and count the others."""
        passed = self.work(chunk)
        self.dropped += len(chunk) - len(passed)
        return passed


def read_rows(opened: OpenedSource, bounds: DegreeBounds, drops: DropCounts) -> pd.DataFrame:
    """Read the rows that pass filters and lie near the region; the file streams.

    Parameters
    ----------
    opened : OpenedSource
        The tables.
    bounds : DegreeBounds
        Of the region.
    drops : DropCounts
        Counts the rows that are left out.

    Returns
    -------
    DataFrame
        Cells as the table has them, joined columns, and parsed coordinates, indexed by the row in the file (header: 1).

    Raises
    ------
    HybridmapError
        If a table is damaged, coordinates cannot be right, or no row is left.
    """
    names, steps = opened.column_names, row_steps(opened, bounds)
    chunks, total = [], 0
    for chunk in opened.table.chunks(names):
        total += len(chunk)
        for step in steps:
            chunk = step(chunk)
        chunks.append(chunk)
    _count(opened.source.name, total, steps, drops)
    if sum(map(len, chunks)) == 0:
        raise _no_rows(opened, total, steps)
    rows = pd.concat(chunks)
    for table in opened.joins:
        if not table.join.required and not _places(opened, table):
            rows = _add_further_table(rows, table)
    for name in names - set(rows.columns):  # of an optional table that is not there
        rows[name] = ""
    return rows


def row_steps(opened: OpenedSource, bounds: DegreeBounds) -> list[Step]:
    """Steps for the chunks of a source: tables that every row must have a partner in, filters, coordinates, region."""
    placed = [table for table in opened.joins if _places(opened, table) and not table.join.required]
    coordinates = CoordinateReader.of(opened.source, opened.table.path, opened.columns, bounds, opened.rules)
    return [
        *(_join_step(table) for table in opened.joins if table.join.required),
        *(_filter_step(column, values, True) for column, values in opened.source.where.items()),
        *(_filter_step(column, values, False) for column, values in opened.source.exclude.items()),
        *(Step(partial(_add_further_table, table=table)) for table in placed),
        Step(coordinates.add_coordinates),
        Step(coordinates.drop_outside, "outside_region", "outside the bounds of the region"),
    ]


def _join_step(table: JoinedTable) -> Step:
    reason = f"no partner in {table.table.path.name}"
    return Step(partial(_rows_with_partner, table=table, partners=table.rows_by_key()), "join", reason)


def _rows_with_partner(rows: pd.DataFrame, table: JoinedTable, partners: pd.DataFrame) -> pd.DataFrame:
    position = partners.index.get_indexer(pd.Index(table.keys(rows)))
    has_partner = position >= 0
    added = partners.take(position[has_partner])
    return rows[has_partner].assign(**{name: added[name].to_numpy() for name in added.columns})


def _filter_step(column: str, values: Sequence[object], is_wanted: bool) -> Step:
    reason = f"'{column}' is {'not ' if is_wanted else ''}one of {list(values)}"
    return Step(lambda rows: rows[matches(rows[column], values) == is_wanted], "filter", reason)


def _count(source: str, total: int, steps: list[Step], drops: DropCounts) -> None:
    drops.count(source, "file", "rows of the file", total, 0)
    for step in steps:
        if step.dropped:
            drops.count(source, step.rule, step.reason, total, step.dropped)
        total -= step.dropped


def _no_rows(opened: OpenedSource, total: int, steps: list[Step]) -> HybridmapError:
    reason = max(steps, key=lambda step: step.dropped).reason if total else "the table has no rows"
    return HybridmapError(
        f"{opened.table.path}: no row passes 'where' and 'exclude' and lies in the region (most were left out because"
        f" {reason}); check them against the table."
    )


def _places(opened: OpenedSource, table: JoinedTable) -> bool:
    """Whether a table gives the coordinates, so that it is added before anything else is asked of a row."""
    names = {opened.columns[field].column for field in ("lon", "lat")}
    return bool(names & set(table.new_columns))


def _add_further_table(rows: pd.DataFrame, table: JoinedTable) -> pd.DataFrame:
    """Add a table that a row need not have a partner in; of it only the rows that are asked for are kept."""
    keys = table.keys(rows)
    return add_columns(rows, keys, table.rows_by_key(set(keys)))
