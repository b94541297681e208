"""Ensembles with randomised priors: members that spread over the ranges where data say nothing.

Every member is a trainable network plus a random function of the covariates that is never trained, as wide as the
range of each parameter (Osband et al. 2018, arXiv 1806.03335), and learns from sites drawn with replacement. Where
observations say something, all members come to the same; elsewhere each stays at its own function.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from hybridmap.model.random_prior import RANDOM_PRIOR
from hybridmap.train.posteriors.interface import PosteriorMethod


class RandomisedPriors(PosteriorMethod):
    """Members with a fixed random function each."""

    name: ClassVar[str] = "randomised_priors"
    specification = RANDOM_PRIOR

    def rows(self, training: Tensor, seed: int) -> Tensor:
        """As many rows (site,) of the training part, drawn with replacement."""
        random = torch.Generator().manual_seed(seed)
        return training[torch.randint(len(training), (len(training),), generator=random)]
