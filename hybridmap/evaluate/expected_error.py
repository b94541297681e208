"""What error to expect of a cell, by dissimilarity and density of sites, as held-out regions showed it.

Errors are over the half-width of the interval that the cross-validation gives, and these over their mean in the
cross-validation: 1 is what that promises. Unlike the index of :mod:`hybridmap.evaluate.applicability`, which compares
covariates alone, the threshold was tested: it is chosen without a region, whose errors then say whether it holds.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hybridmap import arithmetic  # noqa: F401 - settles torch's vector functions for this process
from hybridmap.evaluate.site_distance import SiteDensity
from hybridmap.files.archive import load_archive, save_archive

Array = NDArray[np.float64]
VERSION = 1


@dataclass(frozen=True)
class ExpectedError:
    """Expected error of every pair of dissimilarity and site distance, and what follows from it.

    Attributes
    ----------
    target : str
        Quantity whose errors it is made of.
    reason : str
        Why nothing could be judged; "" where it could.
    model : str
        Whose errors: the experiment, or what stood in for it.
    index_ends, distance_ends_km : array, shape (index bin - 1,), (distance bin - 1,)
        Between the bins of the dissimilarity index [1] and of the distance to the fifth nearest place.
    table : array, shape (index bin, distance bin)
        Expected error over that of the cross-validation; it never falls along either axis.
    largest_index, largest_distance_km : float
        Of all held-out sites: beyond, nothing was tested.
    threshold : float
        Largest expected error that is still what the cross-validation promises.
    class_ends, factors : array, shape (class - 1,), (class,)
        Ends of classes of the expected error above the threshold, and what intervals are multiplied by there.
    places : array, shape (place, 3)
        Places of the sites on the unit sphere.
    """

    target: str
    reason: str
    model: str
    index_ends: Array
    distance_ends_km: Array
    table: Array
    largest_index: float
    largest_distance_km: float
    threshold: float
    class_ends: Array
    factors: Array
    places: Array

    @classmethod
    def not_judged(cls, target: str, reason: str) -> ExpectedError:
        """Of sites that do not allow a judgement."""
        empty = np.zeros(0)
        return cls(target, reason, "", empty, empty, np.full((1, 1), np.nan), 0.0, 0.0, 0.0, empty, np.ones(1),
                   np.zeros((0, 3)))  # fmt: skip

    @property
    def is_judged(self) -> bool:
        """Whether held-out regions say anything."""
        return not self.reason

    @property
    def density(self) -> SiteDensity:
        """Where distances are measured from."""
        return SiteDensity(self.places)

    def expected(self, index: Tensor, distance_km: Tensor) -> Tensor:
        """Error over that of the cross-validation, (cell,).

        Parameters
        ----------
        index : Tensor, shape (cell,)
            Dissimilarity [1].
        distance_km : Tensor, shape (cell,)
            To the fifth nearest place.

        Returns
        -------
        Tensor, shape (cell,)
        """
        row = torch.bucketize(index.double(), torch.from_numpy(self.index_ends).to(index.device))
        column = torch.bucketize(distance_km.double(), torch.from_numpy(self.distance_ends_km).to(index.device))
        return torch.from_numpy(self.table).to(index.device)[row, column].to(index)

    def is_inside(self, index: Tensor, distance_km: Tensor) -> Tensor:
        """Whether the expected error is no more than promised, and such cells were tested, (cell,).

        Parameters
        ----------
        index, distance_km : Tensor, shape (cell,)
            As for :meth:`expected`.

        Returns
        -------
        Tensor of bool, shape (cell,)
        """
        is_tested = (index <= self.largest_index) & (distance_km <= self.largest_distance_km)
        return is_tested & (self.expected(index, distance_km) <= self.threshold)

    def interval_factor(self, index: Tensor, distance_km: Tensor) -> Tensor:
        """What an interval is multiplied by: 1 inside, and what held-out regions needed elsewhere, (cell,).

        Parameters
        ----------
        index, distance_km : Tensor, shape (cell,)
            As for :meth:`expected`.

        Returns
        -------
        Tensor, shape (cell,)
        """
        if not self.is_judged:
            return torch.ones_like(index)
        error = self.expected(index, distance_km).double()
        is_tested = (index <= self.largest_index) & (distance_km <= self.largest_distance_km)
        ends, factors = (torch.from_numpy(values).to(index.device) for values in (self.class_ends, self.factors))
        of_class = factors[torch.bucketize(error, ends)]
        factor = torch.where(is_tested, of_class, float(self.factors[-1]))
        return torch.where(self.is_inside(index, distance_km), 1.0, factor).to(index)

    def save(self, path: Path) -> None:
        """Write as a numpy archive, whole or not at all."""
        save_archive(path, asdict(self), VERSION)

    @classmethod
    def load(cls, path: Path) -> ExpectedError:
        """Read what :meth:`save` wrote; HybridmapError if it is something else."""
        return cls(**load_archive(path, [f.name for f in fields(cls)], VERSION, "expected-error"))

    def summary(self) -> dict[str, Any]:
        """For metadata: of which target and model, and the threshold."""
        if not self.is_judged:
            return {"not_judged": self.reason}
        return {"target": self.target, "errors_of": self.model, "error_threshold": round(self.threshold, 4)}
