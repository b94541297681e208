"""Typed configuration: what a region file may say, how it is read, and what each stage takes of it.

Names are imported on first use, so that a stage that reads one section depends on no other (see
:mod:`hybridmap.fingerprint`).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hybridmap.config.experiment import Experiment as Experiment
    from hybridmap.config.grid import Grid as Grid
    from hybridmap.config.identifiability import Identifiability as Identifiability
    from hybridmap.config.layers import Derive as Derive
    from hybridmap.config.layers import Raster as Raster
    from hybridmap.config.layers import Reference as Reference
    from hybridmap.config.maps import Change as Change
    from hybridmap.config.maps import Predict as Predict
    from hybridmap.config.maps import Total as Total
    from hybridmap.config.observations import Build as Build
    from hybridmap.config.observations import Column as Column
    from hybridmap.config.observations import Join as Join
    from hybridmap.config.observations import Limits as Limits
    from hybridmap.config.observations import MeasuredLayers as MeasuredLayers
    from hybridmap.config.observations import ObservationSource as ObservationSource
    from hybridmap.config.overlay import merge as merge
    from hybridmap.config.proda import Proda as Proda
    from hybridmap.config.publication import Publication as Publication
    from hybridmap.config.quantities import DeclaredQuantity as DeclaredQuantity
    from hybridmap.config.region import Config as Config
    from hybridmap.config.region import Demo as Demo
    from hybridmap.config.section import Name as Name
    from hybridmap.config.section import Section as Section
    from hybridmap.config.splits import Split as Split

MODULES = {
    "Build": "observations",
    "Change": "maps",
    "Column": "observations",
    "Config": "region",
    "DeclaredQuantity": "quantities",
    "Demo": "region",
    "Derive": "layers",
    "Experiment": "experiment",
    "Grid": "grid",
    "Identifiability": "identifiability",
    "Join": "observations",
    "Limits": "observations",
    "MeasuredLayers": "observations",
    "Name": "section",
    "ObservationSource": "observations",
    "Predict": "maps",
    "Proda": "proda",
    "Publication": "publication",
    "Raster": "layers",
    "Reference": "layers",
    "Section": "section",
    "Split": "splits",
    "Total": "maps",
    "merge": "overlay",
}
"""Name → the module of this package that defines it."""


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"{__name__}.{MODULES[name]}"), name)
