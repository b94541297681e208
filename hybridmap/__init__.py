"""Hybrid models of soil organic carbon, from observations to maps."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hybridmap import losses, metrics, testing
    from hybridmap.encoders import KAN, MLP, NAM, LinearEncoder
    from hybridmap.model import HybridModel, Roles
    from hybridmap.model.constraints import get_constraint
    from hybridmap.model.ensemble import load
    from hybridmap.process import get_process, list_processes

MODULES = {
    "KAN": "encoders.kan",
    "MLP": "encoders.mlp",
    "NAM": "encoders.additive",
    "HybridModel": "model.hybrid",
    "LinearEncoder": "encoders.additive",
    "Roles": "model.roles",
    "get_constraint": "model.constraints",
    "get_process": "process",
    "list_processes": "process",
    "load": "model.ensemble",
}
"""Public name → the module that defines it."""
PUBLIC_MODULES = ("losses", "metrics", "testing")

__all__ = [
    "KAN", "MLP", "NAM", "HybridModel", "LinearEncoder", "Roles", "get_constraint", "get_process", "list_processes",
    "load", "losses", "metrics", "testing",
]  # fmt: skip
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import on first use, so that a dry run of the workflow never loads torch."""
    if name in PUBLIC_MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in MODULES:
        return getattr(importlib.import_module(f"{__name__}.{MODULES[name]}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *MODULES, *PUBLIC_MODULES])
