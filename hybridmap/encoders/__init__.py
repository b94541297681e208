"""Encoders: covariates to raw (unbounded) parameters; torch only."""

from hybridmap.encoders.additive import NAM, LinearEncoder
from hybridmap.encoders.inputs import Embedding, MixedInputs, PositionalEncoder, Separate
from hybridmap.encoders.kan import KAN
from hybridmap.encoders.mlp import MLP
from hybridmap.encoders.standardise import Standardise

__all__ = [
    "KAN", "MLP", "NAM", "Embedding", "LinearEncoder", "MixedInputs", "PositionalEncoder", "Separate", "Standardise",
]  # fmt: skip
