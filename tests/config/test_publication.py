"""The block publication: strict text, and facts of inputs that ask for more than its licence."""

from typing import Any

import pytest

from hybridmap.check.publication import check_publication
from hybridmap.config import Config, Publication
from hybridmap.config.reading import parse_config
from hybridmap.errors import HybridmapError

BAD = {
    "orcid": ({"authors": [{"name": "Anna", "orcid": "123"}]}, r"authors.Anna.orcid: expected an ORCID such as"),
    "nameless": ({"authors": [{"orcid": ""}]}, "'publication.authors.0.name' is missing"),
    "doi": ({"doi": "https://doi.org/10.5281/zenodo.1"}, "doi: expected a DOI such as 10.5281"),
    "contact": ({"contact": "anna"}, "contact: expected an address such as anna@example.org"),
    "url": ({"url": "example.org"}, "url: expected an address that begins with https"),
    "day": ({"date": "27.11.2026"}, "date: expected a day such as 2026-11-27"),
    "number": ({"version": 1.1}, "version: .*write text in quotes"),
    "lines": ({"citation": "a\nb"}, "citation: expected one line of text"),
    "unknown": ({"author": "Anna"}, "unknown key 'publication.author' .did you mean 'authors'"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_gets_a_sentence(case: str) -> None:
    block, sentence = BAD[case]
    with pytest.raises(HybridmapError, match=sentence):
        parse_config({"grid": {"resolution": 1, "bounds": [0, 0, 1, 1]}, "publication": block}, "region.yaml")


def test_what_is_not_given_is_not_stated() -> None:
    publication = Publication.model_validate({"authors": [{"name": "Anna"}], "date": "20261127"})
    assert publication.stated() == {"authors": [{"name": "Anna"}], "date": "2026-11-27"}


@pytest.mark.parametrize(
    ("of_input", "licence", "doubt"),
    [
        ("CC BY-NC 4.0", "CC-BY-4.0", "clay (CC BY-NC 4.0) forbids commercial use"),
        ("CC BY-SA 4.0", "CC-BY-4.0", "clay (CC BY-SA 4.0) asks for the same licence"),
        ("no redistribution", "CC0-1.0", "may not be passed on"),
        ("CC BY 4.0", "CC-BY-4.0", ""),
        ("ask Anna", "CC-BY-4.0", ""),
        ("CC BY-NC 4.0", "", ""),
    ],
)
def test_check_says_which_input_asks_for_more(of_input: str, licence: str, doubt: str) -> None:
    layer: dict[str, Any] = {"name": "clay", "path": "clay.tif", "unit": "pct", "licence": of_input}
    config = Config.model_validate({"grid": {"resolution": 1, "bounds": [0, 0, 1, 1]}, "covariates": [layer]})
    sentence = check_publication(config, Publication(licence=licence))
    assert doubt in sentence
    assert ("but" in sentence) == bool(doubt)
