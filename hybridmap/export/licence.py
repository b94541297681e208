"""The licence that a map may bear, from the licences of what it was made from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple


class Terms(NamedTuple):
    """What a licence asks of who passes a map on.

    Attributes
    ----------
    pattern : str
        Of the text of a licence, in lower case without marks.
    attribution, share_alike, non_commercial, closed : bool
        Name the source; the same licence again; no commercial use; no passing on at all.
    """

    pattern: str
    attribution: bool = True
    share_alike: bool = False
    non_commercial: bool = False
    closed: bool = False


TERMS = (
    Terms(r"no redistribution|not be passed on|all rights reserved|no ?derivatives|by nd|by nc nd", closed=True),
    Terms(r"by nc sa|noncommercial share ?alike", share_alike=True, non_commercial=True),
    Terms(r"by nc|non ?commercial", non_commercial=True),
    Terms(r"by sa|share ?alike|odbl|gpl", share_alike=True),
    Terms(r"cc0|public domain|no restrictions|pddl|unlicense", attribution=False),
    Terms(r"cc by|etalab|open government|ogl|mit|bsd|apache|dl de by|open cite|cite"),
)
"""Read from the top; the first whose pattern is in a licence counts."""


LICENCE_PAGES = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-NC-4.0": "https://creativecommons.org/licenses/by-nc/4.0/",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "CC-BY-NC-SA-4.0": "https://creativecommons.org/licenses/by-nc-sa/4.0/",
}
"""Where the text of a licence stands."""


def licence_of_map(licences: Iterable[str]) -> str:
    """Return the widest licence that the licences of all inputs allow for what is made of them.

    A text of several licences counts as each of its parts. It is advice, and no legal one.

    Parameters
    ----------
    licences : iterable of str
        Of observations and layers; empty ones are not known.

    Returns
    -------
    str
        As ``CC-BY-4.0``, or ``not to be passed on: …`` and ``not known: …`` with the texts that decide.

    Examples
    --------
    >>> licence_of_map(["CC0-1.0", "CC BY 4.0"])
    'CC-BY-4.0'
    >>> licence_of_map(["CC BY 4.0", "CC BY-NC 3.0", "public domain"])
    'CC-BY-NC-4.0'
    >>> licence_of_map(["CC BY 4.0", "ask Anna"])
    'not known: ask Anna'
    """
    texts = sorted({text.strip() for text in licences})
    terms = {text: terms_of(text) for text in texts}
    if closed := [text for text, parts in terms.items() if any(part.closed for part in parts)]:
        return f"not to be passed on: {'; '.join(closed)}"
    if unknown := [text or "an input without a licence" for text, parts in terms.items() if not parts]:
        return f"not known: {'; '.join(unknown)}"
    conditions = [part for parts in terms.values() for part in parts]
    if not any(term.attribution for term in conditions):
        return "CC0-1.0"
    words = ["CC-BY", *(["NC"] if any(t.non_commercial for t in conditions) else [])]
    words += ["SA"] if any(term.share_alike for term in conditions) else []
    return "-".join([*words, "4.0"])


def terms_of(licence: str) -> list[Terms]:
    """Terms of each part of a licence text; none where a text is not known.

    Parameters
    ----------
    licence : str
        As a source gives it; parts are divided by commas, "or", "some" and the like.
    """
    parts = [re.sub(r"[^a-z0-9]+", " ", part).strip() for part in re.split(r"[,;+]|\bsome\b|\bor\b", licence.lower())]
    matching = ([term for term in TERMS if re.search(rf"\b({term.pattern})", part)] for part in parts)
    return [terms[0] for terms in matching if terms]
