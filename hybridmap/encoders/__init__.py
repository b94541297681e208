"""Encoders: covariates to raw (unbounded) parameters; torch only.

A new encoder is one module here: a class that derives from :class:`hybridmap.encoders.interface.Encoder` and has a
``name``. Its constructor declares its options; configuration, trainer, maps and report find the rest by the interface.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hybridmap.encoders.additive import NAM, LinearEncoder
    from hybridmap.encoders.inputs import Embedding, MixedInputs, PositionalEncoder
    from hybridmap.encoders.interface import Encoder
    from hybridmap.encoders.kan import KAN
    from hybridmap.encoders.mlp import MLP
    from hybridmap.encoders.registry import get_encoder, list_encoders
    from hybridmap.encoders.separate import Separate
    from hybridmap.encoders.standardise import Standardise

MODULES = {
    "Embedding": "inputs",
    "Encoder": "interface",
    "KAN": "kan",
    "LinearEncoder": "additive",
    "MLP": "mlp",
    "MixedInputs": "inputs",
    "NAM": "additive",
    "PositionalEncoder": "inputs",
    "Separate": "separate",
    "Standardise": "standardise",
    "get_encoder": "registry",
    "list_encoders": "registry",
}
"""Public name → the module of this package that defines it."""

__all__ = [
    "KAN", "MLP", "NAM", "Embedding", "Encoder", "LinearEncoder", "MixedInputs", "PositionalEncoder", "Separate",
    "Standardise", "get_encoder", "list_encoders",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import on first use, so that the declarations of options are read without torch."""
    if name not in MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"{__name__}.{MODULES[name]}"), name)
