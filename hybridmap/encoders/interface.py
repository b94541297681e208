"""What the rest of the package may ask of an encoder, whatever kind it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from hybridmap import arithmetic  # noqa: F401 - settles torch's vector functions for this process


class Curves(NamedTuple):
    """Curves that an additive encoder consists of.

    Attributes
    ----------
    share : Tensor, shape (feature, output)
        Share of every feature in every output; columns sum to 1.
    edge : callable
        From a feature's and an output's number to points and values of their curve, each (n,).
    """

    share: Tensor
    edge: Callable[[int, int], tuple[Tensor, Tensor]]


class Encoder(nn.Module, ABC):
    """A network from features to raw (unbounded) outputs; only :meth:`forward` must be written.

    A subclass with a ``name`` is found by it in configurations. Its constructor takes the numbers of features and
    outputs, then options with types, defaults and a description each. All layers should compute with a leading member
    axis too; see :mod:`hybridmap.encoders.layers`.
    """

    name: ClassVar[str]
    regularisers: ClassVar[tuple[str, ...]] = ()
    """Penalties that :meth:`regulariser` computes."""

    @abstractmethod
    def forward(self, covariates: Tensor) -> Tensor:
        """Features (..., site, feature) to raw outputs (..., site, output)."""

    @property
    def has_range(self) -> bool:
        """Whether the encoder knows a range outside which it extrapolates."""
        return False

    @property
    def has_deep_grids(self) -> bool:
        """Whether :meth:`refresh` is to be called in the first epochs."""
        return False

    def fit_range(self, covariates: Tensor) -> None:
        """Note the range of the features (..., site, feature) of the training part."""
        return

    def refresh(self, covariates: Tensor) -> None:
        """Follow what inner layers see of the features (..., site, feature), which training changes."""
        return

    def outside(self, covariates: Tensor) -> Tensor | None:
        """Number of features (..., site, feature) outside the range, shape (..., site); None without a range."""
        return None

    def regulariser(self, name: str, valid: Tensor | None = None) -> Tensor:
        """One of :attr:`regularisers`, () or (member,), at the last call; only the sites `valid` (..., site) count."""
        raise ValueError(f"{type(self).__name__} has no penalty '{name}'; there are {list(self.regularisers)}.")

    @property
    def last_layer(self) -> nn.Linear | None:
        """The layer that the encoder ends in, None where that is not one linear layer."""
        return None

    def curves(self) -> Curves | None:
        """Curves from single features to outputs, None where the encoder is no sum of such curves."""
        return None

    def fast(self, dtype: torch.dtype) -> FastEncoder | None:
        """The trained encoder made for prediction alone in `dtype`, None where there is no such form."""
        return None


class FastEncoder(Encoder):
    """A form of an encoder for prediction alone: a trunk, then a last affine layer ``hidden @ weight.T + bias``.

    Attributes
    ----------
    weight, bias : Tensor, shape (output, unit) and (output,)
        Of the last layer.
    """

    weight: Tensor
    bias: Tensor

    @property
    @abstractmethod
    def hidden(self) -> Tensor:
        """Units before the last layer (site, unit) at this thread's last call."""


class EmptyEncoder(Encoder):
    """The encoder of a model without neural parameters."""

    def forward(self, covariates: Tensor) -> Tensor:
        """Features (..., site, feature) to nothing, shape (..., site, 0)."""
        return covariates[..., :0]


class _Plain(Encoder):
    """Any other module, which offers nothing but its values."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, covariates: Tensor) -> Tensor:
        values: Tensor = self.module(covariates)
        return values


def as_encoder(module: nn.Module) -> Encoder:
    """The module itself where it is an :class:`Encoder`, else one around it that has no range, penalties or curves."""
    return module if isinstance(module, Encoder) else _Plain(module)
