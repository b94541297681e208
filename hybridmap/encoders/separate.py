"""One network for each output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from hybridmap.encoders.interface import Curves, Encoder


class Separate(Encoder):
    """One network for each output, side by side.

    Parameters
    ----------
    encoders : sequence of Encoder
        Of one kind, each with one output.

    Examples
    --------
    >>> from hybridmap.encoders import KAN
    >>> pair = Separate([KAN(3, 1), KAN(3, 1)])
    >>> pair.fit_range(torch.rand(50, 3))
    >>> pair(torch.zeros(4, 3)).shape, pair.outside(torch.full((1, 3), 100.0))
    (torch.Size([4, 2]), tensor([3]))
    """

    def __init__(self, encoders: Sequence[Encoder]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)

    def networks(self) -> Iterator[Encoder]:
        """The networks in the order of the outputs."""
        for encoder in self.encoders:
            assert isinstance(encoder, Encoder)
            yield encoder

    def forward(self, covariates: Tensor) -> Tensor:
        """Features (..., site, feature) to raw parameters (..., site, parameter)."""
        return torch.cat([encoder(covariates) for encoder in self.encoders], -1)

    @property
    def regularisers(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of its networks."""
        return next(self.networks()).regularisers

    @property
    def has_range(self) -> bool:
        """That of its networks."""
        return next(self.networks()).has_range

    @property
    def has_deep_grids(self) -> bool:
        """That of its networks."""
        return next(self.networks()).has_deep_grids

    def fit_range(self, covariates: Tensor) -> None:
        """Every network notes the range."""
        for encoder in self.networks():
            encoder.fit_range(covariates)

    def refresh(self, covariates: Tensor) -> None:
        """Every network follows its own inner layers."""
        for encoder in self.networks():
            encoder.refresh(covariates)

    def outside(self, covariates: Tensor) -> Tensor | None:
        """That of the first network: all have the same features and so the same range."""
        return next(self.networks()).outside(covariates)

    def regulariser(self, name: str, valid: Tensor | None = None) -> Tensor:
        """Sum over the networks."""
        return torch.stack([encoder.regulariser(name, valid) for encoder in self.networks()]).sum(0)

    def curves(self) -> Curves | None:
        """Curves of all networks, each to its own output."""
        curves = [encoder.curves() for encoder in self.networks()]
        drawable = [curve for curve in curves if curve is not None]
        if len(drawable) < len(curves):
            return None
        return Curves(torch.cat([curve.share for curve in drawable], -1), lambda i, j: drawable[j].edge(i, 0))
