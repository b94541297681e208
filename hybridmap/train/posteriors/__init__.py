"""Posteriors of parameters: draws of a trained model, one file a method, all behind one interface."""

from hybridmap.train.posteriors.interface import Evidence, PosteriorMethod
from hybridmap.train.posteriors.registry import METHODS

__all__ = ["METHODS", "Evidence", "PosteriorMethod"]
