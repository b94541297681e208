"""Types of the options of encoders, for the signatures of their constructors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from hybridmap.options.limits import Range

Activation = Literal["sigmoid", "tanh", "relu", "leaky_relu", "gelu", "silu"]
Base = Literal["identity", "zero", "silu"]
"""Function that a curve is added to."""
Degree = Literal[1, 2, 3]
"""Degree of a spline."""
Width = Annotated[int, Range(ge=1, le=65_536)]
Widths = Sequence[Width]
"""Units of hidden layers."""
Reach = Annotated[float, Range(ge=0, le=1000)]
"""How far a grid goes beyond the inputs, in their ranges."""
DroppedShare = Annotated[float, Range(ge=0, lt=1)]
"""Share of units left out."""
ClipSd = Annotated[float, Range(ge=0.5, le=1000)]
"""How far from the mean a covariate counts, in standard deviations."""
