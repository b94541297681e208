"""The catalogue of public data sets: where they are, under which licence, and whom to ask for the others."""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path

import yaml
from pydantic import Field

from hybridmap.config import Section
from hybridmap.errors import HybridmapError, nearest

CATALOGUE = Path(__file__).with_name("downloads.yaml")


class CatalogueFile(Section):
    """One file of a data set, or many by a pattern."""

    url: str = Field(description="Address; {words} are replaced from 'placeholders'.")
    mirrors: list[str] = Field(
        default=[], description="Further addresses of the same file, tried in this order when the first fails."
    )
    name: str = Field("", description="Name on disk; by default the last part of the address.")
    placeholders: dict[str, list[str]] = Field(
        default={}, description="Word → its values; all combinations are fetched."
    )
    sha256: str = Field("", description="Published checksum; else the first one seen is recorded.")
    unpack: list[str] = Field(
        default=[], description="Members of a zip archive to unpack; then the archive is deleted."
    )


class CatalogueEntry(Section):
    """A data set that can be fetched, or must be asked for."""

    title: str = Field(description="Name of the data set.")
    licence: str = Field(description="Licence.")
    citation: str = Field(description="What to cite.")
    size: str = Field("", description="For people.")
    gigabytes: float = Field(0.0, description="Size of what is transferred, about; 0 if not known.")
    files: list[CatalogueFile] = Field(default=[], description="What to fetch.")
    request: str = Field("", description="Where to ask for it, if it cannot be fetched.")
    files_by_hand: list[str] = Field(default=[], description="Files that a user puts into its folder.")


@cache
def catalogue() -> dict[str, CatalogueEntry]:
    """Every data set of the catalogue, by its name."""
    raw = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
    return {name: CatalogueEntry.model_validate(keys) for name, keys in raw.items()}


def find_entry(name: str) -> CatalogueEntry:
    """The data set called `name`; HybridmapError if there is none."""
    entries = catalogue()
    if name not in entries:
        raise HybridmapError(f"no download '{name}'{nearest(name, entries)}; there are {sorted(entries)}.")
    return entries[name]


def expand_files(entry: CatalogueEntry) -> list[CatalogueFile]:
    """Every single file of a data set, placeholders replaced."""
    return [single for file in entry.files for single in _single_files(file)]


def _single_files(file: CatalogueFile) -> list[CatalogueFile]:
    words = list(file.placeholders)
    combinations = [dict(zip(words, values, strict=True)) for values in itertools.product(*file.placeholders.values())]
    singles = []
    for values in combinations:
        url = file.url.format(**values)
        name = file.name.format(**values) or url.rpartition("/")[2]
        mirrors = [mirror.format(**values) for mirror in file.mirrors]
        singles.append(file.model_copy(update={"url": url, "name": name, "mirrors": mirrors, "placeholders": {}}))
    return singles
