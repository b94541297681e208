"""What training may ask of a source of draws, whatever it is."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from torch import Tensor

from hybridmap.model import Model
from hybridmap.train.data import SiteData


@dataclass(frozen=True)
class Evidence:
    """What draws are made from, beside trained models.

    Attributes
    ----------
    training, validation : SiteData
        Sites that weights were learned from, and those that stopped the training.
    draws : int
        How many are asked for.
    seed : int
        Same seed, same draws.
    """

    training: SiteData
    validation: SiteData
    draws: int
    seed: int


class PosteriorMethod(ABC):
    """One source of draws; a method overrides what it does in another way than a single model."""

    name: ClassVar[str]
    specification: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """What it adds to the specification of every model that is trained."""

    def check(self, model: Model) -> None:
        """Raise HybridmapError where an untrained model is of a kind that it has no draws of."""
        return

    def rows(self, training: Tensor, seed: int) -> Tensor:
        """Rows that one member learns from, of the rows (site,) of the training part."""
        return training

    def draws(self, models: Sequence[Model], evidence: Evidence) -> list[Model]:
        """Models to keep as draws, of those that were trained; the trained ones themselves unless it says otherwise."""
        return list(models)
