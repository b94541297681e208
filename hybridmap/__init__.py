"""Hybrid models of soil organic carbon, from observations to maps."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hybridmap.model.ensemble import load

__all__ = ["load", "testing"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import on first use, so that a dry run of the workflow never loads torch."""
    if name == "load":
        return importlib.import_module("hybridmap.model.ensemble").load
    if name == "testing":
        return importlib.import_module("hybridmap.testing")
    raise AttributeError(f"module 'hybridmap' has no attribute '{name}'")
