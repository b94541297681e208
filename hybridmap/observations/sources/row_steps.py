"""Rows of an opened source, read as a list of steps: each takes a chunk and gives a chunk, and its drops count."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pandas as pd

from hybridmap.errors import HybridmapError
from hybridmap.observations.quality.drop_counts import DropCounts
from hybridmap.observations.sources.coordinates import TURNED, CoordinateReader, DegreeBounds
from hybridmap.observations.sources.joins import JoinedTable, add_columns
from hybridmap.observations.sources.opened_source import OpenedSource
from hybridmap.observations.sources.row_filters import RowFilter, filters_of

LOG = logging.getLogger("hybridmap")
FEW_PARTNERS = 0.5
"""A join that finds partners for a smaller share of the rows is worth a warning."""


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
    table : JoinedTable or None
        The table that rows must have a partner in.
    first_key : str
        Identifier of the first row that came, of a join.
    """

    work: Callable[[pd.DataFrame], pd.DataFrame]
    rule: str = ""
    reason: str = ""
    dropped: int = 0
    table: JoinedTable | None = None
    first_key: str = ""

    def __call__(self, chunk: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of `chunk` that pass, and count the others."""
        if self.table is not None and not self.first_key and len(chunk):
            self.first_key = str(self.table.keys(chunk).iloc[0])
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
    filters = filters_of(opened.source)
    names, steps = opened.column_names, row_steps(opened, bounds, filters)
    chunks, total = [], 0
    for chunk in opened.table.chunks(names):
        total += len(chunk)
        for row_filter in filters:
            row_filter.observe(chunk)
        for step in steps:
            chunk = step(chunk)
        chunks.append(chunk)
    _count(opened, total, steps, drops)
    _say_what_matches_nothing(opened.source.name, filters, total, drops)
    if sum(map(len, chunks)) == 0:
        raise _no_rows(opened, total, steps, [fault for row_filter in filters for fault in row_filter.faults()])
    rows = pd.concat(chunks)
    _say_turned(opened.source.name, rows, drops)
    rows = _add_further_tables(rows, opened, drops)
    for name in names - set(rows.columns):  # of an optional table that is not there
        rows[name] = ""
    return rows


def row_steps(opened: OpenedSource, bounds: DegreeBounds, filters: list[RowFilter]) -> list[Step]:
    """Steps for the chunks of a source: tables that rows must have a partner in, filters, coordinates, region.

    Parameters
    ----------
    opened : OpenedSource
        The tables.
    bounds : DegreeBounds
        Of the region.
    filters : list of RowFilter
        Of the source, in order.

    Returns
    -------
    list of Step
    """
    placed = [table for table in opened.joins if _places(opened, table) and not table.join.required]
    coordinates = CoordinateReader.of(opened.source, opened.table.path, opened.columns, bounds, opened.rules)
    return [
        *(_join_step(table) for table in opened.joins if table.join.required),
        *(Step(row_filter, "filter", row_filter.reason) for row_filter in filters),
        *(Step(partial(_add_further_table, table=table)) for table in placed),
        Step(coordinates.add_coordinates),
        Step(coordinates.drop_outside, "outside_region", "outside the bounds of the region"),
    ]


def _join_step(table: JoinedTable) -> Step:
    reason = f"no partner in {table.table.path.name}"
    work = partial(_rows_with_partner, table=table, partners=table.rows_by_key())
    return Step(work, "join", reason, table=table)


def _rows_with_partner(rows: pd.DataFrame, table: JoinedTable, partners: pd.DataFrame) -> pd.DataFrame:
    position = partners.index.get_indexer(pd.Index(table.keys(rows)))
    has_partner = position >= 0
    added = partners.take(position[has_partner])
    return rows[has_partner].assign(**{name: added[name].to_numpy() for name in added.columns})


def _count(opened: OpenedSource, total: int, steps: list[Step], drops: DropCounts) -> None:
    source = opened.source.name
    drops.count(source, "file", "rows of the file", total, 0)
    for step in steps:
        if step.dropped or step.table is not None:
            drops.count(source, step.rule, step.reason, total, step.dropped)
        if step.table is not None:
            _judge_partners(opened, step.table, total, total - step.dropped, step.first_key)
        total -= step.dropped


def _judge_partners(opened: OpenedSource, table: JoinedTable, total: int, with_partner: int, first: str) -> None:
    """Raise HybridmapError if no row has a partner (unless the join is optional), warn if few have one."""
    if not total or with_partner >= FEW_PARTNERS * total:
        return
    own_key = "" if with_partner else table.first_key()
    words = f"{table.table.path}: {with_partner} of {total} rows of {opened.table.path.name} found a partner"
    if with_partner or table.join.optional:
        LOG.warning("%s: %s", opened.source.name, words)
        return
    rows = f"first: {first}; there: {own_key}" if own_key else f"it has no rows{_with_values(table)}"
    raise HybridmapError(
        f"{words} ({rows}); correct 'by' of the join or the identifiers (the first table's {list(table.join.by)} and"
        f" this one's {list(table.join.by.values())} must agree letter by letter), or say 'optional: true'."
    )


def _with_values(table: JoinedTable) -> str:
    """Filter of a joined table in words."""
    conditions = [f"'{column}' one of {values}" for column, values in table.join.where.items()]
    return f" with {' and '.join(conditions)}" if conditions else ""


def _say_what_matches_nothing(source: str, filters: list[RowFilter], total: int, drops: DropCounts) -> None:
    for sentence in (sentence for row_filter in filters for sentence in row_filter.faults()):
        LOG.warning("%s: %s", source, sentence)
        drops.count(source, "filter", sentence, total, 0)


def _say_turned(source: str, rows: pd.DataFrame, drops: DropCounts) -> None:
    count = int(rows[TURNED].sum())
    if count:
        LOG.warning("%s: longitudes run from 0 to 360; %d of %d were brought to -180 to 180", source, count, len(rows))
        drops.count(source, "longitude", "longitude above 180 of a 0 to 360 turn, brought to -180 to 180", count, 0)


def _no_rows(opened: OpenedSource, total: int, steps: list[Step], faults: list[str]) -> HybridmapError:
    reason = max(steps, key=lambda step: step.dropped).reason if total else "the table has no rows"
    return HybridmapError(
        f"{opened.table.path}: no row passes 'where' and 'exclude' and lies in the region (most were left out because"
        f" {'; '.join([reason, *faults[:1]])}); check them against the table."
    )


def _add_further_tables(rows: pd.DataFrame, opened: OpenedSource, drops: DropCounts) -> pd.DataFrame:
    """Add the tables that a row need not have a partner in; of them only the rows that are asked for are kept."""
    for table in opened.joins:
        if table.join.required or _places(opened, table):
            continue
        keys = table.keys(rows)
        partners = table.rows_by_key(set(keys))
        has_partner = keys.isin(partners.index)
        name, missing = table.table.path.name, int((~has_partner).sum())
        drops.count(opened.source.name, "join", f"no partner in {name}; the row stays", len(rows), missing, "partners")
        _judge_partners(opened, table, len(rows), len(rows) - missing, str(keys.iloc[0]))
        rows = add_columns(rows, keys, partners)
    return rows


def _places(opened: OpenedSource, table: JoinedTable) -> bool:
    """Whether a table gives the coordinates, so that it is added before anything else is asked of a row."""
    names = {opened.columns[field].column for field in ("lon", "lat")}
    return bool(names & set(table.new_columns))


def _add_further_table(rows: pd.DataFrame, table: JoinedTable) -> pd.DataFrame:
    """Add a table that a row need not have a partner in; of it only the rows that are asked for are kept."""
    keys = table.keys(rows)
    return add_columns(rows, keys, table.rows_by_key(set(keys)))
