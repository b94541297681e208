"""State of an unfinished training, so that an interrupted run ends like an uninterrupted one."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


@dataclass
class Progress:
    """Everything beside weights that the loop carries from one epoch to the next."""

    epoch: int = 0
    best_epoch: int = -1
    best_loss: float = float("inf")
    history: list[dict[str, float]] | None = None


def save(
    folder: Path,
    fingerprint: str,
    progress: Progress,
    model: torch.nn.Module,
    best: dict[str, Tensor],
    optimiser: torch.optim.Optimizer,
) -> None:
    """Write a checkpoint into `folder`, replacing the last one only when complete."""
    from safetensors.torch import save_file

    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    state = optimiser.state_dict()["state"]
    tensors: dict[str, Tensor] = {"rng.cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["rng.cuda"] = torch.cuda.get_rng_state()
    tensors |= {f"model.{k}": v for k, v in model.state_dict().items()} | {f"best.{k}": v for k, v in best.items()}
    tensors |= {f"optimiser.{i}.{k}": v for i, slots in state.items() for k, v in slots.items()}
    save_file({k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}, partial / "state.safetensors")
    (partial / "state.json").write_text(json.dumps({"fingerprint": fingerprint, **vars(progress)}), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)


def restore(
    folder: Path, fingerprint: str, model: torch.nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[Progress, dict[str, Tensor]] | None:
    """Load a checkpoint into `model`, `optimiser` and the random generators.

    Returns
    -------
    tuple of Progress and the best weights so far, or None
        None if there is no checkpoint of the same `fingerprint`: another configuration or other data made it.
    """
    from safetensors.torch import load_file

    if not (folder / "state.json").is_file():
        return None
    record: dict[str, Any] = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    if record.pop("fingerprint") != fingerprint:
        return None
    tensors = load_file(folder / "state.safetensors")
    torch.set_rng_state(tensors["rng.cpu"])
    if "rng.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["rng.cuda"])
    model.load_state_dict(_under(tensors, "model."))
    slots: dict[int, dict[str, Tensor]] = {}
    for key, value in _under(tensors, "optimiser.").items():
        index, slot = key.split(".", 1)
        slots.setdefault(int(index), {})[slot] = value
    optimiser.load_state_dict({"state": slots, "param_groups": optimiser.state_dict()["param_groups"]})
    return Progress(**record), _under(tensors, "best.")


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
