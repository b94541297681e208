"""Reading configuration files: YAML to a checked :class:`~hybridmap.config.Config`, in one sentence when wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from hybridmap.config import Config, merge
from hybridmap.config.layer_lists import expand_layers
from hybridmap.config.mistakes import explain
from hybridmap.errors import HybridmapError
from hybridmap.files.paths import under

STAGE_SECTIONS: dict[str, tuple[str, ...]] = {
    "inputs": ("region", "demo", "grid"),
    "ingest": ("region", "data_root", "demo", "grid", "observations"),
    "build": ("region", "grid", "build"),
    "cube": ("region", "data_root", "demo", "grid", "covariates", "auxiliary", "forcing", "predict"),
    "sample": ("region", "grid"),
    "split": ("region", "data_root", "grid", "splits"),
    "experiment": ("region", "grid", "build", "splits", "experiments", "covariates", "forcing"),
    "predict": ("region", "title", "data_root", "grid", "build", "covariates", "predict", "totals"),
    "baseline": ("region", "grid", "covariates", "splits"),
    "report": tuple(key for key in Config.model_fields if key != "experiment_defaults"),
}
"""Sections that each stage reads; a change elsewhere in the file does not rerun it."""


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
        raise HybridmapError(f"{origin}: {explain(error, raw, Config)}") from None


def stage_settings(raw: dict[str, Any], stage: str, experiment: str | None = None) -> str:
    """Return the part of a configuration that `stage` reads, as sorted JSON text.

    The text is the trigger of a workflow rule and the record of what made a result, and it is itself a valid
    configuration file for every ``hybridmap`` command of that stage.
    """
    config = parse_config(raw, "config").model_dump(mode="json", by_alias=True, exclude={"experiment_defaults"})
    part = {key: config[key] for key in STAGE_SECTIONS[stage]}
    if stage == "cube":  # what maps hold is no matter of the cube
        part["predict"] = {"tile": part["predict"]["tile"]}
    if experiment is not None:
        for kind in ("covariates", "forcing"):  # of a layer only what a model must know
            part[kind] = [{key: layer[key] for key in ("name", "kind", "unit")} for layer in part[kind]]
        part["experiments"] = [e for e in part["experiments"] if e["name"] == experiment]
        used = part["experiments"][0]["splits"]
        part["splits"] = [s for s in part["splits"] if s["name"] in used]
    return json.dumps(part, sort_keys=True)


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
        where = (
            f", line {error.problem_mark.line + 1}"
            if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark
            else ""
        )
        problem = getattr(error, "problem", "not readable")
        raise HybridmapError(f"{path}{where}: not valid YAML ({problem}); check the indentation and quotes.") from None
    if not isinstance(raw, dict):
        raise HybridmapError(f"{path}: expected 'key: value' lines at the top level, found {type(raw).__name__}.")
    return raw
