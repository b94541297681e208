"""A bucket of soil water through the mean year: evaporation by Thornthwaite, snow by degree days."""

from __future__ import annotations

import numpy as np

from hybridmap.covariates.land_model.climate import MONTH_DAYS, Array

MID_MONTH = np.cumsum(MONTH_DAYS) - MONTH_DAYS / 2.0
HOT_DEGC = 26.5
"""Above, Thornthwaite's table replaces his formula (Willmott, Rowe & Mintz 1985, eq. 6)."""
YEARS = 30
"""Years to the periodic state; a bucket forgets its start as exp(-evaporation / capacity)."""


def day_length(latitude: Array) -> Array:
    """Hours between sunrise and sunset in the middle of each month, shape (cell, 12) (Forsythe et al. 1995).

    Examples
    --------
    >>> day_length(np.array([0.0, 50.0]))[:, 5].round(1)
    array([12. , 16.1])
    """
    declination = np.radians(23.44) * np.sin(2.0 * np.pi * (MID_MONTH - 81.0) / 365.0)
    cosine = -np.tan(np.radians(np.clip(latitude, -89.9, 89.9)))[:, None] * np.tan(declination)
    return np.asarray(24.0 / np.pi * np.arccos(np.clip(cosine, -1.0, 1.0)))


def potential_evaporation(air_temperature: Array, latitude: Array) -> Array:
    """Potential evaporation from temperature and day length (Thornthwaite 1948).

    Parameters
    ----------
    air_temperature : array, shape (cell, 12)
        degC.
    latitude : array, shape (cell,)
        Degrees.

    Returns
    -------
    array, shape (cell, 12)
        mm month-1; 0 in months below 0 degC.
    """
    warmth = np.maximum(air_temperature, 0.0)
    index = ((warmth / 5.0) ** 1.514).sum(axis=1, keepdims=True)
    exponent = 6.75e-7 * index**3 - 7.71e-5 * index**2 + 1.792e-2 * index + 0.49239
    mild = 16.0 * (10.0 * warmth / np.maximum(index, 1e-9)) ** exponent
    hot = np.maximum(-415.85 + 32.24 * warmth - 0.43 * warmth**2, 0.0)
    standard_month = np.where(warmth == 0.0, 0.0, np.where(warmth < HOT_DEGC, mild, hot))
    return standard_month * (day_length(latitude) / 12.0) * (MONTH_DAYS / 30.0)


def soil_water(water_supply: Array, evaporation: Array, capacity: Array) -> Array:
    """Mean water of the bucket in each month of the periodic year.

    Evaporation is the potential one times the filled share of the bucket (Budyko 1956; Manabe 1969), solved exactly
    within a month of steady supply; what the bucket cannot hold runs off.

    Parameters
    ----------
    water_supply, evaporation : array, shape (cell, 12)
        Rain and melt, and potential evaporation [mm month-1].
    capacity : array, shape (cell,)
        mm.

    Returns
    -------
    array, shape (cell, 12)
        mm, from 0 to the capacity.

    Examples
    --------
    Where every month is alike and dry, the bucket is filled by the aridity index:

    >>> soil_water(np.full((1, 12), 20.0), np.full((1, 12), 100.0), np.array([130.0]))[0, :3].round(1)
    array([26., 26., 26.])
    """
    start, months = capacity.copy(), np.empty_like(water_supply)
    for _ in range(YEARS):
        for month in range(12):
            emptied = np.maximum(evaporation[:, month] / capacity, 1e-9)
            balance = water_supply[:, month] / emptied
            end = np.minimum(balance + (start - balance) * np.exp(-emptied), capacity)
            months[:, month] = 0.5 * (start + end)
            start = end
    return months


def rain_and_melt(air_temperature: Array, precipitation: Array, snow_melt: float) -> Array:
    """Water that reaches the soil once snow waits for warmth.

    Parameters
    ----------
    air_temperature, precipitation : array, shape (cell, 12)
        degC, mm month-1.
    snow_melt : float
        mm of melt a degree and day above 0 degC.

    Returns
    -------
    array, shape (cell, 12)
        mm month-1; the sum of the year is that of precipitation unless snow outlasts the summer.
    """
    falls_as_snow = air_temperature < 0.0
    can_melt = snow_melt * np.maximum(air_temperature, 0.0) * MONTH_DAYS
    pack, supply = np.zeros(len(precipitation)), np.empty_like(precipitation)
    for _ in range(2):  # the first year lays the snow of the winter before the second
        for month in range(12):
            pack = pack + np.where(falls_as_snow[:, month], precipitation[:, month], 0.0)
            melt = np.minimum(pack, can_melt[:, month])
            pack = pack - melt
            supply[:, month] = melt + np.where(falls_as_snow[:, month], 0.0, precipitation[:, month])
    return supply
