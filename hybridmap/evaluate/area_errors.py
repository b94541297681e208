"""How wrong the mean over an area is: learned from held-out blocks, for totals of polygons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.evaluate.block_sums import FEWEST_BLOCKS
from hybridmap.evaluate.spatial_covariance import (
    Covariance,
    Means,
    fit_covariance,
    geometry,
    many_sets,
    members_of,
    offered_ranges,
    places_of,
    set_means,
)
from hybridmap.model.draws import SMALLEST_SPREAD, conformal_factor

Array = NDArray[np.float64]
FEWEST_SITES = 5
"""Observations of a block whose mean is compared."""
ROUNDS = 3
"""Times that the mean error and the covariances are fitted to each other."""


class AreaSites(NamedTuple):
    """Held-out sites, all finite.

    Attributes
    ----------
    lon, lat : array, shape (site,)
        Degrees.
    observed, predicted, half_width : array, shape (site,)
        And half the width of the conformal interval, in the unit of the target.
    block : array of int, shape (site,)
        Number of the block.
    """

    lon: Array
    lat: Array
    observed: Array
    predicted: Array
    half_width: Array
    block: NDArray[np.int64]

    @classmethod
    def of(cls, rows: pd.DataFrame, target: str) -> AreaSites:
        """Those of test rows that have place, observation, prediction and interval.

        Parameters
        ----------
        rows : DataFrame
            ``lon``, ``lat``, ``block``, ``observed.T``, ``predicted.T``, ``conformal_lower.T``, ``conformal_upper.T``.
        target : str
            The target.

        Returns
        -------
        AreaSites
        """
        is_known = cls.known(rows, target)
        lon, lat, observed, predicted, lower, upper = rows.loc[is_known, cls.columns(target)].to_numpy(float).T
        block = pd.factorize(rows["block"][is_known], sort=True)[0].astype(np.int64)
        return cls(lon, lat, observed, predicted, 0.5 * (upper - lower), block)

    @staticmethod
    def columns(target: str) -> list[str]:
        """Columns that a site needs."""
        return [
            "lon",
            "lat",
            *(f"{key}.{target}" for key in ("observed", "predicted", "conformal_lower", "conformal_upper")),
        ]

    @classmethod
    def known(cls, rows: pd.DataFrame, target: str) -> NDArray[np.bool_]:
        """Rows with finite numbers in all of them, (row,); with too few blocks an interval has no finite ends."""
        return np.asarray(np.isfinite(rows[cls.columns(target)].to_numpy(float)).all(axis=1))

    def part(self, members: NDArray[np.bool_] | NDArray[np.int64]) -> AreaSites:
        """Some of them."""
        lon, lat, observed, predicted, half_width = (values[members] for values in self[:-1])
        return AreaSites(lon, lat, observed, predicted, half_width, self.block[members])

    @property
    def blocks(self) -> list[NDArray[np.int64]]:
        """Sites of each block that has enough of them."""
        return members_of(self.block, FEWEST_SITES)


class AreaErrors(NamedTuple):
    """What the error of a mean over an area is made of, in half widths of the intervals there.

    Attributes
    ----------
    covariance : Covariance
        Of errors at two places.
    mean : float
        Mean error of blocks, observed less predicted.
    mean_variance : float
        How uncertain that mean is.
    factor : float
        Standard deviations that hold the level of held-out block means; NaN without enough blocks.
    blocks : int
        With five observations or more.
    note : str
        Why there is no interval, or what it lacks.
    """

    covariance: Covariance
    mean: float
    mean_variance: float
    factor: float
    blocks: int
    note: str

    def interval(self, places: Array, half_widths: Array, nugget_share: float | None = None) -> tuple[float, float]:
        """Error of a mean over an area, as an interval about the predicted mean.

        Parameters
        ----------
        places : array, shape (place, 3)
            Cells or sites that stand for the area [km].
        half_widths : array, shape (place,)
            Their weights: half widths of intervals times the share of the area.
        nugget_share : float, optional
            Of the nugget, one over the number of cells that the places stand for; that of the places themselves if
            absent.

        Returns
        -------
        tuple of float
            Lower and upper end in mean half widths; never one number.
        """
        factors = geometry(places, half_widths, np.array(self.covariance.ranges_km))
        if nugget_share is not None:
            # Of a sample, the mean over pairs of different places is that of the area.
            of_pairs = (factors - factors[0]) / max(1.0 - factors[0], SMALLEST_SPREAD)
            factors = of_pairs * (1.0 - nugget_share) + nugget_share
        return self.ends(factors @ np.array([self.covariance.nugget, *self.covariance.sills]))

    def ends(self, variance: Any) -> tuple[Any, Any]:
        """Ends of errors with these variances about the mean of blocks."""
        half = np.maximum(self.factor * np.sqrt(variance + self.mean_variance), SMALLEST_SPREAD)
        return self.mean - half, self.mean + half

    def facts(self) -> dict[str, Any]:
        """Plain values that totals need."""
        return {
            "nugget": self.covariance.nugget,
            "sills": list(self.covariance.sills),
            "ranges_km": list(self.covariance.ranges_km),
            "mean": self.mean,
            "mean_variance": self.mean_variance,
            "factor": self.factor if math.isfinite(self.factor) else None,
            "blocks": self.blocks,
            "note": self.note,
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> AreaErrors:
        """What :meth:`facts` gave."""
        covariance = Covariance(facts["nugget"], tuple(facts["sills"]), tuple(facts["ranges_km"]))
        factor = math.nan if facts["factor"] is None else facts["factor"]
        return cls(covariance, facts["mean"], facts["mean_variance"], factor, facts["blocks"], facts["note"])


def learn_area_errors(sites: AreaSites, level: float) -> AreaErrors:
    """Learn covariances of errors, their mean, and the factor that holds a share of held-out block means.

    The mean of the observations in a block differs from the mean of the predictions at the same sites by what the
    model gets wrong and by the noise of few sites; both are in the variance that the model of covariance gives to those
    sites, so that a factor on its root is right for areas whose noise has averaged out.

    Parameters
    ----------
    sites : AreaSites
        Held out.
    level : float
        Share of block means to hold.

    Returns
    -------
    AreaErrors
        Without a factor where fewer than 20 blocks have five observations or more.
    """
    blocks = sites.blocks
    if len(blocks) < FEWEST_BLOCKS:
        note = f"{len(blocks)} blocks with {FEWEST_SITES} observations or more, {FEWEST_BLOCKS} are needed"
        return AreaErrors(Covariance(0.0, (), ()), 0.0, 0.0, math.nan, len(blocks), note)
    places, errors = places_of(sites.lon, sites.lat), sites.observed - sites.predicted
    ranges_km = offered_ranges(places)
    sets = many_sets(sites.lon, sites.lat, ranges_km)
    means = set_means(places, errors, sites.half_width, sets, ranges_km)
    of_blocks = set_means(places, errors, sites.half_width, blocks, ranges_km)
    mean = float(of_blocks.error.mean())
    for _ in range(ROUNDS):
        covariance = fit_covariance(means, mean, ranges_km)
        variance = np.maximum(_variances(of_blocks, covariance, ranges_km), SMALLEST_SPREAD**2)
        mean, mean_variance = (
            float(np.average(of_blocks.error, weights=1.0 / variance)),
            float(1 / (1 / variance).sum()),
        )
    scores = (of_blocks.error - mean) / np.sqrt(variance + mean_variance)
    factor = conformal_factor(scores, 1.0, np.arange(len(scores)), level)
    if not math.isfinite(factor):
        note = f"{len(blocks)} blocks are too few for level {level:g}"
        return AreaErrors(covariance, mean, mean_variance, math.nan, len(blocks), note)
    note = "" if np.any(errors) else "every held-out prediction is exact, so intervals of areas have no width"
    return AreaErrors(covariance, mean, mean_variance, factor, len(blocks), note)


def _variances(means: Means, covariance: Covariance, ranges_km: Array) -> Array:
    """Variance of each mean."""
    sills = dict(zip(covariance.ranges_km, covariance.sills, strict=True))
    return np.asarray(means.geometry @ [covariance.nugget, *(sills.get(float(r), 0.0) for r in ranges_km)])
