"""A first look at the posterior of each site, however bent: particles of the prior, taken to it by degrees.

Sequential Monte Carlo (Del Moral et al. 2006, doi 10.1111/j.1467-9868.2006.00553.x), all sites side by side.
Observations come in with a power that grows from 0 to 1, each time by as much as leaves half of the particles in
effect; then particles are parents again and moved by differences of each other. What comes out says where chains may
leap to. It is no result: few steps move each particle, and where they are too few, leaps are refused and the chains
say so.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from hybridmap.evaluate.proda.likelihood import Residuals
from hybridmap.evaluate.proda.linearised import positions_of

Array = NDArray[np.float64]

PARTICLES = 400
MOVES = 4
"""Steps of each particle at each power."""
IN_EFFECT = 0.5
"""Share of the particles that are left in effect by each new power."""
HALVINGS = 40
"""Of the interval in which the next power is sought."""
ACCEPTED = 0.25
"""Share of steps that should be accepted; the scale of differences follows."""
SCALES = (0.1, 1.5)
IMPOSSIBLE = 1e30
"""Misfit where the process gives no number."""
JITTER = 1e-3
"""Standard deviation of what is added to each difference, so that no direction closes."""


def anneal(
    residuals_of: Callable[[NDArray[np.int64]], Residuals], count: int, dimension: int, random: np.random.RandomState
) -> Array:
    """Particles near the posterior of each site.

    Parameters
    ----------
    residuals_of : callable
        Sites (run,) → residuals of runs there.
    count, dimension : int
        Number of sites and of parameters.
    random : RandomState
        Of the chains.

    Returns
    -------
    array, shape (site, particle, parameter)
        Normal quantiles of positions.
    """
    residuals = residuals_of(np.repeat(np.arange(count), PARTICLES))

    def misfit_of(places: Array) -> Array:
        with torch.no_grad():
            values = residuals(positions_of(torch.from_numpy(places.reshape(-1, dimension))))
        half = torch.nan_to_num(0.5 * values.square().sum(1), nan=IMPOSSIBLE, posinf=IMPOSSIBLE)
        return half.numpy().reshape(count, PARTICLES)

    places = random.standard_normal((count, PARTICLES, dimension))
    misfit, power, scale = misfit_of(places), np.zeros(count), np.ones(count)
    while (power < 1.0).any():
        added = _next_power(misfit, 1.0 - power)
        parents = _drawn_again(misfit, added, random)
        places, misfit = np.take_along_axis(places, parents[..., None], axis=1), np.take_along_axis(misfit, parents, 1)
        power = np.where(added >= 1.0 - power, 1.0, power + added)
        for _ in range(MOVES):
            proposed = places + differences(places, places, scale[:, None], random)
            moved = misfit_of(proposed)
            gain = power[:, None] * (misfit - moved) + 0.5 * (np.square(places) - np.square(proposed)).sum(2)
            is_accepted = np.log(random.uniform(size=gain.shape)) < gain
            places = np.where(is_accepted[..., None], proposed, places)
            misfit = np.where(is_accepted, moved, misfit)
            scale = np.clip(scale * np.exp(is_accepted.mean(axis=1) - ACCEPTED), *SCALES)
    return places


def differences(places: Array, archive: Array, scale: float | Array, random: np.random.RandomState) -> Array:
    """Steps along differences of two places of a site's archive (ter Braak 2006, doi 10.1007/s11222-006-8769-1).

    Parameters
    ----------
    places, archive : array, shape (site, walker, parameter), (site, place, parameter)
        In normal quantiles.
    scale : float or array, shape (site, 1)
        Of the steps; 1 suits a normal distribution.
    random : RandomState
        Where chance comes from.

    Returns
    -------
    array, shape (site, walker, parameter)
    """
    count, walkers, dimension = places.shape
    site = np.arange(count)[:, None]
    first, second = (archive[site, random.randint(archive.shape[1], size=(count, walkers))] for _ in range(2))
    length = scale * random.uniform(0.2, 1.2, size=(count, walkers)) * 2.38 / np.sqrt(2 * dimension)
    return np.asarray(length[..., None] * (first - second) + JITTER * random.standard_normal(places.shape))


def _next_power(misfit: Array, left: Array) -> Array:
    """What the power of each site grows by, at most `left` (site,)."""
    excess = misfit - misfit.min(axis=1, keepdims=True)

    def is_enough(added: Array) -> NDArray[np.bool_]:
        weight = np.exp(-added[:, None] * excess)
        return np.asarray(weight.sum(axis=1) ** 2 >= IN_EFFECT * PARTICLES * np.square(weight).sum(axis=1))

    low, high = np.zeros_like(left), left
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        low, high = np.where(is_enough(middle), middle, low), np.where(is_enough(middle), high, middle)
    return np.where(is_enough(left), left, high)


def _drawn_again(misfit: Array, added: Array, random: np.random.RandomState) -> NDArray[np.int64]:
    """Numbers of particles in proportion to their weight, (site, particle)."""
    share = np.exp(-added[:, None] * (misfit - misfit.min(axis=1, keepdims=True))).cumsum(axis=1)
    share /= share[:, -1:]
    even = (np.arange(PARTICLES) + random.uniform(size=(len(misfit), 1))) / PARTICLES
    return np.stack([np.searchsorted(s, e).clip(max=PARTICLES - 1) for s, e in zip(share, even, strict=True)])
