"""What the observations of each site say of the parameters of that site, for many sites in one run of the process."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hybridmap.model import HybridModel
from hybridmap.options.layer_depth import LAYER_INPUTS
from hybridmap.train import SiteData

LEAST = 1e-30
"""Predictions below this count as this: a logarithm needs a positive number."""

Residuals = Callable[[Tensor], Tensor]
"""Positions (run, parameter) → residuals (run, observation) [standard deviations]; 0 where nothing was observed."""


class SiteLikelihood:
    """Observations of sites, each of one row or of the layers of a column, beside what the process gives there.

    Errors are normal and independent on logarithms: a stony forest soil may be 10 kg m-3 off, a desert may not.

    Parameters
    ----------
    model : HybridModel
        For its process and the ranges of its parameters; what it has learned plays no part.
    data : SiteData
        Rows of all sites.
    site : array of int, shape (row,)
        Number of the site of each row, from 0 without gaps.
    error : float
        Standard deviation of the natural logarithm of an observation about the process.

    Attributes
    ----------
    sites : int
        How many.
    names : tuple of str
        Parameters, neural ones first.
    rows : array of int, shape (site, most rows)
        Rows of each site; those of sites with fewer are filled up with their first.
    observed : Tensor, shape (site, observation), float64
        Logarithms of the observations, NaN where there is none.
    """

    def __init__(self, model: HybridModel, data: SiteData, site: NDArray[np.int64], error: float) -> None:
        self.model, self.error = model, error
        self.names = (*model.neural_names, *model.shared_names)
        self.sites = int(site.max()) + 1
        self.rows, is_row = padded_rows(site)
        self._forcing = {name: values.double() for name, values in data.forcing.items()}
        self._targets = tuple(data.targets)
        logs = [torch.log(data.targets[t].double()) for t in self._targets]
        finite = [torch.where(torch.isfinite(v), v, torch.nan).reshape(len(v), -1) for v in logs]
        by_row = torch.cat(finite, dim=1)[torch.from_numpy(self.rows)]
        by_row[~torch.from_numpy(is_row)] = torch.nan
        self.observed = by_row.reshape(self.sites, -1)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Observations of each site, (site,)."""
        return np.asarray(torch.isfinite(self.observed).sum(1).numpy())

    def residuals(self, sites: NDArray[np.int64]) -> Residuals:
        """Residuals of runs at `sites` (run,), one of which may be given many times: each run has its parameters."""
        predicted, observed = self.predicted(sites), self.observed[torch.from_numpy(sites)]
        is_observed = torch.isfinite(observed)
        target = torch.where(is_observed, observed, torch.zeros_like(observed))

        def residuals(positions: Tensor) -> Tensor:
            difference = (predicted(positions) - target) / self.error
            return torch.where(is_observed, difference, torch.zeros_like(difference))

        return residuals

    def predicted(self, sites: NDArray[np.int64]) -> Residuals:
        """Logarithms of what the process gives in place of the observations; see :meth:`residuals`."""
        rows = torch.from_numpy(self.rows[sites])
        count, most = rows.shape
        forcing = _of_runs(self._forcing, rows)
        column_of = torch.arange(count).repeat_interleave(most)

        def predicted(positions: Tensor) -> Tensor:
            outputs = self.model.outputs_at(positions, forcing, column_of)
            by_row = torch.cat([outputs[t].reshape(count * most, -1) for t in self._targets], dim=1)
            return torch.log(by_row.clamp(min=LEAST)).reshape(count, -1)

        return predicted

    def outputs(self, positions: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """What the process gives where parameters lie at `positions` (site, parameter), of all sites.

        Parameters
        ----------
        positions : array, shape (site, parameter)
            In the ranges of the parameters.

        Returns
        -------
        dict of str to array
            ``predicted`` (site, observation) in the units of the observations, and every trace of the process (site,).
        """
        rows = torch.from_numpy(self.rows)
        count, most = rows.shape
        column_of = torch.arange(count).repeat_interleave(most)
        traces = [variable.name for variable in self.model.process.traces] if self.model.process else []
        with torch.no_grad():
            outputs = self.model.outputs_at(
                torch.from_numpy(positions), _of_runs(self._forcing, rows), column_of, is_traced=True
            )
        by_row = torch.cat([outputs[t].reshape(count * most, -1) for t in self._targets], dim=1)
        predicted = {"predicted": by_row.reshape(count, -1).numpy()}
        return predicted | {name: outputs[name].reshape(count, most)[:, 0].numpy() for name in traces}


def _of_runs(forcing: Mapping[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    """Forcing of columns, that of their first rows (run, ...), with the ends of all rows (run * row,)."""
    return {
        name: values[rows.flatten()] if name in LAYER_INPUTS else values[rows[:, 0]] for name, values in forcing.items()
    }


def padded_rows(site: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Rows of every site, and which of them are not filled up.

    Parameters
    ----------
    site : array of int, shape (row,)
        Number of the site of each row.

    Returns
    -------
    tuple of arrays, shape (site, most rows)

    Examples
    --------
    >>> rows, is_row = padded_rows(np.array([1, 0, 1]))
    >>> rows.tolist(), is_row.tolist()
    ([[1, 1], [0, 2]], [[True, False], [True, True]])
    """
    order = np.argsort(site, kind="stable")
    counts = np.bincount(site)
    first = np.cumsum(counts) - counts
    step = np.arange(counts.max())
    is_row = step < counts[:, None]
    return order[first[:, None] + np.where(is_row, step, 0)], is_row
