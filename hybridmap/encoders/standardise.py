"""Standardisation of covariates with the mean and spread of the training sites, kept inside the model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hybridmap import arithmetic  # noqa: F401 - settles torch's vector functions for this process


class Standardise(nn.Module):
    """(x - mean) / sd per covariate, with statistics learned once by :meth:`fit` and saved with the weights."""

    mean: Tensor
    sd: Tensor

    def __init__(self, n_inputs: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_inputs))
        self.register_buffer("sd", torch.ones(n_inputs))

    def fit(self, covariates: Tensor, raw: Sequence[int] = ()) -> None:
        """Take mean and population standard deviation of `covariates` (site, n_inputs) of the training part.

        A covariate without spread there keeps a divisor of 1 and so contributes nothing but its offset; the columns
        `raw` (classes, coordinates) pass through as they are.
        """
        values = covariates.double()
        sd = values.std(dim=0, correction=0)
        flat = sd <= 1e-7 * values.abs().amax(dim=0).clamp(min=1e-30)
        self.mean.copy_(values.mean(dim=0))
        self.sd.copy_(torch.where(flat, torch.ones_like(sd), sd))
        for column in raw:
            self.mean[column], self.sd[column] = 0.0, 1.0

    def forward(self, covariates: Tensor) -> Tensor:
        """Physical covariates (..., site, n_inputs) to standardised ones."""
        return (covariates - self.mean[..., None, :]) / self.sd[..., None, :]
