"""What a store of maps says of where it comes from: title, years and licence of its observations, its publication."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hybridmap.files.reading import read_parquet
from hybridmap.grid.depth_axis import CM_PER_M, Interval

if TYPE_CHECKING:
    from hybridmap.config import Publication


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
    publication : Publication or None
        Block of the configuration.
    """

    title: str = ""
    years: tuple[int, ...] = ()
    licences: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    version: str = ""
    publication: Publication | None = None

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
        period = f"P{self.years[-1] - self.years[0] + 1}Y" if self.years else ""
        attributes = {
            "title": self.title,
            "summary": f"{self.title}: soil carbon at steady state by a hybrid model, with parameters and intervals",
            "keywords": "soil organic carbon, hybrid modelling, digital soil mapping",
            "processing_level": "output of a model on a grid",
            "comment": "cells that lack a covariate or forcing have no value",
            "source": ", ".join(filter(None, [f"hybridmap {self.version}".strip(), observed])),
            "history": f"hybridmap {self.version}: predict".replace(" :", ":"),
            "license": f"made of observations under {'; '.join(self.licences)}" if self.licences else "",
            "time_coverage_start": f"{self.years[0]}-01-01" if self.years else "",
            "time_coverage_end": f"{self.years[-1]}-12-31" if self.years else "",
            "time_coverage_duration": period,
            "time_coverage_resolution": period,
            "years_of_observations": years,
            **({} if self.publication is None else publication_attributes(self.publication)),
        }
        return {name: text for name, text in attributes.items() if text}


def publication_attributes(publication: Publication) -> dict[str, str]:
    """What a region file says of a publication, by ACDD's names; what it leaves out is not there.

    Examples
    --------
    >>> from hybridmap.config import Publication
    >>> publication_attributes(Publication(doi="10.5281/zenodo.1", licence="CC-BY-4.0"))["references"]
    'https://doi.org/10.5281/zenodo.1'
    """
    authors, publisher = publication.authors, publication.publisher
    page = doi_page(publication.doi)
    attributes = {
        "id": publication.doi,
        "naming_authority": "org.doi" if publication.doi else "",
        "creator_name": "; ".join(author.name for author in authors),
        "creator_type": "person" if authors else "",
        "creator_institution": "; ".join(dict.fromkeys(author.institution for author in authors if author.institution)),
        "creator_url": "; ".join(f"https://orcid.org/{author.orcid}" for author in authors if author.orcid),
        "creator_email": publication.contact,
        "institution": publication.institution,
        "publisher_name": publisher.name if publisher else "",
        "publisher_email": publisher.email if publisher else "",
        "publisher_url": publisher.url if publisher else "",
        "citation": publication.citation,
        "references": page or publication.url,
        "metadata_link": publication.url or page,
        "license": publication.licence,
        "product_version": publication.version,
        "date_created": publication.date,
        "date_issued": publication.date,
        "project": publication.project,
        "acknowledgement": publication.acknowledgement,
    }
    return {name: text for name, text in attributes.items() if text}


def doi_page(doi: str) -> str:
    """Address of a DOI; "" of none."""
    return f"https://doi.org/{doi}" if doi else ""


def depth_attributes(intervals: Sequence[Interval]) -> dict[str, str | float]:
    """What a store says of its depths [m], by ACDD's names."""
    if not intervals:
        return {}
    return {
        "geospatial_vertical_min": min(interval.top_cm for interval in intervals) / CM_PER_M,
        "geospatial_vertical_max": max(interval.bottom_cm for interval in intervals) / CM_PER_M,
        "geospatial_vertical_units": "m",
        "geospatial_vertical_positive": "down",
    }


def _words(values: Iterable[object]) -> tuple[str, ...]:
    """Texts of a column, each once and in order."""
    return tuple(sorted({value for value in values if isinstance(value, str) and value}))
