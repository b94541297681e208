"""Types of the options of encoders, for the signatures of their constructors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from hybridmap.options.limits import Count, Range

Activation = Literal["sigmoid", "tanh", "relu", "leaky_relu", "gelu", "silu"]
Base = Literal["identity", "zero", "silu"]
"""Function that a curve is added to."""
Degree = Literal[1, 2, 3]
"""Degree of a spline."""
Widths = Sequence[Count]
"""Units of hidden layers."""
DroppedShare = Annotated[float, Range(ge=0, lt=1)]
"""Share of units left out."""
