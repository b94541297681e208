"""Typed configuration: what a region file may say, how it is read, and what each stage takes of it."""

from hybridmap.config.experiment import Experiment, Name, Section, Target
from hybridmap.config.maps import Change, Predict, Total
from hybridmap.config.region import (
    Build,
    Column,
    Config,
    Demo,
    Derive,
    Grid,
    Join,
    Limits,
    ObservationSource,
    Raster,
    Reference,
    Split,
    merge,
)

__all__ = [
    "Build", "Change", "Column", "Config", "Demo", "Derive", "Experiment", "Grid", "Join", "Limits",
    "Name", "ObservationSource", "Predict", "Raster", "Reference", "Section", "Split", "Target", "Total", "merge",
]  # fmt: skip
