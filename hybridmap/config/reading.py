"""Reading configuration files: YAML to a checked :class:`~hybridmap.config.Config`, in one sentence when wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from hybridmap.config.layer_lists import expand_layers
from hybridmap.config.mistakes import explain
from hybridmap.config.overlay import merge
from hybridmap.config.region import Config
from hybridmap.errors import HybridmapError


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
    raw = expand_layers(_with_own_inputs(raw), origin)
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise HybridmapError(f"{origin}: {explain(error, raw, Config)}") from None


def _with_own_inputs(raw: dict[str, Any]) -> dict[str, Any]:
    """A synthetic region reads what is made for it, never what was made for another one."""
    if raw.get("demo") is None or "data_root" in raw:
        return raw
    fields = Config.model_fields
    results, region = (raw.get(key, fields[key].default) for key in ("results", "region"))
    return {**raw, "data_root": f"{results}/{region}/inputs"}


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
