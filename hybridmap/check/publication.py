"""Whether the licence of a publication gives more away than the licences of what the maps are made of."""

from __future__ import annotations

from hybridmap.config import Config
from hybridmap.config.publication import Publication
from hybridmap.export.licence import Terms, terms_of

CONDITIONS = {
    "closed": "may not be passed on",
    "non_commercial": "forbids commercial use",
    "share_alike": "asks for the same licence",
    "attribution": "asks to be named",
}
"""What a licence may ask, and how it is said; the gravest first."""


def check_publication(config: Config, publication: Publication) -> str:
    """Say whom the maps are of, and which inputs ask for more than the licence of the publication.

    Parameters
    ----------
    config : Config
        Of the region.
    publication : Publication
        Its block.

    Returns
    -------
    str
        A sentence; no legal advice, so nothing is refused.
    """
    authors = f"{len(publication.authors)} author{'s' if len(publication.authors) != 1 else ''}"
    licence = publication.licence or "no licence"
    licences = {source.name: source.licence for source in config.observations}
    licences |= {layer.name: layer.licence for layer in config.covariates}
    licences |= {layer.name: layer.licence for layer in config.forcing}
    doubts = [
        f"{name} ({text}) {words}"
        for name, text in licences.items()
        if publication.licence and (words := asks_for_more(text, publication.licence))
    ]
    return f"{authors}, {licence}{'; but ' if doubts else ''}{', '.join(doubts)}"


def asks_for_more(of_input: str, of_map: str) -> str:
    """What the licence of an input asks that the licence of a map does not; "" if nothing, or one is not known.

    Examples
    --------
    >>> asks_for_more("CC BY-NC 4.0", "CC-BY-4.0"), asks_for_more("CC0-1.0", "CC-BY-4.0")
    ('forbids commercial use', '')
    """
    inner, outer = terms_of(of_input), terms_of(of_map)
    if not inner or not outer:
        return ""
    return next((words for key, words in CONDITIONS.items() if _asks(inner, key) and not _asks(outer, key)), "")


def _asks(terms: list[Terms], condition: str) -> bool:
    return any(getattr(term, condition) for term in terms)
