"""Area of applicability: how far a cell's covariates lie from those that the model was trained on.

The dissimilarity index of Meyer & Pebesma (2021, doi 10.1111/2041-210X.13650): distance to the nearest training site
in standardised covariates weighted by their importance, over the mean distance among training sites. A cell is inside
where its index is no larger than that of training sites seen from other folds (upper whisker of their boxplot); see
:mod:`hybridmap.evaluate.applicability_threshold`.
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
from hybridmap.files.archive import load_archive, save_archive

Array = NDArray[np.float32]
BLOCK, DEVICE_BLOCK = 512, 16_384
"""Cells whose distances to all references are held at once: they stay in the cache; a GPU wants more work at a time."""
VERSION = 1


@dataclass(frozen=True)
class Applicability:
    """What decides whether a cell is inside.

    Attributes
    ----------
    names : array of str, shape (covariate,)
        Covariates of the model, in its order.
    lower, upper : array, shape (covariate,)
        Smallest and largest value in training, physical units.
    column : array of int, shape (feature,)
        Covariate of each feature; a covariate of classes has a feature for each.
    code : array, shape (feature,)
        Class code of a feature, NaN for a number.
    mean, scale : array, shape (feature,)
        A number x becomes (x - mean) * scale, a class scale or 0: weights are in the scale.
    importance : array, shape (covariate,)
        Weights, the largest 1.
    references : array, shape (reference, feature)
        Scaled features of training sites, all of them or medoids.
    mean_distance, threshold : float
        Among training sites (scaled features), and of the index.
    sites : int
        Training sites that the references stand for.
    agreement : float
        Share of training sites that the references and all sites judge alike, each from other folds; 1 if exact.
    excess : float
        Mean of how much larger the index of those sites is by the references.
    """

    names: NDArray[np.str_]
    lower: Array
    upper: Array
    column: NDArray[np.int64]
    code: Array
    mean: Array
    scale: Array
    importance: Array
    references: Array
    mean_distance: float
    threshold: float
    sites: int
    agreement: float
    excess: float

    def save(self, path: Path) -> None:
        """Write as a numpy archive, whole or not at all."""
        save_archive(path, asdict(self), VERSION)

    @classmethod
    def load(cls, path: Path) -> Applicability:
        """Read what :meth:`save` wrote; HybridmapError if it is something else."""
        return cls(**load_archive(path, [f.name for f in fields(cls)], VERSION, "applicability"))

    def features(self, covariates: Tensor) -> Tensor:
        """Physical covariates (site, covariate) to scaled features (site, feature), float32."""
        device = covariates.device
        values = covariates[:, torch.from_numpy(self.column).to(device)]
        code, scale = torch.from_numpy(self.code).to(device), torch.from_numpy(self.scale).to(device)
        numbers = (values - torch.from_numpy(self.mean).to(device)) * scale
        if not np.isfinite(self.code).any():
            return numbers
        return torch.where(code.isnan(), numbers, (values == code).float() * scale)

    def dissimilarity(self, covariates: Tensor) -> Tensor:
        """Dissimilarity index [1] of physical covariates (site, covariate), shape (site,)."""
        references = torch.from_numpy(self.references).to(covariates.device)
        return nearest(self.features(covariates), references) / self.mean_distance

    def out_of_range(self, covariates: Tensor) -> Tensor:
        """Number of covariates (site, covariate) outside their range in training, shape (site,)."""
        lower, upper = (torch.from_numpy(end).to(covariates.device) for end in (self.lower, self.upper))
        return ((covariates < lower) | (covariates > upper)).sum(1)

    def summary(self) -> dict[str, Any]:
        """For metadata: threshold, how it was learned, and what the references lose."""
        return {
            "threshold": round(self.threshold, 6),
            "references": len(self.references),
            "training_sites": self.sites,
            "agreement_with_all_sites": round(self.agreement, 4),
            "mean_excess": round(self.excess, 4),
        }


def nearest(points: Tensor, references: Tensor) -> Tensor:
    """Euclidean distance of each point (point, feature) to the nearest reference (reference, feature).

    Examples
    --------
    >>> nearest(torch.tensor([[0.0, 0.0], [3.0, 5.0]]), torch.tensor([[3.0, 4.0], [9.0, 9.0]]))
    tensor([5., 1.])
    """
    half = 0.5 * (references * references).sum(1)
    columns = references.T.contiguous()
    out = points.new_empty(len(points))
    size = BLOCK if points.device.type == "cpu" else DEVICE_BLOCK
    for start in range(0, len(points), size):
        block = points[start : start + size]
        closest = torch.addmm(half, block, columns, alpha=-1.0).amin(1)
        out[start : start + size] = 2.0 * closest + (block * block).sum(1)
    return out.clamp_(min=0.0).sqrt_()
