"""The ladder of quality control: what each rule dropped, and the rows themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

LADDER_COLUMNS = ["order", "stage", "source", "rule", "reason", "unit", "before", "dropped", "after"]
DROPPED_COLUMNS = ["source", "site_id", "source_row", "lon", "lat", "rule", "reason", "column", "value"]


@dataclass
class Ladder:
    """What each rule dropped, source by source, and the rows themselves."""

    stage: str
    steps: list[dict[str, object]] = field(default_factory=list)
    dropped: list[pd.DataFrame] = field(default_factory=list)

    def tally(self, source: str, rule: str, reason: str, before: int, dropped: int, unit: str = "rows") -> None:
        """Count a step of one source whose rows are not at hand, as while a file streams."""
        step = [len(self.steps) + 1, self.stage, source, rule, reason, unit, before, dropped, before - dropped]
        self.steps.append(dict(zip(LADDER_COLUMNS, step, strict=True)))

    def drop_rows(self, table: pd.DataFrame, broken: pd.Series, rule: str, reason: str) -> pd.DataFrame:
        """Return `table` without the rows where `broken`, and count them."""
        self._count(table, pd.Series(True, index=table.index), broken, rule, reason, "rows")
        self._keep(table[broken], rule, reason, "", pd.Series(np.nan, index=table.index[broken]))
        return table[~broken]

    def drop_values(
        self, table: pd.DataFrame, broken: pd.Series, columns: Iterable[str], rule: str, reason: str
    ) -> pd.DataFrame:
        """Return `table` with `columns` missing where `broken`, and count the values."""
        out = table.copy()
        for column in columns:
            known = table[column].notna()
            hit = broken & known
            self._count(table, known, hit, rule, reason, f"values of {column}")
            self._keep(table[hit], rule, reason, column, table.loc[hit, column])
            out.loc[hit, column] = np.nan
        return out

    def ladder(self) -> pd.DataFrame:
        """The steps as a table, columns :data:`LADDER_COLUMNS`; rules that never applied are left out."""
        return pd.DataFrame(self.steps, columns=LADDER_COLUMNS)

    def dropped_rows(self) -> pd.DataFrame:
        """All dropped rows and values, columns :data:`DROPPED_COLUMNS`."""
        parts = [part for part in self.dropped if len(part)]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=DROPPED_COLUMNS)

    def _count(
        self, table: pd.DataFrame, counted: pd.Series, hit: pd.Series, rule: str, reason: str, unit: str
    ) -> None:
        for source, rows in table.groupby("source", sort=True).groups.items():
            before, dropped = int(counted[rows].sum()), int(hit[rows].sum())
            if dropped or rule == "read":
                self.tally(str(source), rule, reason, before, dropped, unit)

    def _keep(self, rows: pd.DataFrame, rule: str, reason: str, column: str, value: pd.Series) -> None:
        kept = rows.reindex(columns=["source", "site_id", "source_row", "lon", "lat"])
        extra: dict[str, Any] = {"rule": rule, "reason": reason, "column": column, "value": value.astype(float)}
        self.dropped.append(kept.assign(**extra))
