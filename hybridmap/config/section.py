"""What every block of the configuration is."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Unit = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]  # unit: 1


class Section(BaseModel):
    """A block of the configuration: unknown keys are errors, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)
