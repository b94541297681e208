"""Where intervals of targets and parameters come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from hybridmap.options.limits import Range, check_options

Several = Annotated[int, Range(ge=2, le=10_000)]


@dataclass(frozen=True)
class UncertaintyOptions:
    """Intervals of targets and parameters."""

    method: Literal["none", "ensemble", "mc_dropout", "head"] = field(
        default="none",
        metadata={"description": "Where the spread comes from; head: from the loss, where the encoder learns it."},
    )
    members: Several = field(default=5, metadata={"description": "Networks of an ensemble, trained side by side."})
    passes: Several = field(default=50, metadata={"description": "Predictions with units left out, for mc_dropout."})
    layers: Literal["all", "last"] = field(
        default="all",
        metadata={
            "description": "Layers that leave units out for mc_dropout; last alone makes maps several times faster."
        },
    )
    level: Annotated[float, Range(gt=0, lt=1)] = field(
        default=0.9, metadata={"description": "Share of observations that an interval should hold."}
    )
    groups: Literal["auto", "none", "tercile", "landcover", "depth"] = field(
        default="auto",
        metadata={
            "description": "Calibrate intervals by thirds of the predictions, land cover of the samples or depth class;"
            " groups of fewer than 20 blocks take the factor of all. auto: what nested folds of the calibration choose."
        },
    )
    counts_once: Literal["auto", "block", "site"] = field(
        default="block",
        metadata={
            "description": "What counts once in a calibration: every block of space, however many sites it holds, or"
            " every site. auto: what nested folds of the calibration choose."
        },
    )

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}

    def __post_init__(self) -> None:
        """Raise ValueError for a name that does not exist, or a number out of range."""
        check_options(self)

    @property
    def ensemble_size(self) -> int:
        """Networks that are trained for one fold."""
        return self.members if self.method == "ensemble" else 1
