"""A trained model on disk: weights as safetensors, everything else as readable YAML. No pickle."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from hybridmap.errors import HybridmapError
from hybridmap.model import Model
from hybridmap.model.durable_files import sealed, sha256, tensor_bytes, unsealed, write_durably
from hybridmap.model.members import stack
from hybridmap.model.specification import build_model
from hybridmap.process import list_processes

WEIGHTS, MEMBERS, SPECIFICATION, PROCESS = "weights.safetensors", "members.safetensors", "model.yaml", "process.py"
FILES = "files"
"""Key of the digests of the other files in the specification."""
RANGES = "ranges"
"""Key of the lowest and highest value of every layer in training."""
MISFITS = (KeyError, TypeError, ValueError, RuntimeError, AttributeError, IndexError, OverflowError)
"""What building a model from a specification raises that is none."""


def save_model(
    model: Model | Sequence[Model], spec: Mapping[str, Any], folder: Path, draws: Sequence[Model] | None = None
) -> None:
    """Write a model and the specification that rebuilds it into `folder`; weights last, by rename.

    Of several (an ensemble) the first is the model of the folder, and all of them go beside it. The specification
    holds the digests of the other files, and its own.

    Parameters
    ----------
    model : Model, or sequence of Model
        Trained.
    spec : mapping
        As :func:`hybridmap.model.specification.build_model` takes it.
    folder : Path
        Made if absent.
    draws : sequence of Model, optional
        What goes beside the model instead of the others, where members are not trained but drawn.
    """
    import yaml

    models = [model] if isinstance(model, nn.Module) else list(model)
    members = models if draws is None else draws
    folder.mkdir(parents=True, exist_ok=True)
    spec, source = _with_source(spec)
    contents = {} if source is None else {PROCESS: source}
    if len(members) > 1:
        contents[MEMBERS] = tensor_bytes(stack(members).state_dict())
    weights = tensor_bytes(models[0].state_dict())
    digests = {name: sha256(content) for name, content in {**contents, WEIGHTS: weights}.items()}
    text = yaml.safe_dump({**spec, FILES: digests}, sort_keys=False)
    for name in (WEIGHTS, MEMBERS, PROCESS):
        (folder / name).unlink(missing_ok=True)
    for name, content in {**contents, SPECIFICATION: sealed(text), WEIGHTS: weights}.items():
        write_durably(content, folder / name)


def _with_source(spec: Mapping[str, Any]) -> tuple[Mapping[str, Any], bytes | None]:
    """A process model that is a file of the user goes beside the weights, so that the folder stays whole."""
    process = spec["process"]
    if not process or not process["name"].endswith(".py"):
        return spec, None
    return {**spec, "process": {**process, "name": PROCESS}}, Path(process["name"]).read_bytes()


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
        If a file is missing or damaged, the weights do not fit the specification, or the process model is not trusted.
    """
    folder = Path(folder)
    spec = _specification(folder)
    weights = _tensors(folder, WEIGHTS, spec)
    process = spec["process"]
    if process and process["name"] not in list_processes():
        source = _trusted_source(process["name"], folder, trust)
        _content(folder, PROCESS, spec)
        spec["process"] = {**process, "name": source}
    try:
        model = build_model(spec)
        model.units = dict(spec.get("units") or {})
        model.ranges = {name: (float(low), float(high)) for name, (low, high) in (spec.get(RANGES) or {}).items()}
    except MISFITS as error:
        raise _damaged(folder / SPECIFICATION, error) from None
    _fill(model, weights, folder)
    return model.eval()


def _trusted_source(name: str, folder: Path, trust: bool) -> str:
    """Path of the process model in the folder; no other file is ever run."""
    if name != PROCESS:
        raise HybridmapError(
            f"{folder / SPECIFICATION}: names the process model '{name}'; only those of hybridmap and {PROCESS}"
            " beside it are run."
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
    folder = Path(folder)
    spec = _specification(folder)
    if MEMBERS not in (spec.get(FILES) or {}) and not (folder / MEMBERS).is_file():
        return None
    weights = _tensors(folder, MEMBERS, spec)
    model = load_model(folder, trust)
    try:
        together = stack([model] * len(next(iter(weights.values()))))
    except (StopIteration, *MISFITS) as error:
        raise _damaged(folder / MEMBERS, error) from None
    _fill(together, weights, folder)
    return together.eval()


def _specification(folder: Path) -> dict[str, Any]:
    """The mapping in the folder of a model."""
    import yaml

    path = folder / SPECIFICATION
    text = unsealed(_content(folder, SPECIFICATION, {}))
    if text is None:
        raise _damaged(path, "its text is not what was written")
    try:
        spec = yaml.safe_load(text)
        name = spec["process"]["name"] if spec["process"] else ""
        if not isinstance(spec, dict) or not isinstance(name, str) or not isinstance(spec.get(FILES, {}), dict):
            raise TypeError("not the specification of a model")
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path, error) from None
    return spec


def _tensors(folder: Path, name: str, spec: Mapping[str, Any]) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    content = _content(folder, name, spec)
    try:
        return load(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder / name, error) from None


def _content(folder: Path, name: str, spec: Mapping[str, Any]) -> bytes:
    """Content of a file, which has the digest that the specification says."""
    path = folder / name
    if not path.is_file():
        raise HybridmapError(f"{path}: missing, so there is no trained model here; run the training first.")
    content = path.read_bytes()
    if (spec.get(FILES) or {}).get(name, sha256(content)) != sha256(content):
        raise _damaged(path, "its content is not what was written")
    return content


def _damaged(path: Path, reason: object) -> HybridmapError:
    words = str(reason).splitlines()[0] if str(reason) else type(reason).__name__
    return HybridmapError(f"{path}: damaged ({words}); delete its folder and train again.")


def _fill(model: Model, weights: Mapping[str, Tensor], folder: Path) -> None:
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise HybridmapError(
            f"{folder}: weights do not fit {SPECIFICATION} ({str(error).splitlines()[0]}); retrain."
        ) from None
