"""What a store of maps says of where it comes from: title, years and licence of its observations, its publication."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hybridmap.config import Publication
from hybridmap.files.reading import read_json, read_parquet
from hybridmap.files.results import metadata
from hybridmap.files.sums import renew_sum
from hybridmap.files.tables import write_text
from hybridmap.grid.verified_store import open_verified
from hybridmap.samples.year_span import year_span


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
        return cls("", year_span(table["year"]), _words(table["licence"]), _words(table["source"]), version)

    def attributes(self) -> dict[str, str]:
        """Attributes of a store, by ACDD's names; "" of what is not known."""
        observed = f"soil observations of {', '.join(self.sources)}" if self.sources else ""
        years = f"{self.years[0]} to {self.years[-1]}" if self.years else ""
        period = f"P{self.years[-1] - self.years[0] + 1}Y" if self.years else ""
        published = publication_attributes(self.publication or Publication())
        observed_licence = f"made of observations under {'; '.join(self.licences)}" if self.licences else ""
        return {
            "title": self.title,
            "summary": f"{self.title}: soil carbon at steady state by a hybrid model, with parameters and intervals",
            "keywords": "soil organic carbon, hybrid modelling, digital soil mapping",
            "processing_level": "output of a model on a grid",
            "comment": "cells that lack a covariate or forcing have no value",
            "source": ", ".join(filter(None, [f"hybridmap {self.version}".strip(), observed])),
            "history": f"hybridmap {self.version}: predict".replace(" :", ":"),
            "license": published["license"] or observed_licence,
            "time_coverage_start": f"{self.years[0]}-01-01" if self.years else "",
            "time_coverage_end": f"{self.years[-1]}-12-31" if self.years else "",
            "time_coverage_duration": period,
            "time_coverage_resolution": period,
            "years_of_observations": years,
            **{name: text for name, text in published.items() if name != "license"},
        }


def publication_attributes(publication: Publication) -> dict[str, str]:
    """What a region file says of a publication, by ACDD's names; "" of what it leaves out.

    Examples
    --------
    >>> from hybridmap.config import Publication
    >>> publication_attributes(Publication(doi="10.5281/zenodo.1", licence="CC-BY-4.0"))["references"]
    'https://doi.org/10.5281/zenodo.1'
    """
    authors, publisher = publication.authors, publication.publisher
    page = doi_page(publication.doi)
    return {
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


def write_origin(store: Path, origin: Origin) -> None:
    """Say in the first file of a finished store of maps where these come from; its maps stay.

    The file keeps its time too: what was computed from the maps is not out of date by another title.

    Parameters
    ----------
    store : Path
        ``maps.zarr``, with its sums beside it.
    origin : Origin
        In place of what the store said before.
    """
    open_verified(store)  # what is damaged stays so
    file = metadata(store)
    content, times = read_json(file), file.stat()
    words = origin.attributes()
    of_maps = {name: value for name, value in content["attributes"].items() if name not in words}
    content["attributes"] = {**{name: text for name, text in words.items() if text}, **of_maps}
    write_text(json.dumps(content, indent=2, ensure_ascii=False), file)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    renew_sum(store, file.name)


def doi_page(doi: str) -> str:
    """Address of a DOI; "" of none."""
    return f"https://doi.org/{doi}" if doi else ""


def _words(values: Iterable[object]) -> tuple[str, ...]:
    """Texts of a column, each once and in order."""
    return tuple(sorted({value for value in values if isinstance(value, str) and value}))
