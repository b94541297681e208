"""The public names of :mod:`hybridmap.model`, where they have always been."""

from hybridmap.model import OUTSIDE, HybridModel, Model, NetworkModel, Roles, Run, TableModel

__all__ = ["OUTSIDE", "HybridModel", "Model", "NetworkModel", "Roles", "Run", "TableModel"]
