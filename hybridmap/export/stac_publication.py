"""What a STAC item says of a publication: providers, licence, citation and version."""

from __future__ import annotations

from typing import Any, NamedTuple

import pystac

from hybridmap import __version__
from hybridmap.config import Publication
from hybridmap.export.licence import LICENCE_PAGES
from hybridmap.export.origin import doi_page

EXTENSIONS = {
    "sci:doi": "https://stac-extensions.github.io/scientific/v1.0.0/schema.json",
    "sci:citation": "https://stac-extensions.github.io/scientific/v1.0.0/schema.json",
    "version": "https://stac-extensions.github.io/version/v1.2.0/schema.json",
    "published": "https://stac-extensions.github.io/timestamps/v1.1.0/schema.json",
}
"""Property → the extension that declares it."""


class Facts(NamedTuple):
    """Parts of an item.

    Attributes
    ----------
    properties : dict of str to Any
        Of the item.
    links : list of Link
        To the licence, and to the page that one cites.
    extensions : list of str
        Whose words the properties use.
    """

    properties: dict[str, Any]
    links: list[pystac.Link]
    extensions: list[str]


def publication_facts(publication: Publication, licence_of_inputs: str) -> Facts:
    """Parts of an item that come from a publication; without one, from the licences of the inputs alone.

    Parameters
    ----------
    publication : Publication
        Block of the configuration; what it leaves out is not there.
    licence_of_inputs : str
        The widest that the inputs allow.
    """
    licence = publication.licence or licence_of_inputs
    page, cited = LICENCE_PAGES.get(licence), doi_page(publication.doi)
    texts = {
        "sci:doi": publication.doi,
        "sci:citation": publication.citation,
        "version": publication.version,
        "published": f"{publication.date}T00:00:00Z" if publication.date else "",
    }
    texts = {name: text for name, text in texts.items() if text}
    links = [pystac.Link("license", page, media_type="text/html", title=licence)] if page else []
    links += [pystac.Link("cite-as", cited)] if cited else []
    extensions = list(dict.fromkeys(EXTENSIONS[name] for name in texts))
    identifier = publication.licence if publication.licence in LICENCE_PAGES else "other"
    properties = {
        "license": identifier,
        "hybridmap:licence": licence,
        "providers": _providers(publication),
        **texts,
    }
    return Facts(properties, links, extensions)


def _providers(publication: Publication) -> list[dict[str, Any]]:
    """Who made the maps, who offers them, and the program."""
    licensor = ["licensor"] if publication.licence else []
    makers = [publication.institution] if publication.institution else [author.name for author in publication.authors]
    rows: list[dict[str, Any]] = [{"name": name, "roles": ["producer", *licensor]} for name in makers]
    if publication.institution and publication.authors:
        rows[0]["description"] = "; ".join(author.name for author in publication.authors)
    if publisher := publication.publisher:
        rows.append({"name": publisher.name, "roles": ["host"], **({"url": publisher.url} if publisher.url else {})})
    return [*rows, {"name": "hybridmap", "roles": ["processor"], "description": f"version {__version__}"}]
