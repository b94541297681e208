"""Parameters before any data: anywhere in their range, as random functions of the covariates."""

from __future__ import annotations

from types import MappingProxyType

import torch
from torch import Tensor

from hybridmap.encoders.interface import Encoder, as_encoder
from hybridmap.model import HybridModel, Model
from hybridmap.model.constraints import Constraint

RANDOM_PRIOR = MappingProxyType({"prior": "random"})
"""Key of a specification whose model has a random function."""
LEVEL_SHARE = 0.5
"""Share of the prior variance that is the same at all sites; the rest is a pattern along the covariates."""
WAVES = 64
"""Random waves that a pattern is made of."""
ONE_SD = 0.8413447460685429
"""Share of a normal distribution below one standard deviation."""


def raw_prior(constraint: Constraint, like: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of normal raw values whose positions lie about anywhere in the range.

    Parameters
    ----------
    constraint : Constraint
        From raw values to positions.
    like : Tensor, shape (parameter,)
        One number a parameter, for type and device.

    Returns
    -------
    tuple of Tensor, shape (parameter,)
        The middle of the range, and half the raw distance of the places between which a uniform position lies as often
        as a normal value within one standard deviation. Of a sigmoid 1.67: a logistic-normal that is nearly uniform.

    Examples
    --------
    >>> from hybridmap.model.constraints import Sigmoid
    >>> [round(float(values), 2) for values in raw_prior(Sigmoid(), torch.zeros(()))]
    [0.0, 1.67]
    """
    with torch.no_grad():
        middle, low, high = (constraint.raw(torch.full_like(like, share)) for share in (0.5, 1 - ONE_SD, ONE_SD))
    return middle.to(like), (0.5 * (high - low)).to(like)


class RandomPrior(Encoder):
    """An encoder plus a random function of its features that is never trained.

    Parameters
    ----------
    encoder : Encoder
        What is trained.
    features : int
        That it takes.
    mean, sd : Tensor, shape (output,)
        Of the random function, over all such functions at typical features.

    Notes
    -----
    Level and waves along standardised features (Rahimi & Recht 2007), with a length scale of the root of their number,
    as :func:`hybridmap.diagnose.identifiability.posterior.waves`.
    """

    directions: Tensor
    phases: Tensor
    amplitudes: Tensor
    level: Tensor

    def __init__(self, encoder: Encoder, features: int, mean: Tensor, sd: Tensor) -> None:
        super().__init__()
        self.encoder = encoder
        outputs = len(mean)
        along = sd * ((1 - LEVEL_SHARE) * 2.0 / WAVES) ** 0.5
        self.register_buffer("directions", torch.randn(features, WAVES) / max(features, 1) ** 0.5)
        self.register_buffer("phases", 2 * torch.pi * torch.rand(WAVES))
        self.register_buffer("amplitudes", torch.randn(WAVES, outputs) * along)
        self.register_buffer("level", mean + sd * LEVEL_SHARE**0.5 * torch.randn(outputs))

    @property
    def inner(self) -> Encoder:
        """What is trained."""
        return as_encoder(self.encoder)

    def forward(self, covariates: Tensor) -> Tensor:
        """Features (..., site, feature) to raw outputs (..., site, output)."""
        waves = torch.cos(covariates @ self.directions + self.phases[..., None, :])
        values: Tensor = self.encoder(covariates) + waves @ self.amplitudes + self.level[..., None, :]
        return values

    @property
    def regularisers(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of the encoder."""
        return self.inner.regularisers

    @property
    def has_range(self) -> bool:
        """That of the encoder."""
        return self.inner.has_range

    @property
    def has_deep_grids(self) -> bool:
        """That of the encoder."""
        return self.inner.has_deep_grids

    def fit_range(self, covariates: Tensor) -> None:
        """The encoder notes the range."""
        self.inner.fit_range(covariates)

    def refresh(self, covariates: Tensor) -> None:
        """The encoder follows what its inner layers see."""
        self.inner.refresh(covariates)

    def outside(self, covariates: Tensor) -> Tensor | None:
        """As the encoder says."""
        return self.inner.outside(covariates)

    def regulariser(self, name: str, valid: Tensor | None = None) -> Tensor:
        """One of those of the encoder."""
        return self.inner.regulariser(name, valid)


def add_random_prior(model: Model, features: int, outputs: int) -> None:
    """Add a random function to the encoder of an untrained model, in place, and start global parameters at random.

    Parameters
    ----------
    model : HybridModel or NetworkModel
        Freshly built.
    features, outputs : int
        Of its encoder. Those of a pure network vary by a standard deviation of 1; heads of the spread stay as they are.
    """
    mean, sd = torch.zeros(outputs), torch.zeros(outputs)
    if isinstance(model, HybridModel):
        count, start = len(model.neural_names), model.start
        middle, width = raw_prior(model.constraint, start)
        mean[:count], sd[:count] = middle - start, width
        middle, width = raw_prior(model.shared_constraint, model.shared_raw.detach())
        with torch.no_grad():
            model.shared_raw.copy_(middle + width * torch.randn_like(width))
    else:
        sd[: len(model.target_names)] = 1.0
    if outputs:
        model.encoder = RandomPrior(as_encoder(model.encoder), features, mean, sd)
