"""PRODA and the end-to-end hybrid on the same sites and folds: what each predicts where it was not trained."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from hybridmap.errors import HybridmapError
from hybridmap.evaluate.proda.calibration import Calibration, calibrate
from hybridmap.evaluate.proda.likelihood import SiteLikelihood
from hybridmap.evaluate.proda.network import place_data, place_network, places_of
from hybridmap.evaluate.proda.sampler import ChainOptions
from hybridmap.experiment.fold_predictions import Parts
from hybridmap.model import HybridModel
from hybridmap.options.loss import LossOptions
from hybridmap.train import Member, SiteData, TrainingOptions, fit_members

LOG = logging.getLogger("hybridmap")
Array = NDArray[np.float64]

FEWEST_SITES = 3
"""That a fold trains and stops on."""
PRODA, HYBRID = "proda", "hybrid"


@dataclass(frozen=True)
class Peers:
    """What is compared, and how each is trained.

    Attributes
    ----------
    build : callable
        Seed → the hybrid, untrained.
    encoder : mapping
        Options of its encoder, which PRODA's network takes too.
    training : TrainingOptions
        Of the hybrid; PRODA's network takes all but the loss.
    seeds : sequence of int
        One member of either each.
    data : SiteData
        Rows of all sites.
    site : array of int, shape (row,)
        Number of the site of each row.
    parts : sequence of Parts
        Sites that train, stop and are predicted, of every fold.
    error : float
        See :class:`~hybridmap.evaluate.proda.likelihood.SiteLikelihood`.
    """

    build: Callable[[int], HybridModel]
    encoder: Mapping[str, Any]
    training: TrainingOptions
    seeds: Sequence[int]
    data: SiteData
    site: NDArray[np.int64]
    parts: Sequence[Parts]
    error: float


class HeldOut(NamedTuple):
    """What one of the two says of every site in the fold that tests it; NaN at sites that no fold tests.

    Attributes
    ----------
    positions : array, shape (site, parameter)
        Of parameters in their ranges, mean over members.
    outputs : dict of str to array
        ``predicted`` (site, observation) and components (site,); mean over members.
    seconds : float
        Of one core, for the training of all folds.
    """

    positions: Array
    outputs: dict[str, Array]
    seconds: float


class Compared(NamedTuple):
    """Calibration of all sites, and both peers at the eligible ones.

    Attributes
    ----------
    likelihood : SiteLikelihood
        Of all sites.
    calibration : Calibration
        Of all sites.
    sampling_seconds : float
        Of one core.
    held_out : dict of str to HeldOut
        `PRODA` and `HYBRID`.
    """

    likelihood: SiteLikelihood
    calibration: Calibration
    sampling_seconds: float
    held_out: dict[str, HeldOut]


def compare_peers(peers: Peers, options: ChainOptions) -> Compared:
    """Calibrate every site, then train both on the eligible sites of every fold.

    Parameters
    ----------
    peers : Peers
        What is compared.
    options : ChainOptions
        Of the sampler.

    Returns
    -------
    Compared

    Raises
    ------
    HybridmapError
        If no site is eligible, or a fold has too few to train on.
    """
    likelihood = SiteLikelihood(peers.build(peers.seeds[0]), peers.data, peers.site, peers.error)
    start = time.process_time()
    calibration = calibrate(likelihood, options)
    seconds = time.process_time() - start
    count = int(calibration.eligible.sum())
    LOG.info("proda: %d of %d sites eligible, %.0f s of sampling", count, likelihood.sites, seconds)
    parts = [Parts(*(rows[calibration.eligible[rows]] for rows in part)) for part in peers.parts]
    _check_parts(parts, count)
    held_out = {
        PRODA: _held_out_network(peers, likelihood, calibration, parts),
        HYBRID: _held_out_hybrid(peers, likelihood, parts),
    }
    return Compared(likelihood, calibration, seconds, held_out)


def _check_parts(parts: Sequence[Parts], eligible: int) -> None:
    """Raise HybridmapError for a fold that is left with too few sites to train or to stop on."""
    for number, part in enumerate(parts):
        for rows, purpose in ((part.training, "train"), (part.stopping, "stop")):
            if len(rows) < FEWEST_SITES:
                raise HybridmapError(
                    f"proda: {eligible} sites are eligible, and fold {number} has {len(rows)} of them to {purpose} on,"
                    f" {FEWEST_SITES} are needed; use fewer folds, or more sites (proda.most_sites)."
                )


def _held_out_network(
    peers: Peers, likelihood: SiteLikelihood, calibration: Calibration, parts: Sequence[Parts]
) -> HeldOut:
    def build(seed: int) -> HybridModel:
        template = peers.build(seed)
        torch.manual_seed(seed)
        return place_network(template, peers.encoder)

    first = torch.from_numpy(likelihood.rows[:, 0])
    data = place_data(peers.data.rows(first), likelihood.names, torch.from_numpy(calibration.mean))
    sites = np.arange(likelihood.sites)[:, None]
    options = TrainingOptions(**{**vars(peers.training), "loss": LossOptions("mse")})
    models, seconds = _train(build, data, sites, parts, (options, peers.seeds))
    return _held_out(models, likelihood, data, parts, seconds)


def _held_out_hybrid(peers: Peers, likelihood: SiteLikelihood, parts: Sequence[Parts]) -> HeldOut:
    models, seconds = _train(peers.build, peers.data, likelihood.rows, parts, (peers.training, peers.seeds))
    first = torch.from_numpy(likelihood.rows[:, 0])
    return _held_out(models, likelihood, peers.data.rows(first), parts, seconds)


def _train(
    build: Callable[[int], HybridModel],
    data: SiteData,
    rows_of: NDArray[np.int64],
    parts: Sequence[Parts],
    recipe: tuple[TrainingOptions, Sequence[int]],
) -> tuple[list[list[HybridModel]], float]:
    """Members of every fold, trained on the rows of its sites, and the seconds of one core that took."""
    options, seeds = recipe
    models, members = [[build(seed) for seed in seeds] for _ in parts], []
    for number, (part, of_part) in enumerate(zip(parts, models, strict=True)):
        training, stopping = (torch.from_numpy(np.unique(rows_of[sites])) for sites in (part.training, part.stopping))
        members += [
            Member(model, training, stopping, seed, f"fold {number}")
            for model, seed in zip(of_part, seeds, strict=True)
        ]
    start = time.process_time()
    fit_members(members, data, options)
    return models, time.process_time() - start


def _held_out(
    models: Sequence[Sequence[HybridModel]],
    likelihood: SiteLikelihood,
    data: SiteData,
    parts: Sequence[Parts],
    seconds: float,
) -> HeldOut:
    """Positions and outputs of the tested sites of every fold, from sites (site,) of one row each."""
    positions = np.full((likelihood.sites, len(likelihood.names)), np.nan)
    outputs: dict[str, Array] = {}
    for part, members in zip(parts, models, strict=True):
        places = [place.numpy() for place in places_of(members, data)]
        runs = [likelihood.outputs(place) for place in places]
        positions[part.predicted] = np.mean(places, axis=0)[part.predicted]
        for name in runs[0]:
            mean = np.mean([run[name] for run in runs], axis=0)
            values = outputs.setdefault(name, np.full(mean.shape, np.nan))
            values[part.predicted] = mean[part.predicted]
    return HeldOut(positions, outputs, seconds)
