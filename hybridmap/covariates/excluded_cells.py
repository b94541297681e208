"""Cells that are left out by their class, on layers of the grid: which class each is of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridmap.config.exclusion import ExcludedClass, excluded_classes
from hybridmap.config.region_layers import RegionLayers

EXCLUDED = "excluded"
"""Array of a store: the number of the class that a cell is left out by, from 1; 0 for all other cells."""
Field = NDArray[np.float32]


@dataclass(frozen=True)
class ExcludedCells:
    """What is left out, and how a cell of it is told.

    Attributes
    ----------
    blocks : tuple of (classes, share)
        Of each exclusion its classes, and the share of a cell from which on they leave it out together.
    """

    blocks: tuple[tuple[tuple[ExcludedClass, ...], float], ...]

    @classmethod
    def of(cls, layers: RegionLayers) -> ExcludedCells:
        """Those of a region."""
        declared = [*layers.covariates, *layers.auxiliary]
        return cls(tuple((tuple(excluded_classes(e, declared)), e.share) for e in layers.exclude))

    @property
    def labels(self) -> list[str]:
        """Layer and class in words, by the number of the class from 1."""
        return [excluded.label for classes, _ in self.blocks for excluded in classes]

    def numbers(self, read: Callable[[str], Field]) -> NDArray[np.uint8]:
        """Class by which each cell of a tile is left out.

        Parameters
        ----------
        read : callable
            Values (row, column) of a layer by its key, NaN where unknown.

        Returns
        -------
        array of uint8, shape (row, column)
            Number of the class from 1, of several the one with the largest share; 0 where none is.
        """
        first, numbers = 1, np.zeros((), dtype="uint8")
        for classes, share in self.blocks:
            shares = np.stack([_share(excluded, read(excluded.key)) for excluded in classes])
            is_excluded = shares.sum(axis=0) >= np.float32(share)
            largest = (shares.argmax(axis=0) + first).astype("uint8")
            numbers = np.where((numbers == 0) & is_excluded, largest, numbers).astype("uint8")
            first += len(classes)
        return numbers


def _share(excluded: ExcludedClass, values: Field) -> Field:
    """Share of a class in each cell; 0 where the layer is unknown."""
    shares = values if excluded.code is None else (values == np.float32(excluded.code)).astype("float32")
    return np.nan_to_num(shares, nan=0.0)
