"""Counts of what each rule of quality control dropped, and the dropped rows themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

COUNT_COLUMNS = ["order", "stage", "source", "rule", "reason", "unit", "before", "dropped", "after"]
DROPPED_COLUMNS = ["source", "site_id", "source_row", "lon", "lat", "rule", "reason", "column", "value"]


@dataclass
class DropCounts:
    """What each rule dropped, source by source, and the rows themselves.

    Attributes
    ----------
    stage : str
        Verb of the command line that drops.
    counts : list of dict
        One a step, keys :data:`COUNT_COLUMNS`.
    dropped : list of DataFrame
        Dropped rows and values, columns :data:`DROPPED_COLUMNS`.
    """

    stage: str
    counts: list[dict[str, object]] = field(default_factory=list)
    dropped: list[pd.DataFrame] = field(default_factory=list)

    def count(self, source: str, rule: str, reason: str, total: int, dropped: int, unit: str = "rows") -> None:
        """Count a step of one source whose rows are not at hand, as while a file streams.

        Parameters
        ----------
        source, rule, reason : str
            Name of the source, of the rule, and the rule in words.
        total, dropped : int
            How many there were, and how many of them the rule dropped.
        unit : str
            What is counted.
        """
        step = [len(self.counts) + 1, self.stage, source, rule, reason, unit, total, dropped, total - dropped]
        self.counts.append(dict(zip(COUNT_COLUMNS, step, strict=True)))

    def drop_rows(self, table: pd.DataFrame, broken: pd.Series, rule: str, reason: str) -> pd.DataFrame:
        """Drop the rows that break a rule, and count them.

        Parameters
        ----------
        table : DataFrame
            With ``source``, ``site_id``, ``source_row``, ``lon``, ``lat``.
        broken : Series of bool, shape (row,)
            Rows that break the rule.
        rule, reason : str
            Name of the rule, and the rule in words.

        Returns
        -------
        DataFrame
            The other rows.
        """
        self._count_by_source(table, pd.Series(True, index=table.index), broken, rule, reason, "rows")
        self._record(table[broken], rule, reason, "", pd.Series(np.nan, index=table.index[broken]))
        return table[~broken]

    def drop_values(
        self, table: pd.DataFrame, broken: pd.Series, columns: Iterable[str], rule: str, reason: str
    ) -> pd.DataFrame:
        """Make the values that break a rule missing, and count them.

        Parameters
        ----------
        table : DataFrame
            As for :meth:`drop_rows`.
        broken : Series of bool, shape (row,)
            Rows that break the rule.
        columns : iterable of str
            Columns that become missing there.
        rule, reason : str
            Name of the rule, and the rule in words.

        Returns
        -------
        DataFrame
            A copy of all rows.
        """
        emptied = table.copy()
        for column in columns:
            measured = table[column].notna()
            hit = broken & measured
            self._count_by_source(table, measured, hit, rule, reason, f"values of {column}")
            self._record(table[hit], rule, reason, column, table.loc[hit, column])
            emptied.loc[hit, column] = np.nan
        return emptied

    def table(self) -> pd.DataFrame:
        """The counts, columns :data:`COUNT_COLUMNS`; rules that never applied are left out."""
        return pd.DataFrame(self.counts, columns=COUNT_COLUMNS)

    def main_reason(self) -> str:
        """What dropped most, in words."""
        if not any(step["dropped"] for step in self.counts):
            return "there were no rows"
        step = max(self.counts, key=lambda step: int(str(step["dropped"])))
        return f"{step['dropped']} {step['unit']} dropped because: {step['reason']}"

    def dropped_rows(self) -> pd.DataFrame:
        """All dropped rows and values, columns :data:`DROPPED_COLUMNS`."""
        tables = [table for table in self.dropped if len(table)]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=DROPPED_COLUMNS)

    def _count_by_source(
        self, table: pd.DataFrame, counted: pd.Series, hit: pd.Series, rule: str, reason: str, unit: str
    ) -> None:
        for source, rows in table.groupby("source", sort=True).groups.items():
            total, dropped = int(counted[rows].sum()), int(hit[rows].sum())
            if dropped or rule == "read":
                self.count(str(source), rule, reason, total, dropped, unit)

    def _record(self, rows: pd.DataFrame, rule: str, reason: str, column: str, value: pd.Series) -> None:
        identity = rows.reindex(columns=["source", "site_id", "source_row", "lon", "lat"])
        fault: dict[str, Any] = {"rule": rule, "reason": reason, "column": column, "value": value.astype(float)}
        self.dropped.append(identity.assign(**fault))
