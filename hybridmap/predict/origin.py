"""What a store of maps says of where it comes from: title, years and licence of its observations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hybridmap.files.reading import read_parquet


@dataclass(frozen=True)
class Origin:
    """Where maps come from.

    Attributes
    ----------
    title : str
        Of region and experiment.
    years : tuple of int
        First and last year of the observations; empty where none is known.
    licences : tuple of str
        Of the observations.
    sources : tuple of str
        Names of the tables of observations.
    version : str
        Of hybridmap.
    """

    title: str = ""
    years: tuple[int, ...] = ()
    licences: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    version: str = ""

    @classmethod
    def of_samples(cls, samples: Path, version: str) -> Origin:
        """Of the observations that a model was trained with."""
        table = read_parquet(samples, columns=["year", "licence", "source"])
        years = table["year"].to_numpy(dtype="float64")
        finite = years[np.isfinite(years)]
        span = (int(finite.min()), int(finite.max())) if finite.size else ()
        return cls("", span, _words(table["licence"]), _words(table["source"]), version)

    def attributes(self) -> dict[str, str]:
        """Attributes of a store, by ACDD's names; what is not known is left out."""
        observed = f"soil observations of {', '.join(self.sources)}" if self.sources else ""
        years = f"{self.years[0]} to {self.years[-1]}" if self.years else ""
        attributes = {
            "title": self.title,
            "summary": f"{self.title}: soil carbon at steady state by a hybrid model, with parameters and intervals",
            "keywords": "soil organic carbon, hybrid modelling, digital soil mapping",
            "source": ", ".join(filter(None, [f"hybridmap {self.version}".strip(), observed])),
            "history": f"hybridmap {self.version}: predict".replace(" :", ":"),
            "product_version": self.version,
            "license": f"made of observations under {'; '.join(self.licences)}" if self.licences else "",
            "time_coverage_start": f"{self.years[0]}-01-01" if self.years else "",
            "time_coverage_end": f"{self.years[-1]}-12-31" if self.years else "",
            "years_of_observations": years,
        }
        return {name: text for name, text in attributes.items() if text}


def _words(values: Iterable[object]) -> tuple[str, ...]:
    """Texts of a column, each once and in order."""
    return tuple(sorted({value for value in values if isinstance(value, str) and value}))
