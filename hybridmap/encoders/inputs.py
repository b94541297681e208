"""What an encoder sees of the covariates: numbers standardised, classes embedded, coordinates as waves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from hybridmap.encoders.layers import Dropout, Linear
from hybridmap.encoders.position_waves import Waves
from hybridmap.options.position import POSITION, PositionWaves

FREQUENCIES = 16
SHORTEST, LONGEST = 1e-6, 360.0
"""Scales of the positional features [degrees]."""


class Embedding(nn.Module):
    """Learned vectors for the classes of one categorical covariate; a class never seen gets the zero vector.

    Parameters
    ----------
    classes : sequence of float
        Class codes of the training region.
    size : int
        Length of the vectors (5 in BINN).
    """

    classes: Tensor

    def __init__(self, classes: Sequence[float], size: int = 5) -> None:
        super().__init__()
        codes = sorted({float(c) for c in classes})
        if not codes:
            raise ValueError("a categorical covariate needs at least one class.")
        self.register_buffer("classes", torch.tensor(codes), persistent=False)
        self.table = nn.Parameter(torch.randn(len(codes), size))

    def forward(self, values: Tensor) -> Tensor:
        """Codes (..., site) to vectors (..., site, size)."""
        hit = (values[..., None] == self.classes).to(self.table)
        return hit @ self.table


class PositionalEncoder(nn.Module):
    """Longitude and latitude as sines and cosines of 16 scales, then one layer (BINN's early positional encoder).

    Parameters
    ----------
    size : int
        Features that replace the two coordinates.
    dropout : float
        Share left out after the layer.

    Notes
    -----
    The shortest scales are noise for real coordinates; BINN (arXiv 2502.00672) reports no loss of skill without.
    """

    def __init__(self, size: int = 128, dropout: float = 0.5) -> None:
        super().__init__()
        self.linear = Linear(4 * FREQUENCIES, size)
        nn.init.xavier_uniform_(self.linear.weight)
        self.dropout = Dropout(dropout)

    @staticmethod
    def waves(coordinates: Tensor) -> Tensor:
        """(..., site, 2) [degrees] to (..., site, 64): by coordinate, then scale, then sine and cosine."""
        k = torch.arange(FREQUENCIES, dtype=torch.float64, device=coordinates.device)
        scale = SHORTEST * (LONGEST / SHORTEST) ** (k / (FREQUENCIES - 1))
        phase = coordinates.double()[..., None] / scale
        return torch.stack([torch.sin(phase), torch.cos(phase)], -1).flatten(-3).to(coordinates)

    def forward(self, coordinates: Tensor) -> Tensor:
        """Longitude and latitude (..., site, 2) [degrees] to (..., site, size)."""
        out: Tensor = self.dropout(torch.relu(self.linear(self.waves(coordinates))))
        return out


class MixedInputs(nn.Module):
    """Numbers, embedded classes and positional features side by side, then the encoder.

    Parameters
    ----------
    names : sequence of str
        Covariates in order.
    categorical : mapping of str to sequence of float
        Class codes of the covariates that are classes.
    coordinates : sequence of str
        Longitude and latitude among `names`, or none.
    waves : PositionWaves, optional
        The position seen as waves: longitude and latitude are then two more inputs behind `names`.
    clip_sd : float, optional
        Standard deviations from the mean beyond which a number counts as that far, so that what lies far outside the
        training part does not extrapolate. Classes and places are no numbers.
    """

    def __init__(
        self,
        names: Sequence[str],
        categorical: Mapping[str, Sequence[float]],
        coordinates: Sequence[str] = (),
        waves: PositionWaves | None = None,
        clip_sd: float | None = None,
    ) -> None:
        super().__init__()
        for name in (*categorical, *coordinates):
            if name not in names:
                raise ValueError(f"no covariate '{name}'; there are {list(names)}.")
        if len(coordinates) not in (0, 2):
            raise ValueError(f"positional takes two covariates, longitude and latitude, not {list(coordinates)}.")
        special = {*categorical, *coordinates}
        self.numeric = [i for i, name in enumerate(names) if name not in special]
        self.raw = [i for i, name in enumerate(names) if name in special]
        """Columns that must not be standardised."""
        self.clip_sd = math.inf if clip_sd is None else clip_sd
        self.waves = None if waves is None else Waves(waves)
        self.position: tuple[str, ...] = () if waves is None else POSITION
        """What a site must bring for the waves."""
        self.position_columns = [len(names) + k for k in range(len(self.position))]
        self.raw += self.position_columns
        self.class_columns = [names.index(name) for name in categorical]
        self.coordinate_columns = [names.index(name) for name in coordinates]
        self.embeddings = nn.ModuleList(Embedding(codes) for codes in categorical.values())
        self.positional = PositionalEncoder() if coordinates else None
        sizes = [int(e.table.shape[-1]) for e in self.embeddings if isinstance(e, Embedding)]
        position = 0 if self.positional is None else self.positional.linear.out_features
        self.n_features = len(self.numeric) + sum(sizes) + position + (0 if self.waves is None else self.waves.size)

    def forward(self, covariates: Tensor) -> Tensor:
        """Covariates (..., site, covariate), numbers standardised, to features (..., site, feature)."""
        features = [covariates[..., self.numeric].clamp(-self.clip_sd, self.clip_sd)]
        features += [embed(covariates[..., i]) for embed, i in zip(self.embeddings, self.class_columns, strict=True)]
        if self.positional is not None:
            features.append(self.positional(covariates[..., self.coordinate_columns]))
        if self.waves is not None:
            features.append(self.waves(covariates[..., self.position_columns]))
        return torch.cat(features, -1)
