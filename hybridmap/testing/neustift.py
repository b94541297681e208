"""The Neustift respiration experiment, rebuilt: radiation features, temperature, base rates, noise and splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

LATITUDE, LONGITUDE, TIME_ZONE = 47.11667, 11.3175, 1.0
"""AT-Neu: degrees north, degrees east, hours ahead of UTC."""
SOLAR_CONSTANT = 1376.0
"""W m-2, the old value of flux-tower programs."""
HALF_WINDOW = 240
"""Half-hours on either side of the ten-day mean."""
REFERENCE_TEMPERATURE, TRUE_Q10 = 15.0, 1.5
OFFSET = 1.03506858
"""Keeps the linear base rate positive."""
NOISE, NOISE_LIMIT = 0.1, 0.95


@dataclass(frozen=True)
class Neustift:
    """One experiment of the years 2003 to 2008, split into training, validation and test.

    Attributes
    ----------
    table : DataFrame
        ``time``, ``sw_pot`` [W m-2], ``dsw_pot`` [1e4 W m-2 per half-hour], ``ta`` [degC], ``rb`` and ``reco``
        (noise-free ``reco_clean`` beside it), ``part`` in {"train", "validation", "test"}.
    threshold : float
        Temperature [degC] above which training rows were left out; infinite without the out-of-distribution split.
    """

    table: pd.DataFrame
    threshold: float


def make_neustift(
    rb: Literal["linear", "nonlinear"] = "linear",
    seed: int = 0,
    out_of_distribution: bool = True,
    temperature: Array | None = None,
) -> Neustift:
    """Make the experiment of Reichstein et al. (2022) and Cohrs et al. (2024, doi 10.1088/2632-2153/ad5a60).

    Parameters
    ----------
    rb : {"linear", "nonlinear"}
        Form of the latent base rate.
    seed : int
        Of the noise; the synthetic temperature is always that of seed 0.
    out_of_distribution : bool
        Leave training rows above the 0.8 quantile of training temperature out, from training only.
    temperature : array, optional, shape (157776,)
        Measured half-hourly air temperature [degC] of 2003 to 2011 instead of the synthetic one.

    Returns
    -------
    Neustift
    """
    features = half_hours()
    if temperature is not None:
        features["ta"] = temperature
    base = features[f"rb_{rb}"].to_numpy()
    clean = base * TRUE_Q10 ** ((features["ta"].to_numpy() - REFERENCE_TEMPERATURE) / 10.0)
    noise = _truncated_normal(np.random.default_rng(seed), len(clean))
    table = features[["time", "sw_pot", "dsw_pot", "ta"]].assign(rb=base, reco=clean * (1.0 + noise), reco_clean=clean)
    year = table["time"].dt.year
    table["part"] = np.select([year <= 2006, year == 2007, year == 2008], ["train", "validation", "test"], "")
    table = table[table["part"] != ""]
    threshold = np.inf
    if out_of_distribution:
        train = table["part"] == "train"
        threshold = float(np.quantile(table.loc[train, "ta"], 0.8))
        table = table[~train | (table["ta"] <= threshold)]
    return Neustift(table.reset_index(drop=True), threshold)


def half_hours() -> pd.DataFrame:
    """Features of all half-hours of 2003 to 2011: radiation, synthetic temperature and both base rates.

    Returns
    -------
    DataFrame
        157,776 rows: ``time`` (mid half-hour, UTC+1), ``sw_in_pot``, ``sw_pot`` [W m-2], ``dsw_pot``, ``ta_det``,
        ``ta`` [degC], ``rb_linear``, ``rb_nonlinear``.
    """
    # A year more on both sides, so that no moving mean touches an end.
    time = pd.date_range("2002-01-01 00:15", "2012-12-31 23:45", freq="30min")
    hour = time.hour.to_numpy() + time.minute.to_numpy() / 60.0
    radiation = potential_radiation(time.day_of_year.to_numpy(), hour)
    smooth = _moving_mean(radiation)
    change = _moving_mean(1e4 * np.diff(smooth, append=smooth[-1]))
    days = np.arange(len(time)) / 48.0 + 0.25 / 24.0
    season = np.cos(2.0 * np.pi * (days - 190.0) / 365.25)
    ta_det = 6.9 + 9.3 * season + (3.2 + 1.6 * season) * np.cos(2.0 * np.pi * (hour - 14.5) / 24.0)
    table: pd.DataFrame = pd.DataFrame(
        {
            "time": time,
            "sw_in_pot": radiation,
            "sw_pot": smooth,
            "dsw_pot": change,
            "ta_det": ta_det,
            "ta": ta_det + _weather(len(time)),
        }
    )
    table = table[(table["time"].dt.year >= 2003) & (table["time"].dt.year <= 2011)].reset_index(drop=True)
    signal = (0.0075 * table["sw_pot"] - 0.00375 * table["dsw_pot"]).to_numpy()
    standard = (signal - signal.mean()) / signal.std()
    return table.assign(rb_linear=signal + OFFSET, rb_nonlinear=np.abs(standard) + 0.1)


def potential_radiation(day_of_year: NDArray[np.integer], hour: Array) -> Array:
    """Radiation at the top of the atmosphere [W m-2] by the series of Spencer (1971); `hour` is local standard time."""
    g = 2.0 * np.pi * (day_of_year - 1) / 365.0
    cos, sin = np.cos, np.sin
    distance = 1.00011 + 0.034221 * cos(g) + 0.00128 * sin(g) + 0.000719 * cos(2 * g) + 0.000077 * sin(2 * g)
    declination = (
        0.006918 - 0.399912 * cos(g) + 0.070257 * sin(g) - 0.006758 * cos(2 * g) + 0.000907 * sin(2 * g)
        - 0.002697 * cos(3 * g) + 0.00148 * sin(3 * g)
    )  # fmt: skip
    minutes = 229.18 * (
        0.000075 + 0.001868 * cos(g) - 0.032077 * sin(g) - 0.014615 * cos(2 * g) - 0.040849 * sin(2 * g)
    )
    solar = hour + (4.0 * (LONGITUDE - 15.0 * TIME_ZONE) + minutes) / 60.0
    latitude = np.radians(LATITUDE)
    angle = np.radians(15.0 * (solar - 12.0))
    height = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(angle)
    return np.asarray(np.maximum(0.0, SOLAR_CONSTANT * distance * height))


def _moving_mean(values: Array) -> Array:
    """Mean of the 480 values from 240 before to 239 after."""
    return np.convolve(values, np.full(2 * HALF_WINDOW, 1.0 / (2 * HALF_WINDOW)), mode="same")


def _weather(n: int) -> Array:
    """Autocorrelated departures of temperature [K], the same in every experiment."""
    from scipy.signal import lfilter

    memory, sd = 0.985, 3.2
    shocks = sd * np.random.default_rng(0).standard_normal(n)
    shocks[1:] *= np.sqrt(1.0 - memory**2)
    return np.asarray(lfilter([1.0], [1.0, -memory], shocks))


def _truncated_normal(random: np.random.Generator, n: int) -> Array:
    noise = random.normal(0.0, NOISE, n)
    while (outside := np.abs(noise) > NOISE_LIMIT).any():
        noise[outside] = random.normal(0.0, NOISE, int(outside.sum()))
    return noise
