"""``where`` and ``exclude`` of a source: which rows stay, and which of the values match nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from hybridmap.config import ObservationSource
from hybridmap.errors import nearest
from hybridmap.observations.formats.registry import format_names, read_format
from hybridmap.observations.tables.filters import filter_words, in_other_capitals, matches

MOST_WORDS = 8
"""As many words of a column are shown."""


@dataclass
class RowFilter:
    """One column of ``where`` or ``exclude``.

    Attributes
    ----------
    key : str
        "where" or "exclude".
    column : str
        Of the table, or of a joined one.
    values : list
        Which rows are kept or dropped.
    unmatched : list
        Those of `values` that no row has had so far.
    words : dict
        Words that the column has, in order, with no value; only the first few.
    variants : dict
        Those that differ from a value in capitals alone, and so do not match.
    """

    key: str
    column: str
    values: list[str | float]
    unmatched: list[str | float] = field(default_factory=list)
    words: dict[str, None] = field(default_factory=dict)
    variants: dict[str, None] = field(default_factory=dict)

    def __call__(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows that stay."""
        self.observe(rows)
        return rows[matches(rows[self.column], self.values) == (self.key == "where")]

    def observe(self, rows: pd.DataFrame) -> None:
        """Note which values `rows` have, before other steps drop any."""
        if self.column not in rows:
            return
        cells = rows[self.column].drop_duplicates()
        self.unmatched = [value for value in self.unmatched if not matches(cells, [value]).any()]
        self.words.update(dict.fromkeys([*filter_words(cells).unique()][:MOST_WORDS]))
        self.variants.update(dict.fromkeys(in_other_capitals(cells, self.values)))

    @property
    def reason(self) -> str:
        """Why it drops rows."""
        return f"'{self.column}' is {'not ' if self.key == 'where' else ''}one of {self.values}"

    def faults(self) -> list[str]:
        """A sentence for each value that matches no row, and each word that fails by its capitals."""
        words = [word for word in self.words if word][:MOST_WORDS]
        has = f"; the column has {', '.join(words)}" if words else ""
        return [
            f"{self.key}: '{value}' matches no row of '{self.column}'{nearest(value, words)}{has}"
            for value in (str(value).removesuffix(".0") for value in self.unmatched)
        ] + [
            f"{self.key}: '{word}' of '{self.column}' differs from the values in capitals alone, and does not match"
            for word in self.variants
            if word.casefold() not in {str(value).casefold() for value in self.unmatched}
        ]


def filters_of(source: ObservationSource) -> list[RowFilter]:
    """Filters of a source in their order; values that its format brings need not match, as they cover its editions."""
    published = read_format(source.format).source if source.format in format_names() else {}
    filters = []
    for key, columns in (("where", source.where), ("exclude", source.exclude)):
        for column, values in columns.items():
            usual = published.get(key, {}).get(column, [])
            filters.append(RowFilter(key, column, values, [value for value in values if value not in usual]))
    return filters
