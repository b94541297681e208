"""Encoders: covariates to raw (unbounded) parameters; torch only."""

from hybridmap.encoders.mlp import MLP
from hybridmap.encoders.standardise import Standardise

__all__ = ["MLP", "Standardise"]
