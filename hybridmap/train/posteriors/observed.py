"""Observations of sites as one vector, in standard deviations of their errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from hybridmap.model.spread_head import log_of
from hybridmap.train.posteriors.errors import ErrorScale


class Observed:
    """Observations that are there, of all targets and depths.

    Parameters
    ----------
    targets : mapping of str to Tensor, shape (site,) or (site, depth)
        Observations, NaN where there is none.
    scales : mapping of str to ErrorScale
        Target → error of its predictions.

    Attributes
    ----------
    values : Tensor, shape (observation,), float64
        In standard deviations of the error.
    site : Tensor of int64, shape (observation,)
        Of which site.
    """

    def __init__(self, targets: Mapping[str, Tensor], scales: Mapping[str, ErrorScale]) -> None:
        self._scales, self._names = scales, tuple(targets)
        columns = self.columns(targets)
        self._measured = [~torch.isnan(values) for values in columns]
        self.values = self.gathered([values.double() for values in columns])
        self.site = torch.cat([torch.nonzero(measured)[:, 0] for measured in self._measured])

    def columns(self, outputs: Mapping[str, Tensor]) -> list[Tensor]:
        """Outputs (site, ...) of every target and depth, (site,), in standard deviations of the error."""
        columns: list[Tensor] = []
        for name in self._names:
            values, (sd, offset) = outputs[name].reshape(len(outputs[name]), -1), self._scales[name]
            columns += list(((values if offset is None else log_of(values, offset)) / sd).unbind(1))
        return columns

    def gathered(self, columns: Sequence[Tensor]) -> Tensor:
        """Rows of columns (site, ...) where there is an observation, (observation, ...)."""
        return torch.cat([values[measured] for values, measured in zip(columns, self._measured, strict=True)])

    def of(self, outputs: Mapping[str, Tensor]) -> Tensor:
        """What a model predicts for the observations, (observation,) in standard deviations of the error."""
        return torch.nan_to_num(self.gathered(self.columns(outputs)).double())
