"""Reading configuration files: YAML to a checked :class:`~hybridmap.config.Config`, in one sentence when wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from hybridmap.config.layer_lists import expand_layers
from hybridmap.config.overlay import merge
from hybridmap.config.region import Config
from hybridmap.errors import HybridmapError, nearest
from hybridmap.files.paths import under


def load_config(*paths: str | os.PathLike[str]) -> Config:
    """Read one configuration, later files laid over earlier ones.

    Parameters
    ----------
    *paths : path-like
        YAML or JSON files. Mappings are merged, lists and values replaced.

    Raises
    ------
    HybridmapError
        If a file is missing, is no YAML mapping, or has an unknown key or a wrong value.
    """
    raw: dict[str, Any] = {}
    for path in paths:
        raw = merge(raw, _read_mapping(Path(path)))
    return parse_config(raw, " + ".join(str(p) for p in paths))


def parse_config(raw: dict[str, Any], origin: str) -> Config:
    """Check an already read mapping; `origin` names it in errors. Raises :class:`HybridmapError`."""
    raw = expand_layers(raw, origin)
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise HybridmapError(f"{origin}: {_explain(error, raw)}") from None


def data_path(config: Config, path: str) -> Path:
    """Return `path` under the data root, with ``${VARIABLE:-default}`` expanded.

    Raises
    ------
    HybridmapError
        If a variable without default is not set.
    """
    return under(config.data_root, path)


def _read_mapping(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise HybridmapError(f"{path}: no such configuration file; check the path.")
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", "not readable")
        raise HybridmapError(f"{path}{line}: not valid YAML ({problem}); check the indentation and quotes.") from None
    if not isinstance(raw, dict):
        raise HybridmapError(f"{path}: expected 'key: value' lines at the top level, found {type(raw).__name__}.")
    return raw


def _explain(error: ValidationError, raw: Any) -> str:
    """Turn the first problem into one sentence with the dotted key, preferring misspelt keys."""
    problem = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    key = _dotted(problem["loc"], raw)
    if problem["type"] == "extra_forbidden":
        keys = _keys_at(problem["loc"][:-1])
        hint = nearest(str(problem["loc"][-1]), keys) or f"; known keys are {sorted(keys)}"
        return f"unknown key '{key}'{hint}."
    if problem["type"] == "missing":
        return f"the key '{key}' is missing; add it."
    message = str(problem["msg"]).removeprefix("Value error, ")
    value = problem.get("input")
    value_text = "" if isinstance(value, dict | list) or not key else f", got {value!r}"
    return f"{key + ': ' if key else ''}{message}{value_text}."


def _dotted(location: tuple[int | str, ...], raw: Any) -> str:
    """Write a location as ``observations.raca.columns.lon``, with names in place of list positions."""
    words, block = [], raw
    for step in location:
        try:
            block = block[step]
        except (KeyError, IndexError, TypeError):
            block = None
        has_name = isinstance(step, int) and isinstance(block, dict) and "name" in block
        words.append(str(block["name"] if has_name else step))
    return ".".join(words)


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    """Keys allowed at `location`, walking the models by field type."""
    model: type[BaseModel] | None = Config
    for step in location:
        if isinstance(step, int) or model is None:
            continue
        field = next((f for name, f in model.model_fields.items() if step in (name, f.alias)), None)
        if field is not None:
            model = _model_in(field.annotation)
    return [f.alias or name for name, f in model.model_fields.items()] if model else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The first section in a type such as ``list[Raster] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for argument in get_args(annotation) if (model := _model_in(argument))), None)
