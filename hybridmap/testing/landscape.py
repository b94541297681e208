"""A landscape whose five-pool parameters are known everywhere: fields, truth and sparse observations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from hybridmap.errors import HybridmapError
from hybridmap.process import get_process

Field = NDArray[np.float64]

Relations = Callable[[dict[str, Field]], dict[str, Field]]
"""Covariates → parameters of the five-pool model, both (row, column) and in their units."""

COVARIATES: dict[str, tuple[str, str]] = {
    "elevation": ("m", "elevation"),
    "slope": ("degrees", "slope"),
    "temperature": ("degC", "mean annual temperature"),
    "precipitation": ("mm", "annual precipitation"),
    "seasonality": ("pct", "seasonality of precipitation"),
    "ndvi": ("1", "vegetation index"),
    "clay": ("pct", "clay content"),
    "sand": ("pct", "sand content"),
    "ph": ("1", "soil pH"),
    "forest": ("1", "share of forest"),
    "cropland": ("1", "share of cropland"),
    "wetness": ("1", "topographic wetness index"),
}
"""Name → unit and description of the covariates of a landscape."""

TRUE_NEURAL = ("cue", "q_max", "f_poc", "vmax_p", "km_p")
"""Parameters that vary over the landscape; all others are at their defaults."""

NOISE = {"soc": 0.12, "poc": 0.20, "moc": 0.12, "mbc": 0.20}
"""Standard deviation of the logarithm of each observed pool: inside a cell and in the laboratory."""
MISSING = {"poc": 0.65, "moc": 0.65, "mbc": 0.94}
"""Share of sites without a measurement."""


@dataclass(frozen=True)
class Landscape:
    """Everything about a synthetic region.

    Attributes
    ----------
    land : array of bool, shape (row, column)
        False in the sea and in lakes.
    covariates : dict of array, shape (row, column)
        In the units of :data:`COVARIATES`.
    forcing : dict of array, shape (row, column)
        ``npp`` [g C m-2 yr-1] and ``mat`` [degC].
    parameters : dict of array, shape (row, column)
        True five-pool parameters that vary, in their units.
    pools : dict of array, shape (row, column)
        True outputs of the process model [kg C m-3], ``moc_saturation`` included.
    row, col : array of int, shape (site,)
        Cell of each site.
    observed : dict of array, shape (site,)
        Noisy soc, poc, moc and mbc [kg C m-3]; NaN where not measured.
    """

    land: NDArray[np.bool_]
    covariates: dict[str, Field]
    forcing: dict[str, Field]
    parameters: dict[str, Field]
    pools: dict[str, Field]
    row: NDArray[np.int64]
    col: NDArray[np.int64]
    observed: dict[str, Field]


def make_landscape(
    rows: int = 120,
    columns: int = 160,
    sites: int = 1500,
    seed: int = 0,
    depth_m: float = 0.2,
    relations: Relations | None = None,
    highest_site_m: float = np.inf,
) -> Landscape:
    """Make a landscape: coast in the west, lakes, hills, correlated covariates, and sparse noisy observations.

    Parameters
    ----------
    rows, columns : int
        Size of the grid.
    sites : int
        Number of sampled places, clustered as real surveys are.
    seed : int
        Same seed, same landscape.
    depth_m : float
        Layer thickness [m] of the process model.
    relations : callable, optional
        Covariates → parameters; :func:`true_parameters` by default.
    highest_site_m : float
        Elevation [m] above which no place is sampled, as surveys leave mountains out.

    Returns
    -------
    Landscape

    Raises
    ------
    HybridmapError
        If no land is as low as that.
    """
    random = np.random.default_rng(seed)
    covariates, land = _fields(rows, columns, random)
    warmth = (covariates["temperature"] - 9.0) / 4.0
    moisture = np.clip(covariates["precipitation"] / 900.0, 0.1, 2.0)
    greenness = covariates["ndvi"]
    npp = 90.0 + 900.0 * greenness * (1.0 - np.exp(-1.4 * moisture)) * (1.0 + 0.12 * warmth)
    forcing = {"npp": np.clip(npp, 60.0, 1300.0), "mat": covariates["temperature"]}
    parameters = (relations or true_parameters)(covariates)
    pools = _run(parameters, forcing, depth_m)
    surveyed = land & (covariates["elevation"] <= highest_site_m)
    if not surveyed.any():
        lowest = covariates["elevation"][land].min()
        raise HybridmapError(f"demo.highest_site_m: {highest_site_m:g}, but no land is lower than {lowest:.0f} m.")
    row, col = _site_cells(surveyed, sites, random)
    observed = {name: pools[name][row, col] * random.lognormal(0.0, sd, sites) for name, sd in NOISE.items()}
    no_fractions = random.random(sites) < MISSING["poc"]
    no_biomass = random.random(sites) < MISSING["mbc"]
    for name, missing in (("poc", no_fractions), ("moc", no_fractions), ("mbc", no_biomass)):
        observed[name] = np.where(missing, np.nan, observed[name])
    return Landscape(land, covariates, forcing, parameters, pools, row, col, observed)


def true_parameters(covariates: dict[str, Field]) -> dict[str, Field]:
    """Parameters [units of the five-pool model] as smooth, mildly nonlinear functions of the covariates."""
    clay, sand, ph = covariates["clay"], covariates["sand"], covariates["ph"]
    forest, wetness = covariates["forest"], covariates["wetness"]
    warmth = (covariates["temperature"] - 9.0) / 4.0
    acid = np.tanh((5.8 - ph) / 0.8)
    return {
        "cue": 0.34 - 0.05 * warmth - 0.04 * acid + 0.03 * np.tanh((wetness - 8.0) / 2.0),
        "q_max": np.clip(18.0 + 1.35 * clay + 6.0 * np.tanh(ph - 6.0) - 0.08 * sand, 15.0, 105.0),
        "f_poc": 0.55 + 0.25 * forest + 0.06 * acid,
        "vmax_p": 3.5e4 * np.exp(-0.55 * acid + 0.25 * warmth - 0.02 * (clay - 22.0)),
        "km_p": 140.0 * np.exp(0.45 * np.tanh((wetness - 8.0) / 2.0) + 0.5 * (forest - 0.4)),
    }


def _run(parameters: dict[str, Field], forcing: dict[str, Field], depth_m: float) -> dict[str, Field]:
    model = get_process("five_pool", formulation="relaxed")
    shape = forcing["npp"].shape
    flat = {name: torch.tensor(values.ravel()) for name, values in {**parameters, **forcing}.items()}
    out = model(
        {name: flat[name] for name in parameters},
        {**{name: flat[name] for name in forcing}, "depth": torch.tensor(depth_m, dtype=torch.float64)},
    )
    return {name: values.numpy().reshape(shape) for name, values in out.items()}


def _smooth(rows: int, columns: int, scale: float, random: np.random.Generator) -> Field:
    """Standard normal field with a correlation length of `scale` cells."""
    field = gaussian_filter(random.normal(size=(rows, columns)), scale, mode="reflect")
    return np.asarray((field - field.mean()) / field.std())


def _fields(rows: int, columns: int, random: np.random.Generator) -> tuple[dict[str, Field], NDArray[np.bool_]]:
    unit = min(rows, columns) / 120.0
    relief, rock, wet, land_use, rain, fine = (
        _smooth(rows, columns, scale * unit, random) for scale in (14.0, 12.0, 7.0, 9.0, 22.0, 2.5)
    )
    north = np.linspace(1.0, -1.0, rows)[:, None] * np.ones((1, columns))
    east = np.ones((rows, 1)) * np.linspace(-1.0, 1.0, columns)
    height = relief + 1.6 * east + 0.15 * fine
    coast = height < -1.5
    lake = (wet > 2.2) & (height < 1.0)
    elevation = np.clip(60.0 + 330.0 * (height + 1.5), 1.0, None)
    steepness = np.hypot(*np.gradient(elevation, 2000.0))
    slope = np.degrees(np.arctan(8.0 * steepness))
    temperature = 11.5 - 3.0 * north - 0.0055 * elevation + 0.25 * fine
    precipitation = np.clip(720.0 + 0.35 * elevation - 160.0 * east + 130.0 * rain, 250.0, None)
    clay = np.clip(24.0 + 10.0 * rock - 0.004 * elevation + 1.5 * fine, 3.0, 65.0)
    sand = np.clip(92.0 - 1.55 * clay + 6.0 * land_use, 2.0, 92.0)
    ph = np.clip(6.1 + 0.5 * rock - 0.0022 * (precipitation - 750.0) + 0.1 * fine, 3.8, 8.2)
    forest = 1.0 / (1.0 + np.exp(-(0.0022 * (elevation - 700.0) + 1.1 * land_use)))
    cropland = np.clip((1.0 - forest) * (0.85 - 0.05 * steepness) + 0.03 * fine, 0.0, 1.0)
    wetness = np.clip(9.4 + 1.4 * wet - 0.22 * slope, 3.0, 15.0)
    ndvi = np.clip(0.42 + 0.22 * forest + 0.06 * rain + 0.02 * (temperature - 9.0) + 0.02 * fine, 0.1, 0.92)
    values = (
        elevation, slope, temperature, precipitation,
        np.clip(30.0 + 8.0 * east - 5.0 * rain, 5.0, 80.0), ndvi, clay, sand, ph, forest, cropland, wetness,
    )  # fmt: skip
    return dict(zip(COVARIATES, values, strict=True)), ~(coast | lake)


def _site_cells(
    surveyed: NDArray[np.bool_], sites: int, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column of the sites: half spread evenly over what is surveyed, half around survey centres."""
    row, col = np.nonzero(surveyed)
    even = random.choice(len(row), size=sites - sites // 2)
    centres = random.choice(len(row), size=max(4, sites // 60))
    near = random.choice(centres, size=sites // 2)
    radius = min(surveyed.shape) / 30.0
    r = np.clip(np.rint(row[near] + random.normal(0, radius, sites // 2)), 0, surveyed.shape[0] - 1).astype(int)
    c = np.clip(np.rint(col[near] + random.normal(0, radius, sites // 2)), 0, surveyed.shape[1] - 1).astype(int)
    astray = ~surveyed[r, c]
    r[astray], c[astray] = row[near][astray], col[near][astray]
    return np.concatenate([row[even], r]), np.concatenate([col[even], c])
