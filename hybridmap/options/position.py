"""Position of a site as an input of an encoder: how many waves, and how far they reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from hybridmap.options.limits import Range, check_options

POSITION = ("lon", "lat")
"""Names of longitude and latitude [degrees] among the forcing of models that see the position."""


@dataclass(frozen=True)
class PositionWaves:
    """Smooth random waves of the position: a memory of place, which says nothing about places without samples."""

    count: Annotated[int, Range(ge=1, le=4096)] = field(
        default=32, metadata={"description": "Waves, each a sine and a cosine."}
    )
    length_km: Annotated[float, Range(ge=1, le=100_000)] = field(
        default=500.0,
        metadata={"description": "Distance at which what is remembered of a place has faded to 0.6 [km]."},
    )
    seed: Annotated[int, Range(ge=0, le=2**31)] = field(
        default=0, metadata={"description": "Of the directions of the waves."}
    )

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}

    def __post_init__(self) -> None:
        """Raise ValueError for a number out of range."""
        check_options(self)
