"""What a configuration is made of: text, numbers, switches, dates, lists and mappings, and no other thing of YAML."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from hybridmap.config.yaml_file import Place

PLAIN = (str, int, float, bool, date, type(None))
"""A date is left to who reads it, as its place is: most ask for quotes."""


def odd_values(raw: Any) -> Iterator[tuple[Place, str]]:
    r"""Place and fault of every value that no key can mean.

    Examples
    --------
    >>> list(odd_values({"title": "a\0b", "covariates": [{"unit": b"hi"}, {"unit": "m"}]}))
    [(('title',), 'has a NUL character'), (('covariates', 0, 'unit'), 'expected text or a number, found bytes')]
    """
    yield from _odd_values(raw, (), set())


def _odd_values(block: Any, place: Place, visited: set[int]) -> Iterator[tuple[Place, str]]:
    if isinstance(block, dict | list):
        if id(block) in visited:  # aliases of aliases would never end
            return
        visited.add(id(block))
        for key, value in block.items() if isinstance(block, dict) else enumerate(block):
            if isinstance(key, str) and (fault := _fault_of_text(key)):
                yield place, f"a key {fault}"
            yield from _odd_values(value, (*place, key), visited)
    elif not isinstance(block, PLAIN):
        yield place, f"expected text or a number, found {type(block).__name__}"
    elif isinstance(block, str) and (fault := _fault_of_text(block)):
        yield place, fault


def _fault_of_text(text: str) -> str:
    """NUL ends names of files and cells of tables; half of a pair of UTF-16 can be written into no file."""
    if "\0" in text:
        return "has a NUL character"
    return "has letters that are no Unicode" if any("\ud800" <= letter <= "\udfff" for letter in text) else ""
