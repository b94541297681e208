"""Sources of draws by name."""

from __future__ import annotations

from hybridmap.train.posteriors.interface import PosteriorMethod
from hybridmap.train.posteriors.laplace import Laplace
from hybridmap.train.posteriors.randomised_priors import RandomisedPriors
from hybridmap.train.posteriors.side_by_side import DropoutPasses, Ensemble, Heads, Single
from hybridmap.train.posteriors.smoother import Smoother

METHODS: dict[str, PosteriorMethod] = {
    method.name: method
    for method in (Single(), Ensemble(), DropoutPasses(), Heads(), RandomisedPriors(), Laplace(), Smoother())
}
"""What ``uncertainty.method`` may say."""
