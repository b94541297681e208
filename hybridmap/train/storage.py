"""A trained model on disk: weights as safetensors, everything else as readable YAML. No pickle."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hybridmap.errors import HybridmapError
from hybridmap.hybrid import Model
from hybridmap.specification import build_model

WEIGHTS, SPECIFICATION, PROCESS = "weights.safetensors", "model.yaml", "process.py"


def save_model(model: Model, spec: Mapping[str, Any], folder: Path) -> None:
    """Write `model` and the specification that rebuilds it into `folder`; weights last, by rename."""
    import yaml
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    spec = _with_source(spec, folder)
    (folder / SPECIFICATION).write_text(yaml.safe_dump(dict(spec), sort_keys=False), encoding="utf-8")
    partial = folder / (WEIGHTS + ".partial")
    save_file({name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}, partial)
    os.replace(partial, folder / WEIGHTS)


def _with_source(spec: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """Keep a process model that is a file of the user beside the weights, so that the folder stays whole."""
    process = spec["process"]
    if not process or not process["name"].endswith(".py"):
        return spec
    source = Path(process["name"]).read_text(encoding="utf-8")
    (folder / PROCESS).write_text(source, encoding="utf-8")
    return {**spec, "process": {**process, "name": PROCESS}}


def load_model(folder: str | os.PathLike[str]) -> Model:
    """Rebuild a model saved by :func:`save_model`, in evaluation mode.

    Raises
    ------
    HybridmapError
        If a file is missing, or the weights do not fit the specification.
    """
    import yaml
    from safetensors.torch import load_file

    folder = Path(folder)
    for name in (SPECIFICATION, WEIGHTS):
        if not (folder / name).is_file():
            raise HybridmapError(
                f"{folder / name}: missing, so there is no trained model here; run the training first."
            )
    spec = yaml.safe_load((folder / SPECIFICATION).read_text(encoding="utf-8"))
    if spec["process"] and spec["process"]["name"] == PROCESS:
        spec["process"]["name"] = str(folder / PROCESS)
    model = build_model(spec)
    try:
        model.load_state_dict(load_file(folder / WEIGHTS))
    except RuntimeError as error:
        raise HybridmapError(
            f"{folder}: weights do not fit {SPECIFICATION} ({str(error).splitlines()[0]}); retrain."
        ) from None
    return model.eval()
