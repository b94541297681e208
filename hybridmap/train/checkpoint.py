"""State of an unfinished training, so that an interrupted run ends like an uninterrupted one.

The order of sites and the dropout masks follow from seed and epoch, so no random generator needs to be kept.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hybridmap.model.durable_files import sealed, sha256, tensor_bytes, unsealed, write_durably

LOG = logging.getLogger("hybridmap")
STATE, TENSORS = "state.json", "state.safetensors"
Optimiser = torch.optim.Optimizer


@dataclass
class Progress:
    """What the loop carries of a member from one epoch to the next, beside weights."""

    best_epoch: int = -1
    best_loss: float = float("inf")
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class TrainingState:
    """Where in its course a training is.

    Attributes
    ----------
    fingerprint : str
        Of models, options and data; a checkpoint of another one is not continued.
    epoch : int
        Number of the next epoch.
    alive : list of int
        Members that still train, in the order of the stacked weights.
    progress : list of Progress
        One a member.
    """

    fingerprint: str
    epoch: int
    alive: list[int]
    progress: list[Progress]


@dataclass(frozen=True)
class Snapshot:
    """All that a checkpoint holds, as the training has it.

    Attributes
    ----------
    state : TrainingState
        Where it is.
    modules : mapping of str to nn.Module
        Stacked modules that are trained.
    best : sequence of mapping of str to Tensor
        Best weights of every member.
    optimisers : sequence of Optimizer
        With their state.
    """

    state: TrainingState
    modules: Mapping[str, nn.Module]
    best: Sequence[Mapping[str, Tensor]]
    optimisers: Sequence[Optimiser]


@dataclass(frozen=True)
class Checkpoint:
    """All that a checkpoint holds, as it is read: the state, tensors by name, and what every optimiser's slots are."""

    state: TrainingState
    tensors: dict[str, Tensor]
    slots: dict[str, Any]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """Tensors whose name starts with `prefix`, without it."""
        return {k.removeprefix(prefix): v for k, v in self.tensors.items() if k.startswith(prefix)}

    def fill(self, optimisers: Sequence[Optimiser]) -> None:
        """Put the saved state into `optimisers`."""
        for number, optimiser in enumerate(optimisers):
            state: dict[int, dict[str, Any]] = {}
            saved = self.under(f"optimiser{number}.")
            for key, kind in self.slots[str(number)].items():
                index, slot = key.split(".", 1)
                value: Any = kind.get("value")
                if "list" in kind:
                    value = [saved[f"{key}.{i}"] for i in range(kind["list"])]
                elif kind.get("tensor"):
                    value = saved[key]
                state.setdefault(int(index), {})[slot] = value
            optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def save(folder: Path, snapshot: Snapshot) -> None:
    """Write a checkpoint into `folder`, replacing the last one only when complete."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    modules, best = snapshot.modules, snapshot.best
    tensors = {f"{name}.{k}": v for name, module in modules.items() for k, v in module.state_dict().items()}
    tensors |= {f"best{k}.{name}": v for k, weights in enumerate(best) for name, v in weights.items()}
    slots: dict[str, dict[str, Any]] = {}
    for number, optimiser in enumerate(snapshot.optimisers):
        slots[str(number)] = _describe(optimiser, f"optimiser{number}.", tensors)
    content = tensor_bytes({name: tensor.clone() for name, tensor in tensors.items()})
    write_durably(content, partial / TENSORS)
    # Not `asdict`: it copies the history of every member again at each checkpoint.
    state = vars(snapshot.state) | {"progress": [vars(progress) for progress in snapshot.state.progress]}
    record = {"training": state, "slots": slots, "tensors": sha256(content)}
    write_durably(sealed(json.dumps(record)), partial / STATE)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)


def _describe(optimiser: Optimiser, prefix: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Put the tensors of an optimiser's state into `tensors`; return what every slot holds."""
    kinds: dict[str, Any] = {}
    for index, slots in optimiser.state_dict()["state"].items():
        for slot, value in slots.items():
            key = f"{index}.{slot}"
            if torch.is_tensor(value):
                kinds[key] = {"tensor": True}
                tensors[prefix + key] = value
            elif isinstance(value, list) and all(torch.is_tensor(v) for v in value):
                kinds[key] = {"list": len(value)}
                tensors |= {f"{prefix}{key}.{i}": v for i, v in enumerate(value)}
            else:
                kinds[key] = {"value": [float(v) if torch.is_tensor(v) else v for v in value]
                              if isinstance(value, list) else value}  # fmt: skip
    return kinds


def load(folder: Path, fingerprint: str, device: torch.device) -> Checkpoint | None:
    """Read the checkpoint in `folder`.

    Parameters
    ----------
    folder : Path
        Where :func:`save` wrote it.
    fingerprint : str
        Of the training that asks for it.
    device : torch.device
        For the tensors.

    Returns
    -------
    Checkpoint or None
        None if there is no checkpoint of the same `fingerprint` (another configuration or other data made it), or it
        is damaged, which is said.
    """
    try:
        return _read(folder, fingerprint, device)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        LOG.warning("%s: damaged, as by a power cut; the training starts from its beginning", folder)
        return None


def _read(folder: Path, fingerprint: str, device: torch.device) -> Checkpoint | None:
    """The checkpoint of a folder; some error if it is damaged."""
    from safetensors.torch import load as tensors_of

    text = unsealed((folder / STATE).read_bytes())
    record: dict[str, Any] = json.loads(text or "")
    state = record["training"]
    if state["fingerprint"] != fingerprint:
        return None
    content = (folder / TENSORS).read_bytes()
    if sha256(content) != record["tensors"]:
        raise ValueError("other tensors")
    # Cloned, because a dot product may round differently where memory of the file is aligned differently.
    tensors = {name: tensor.clone().to(device) for name, tensor in tensors_of(content).items()}
    progress = [Progress(**values) for values in state["progress"]]
    return Checkpoint(TrainingState(fingerprint, state["epoch"], state["alive"], progress), tensors, record["slots"])
