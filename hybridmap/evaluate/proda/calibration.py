"""Every site by itself: chains, whether they agree, whether the process fits, and the mean of what they drew."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from hybridmap.errors import HybridmapError
from hybridmap.evaluate.proda.likelihood import SiteLikelihood
from hybridmap.evaluate.proda.sampler import ChainOptions, Chains, sample_sites

Array = NDArray[np.float64]

FIT_DRAWS = 10
"""Draws of each chain that the fit is taken of."""


class Calibration(NamedTuple):
    """What the sampler says of every site.

    Attributes
    ----------
    mean, sd : array, shape (site, parameter)
        Of the draws, as positions in the ranges.
    r_hat : array, shape (site, parameter)
        Of each parameter.
    r2 : array, shape (site,)
        Mean over draws of R2 of the logarithms of the site's observations.
    steps : array of int, shape (site,)
        Of each chain.
    eligible : array of bool, shape (site,)
        Where the mean R-hat is below its limit and the mean R2 above zero, as published.
    """

    mean: Array
    sd: Array
    r_hat: Array
    r2: Array
    steps: NDArray[np.int64]
    eligible: NDArray[np.bool_]


def calibrate(likelihood: SiteLikelihood, options: ChainOptions) -> Calibration:
    """Sample all sites, and say which are eligible.

    Parameters
    ----------
    likelihood : SiteLikelihood
        Of the sites.
    options : ChainOptions
        Of the sampler.

    Returns
    -------
    Calibration

    Raises
    ------
    HybridmapError
        If no site is eligible.
    """
    chains = sample_sites(likelihood.residuals, likelihood.sites, len(likelihood.names), options)
    r2 = _mean_r2(likelihood, chains)
    converged = chains.r_hat.mean(axis=1) < options.r_hat
    eligible = converged & (r2 > 0.0)
    _check(chains, converged, eligible, options)
    draws = chains.positions.reshape(likelihood.sites, -1, len(likelihood.names))
    return Calibration(draws.mean(axis=1), draws.std(axis=1), chains.r_hat, r2, chains.steps, eligible)


def _mean_r2(likelihood: SiteLikelihood, chains: Chains) -> Array:
    """Mean over some draws of the share of the variance of a site's observations that the process explains."""
    count, number, draws, parameters = chains.positions.shape
    places = np.unique(np.linspace(0, draws - 1, FIT_DRAWS).round().astype(int))
    positions = chains.positions[:, :, places].reshape(-1, parameters)
    sites = np.repeat(np.arange(count), number * len(places))
    with torch.no_grad():
        residuals = likelihood.residuals(sites)(torch.from_numpy(positions)).numpy() * likelihood.error
    squares = np.square(residuals).sum(axis=1).reshape(count, -1)
    observed = likelihood.observed.numpy()
    scatter = np.nansum(np.square(observed - np.nanmean(observed, axis=1, keepdims=True)), axis=1)
    r2 = np.full(count, -np.inf)
    is_varied = scatter > 0
    r2[is_varied] = 1.0 - squares[is_varied].mean(axis=1) / scatter[is_varied]
    return r2


def _check(chains: Chains, converged: NDArray[np.bool_], eligible: NDArray[np.bool_], options: ChainOptions) -> None:
    if not converged.any():
        lowest = float(chains.r_hat.mean(axis=1).min())
        raise HybridmapError(
            f"proda: chains converged at none of {len(converged)} sites in {int(chains.steps.max())} steps: the lowest"
            f" mean R-hat is {lowest:.2f}, expected below {options.r_hat:g}; raise proda.rounds or proda.error."
        )
    if not eligible.any():
        raise HybridmapError(
            f"proda: chains converged at {int(converged.sum())} of {len(converged)} sites, and the process fits the"
            " profile of none (mean R2 above 0 expected); raise proda.observations, or choose another process."
        )
