"""A trained model on disk: weights as safetensors, everything else as readable YAML. No pickle."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from hybridmap.errors import HybridmapError
from hybridmap.model import Model
from hybridmap.model.members import stack
from hybridmap.model.specification import build_model
from hybridmap.process import list_processes

WEIGHTS, MEMBERS, SPECIFICATION, PROCESS = "weights.safetensors", "members.safetensors", "model.yaml", "process.py"


def save_model(model: Model | Sequence[Model], spec: Mapping[str, Any], folder: Path) -> None:
    """Write a model and the specification that rebuilds it into `folder`; weights last, by rename.

    Of several (an ensemble) the first is the model of the folder, and all of them go beside it.

    Parameters
    ----------
    model : Model, or sequence of Model
        Trained.
    spec : mapping
        As :func:`hybridmap.model.specification.build_model` takes it.
    folder : Path
        Made if absent.
    """
    import yaml
    from safetensors.torch import save_file

    models = [model] if isinstance(model, nn.Module) else list(model)
    folder.mkdir(parents=True, exist_ok=True)
    spec = _with_source(spec, folder)
    (folder / SPECIFICATION).write_text(yaml.safe_dump(dict(spec), sort_keys=False), encoding="utf-8")
    (folder / MEMBERS).unlink(missing_ok=True)
    states = {WEIGHTS: models[0].state_dict()}
    if len(models) > 1:
        states = {MEMBERS: stack(models).state_dict(), **states}
    for name, state in states.items():
        partial = folder / (name + ".partial")
        save_file({key: t.detach().cpu().contiguous() for key, t in state.items()}, partial)
        os.replace(partial, folder / name)


def _with_source(spec: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """Keep a process model that is a file of the user beside the weights, so that the folder stays whole."""
    process = spec["process"]
    if not process or not process["name"].endswith(".py"):
        return spec
    source = Path(process["name"]).read_text(encoding="utf-8")
    (folder / PROCESS).write_text(source, encoding="utf-8")
    return {**spec, "process": {**process, "name": PROCESS}}


def load_model(folder: str | os.PathLike[str], trust: bool = False) -> Model:
    """Rebuild a model saved by :func:`save_model`, in evaluation mode; of an ensemble, its first member.

    Parameters
    ----------
    folder : path
        Of the model.
    trust : bool
        Whether to run a process model that is kept in the folder, which may do anything.

    Raises
    ------
    HybridmapError
        If a file is missing, the weights do not fit the specification, or the process model is not trusted.
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
    if spec["process"] and spec["process"]["name"] not in list_processes():
        spec["process"]["name"] = _trusted_source(spec["process"]["name"], folder, trust)
    model = build_model(spec)
    model.units = dict(spec.get("units") or {})
    _fill(model, load_file(folder / WEIGHTS), folder)
    return model.eval()


def _trusted_source(name: str, folder: Path, trust: bool) -> str:
    """Path of the process model in the folder; no other file is ever run."""
    if name != PROCESS:
        raise HybridmapError(
            f"{folder / SPECIFICATION}: names the process model '{name}'; only those of hybridmap and {PROCESS} beside it"
            " are run."
        )
    if not trust:
        raise HybridmapError(
            f"{folder / PROCESS}: the model has a process model of its own, a program that would be run; read it, and"
            " load with trust=True if you trust it."
        )
    return str(folder / PROCESS)


def load_members(folder: str | os.PathLike[str], trust: bool = False) -> Model | None:
    """Rebuild the ensemble of a folder as one model with a member axis, None where there is only one member.

    Arguments and errors are those of :func:`load_model`.
    """
    from safetensors.torch import load_file

    folder = Path(folder)
    if not (folder / MEMBERS).is_file():
        return None
    weights = load_file(folder / MEMBERS)
    model = load_model(folder, trust)
    together = stack([model] * len(next(iter(weights.values()))))
    _fill(together, weights, folder)
    return together.eval()


def _fill(model: Model, weights: Mapping[str, Tensor], folder: Path) -> None:
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise HybridmapError(
            f"{folder}: weights do not fit {SPECIFICATION} ({str(error).splitlines()[0]}); retrain."
        ) from None
