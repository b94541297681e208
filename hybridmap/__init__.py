"""Hybrid models of soil organic carbon, from observations to maps."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hybridmap.model.ensemble import load

__all__ = ["load", "testing"]
__version__ = "0.1.0"

MODULES = {"load": "model.ensemble"}
"""Public name → the module that defines it."""


def __getattr__(name: str) -> object:
    """Import on first use, so that a dry run of the workflow never loads torch."""
    if name in MODULES:
        return getattr(importlib.import_module(f"{__name__}.{MODULES[name]}"), name)
    if name == "testing":
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
