"""Typed configuration of a publication: whom maps are of, how they are cited and what they may be used for."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from hybridmap.config.section import Section


def _like(pattern: str, example: str) -> Callable[[str], str]:
    """A validator of text that is empty or whole of a pattern."""

    def checked(text: str) -> str:
        if text and not re.fullmatch(pattern, text):
            raise ValueError(f"expected {example}")
        return text

    return checked


def _day(value: Any) -> Any:
    """A day as YAML reads it, or as text; another text is a mistake."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value:
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            raise ValueError("expected a day such as 2026-11-27") from None
    return value


Line = Annotated[str, Field(max_length=2000), AfterValidator(_like(r"[^\x00-\x1f\x7f]*", "one line of text"))]
"""Text that fits into a tag of a file."""
Email = Annotated[str, AfterValidator(_like(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an address such as anna@example.org"))]
Address = Annotated[str, AfterValidator(_like(r"https?://\S+", "an address that begins with https://"))]
Doi = Annotated[str, AfterValidator(_like(r"10\.\d{4,9}/\S+", "a DOI such as 10.5281/zenodo.1234567"))]
Orcid = Annotated[str, AfterValidator(_like(r"(\d{4}-){3}\d{3}[\dX]", "an ORCID such as 0000-0002-1825-0097"))]
Day = Annotated[str, BeforeValidator(_day)]


class Author(Section):
    """Someone who made the maps."""

    name: Line = Field(min_length=1, description="As it is cited.")
    orcid: Orcid = Field("", description="As 0000-0002-1825-0097.")
    institution: Line = Field("", description="Where the author works.")


class Publisher(Section):
    """Who offers the maps to others."""

    name: Line = Field(min_length=1, description="A repository, an institute.")
    email: Email = Field("", description="Address for questions about the offer.")
    url: Address = Field("", description="Page of the publisher.")


class Publication(Section):
    """What files say of whom they are of; what is not given stands in none of them."""

    authors: list[Author] = Field([], description="In the order of the citation.")
    institution: Line = Field("", description="Where the maps were made.")
    contact: Email = Field("", description="Address for questions about the maps.")
    citation: Line = Field("", description="How to cite the maps.")
    doi: Doi = Field("", description="Of the maps, as 10.5281/zenodo.1234567.")
    url: Address = Field("", description="Page of the maps.")
    licence: Line = Field(
        "", description="Of the maps, as CC-BY-4.0. `hybridmap check` says where that of an input asks for more."
    )
    version: Line = Field("", description="Of the maps, in quotes.")
    date: Day = Field("", description="Day of this version, as 2026-11-27.")
    publisher: Publisher | None = Field(None, description="Who offers the maps.")
    project: Line = Field("", description="In which the maps were made.")
    acknowledgement: Line = Field("", description="Who paid or helped.")

    def stated(self) -> dict[str, Any]:
        """What is given, as plain text, lists and mappings."""
        return self.model_dump(mode="json", exclude_defaults=True)
