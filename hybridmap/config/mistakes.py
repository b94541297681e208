"""What is wrong with a configuration, in one sentence with the dotted key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Tag, ValidationError

from hybridmap.errors import nearest

UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")
"""Pydantic's words for an unknown key of a section and of a dataclass."""
LONGEST_VALUE = 80
"""Letters of a value in a sentence."""
Section = type[Any]
"""A pydantic model, or a dataclass of options."""


Location = tuple[int | str, ...]
"""Keys and list positions that lead to a value."""


def explain(error: ValidationError, raw: Any, root: type[BaseModel]) -> tuple[Location, str]:
    """Turn the first problem into one sentence, preferring misspelt keys.

    Parameters
    ----------
    error : ValidationError
        What pydantic says.
    raw : Any
        What was read.
    root : type of BaseModel
        The section that `raw` was to be.

    Returns
    -------
    tuple
        Where it is.
    str
        Key and mistake, ending in a full stop.
    """
    problem = min(error.errors(), key=lambda e: e["type"] not in UNKNOWN_KEY)
    place = getattr(problem.get("ctx", {}).get("error"), "place", problem["loc"])
    return place, _sentence(problem, raw, root)


def _sentence(problem: Any, raw: Any, root: type[BaseModel]) -> str:
    key = dotted(problem["loc"], raw)
    if problem["type"] in UNKNOWN_KEY:
        keys = _keys_at(problem["loc"][:-1], root)
        hint = nearest(str(problem["loc"][-1]), keys) or f"; known keys are {sorted(keys)}"
        return f"unknown key '{key}'{hint}."
    if problem["type"] == "missing":
        return f"the key '{key}' is missing; add it."
    message = str(problem["msg"]).removeprefix("Value error, ").removesuffix(".")
    value = problem.get("input")
    value_text = "" if isinstance(value, dict | list) or not key else f", got {_short(value)}"
    advice = "; write text in quotes" if problem["type"] == "string_type" and value is not None else ""
    return f"{key + ': ' if key else ''}{message}{value_text}{advice}."


def _short(value: Any) -> str:
    """A value as it was written, cut in the middle where it is long."""
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**50 else "a number of over 50 digits"
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 20]} … {text[-15:]}"


def dotted(location: Location, raw: Any) -> str:
    """Write a location as ``observations.raca.columns.lon``, with names in place of list positions.

    A step that is in none of the blocks read says which member of a union pydantic looked at, unless it is the last
    step, which may be a key that is absent.
    """
    words, block = [], raw
    for number, step in enumerate(location, 1):
        is_block = isinstance(block, Mapping | list)
        try:
            block = block[step]
        except (KeyError, IndexError, TypeError):
            if is_block and number == len(location):
                words.append(str(step))
            continue
        has_name = isinstance(step, int) and isinstance(block, Mapping) and "name" in block
        words.append(str(block["name"] if has_name else step))
    return ".".join(words)


def _keys_at(location: Location, root: Section) -> list[str]:
    """Keys allowed at `location`, walking the sections by the types of their fields."""
    sections: dict[str, Section] = {"": root}
    for step in location:
        if isinstance(step, int):
            continue
        if step in sections:  # the kind of section among several
            sections = {"": sections[step]}
            continue
        annotation = next((a for s in sections.values() for key, a in _fields(s).items() if key == step), None)
        if annotation is not None:
            sections = dict(_sections_in(annotation))
    return [key for section in sections.values() for key in _fields(section)]


def _fields(section: Section) -> dict[str, Any]:
    """Type of every key of a section."""
    if issubclass(section, BaseModel):
        return {f.alias or name: Annotated[f.annotation, *f.metadata, None] for name, f in section.model_fields.items()}
    hints = get_type_hints(section)
    return {field.name: hints[field.name] for field in fields(section)}


def _sections_in(annotation: Any, tag: str = "") -> Iterator[tuple[str, Section]]:
    """Sections in a type such as ``list[Raster] | None``, by their tags in a union, if they have any."""
    if isinstance(annotation, type) and (issubclass(annotation, BaseModel) or is_dataclass(annotation)):
        yield tag, annotation
        return
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        tag = next((mark.tag for mark in arguments if isinstance(mark, Tag)), tag)
        arguments = arguments[:1]
    for argument in arguments:
        yield from _sections_in(argument, tag)
