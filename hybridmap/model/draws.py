"""Intervals of targets and parameters: from ensembles, from MC dropout, and calibrated by held-out blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from hybridmap.encoders.layers import set_sampling, set_step
from hybridmap.errors import HybridmapError
from hybridmap.model import HybridModel, Model

Array = NDArray[np.float64]
BLOCK, SITE = "block", "site"
"""What may count once in a calibration."""
PARAMETER = "parameter."
"""Begin of the name of an output that is a learned parameter."""
SMALLEST_SPREAD = 1e-6
"""Interval where all draws agree, in the unit of what is drawn."""


class Interval(NamedTuple):
    """Centre, lower and upper end of an interval, and standard deviation of what it was taken from; (site, ...)."""

    centre: Tensor
    lower: Tensor
    upper: Tensor
    sd: Tensor


def ensemble_draws(members: Model, covariates: Tensor, forcing: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Outputs of every member of a stacked model.

    Parameters
    ----------
    members : Model
        With a member axis, as :func:`hybridmap.train.load_members` returns it.
    covariates : Tensor, shape (site, covariate)
        Physical units.
    forcing : mapping of str to Tensor, shape (site, ...)
        Units of the process model.

    Returns
    -------
    dict of str to Tensor, shape (member, site, ...)
    """
    return members.outputs_of(covariates, forcing)


def mean_of(draws: Tensor) -> Tensor:
    """Mean over draws (draw, site, ...), in double precision so that it does not depend on how draws are added up."""
    return draws.double().mean(0).to(draws)


def dropout_draws(
    model: Model, covariates: Tensor, forcing: Mapping[str, Tensor], passes: int = 50, last: bool = False
) -> dict[str, Tensor]:
    """Outputs of several predictions with units left out (Gal & Ghahramani 2016).

    The units left out follow from the model and the number of the pass and are the same at every site: a pass is one
    network, and a map of it has no seams.

    Parameters
    ----------
    model : Model
        Set to evaluation mode.
    covariates : Tensor, shape (site, covariate)
        Physical units.
    forcing : mapping of str to Tensor, shape (site, ...)
        Units of the process model.
    passes : int
        Number of predictions.
    last : bool
        Only the last hidden layer leaves units out.

    Returns
    -------
    dict of str to Tensor, shape (pass, site, ...)

    Raises
    ------
    HybridmapError
        If the model was built without dropout.
    """
    model.eval()
    if not set_sampling(model.encoder if last else model, True, last):
        raise HybridmapError("mc_dropout needs an encoder with dropout above 0; set encoder.dropout and train again.")
    draws: dict[str, list[Tensor]] = {}
    try:
        with torch.no_grad():
            for number in range(passes):
                set_step(model, number)
                for name, values in model.outputs_of(covariates, forcing).items():
                    draws.setdefault(name, []).append(values)
    finally:
        set_sampling(model, False)
    return {name: torch.stack(values) for name, values in draws.items()}


def interval(draws: Tensor, level: float = 0.9, range_: bool = False) -> Interval:
    """Interval of draws.

    Parameters
    ----------
    draws : Tensor, shape (draw, site, ...)
        Of one quantity.
    level : float
        Share of the draws in the central interval.
    range_ : bool
        From the smallest to the largest instead.

    Returns
    -------
    Interval
        Tensors (site, ...).
    """
    if range_:
        lower, upper = draws.amin(0), draws.amax(0)
    else:
        ends = torch.tensor([0.5 * (1 - level), 0.5 * (1 + level)], dtype=draws.dtype, device=draws.device)
        lower, upper = torch.quantile(draws, ends, dim=0)
    return Interval(draws.mean(0), lower, upper, draws.std(0))


def within_bounds(model: Model, name: str, ends: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Keep ends of a learned parameter between its bounds.

    Parameters
    ----------
    model : HybridModel or NetworkModel
        For the bounds.
    name : str
        Of the output; those that are no parameters stay as they are.
    ends : tuple of two Tensors, shape (site,)
        Lower and upper, in the unit of the output.

    Returns
    -------
    tuple of two Tensors, shape (site,)
    """
    if not name.startswith(PARAMETER) or not isinstance(model, HybridModel):
        return ends
    low, high = model.bounds_of(name.removeprefix(PARAMETER))
    return ends[0].clamp(min=low), ends[1].clamp(max=high)


def student_quantile(share: float, freedom: int) -> float:
    """Quantile of Student's t, by its density along the arc tangent: torch and numpy have none.

    Examples
    --------
    >>> round(student_quantile(0.975, 4), 3), round(student_quantile(0.95, 1), 3)
    (2.776, 6.314)
    """
    angle = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 200_001)
    density = np.cos(angle) ** (freedom - 1)
    below = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    return float(np.sqrt(freedom) * np.tan(np.interp(share, below / below[-1], angle)))


def ends_for_another(draws: Tensor, level: float) -> tuple[Tensor, Tensor]:
    """Ends that hold another draw of the same distribution as often as the level says.

    Parameters
    ----------
    draws : Tensor, shape (draw, site, ...)
        Of one quantity.
    level : float
        Share of further draws to hold.

    Returns
    -------
    tuple of Tensor, shape (site, ...)
        Order statistics, whatever the distribution; of draws too few for that (19 at 0.9, 39 at 0.95) mean and standard
        deviation by Student's t, for a normal one.

    Examples
    --------
    >>> lower, upper = ends_for_another(torch.arange(1.0, 20.0)[:, None], 0.9)
    >>> float(lower), float(upper)
    (1.0, 19.0)
    """
    count, tail = len(draws), 0.5 * (1 - level)
    if tail * (count + 1) < 1 - 1e-9:
        half = student_quantile(1 - tail, count - 1) * (1 + 1 / count) ** 0.5 * draws.std(0)
        return draws.mean(0) - half, draws.mean(0) + half
    ordered = draws.sort(dim=0).values
    ends = []
    for share in (tail, 1 - tail):
        place = min(max(share * (count + 1) - 1, 0.0), count - 1.0)
        low = min(int(place + 1e-9), count - 1)
        ends.append(torch.lerp(ordered[low], ordered[min(low + 1, count - 1)], max(place - low, 0.0)))
    return ends[0], ends[1]


def conformal_factor(
    residuals: ArrayLike, spread: ArrayLike, blocks: ArrayLike, level: float = 0.9, counts_once: str = BLOCK
) -> float:
    """Factor that makes ``centre ± factor * spread`` hold a share `level` of new blocks' observations.

    Split-conformal prediction with the absolute residual over the spread as score. Blocks count equally however many
    sites they hold, because sites of one block are not independent: the factor is the quantile of the scores weighted
    by one over their block's size, with the weight of one more block at infinity (Dunn et al. 2023, arXiv 1809.07441).
    Where a site counts once a block counts by its sites, and the one at infinity as much as a mean block.

    Parameters
    ----------
    residuals, spread : array_like, shape (site,)
        Of held-out sites; the spread is positive (ones give intervals of one width).
    blocks : array_like, shape (site,)
        Block or fold of each site.
    level : float
        Share of observations to hold.
    counts_once : {"block", "site"}
        What counts once: intervals hold the share of new blocks on average, or of sites spread like these.

    Returns
    -------
    float
        Infinite where there are too few blocks for the level.
    """
    score = np.abs(np.asarray(residuals, float)) / np.asarray(spread, float)
    has_score = np.isfinite(score)
    _, code = np.unique(np.asarray(blocks)[has_score], return_inverse=True)
    score = score[has_score]
    if not score.size:
        return float("nan")
    order = np.argsort(score, kind="stable")
    weight = np.cumsum(_weights(code, counts_once)[order]) / (code.max() + 2)
    reached = np.flatnonzero(weight >= level - 1e-12)
    return float(score[order][reached[0]]) if reached.size else float("inf")


def _weights(code: NDArray[np.int64], counts_once: str) -> Array:
    """Weight of each site by the number of its block, (site,); as many in all as there are blocks."""
    count = np.bincount(code)
    weights: Array = 1.0 / count[code] if counts_once == BLOCK else np.full(len(code), len(count) / len(code))
    return weights


def conformal_rank(score: ArrayLike, held_out: ArrayLike, blocks: ArrayLike, counts_once: str = BLOCK) -> Array:
    """Level above which :func:`conformal_factor` reaches a score.

    Parameters
    ----------
    score : array_like, shape (site,)
        Of new sites, at least 0.
    held_out, blocks : array_like, shape (other site,)
        Scores of held-out sites, and the block of each.
    counts_once : {"block", "site"}
        What counts once.

    Returns
    -------
    array, shape (site,)
        From 0 to below 1, of new blocks uniform in between; NaN without a score or held-out ones.

    Examples
    --------
    >>> conformal_rank([0.5, 2.5, 9.0], [1.0, 2.0, 3.0], [0, 1, 2]).tolist()
    [0.0, 0.5, 0.75]
    """
    scores, references = np.asarray(score, float), np.asarray(held_out, float)
    has_score = np.isfinite(references)
    if not has_score.any():
        return np.full(scores.shape, np.nan)
    _, code = np.unique(np.asarray(blocks)[has_score], return_inverse=True)
    order = np.argsort(references[has_score], kind="stable")
    weight = np.concatenate([[0.0], np.cumsum(_weights(code, counts_once)[order]) / (code.max() + 2)])
    ranks: Array = weight[np.searchsorted(references[has_score][order], scores)]
    return np.where(np.isfinite(scores), ranks, np.nan)
