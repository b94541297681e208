"""How parameters are kept in their bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from hybridmap.options.limits import check_options

ConstraintName = Literal["sigmoid", "hard_sigmoid", "softplus", "relu"]


@dataclass(frozen=True)
class ConstraintOptions:
    """How parameters are kept in their bounds."""

    name: ConstraintName = field(default="sigmoid", metadata={"description": "Kind of constraint."})
    temperature: float | tuple[float, float] | None = field(
        default=None,
        metadata={"description": "Of the sigmoid; two numbers make it trained between them (BINN: [10, 109])."},
    )

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}

    def __post_init__(self) -> None:
        """Raise ValueError for a name that does not exist."""
        check_options(self)

    def arguments(self) -> dict[str, Any]:
        """Name and options as :func:`hybridmap.model.constraints.get_constraint` takes them."""
        return {key: value for key, value in vars(self).items() if value is not None}
