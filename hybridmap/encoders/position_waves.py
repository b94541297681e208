"""Position on the Earth as smooth random waves."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from hybridmap import arithmetic  # noqa: F401 - settles torch's vector functions for this process
from hybridmap.options.position import PositionWaves

EARTH_KM = 6371.0


class Waves(nn.Module):
    """Sines and cosines of the position along random directions in space.

    Parameters
    ----------
    options : PositionWaves
        How many, and how far they reach.

    Notes
    -----
    Random Fourier features (Rahimi & Recht 2007) of points of the sphere: the mean product of the features of two
    places is ``exp(-(distance / length) ** 2 / 2)``, by the straight line between them. So there is no seam at 180°
    and none at a pole, and regions on any grid share their waves.

    Examples
    --------
    >>> Waves(PositionWaves(count=32))(torch.tensor([[9.9, 51.5], [10.0, 51.5]])).shape
    torch.Size([2, 64])
    """

    directions: Tensor

    def __init__(self, options: PositionWaves) -> None:
        super().__init__()
        normal = np.random.default_rng(options.seed).normal(size=(3, options.count))
        self.register_buffer("directions", torch.tensor(normal * (EARTH_KM / options.length_km), dtype=torch.float32))
        self.size = 2 * options.count

    def forward(self, position: Tensor) -> Tensor:
        """Longitude and latitude (..., site, 2) [degrees] to (..., site, 2 * wave)."""
        lon, lat = torch.deg2rad(position).unbind(-1)
        point = torch.stack([torch.cos(lat) * torch.cos(lon), torch.cos(lat) * torch.sin(lon), torch.sin(lat)], -1)
        # A sum, not a matrix product: the bits of a site then do not depend on how many are computed at once.
        phase = (point[..., :, None] * self.directions[..., None, :, :]).sum(-2)
        return torch.cat([torch.sin(phase), torch.cos(phase)], -1)
