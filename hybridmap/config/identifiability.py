"""The section `identifiability`: what is trained from random starts to see which parameters mean something."""

from __future__ import annotations

from pydantic import Field

from hybridmap.config.section import Name, Section


class Identifiability(Section):
    """Trainings from random places of the range, by `snakemake identifiability`; see docs/diagnostics.md."""

    experiments: list[Name] = Field(
        [], description="Experiments that are trained; all with a process model and neural parameters if empty."
    )
    runs: int = Field(5, ge=2, le=100, description="Trainings of each, one network each.")
    profile: list[Name] = Field(
        [], description="Parameters that are also held at five places of their range, for a profile of the loss."
    )
