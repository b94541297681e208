"""Markov chains of all sites as one ensemble: each step is one run of the process for every chain of every site.

Parameters lie uniformly in their ranges before anything is observed. Sampled are the normal quantiles of their
positions: then that prior is a standard normal, whose bounds no step can leave. A proposal is a Hamiltonian trajectory
about a normal distribution of the site (Beskos et al. 2011, doi 10.1016/j.spa.2011.06.003), which is at first the one
that linearises the process at its best fit, then that of the draws so far. Every chain starts about a best fit of its
own, sought from a random place of the prior: where there are several, chains disagree. Trajectories are good where a
site is nearly normal; where parameters make up for each other along a bent ridge, leaps and differences of an annealed
archive, and redraws from the prior, go from end to end, without a gradient: with few parameters.
Emcee chooses, runs, accepts and keeps the chains. A round has twice the steps of the last, and the draws of the last
round alone count: about half of all steps are burn-in, and the proposal never changes within what is judged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hybridmap.errors import HybridmapError
from hybridmap.evaluate.proda.annealing import anneal
from hybridmap.evaluate.proda.leaps import Difference, Leap, redraw
from hybridmap.evaluate.proda.likelihood import Residuals
from hybridmap.evaluate.proda.linearised import Normals, linearise, positions_of

LOG = logging.getLogger("hybridmap")
Array = NDArray[np.float64]
ResidualsOf = Callable[[NDArray[np.int64]], Residuals]

ACCEPTED = 0.75
"""Share of proposals that should be accepted; angles grow where it is more."""
FIRST_ANGLE, ANGLES = 0.35, (0.02, 0.8)
"""Angle of a turn, of the first round and its limits; a quarter of a full turn forgets where the chain was."""
JITTER = (0.7, 1.3)
"""Factor on all angles of a proposal, so that no chain goes in circles."""
MOST_TURNS = 8
"""Turns of a proposal, from one to this."""
FAR = 20.0
"""A fit whose misfit is so much above the best of its site holds none of the posterior: no chain starts there."""
FARTHEST = 8.0
"""Normal quantile beyond which no place is taken: a share of 1e-15 of the range."""
WIDER = 1.5
"""How much further than the normal distribution about their best fit chains start apart."""
LEARNED_FROM = 0.3
"""Share of accepted proposals from which the draws of a round say where the next one goes."""
MOST_LEAPT = 8
"""With more parameters chains take trajectories alone: the mix was measured with four, and did not converge with 21."""
TRAJECTORIES, LEAPS, DIFFERENCES, REDRAWS = 0.15, 0.45, 0.2, 0.2
"""Shares of the steps; a trajectory costs as much as a dozen of the others."""
LEAST_VARIANCE = 1e-6
"""Added to the variance of the draws, so that no direction closes."""


@dataclass(frozen=True)
class ChainOptions:
    """How long chains are.

    Attributes
    ----------
    chains : int
        Of each site.
    draws : int
        That are kept of each chain in a round; the first round has so many steps.
    rounds : int
        At most; each has twice the steps of the one before.
    r_hat : float
        A site is done when rank-normalised split R-hat of every parameter is below it.
    seed : int
        Same seed, same chains.
    """

    chains: int
    draws: int
    rounds: int
    r_hat: float
    seed: int


class Chains(NamedTuple):
    """The last round of every site.

    Attributes
    ----------
    positions : array, shape (site, chain, draw, parameter)
        In the ranges of the parameters, 0 to 1.
    r_hat : array, shape (site, parameter)
        Rank-normalised split R-hat (Vehtari et al. 2021, doi 10.1214/20-BA1221).
    steps : array of int, shape (site,)
        Of each chain, burn-in included.
    accepted : array, shape (site,)
        Share of the trajectories of the last round.
    """

    positions: Array
    r_hat: Array
    steps: NDArray[np.int64]
    accepted: Array


def sample_sites(residuals_of: ResidualsOf, count: int, dimension: int, options: ChainOptions) -> Chains:
    """Draw from the posterior of every site until its chains agree, or the rounds are over.

    Parameters
    ----------
    residuals_of : callable
        Sites (run,) → residuals of runs there.
    count, dimension : int
        Number of sites and of parameters.
    options : ChainOptions
        How long, and when it is enough.

    Returns
    -------
    Chains
    """
    random = np.random.RandomState(options.seed)
    shape = (count, options.chains, options.draws, dimension)
    result = Chains(np.full(shape, np.nan), np.full((count, dimension), np.inf), np.zeros(count, int), np.zeros(count))
    active, angle = np.arange(count), np.full((count, options.chains), FIRST_ANGLE)
    places, reference = _starts(residuals_of, (count, options.chains, dimension), random)
    is_leapt = dimension <= MOST_LEAPT
    archive = anneal(residuals_of, count, dimension, random) if is_leapt else np.empty((count, 0, dimension))
    for number in range(options.rounds):
        thin = 2**number
        site_draws, accepted = _round(
            residuals_of, active, places, (reference, angle, archive), (options.draws, thin, random)
        )
        places = site_draws[:, :, -1]
        result.positions[active] = positions_of(torch.from_numpy(site_draws)).numpy()
        result.r_hat[active] = rank_r_hat(site_draws)
        result.steps[active] += options.draws * thin
        result.accepted[active] = accepted.mean(axis=1)
        is_open = ~(result.r_hat[active].max(axis=1) < options.r_hat)
        LOG.info("proda: %d steps, %d of %d sites still sampled", int(result.steps.max()), int(is_open.sum()), count)
        if not is_open.any():
            break
        active, places, archive = active[is_open], places[is_open], archive[is_open]
        reference = _learned(reference, site_draws, accepted, is_open)
        angle = np.clip(angle[is_open] * np.exp(2.0 * (accepted[is_open] - ACCEPTED)), *ANGLES)
    return result


def _starts(
    residuals_of: ResidualsOf, shape: tuple[int, int, int], random: np.random.RandomState
) -> tuple[Array, Normals]:
    """Where chains start (site, chain, parameter), and the normal distribution of the best fit of each site."""
    count, chains, dimension = shape
    residuals = residuals_of(np.repeat(np.arange(count), chains))
    normals, misfit = linearise(residuals, random.standard_normal((count * chains, dimension)))
    best = np.arange(count) * chains + misfit.reshape(count, chains).argmin(axis=1)
    of_site = np.repeat(best, chains)
    run = np.where(misfit > misfit[of_site] + FAR, of_site, np.arange(count * chains))
    noise = np.einsum("rij,rj->ri", normals.factor[run], random.standard_normal(normals.centre.shape))
    places = normals.centre[run] + WIDER * noise
    return places.reshape(shape), Normals(normals.centre[best], normals.factor[best])


def rank_r_hat(draws: Array) -> Array:
    """Rank-normalised split R-hat of each parameter, (site, parameter), of draws (site, chain, draw, parameter)."""
    statistics = _library("arviz_stats.base").array_stats
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(statistics.rhat(np.moveaxis(draws, -1, 1), chain_axis=-2, draw_axis=-1, method="rank"))


def _library(name: str) -> Any:
    """A module of the extra `proda`."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.partition(".")[0].replace("_", "-")
        raise HybridmapError(f"PRODA needs {package}: pip install 'hybridmap[proda]'.") from None


def _round(
    residuals_of: ResidualsOf,
    sites: NDArray[np.int64],
    places: Array,
    proposals: tuple[Normals, Array, Array],
    run: tuple[int, int, np.random.RandomState],
) -> tuple[Array, Array]:
    """Draws (site, chain, draw, parameter) of a round and the share of accepted trajectories (site, chain)."""
    emcee = _library("emcee")
    draws, thin, random = run
    reference, angle, archive = proposals
    count, chains, dimension = places.shape
    walkers = count * chains
    residuals = residuals_of(np.repeat(sites, chains))

    def log_posterior(coordinates: Array) -> Array:
        with torch.no_grad():
            normal = torch.from_numpy(np.ascontiguousarray(coordinates))
            misfit = residuals(positions_of(normal)).square().sum(1) + normal.square().sum(1)
            return torch.nan_to_num(-0.5 * misfit, nan=-np.inf).numpy()

    shares: list[tuple[Any, float]] = [(_Walk(residuals, reference, angle, chains), TRAJECTORIES)]
    if archive.shape[1]:
        shares += [(Leap(archive), LEAPS), (Difference(archive), DIFFERENCES), (redraw, REDRAWS)]
    moves = [(_Counted(emcee.moves.MHMove(proposal)), share) for proposal, share in shares]
    sampler = emcee.EnsembleSampler(walkers, dimension, log_posterior, moves=moves, vectorize=True)
    start = emcee.State(places.reshape(walkers, dimension), random_state=random.get_state())
    end = sampler.run_mcmc(start, draws, thin_by=thin, skip_initial_state_check=True)
    random.set_state(end.random_state)
    site_draws = sampler.get_chain().reshape(draws, count, chains, dimension).transpose(1, 2, 0, 3)
    return site_draws, moves[0][0].share(walkers).reshape(count, chains)


class _Counted:
    """A move of emcee that keeps the share of its own steps that were accepted.

    Parameters
    ----------
    move : emcee.moves.Move
        That makes the steps.
    """

    def __init__(self, move: Any) -> None:
        self.move, self.steps, self.accepted = move, 0, np.zeros(1)

    def propose(self, model: Any, state: Any) -> tuple[Any, NDArray[np.bool_]]:
        """A step of all walkers, and which of them moved."""
        state, accepted = self.move.propose(model, state)
        self.steps, self.accepted = self.steps + 1, self.accepted + accepted
        return state, accepted

    def share(self, walkers: int) -> Array:
        """Accepted of each walker; as many as should be where there was no such step."""
        return np.broadcast_to(self.accepted / self.steps if self.steps else ACCEPTED, walkers)


class _Walk:
    """Proposal of emcee: Hamiltonian steps about the normal distribution of the site of each walker.

    In the coordinates in which that distribution is standard normal, momentum and place turn into each other by an
    angle; a push by the gradient of what the posterior differs from it goes before and after.
    """

    def __init__(self, residuals: Residuals, reference: Normals, angle: Array, chains: int) -> None:
        self.residuals, self.chains = residuals, chains
        self.centre, self.factor = (torch.from_numpy(values)[:, None] for values in reference)
        self.angle = torch.from_numpy(angle)[..., None]

    def __call__(self, coordinates: Array, random: np.random.RandomState) -> tuple[Array, Array]:
        """Where to go from `coordinates` (walker, parameter), and the logarithm of the factor of its acceptance."""
        count, dimension = self.centre.shape[0], self.centre.shape[2]
        offset = torch.from_numpy(coordinates).reshape(count, self.chains, dimension) - self.centre
        place = torch.linalg.solve_triangular(self.factor, offset[..., None], upper=False)[..., 0]
        momentum = torch.from_numpy(random.standard_normal(place.shape))
        first_energy = momentum.square().sum(2)
        push = self._push(place)
        angle = self.angle * random.uniform(*JITTER)
        for _ in range(random.randint(1, MOST_TURNS + 1)):
            momentum = momentum - 0.5 * angle * push
            place, momentum = (
                angle.cos() * place + angle.sin() * momentum,
                angle.cos() * momentum - angle.sin() * place,
            )
            push = self._push(place)
            momentum = momentum - 0.5 * angle * push
        factors = 0.5 * (first_energy - momentum.square().sum(2)).flatten().numpy()
        moved = self._coordinates(place).reshape(-1, dimension).numpy()
        # A trajectory that ran away is refused where it began: emcee takes no infinite place.
        is_bounded = np.isfinite(factors) & (np.abs(np.nan_to_num(moved, nan=np.inf)) < FARTHEST).all(axis=1)
        return np.where(is_bounded[:, None], moved, coordinates), np.where(is_bounded, factors, -np.inf)

    def _coordinates(self, place: Tensor) -> Tensor:
        return self.centre + (self.factor @ place[..., None])[..., 0]

    def _push(self, place: Tensor) -> Tensor:
        """Gradient of minus the logarithm of the posterior, less that of the normal distribution."""
        at = place.detach().requires_grad_(True)
        normal = self._coordinates(at).flatten(0, 1)
        energy = 0.5 * (self.residuals(positions_of(normal)).square().sum() + normal.square().sum())
        (gradient,) = torch.autograd.grad(energy, at)
        return torch.nan_to_num(gradient) - place


def _learned(reference: Normals, draws: Array, accepted: Array, is_open: NDArray[np.bool_]) -> Normals:
    """Mean and covariance of the draws (site, chain, draw, parameter) of open sites, else as it was."""
    pooled = draws[is_open].reshape(int(is_open.sum()), -1, draws.shape[-1])
    centre = pooled.mean(axis=1)
    offset = pooled - centre[:, None]
    covariance = np.einsum("sni,snj->sij", offset, offset) / offset.shape[1]
    factor = np.linalg.cholesky(covariance + LEAST_VARIANCE * np.eye(draws.shape[-1]))
    is_moving = accepted[is_open].mean(axis=1) > LEARNED_FROM
    return Normals(
        np.where(is_moving[:, None], centre, reference.centre[is_open]),
        np.where(is_moving[:, None, None], factor, reference.factor[is_open]),
    )
