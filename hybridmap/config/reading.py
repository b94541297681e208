"""Reading configuration files: YAML to a checked :class:`~hybridmap.config.Config`, in one sentence when wrong."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hybridmap.config.layer_lists import expand_layers
from hybridmap.config.lines import Lines, place_in_file
from hybridmap.config.mistakes import dotted, explain
from hybridmap.config.overlay import merge
from hybridmap.config.places import check_places
from hybridmap.config.plain_values import odd_values
from hybridmap.config.region import Config
from hybridmap.config.yaml_file import Place, read_yaml
from hybridmap.errors import HybridmapError


def load_config(*paths: str | os.PathLike[str], over: Mapping[str, Any] | None = None) -> Config:
    """Read one configuration, later files laid over earlier ones.

    Parameters
    ----------
    *paths : path-like
        YAML or JSON files. Mappings are merged, lists and values replaced.
    over : mapping, optional
        Laid over the last file, as ``--config`` of snakemake gives it.

    Raises
    ------
    HybridmapError
        If a file is missing or cannot be read, has an unknown key or a wrong value, or an input lies outside
        ``data_root`` without leave; with the line where it can be known.
    """
    raw: dict[str, Any] = {}
    lines = Lines()
    for path in map(Path, paths):
        content, places = read_yaml(path)
        raw = merge(raw, content)
        lines.files.append((path, places))
    return parse_config(merge(raw, dict(over or {})), " + ".join(str(p) for p in paths), lines)


def parse_config(raw: dict[str, Any], origin: str, lines: Lines | None = None) -> Config:
    """Check an already read mapping.

    Parameters
    ----------
    raw : dict
        As read from YAML.
    origin : str
        Names it in errors where no line is known.
    lines : Lines, optional
        Files and lines of its values.

    Returns
    -------
    Config

    Raises
    ------
    HybridmapError
        As :func:`load_config`.
    """
    written = raw
    lines = Lines() if lines is None else lines
    for place, fault in odd_values(written):
        raise HybridmapError(f"{lines.find(place) or origin}: {dotted(place, written)}: {fault}.")
    raw = expand_layers(_with_own_inputs(raw), origin)

    def line_of(location: Place) -> str:
        return lines.find(place_in_file(location, written, raw)) or origin

    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        location, sentence = explain(error, raw, Config)
        raise HybridmapError(f"{line_of(location)}: {sentence}") from None
    _check_switches(raw, config, line_of)
    check_places(config)
    return config


def _with_own_inputs(raw: dict[str, Any]) -> dict[str, Any]:
    """A synthetic region reads what is made for it, never what was made for another one."""
    if raw.get("demo") is None or "data_root" in raw:
        return raw
    fields = Config.model_fields
    results, region = (raw.get(key, fields[key].default) for key in ("results", "region"))
    return {**raw, "data_root": f"{results}/{region}/inputs"}


def _check_switches(raw: dict[str, Any], config: Config, line_of: Callable[[Place], str]) -> None:
    """Refuse true and false where a number is meant, which pydantic takes for 1 and 0."""
    for place in _numbers_of_switches(raw, config.model_dump(by_alias=True)):
        raise HybridmapError(
            f"{line_of(place)}: {dotted(place, raw)}: expected a number or text, found a switch (true, false, yes, no,"
            " on, off); write text in quotes."
        )


def _numbers_of_switches(written: Any, understood: Any, place: Place = ()) -> Iterator[Place]:
    """Places where a switch became something else."""
    if isinstance(written, bool):
        if not isinstance(understood, bool):
            yield place
    elif isinstance(written, dict) and isinstance(understood, dict):
        for key, value in written.items():
            if key in understood:
                yield from _numbers_of_switches(value, understood[key], (*place, key))
    elif isinstance(written, list) and isinstance(understood, list | tuple):
        for number, (value, read_as) in enumerate(zip(written, understood, strict=False)):
            yield from _numbers_of_switches(value, read_as, (*place, number))
