"""The public names of :mod:`hybridmap.model.hybrid`, where they have always been."""

from hybridmap.model.hybrid import (
    OUTSIDE,
    HybridModel,
    Model,
    NetworkModel,
    Roles,
    Run,
    TableModel,
)

__all__ = [
    "OUTSIDE",
    "HybridModel",
    "Model",
    "NetworkModel",
    "Roles",
    "Run",
    "TableModel",
]
