"""The public names of :mod:`hybridmap.model.constraints`, where they have always been."""

from hybridmap.model.constraints import (
    CONSTRAINTS,
    HARD_LIMIT,
    ONE_SIDED,
    Bounds,
    Constraint,
    HardSigmoid,
    Relu,
    Sigmoid,
    Softplus,
    get_constraint,
    start_of,
)

__all__ = [
    "CONSTRAINTS",
    "HARD_LIMIT",
    "ONE_SIDED",
    "Bounds",
    "Constraint",
    "HardSigmoid",
    "Relu",
    "Sigmoid",
    "Softplus",
    "get_constraint",
    "start_of",
]
