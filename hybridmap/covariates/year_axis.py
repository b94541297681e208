"""Which band of a raster is that of a year: by the time axis of NetCDF and Zarr, or by the names of its bands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import cftime
import numpy as np

from hybridmap.covariates.zarr_raster import ZarrRaster
from hybridmap.errors import HybridmapError

YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
"""A year in the name of a band."""
WAYS = "a file a year ({year} in 'path'), or years: {2006: band}"


def band_of_year(dataset: Any, year: int, label: str) -> int:
    """Number of the only band of a year.

    Parameters
    ----------
    dataset : rasterio dataset or ZarrRaster
        The file.
    year : int
        The year.
    label : str
        Names layer and file.

    Returns
    -------
    int
        From 1.

    Raises
    ------
    HybridmapError
        If the bands of the file say no years, none is of this year, or several are.
    """
    years = _years(dataset, label)
    bands = [number for number, of_band in enumerate(years, start=1) if of_band == year]
    if len(bands) == 1:
        return bands[0]
    if bands:
        raise HybridmapError(
            f"{label}: {len(bands)} of its bands are of {year}; make one a year of them (cdo yearmean), or give"
            " years: {2006: band}."
        )
    listed = ", ".join(map(str, sorted({of_band for of_band in years if of_band is not None})))
    raise HybridmapError(f"{label}: no band is of the year {year}; the file has {listed}.")


def _years(dataset: Any, label: str) -> list[int | None]:
    """Year of each band."""
    axes = dataset.leading if isinstance(dataset, ZarrRaster) else _netcdf_axes(dataset)
    if len(axes) > 1:
        names = ", ".join(name for name, _, _ in axes)
        raise HybridmapError(f"{label}: its bands are of several dimensions ({names}); give {WAYS}.")
    for name, values, attributes in axes:
        return [*_years_of_times(name, values, attributes, label)]
    of_names = [YEAR.findall(description or "") for description in dataset.descriptions]
    if not any(of_names):
        raise HybridmapError(f"{label}: neither a time axis nor the names of its bands say years; give {WAYS}.")
    return [int(words[0]) if len(words) == 1 else None for words in of_names]


def _netcdf_axes(dataset: Any) -> list[tuple[str, Sequence[float], Mapping[str, str]]]:
    """Dimensions of a NetCDF variable beside lines and columns: name, coordinate of each band, attributes."""
    tags = dataset.tags()
    names = [name for name in tags.get("NETCDF_DIM_EXTRA", "").strip("{}").split(",") if name]
    of_bands = [dataset.tags(band) for band in range(1, dataset.count + 1)] if names else []
    return [
        (
            name,
            [float(band.get(f"NETCDF_DIM_{name}", "nan")) for band in of_bands],
            {key.partition("#")[2]: value for key, value in tags.items() if key.startswith(f"{name}#")},
        )
        for name in names
    ]


def _years_of_times(name: str, values: Sequence[float], attributes: Mapping[str, Any], label: str) -> list[int]:
    """Years of the steps of an axis, which are dates in a unit "since" one, or years themselves."""
    units, calendar = str(attributes.get("units", "")), str(attributes.get("calendar", "standard"))
    numbers = np.asarray(values, dtype="float64")
    if " since " in units:
        try:
            return [date.year for date in np.atleast_1d(cftime.num2date(numbers, units, calendar))]
        except (ValueError, OverflowError) as error:
            reason = str(error).splitlines()[0]
            raise HybridmapError(
                f"{label}: its axis '{name}' in '{units}' is no time that can be read ({reason}); give {WAYS}."
            ) from None
    if not np.isfinite(numbers).all() or (numbers != np.floor(numbers)).any():
        raise HybridmapError(f"{label}: its axis '{name}' has neither a unit of time nor years; give {WAYS}.")
    return [int(number) for number in numbers]
