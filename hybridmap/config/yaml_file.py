"""A configuration file as plain values, and the line of each: YAML without its traps, or JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from hybridmap.errors import HybridmapError

Place = tuple[str | int, ...]
"""Keys and list positions that lead to a value."""
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DEEPEST = 40
"""Blocks inside each other; no configuration needs more, and readers that call themselves have an end."""
LARGEST = 50_000_000
"""Bytes of a configuration file."""
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
MISREAD = re.compile(r"[-+]?\d+(:[0-5]?\d)+(\.\d*)?|[-+]?0[0-7_]*[0-9_]+")
"""Plain words that YAML 1.1 takes for other numbers than they look like: 1:30 is 90, and 010 is 8."""


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[Place, int]]:
    """Read a mapping from a YAML or JSON file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict
        Its values.
    dict of tuple to int
        Line of each key or list entry by its place; empty for JSON.

    Raises
    ------
    HybridmapError
        If the file is missing, not UTF-8, no YAML or no mapping, nested too deeply, names a key twice, or has a number
        that YAML reads as another one.
    """
    text = _text(path)
    if path.suffix == ".json":
        return _mapping(_json(text, path), path), {}
    try:
        _check_depth(text, path)
        node = yaml.compose(text, Loader=LOADER)
        lines = dict(_places(node, path, (), set())) if node is not None else {}
        loader = LOADER("")
        try:
            raw = {} if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise HybridmapError(_yaml_problem(error, path)) from None
    except (ValueError, RecursionError) as error:  # a date such as 2024-13-45, a number of ten thousand digits
        raise HybridmapError(
            f"{path}: not valid YAML ({str(error).splitlines()[0]}); check dates and numbers."
        ) from None
    return _mapping(raw, path), lines


def _text(path: Path) -> str:
    if not path.is_file():
        raise HybridmapError(f"{path}: no such configuration file; check the path.")
    if path.stat().st_size > LARGEST:
        raise HybridmapError(f"{path}: over {LARGEST // 1_000_000} MB, so no configuration file; check the path.")
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise HybridmapError(f"{path}, line {line}: not UTF-8; save the file as UTF-8.") from None


def _json(text: str, path: Path) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        block = dict(pairs)
        if len(block) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise HybridmapError(f"{path}: the key '{twice}' stands twice in one block; keep one.")
        return block

    try:
        return json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise HybridmapError(f"{path}: not valid JSON ({str(error).splitlines()[0]}).") from None


def _mapping(raw: Any, path: Path) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise HybridmapError(f"{path}: expected 'key: value' lines at the top level, found {type(raw).__name__}.")
    return raw


def _yaml_problem(error: yaml.YAMLError, path: Path) -> str:
    mark: Any = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    line = f", line {mark.line + 1}" if mark else ""
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"{path}{line}: not valid YAML ({problem}); check the indentation and quotes."


def _check_depth(text: str, path: Path) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            line = f", line {event.start_mark.line + 1}" if event.start_mark else ""
            raise HybridmapError(f"{path}{line}: more than {DEEPEST} blocks inside each other; check the brackets.")


def _places(node: Any, path: Path, place: Place, visited: set[int]) -> Iterator[tuple[Place, int]]:
    """Place and line of every value, refusing keys that stand twice and words that are misread as numbers.

    A block that aliases repeat is looked at once, or a few lines of aliases of aliases would never end.
    """
    if id(node) in visited:
        return
    visited.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, entry in enumerate(node.value):
            yield (*place, number), entry.start_mark.line + 1
            yield from _places(entry, path, (*place, number), visited)
    elif isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            word, line = str(key.value), key.start_mark.line + 1
            if word in first and key.tag != "tag:yaml.org,2002:merge":
                raise HybridmapError(
                    f"{path}, line {line}: the key '{word}' stands twice in one block, first in line {first[word]};"
                    " keep one."
                )
            first[word] = line
            yield (*place, word), line
            yield from _places(value, path, (*place, word), visited)
    elif node.tag in NUMBERS and not node.style and MISREAD.fullmatch(str(node.value)):
        raise HybridmapError(
            f"{path}, line {node.start_mark.line + 1}: YAML reads {node.value} as another number; write it in"
            f" quotes ('{node.value}') if it is text, else as a plain number."
        )
