"""Synthetic sites over the conterminous US with CLM5 forcing, and parameters that follow known functions of covariates.

The sites stand in for the 1,018 of ScIReN (arXiv 2506.14054), whose forcing is not public: plausible climate, soils and
litter inputs with the seasonal course and depth profile that CLM5's history files have, all from one seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridmap.process.clm5.vertical import LAYERS, NODE_DEPTH

Array = NDArray[np.float64]
COVARIATES = (
    "mean_temperature", "precipitation", "clay", "sand", "bulk_density", "wilting_point", "ph", "cec", "npp",
    "vegetation_carbon",
)  # fmt: skip
BOX = (-124.763068, -66.949895, 24.5, 49.384358)
MONTH = np.arange(12)


@dataclass(frozen=True)
class Clm5Sites:
    """Sites with everything that the CLM5 matrix model needs.

    Attributes
    ----------
    lon, lat : array, shape (site,)
        Degrees.
    covariates : array, shape (site, 10)
        Columns `COVARIATES`, each scaled to [0, 1].
    forcing : dict of str to array
        As the forcing of the ``clm5`` process model, (site, 12) or (site, 20, 12).
    depth : array, shape (site, observation)
        Observation depths [m], NaN where a site has fewer.
    """

    lon: Array
    lat: Array
    covariates: Array
    forcing: dict[str, Array]
    depth: Array


def make_clm5_sites(n: int = 1018, seed: int = 0, observations: int = 8) -> Clm5Sites:
    """Make sites; the same seed gives the same sites.

    Parameters
    ----------
    n : int
        Number of sites.
    seed : int
        Of coordinates, climate, soils and depths.
    observations : int
        Most observed depths at a site; each has at least three.

    Returns
    -------
    Clm5Sites
    """
    random = np.random.default_rng(seed)
    lon, lat = random.uniform(*BOX[:2], n), random.uniform(*BOX[2:], n)
    field = _Fields(random, lon, lat)
    temperature = 27.0 - 0.85 * (lat - 25.0) - 4.0 * np.maximum(field() + 0.3, 0.0) * (lon < -100)
    temperature += 1.2 * field()
    precipitation = 250.0 + 900.0 * _squash(0.09 * (lon + 98.0) + 0.5 * field()) + 300.0 * _squash(3.0 * field())
    npp = (
        1250.0 * _squash((precipitation - 600.0) / 220.0) * _squash((temperature + 1.0) / 4.0) * np.exp(0.15 * field())
    )
    clay = 8.0 + 40.0 * _squash(1.3 * field())
    sand = (100.0 - clay) * _squash(1.2 * field())
    density = 1.15 + 0.0035 * sand + 0.08 * field()
    wilting = 0.03 + 0.004 * clay + 0.01 * field()
    ph = 8.0 - 3.0 * _squash((precipitation - 700.0) / 200.0) + 0.3 * field()
    cec = 4.0 + 0.5 * clay + 3.0 * np.abs(field())
    carbon = 9000.0 * _squash((npp - 500.0) / 200.0) * np.exp(0.4 * field())
    columns = [temperature, precipitation, clay, sand, density, wilting, ph, cec, npp, carbon]
    covariates = np.stack([(c - c.min()) / np.ptp(c) for c in columns], axis=1)
    forcing = _forcing(random, field, lat, temperature, precipitation, npp)
    count = random.integers(3, observations + 1, n)
    depth = np.sort(random.uniform(0.02, 1.5, (n, observations)), axis=1)
    depth[np.arange(observations) >= count[:, None]] = np.nan
    return Clm5Sites(lon, lat, covariates, forcing, depth)


def _forcing(
    random: np.random.Generator, field: _Fields, lat: Array, temperature: Array, precipitation: Array, npp: Array
) -> dict[str, Array]:
    n = len(lat)
    litter = 0.7 * npp * np.exp(0.1 * field())
    season = 1.0 + 0.6 * np.cos(2 * np.pi * (MONTH - 9) / 12)  # leaves fall in autumn
    shares = {"cwd": 0.15, "litter1": 0.3, "litter2": 0.4, "litter3": 0.15}
    out = {f"input_{k}": share * litter[:, None] / 12 * season * np.ones((n, 1)) for k, share in shares.items()}
    z = NODE_DEPTH[:LAYERS].double().numpy()
    swing = 8.0 + 0.35 * (lat - 25.0) + 1.0 * field()
    damping = 2.4
    phase = 2 * np.pi * (MONTH[None, None] - 6.5) / 12 - z[None, :, None] / damping
    soil = temperature[:, None, None] + 1.0 + swing[:, None, None] * np.exp(-z / damping)[None, :, None] * np.cos(phase)
    out["soil_temperature"] = soil + 273.15
    wet = 0.04 + 0.5 * _squash((precipitation - 650.0) / 200.0) * np.exp(0.1 * field())
    summer = 1.0 - 0.5 * np.cos(2 * np.pi * (MONTH - 7.5) / 12)  # driest after the warm season
    deep = 1.0 - 0.3 * np.exp(-z / 0.4)
    out["w_scalar"] = np.clip(wet[:, None, None] * deep[None, :, None] * summer[None, None], 0.0, 1.0)
    out["o_scalar"] = np.clip(1.0 - 0.5 * np.maximum(out["w_scalar"] - 0.3, 0.0), 0.3, 1.0)
    nitrogen = 0.65 + 0.3 * _squash(field())
    out["n_scalar"] = np.clip(nitrogen[:, None, None] * np.ones((1, 20, 12)), 0.0, 1.0)
    out["altmax"] = out["altmax_lastyear"] = np.full((n, 12), 41.998)
    bedrock = random.integers(9, 20, n).astype(float)
    out["nbedrock"] = np.repeat(bedrock[:, None], 12, axis=1)
    return out


class _Fields:
    """Smooth random surfaces over the sites with mean near 0 and standard deviation near 1."""

    def __init__(self, random: np.random.Generator, lon: Array, lat: Array) -> None:
        self.random, self.coordinates = random, np.stack([(lon + 96.0) / 12.0, (lat - 37.0) / 8.0], axis=1)

    def __call__(self) -> Array:
        waves = self.random.normal(size=(2, 24))
        phase = self.random.uniform(0, 2 * np.pi, 24)
        smooth = np.sqrt(2.0 / 24) * np.cos(self.coordinates @ waves + phase).sum(axis=1)
        return np.asarray(0.9 * smooth + 0.45 * self.random.normal(size=len(self.coordinates)))


def _squash(x: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-x))


CURVES: dict[int, Callable[[Array], Array]] = {
    1: lambda x: x,
    2: lambda x: x**2,
    3: lambda x: np.log2(x + 2.5),
    4: lambda x: 2.0**x,
    5: np.abs,
}
"""Types of the edges of the generator."""


@dataclass(frozen=True)
class Relationships:
    """Known functions from covariates to parameters.

    Attributes
    ----------
    positions : array, shape (site, parameter)
        Parameters between their bounds, from 0.2 to 0.8.
    edges : array, shape (site, covariate, parameter)
        What each covariate contributes; zero for most.
    """

    positions: Array
    edges: Array


def make_relationships(covariates: Array, parameters: int, seed: int = 0) -> Relationships:
    """Make the synthetic functional relationships of ScIReN: every parameter the sum of curves of two covariates.

    Parameters
    ----------
    covariates : array, shape (site, covariate)
        Scaled to [0, 1].
    parameters : int
        Number of parameters to make.
    seed : int
        Of choices and curves.

    Returns
    -------
    Relationships

    Notes
    -----
    Which covariates and which of the five curves follow numpy's default_rng(seed) in the published order; the four
    numbers of each curve come from a generator of our own, since the published ones cannot be reproduced.
    """
    random, numbers = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    n, inputs = covariates.shape
    positions, edges = np.zeros((n, parameters)), np.zeros((n, inputs, parameters))
    for p in range(parameters):
        pair = random.permutation(inputs)[:2]
        kinds = random.integers(1, 6, size=2)
        for column, kind in zip(pair, kinds, strict=True):
            a, b, c, d = numbers.uniform(-1, 1, 4)
            values = c * CURVES[int(kind)](a * covariates[:, column] + b) + d
            edges[:, column, p] = (values - values.mean()) / values.std(ddof=1)
        total = edges[:, :, p].sum(axis=1)
        scale = 0.6 / np.ptp(total)
        shift = 0.5 - scale * 0.5 * (total.max() + total.min())
        edges[:, :, p] *= scale
        edges[:, pair, p] += 0.5 * shift
        positions[:, p] = edges[:, :, p].sum(axis=1)
    return Relationships(positions, edges)
