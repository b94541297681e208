"""Which year of a layer that changes counts: at a site by the year of its sampling, on a map by choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridmap.config import Raster
from hybridmap.errors import HybridmapError, nearest

YearChoice = int | Mapping[str, int] | None
"""A year for all layers that have years, layer → year, or None for the latest of each."""
LISTED = 12
"""Years that a sentence lists; of more it says the first and the last."""


@dataclass(frozen=True)
class DatedLayer:
    """A layer that has years, and how a site takes one of them.

    Attributes
    ----------
    source : str
        Name of the layer in the region file; shares of its classes, bands and months have it in common.
    years : tuple of int
        Of the layer, in order.
    match : str
        "nearest" (of two the earlier), "previous" (the last that is not after the sampling) or "exact".
    max_years_apart : int
        From the sampling to the year that is taken, at most.
    undated : int or None
        Year of sites that say none; None where they take none.
    """

    source: str
    years: tuple[int, ...]
    match: str = "nearest"
    max_years_apart: int = 10
    undated: int | None = None

    @classmethod
    def of_raster(cls, layer: Raster) -> DatedLayer:
        """Of a layer of a region file."""
        undated = None if layer.undated == "drop" else layer.undated
        source = layer.group or layer.name
        return cls(source, tuple(layer.year_list), layer.year_match, layer.max_years_apart, undated)

    @classmethod
    def of_attributes(cls, attributes: Mapping[str, Any]) -> DatedLayer:
        """Of an array of a cube."""
        keys = ("source", "match", "max_years_apart", "undated")
        values: dict[str, Any] = {key: attributes.get(key) for key in keys}
        return cls(years=tuple(attributes["years"]), **values)

    def attributes(self) -> dict[str, Any]:
        """What an array of a cube notes, so that :meth:`of_attributes` gives the same."""
        return {**vars(self), "years": list(self.years)}

    def years_at(self, sampled: NDArray[np.float64]) -> NDArray[np.int64]:
        """Year that each site takes, 0 where it takes none.

        Parameters
        ----------
        sampled : array, shape (site,)
            Years of sampling, NaN where unknown; the mean of several may lie between two.

        Returns
        -------
        array, shape (site,)

        Examples
        --------
        >>> sampled = np.array([2003.0, 2009.0, 2019.0, 1980.0, np.nan])
        >>> DatedLayer("landcover", (2006, 2012)).years_at(sampled).tolist()
        [2006, 2006, 2012, 0, 0]
        >>> DatedLayer("landcover", (2006, 2012), "previous", undated=2012).years_at(sampled).tolist()
        [0, 2006, 2012, 0, 2012]
        """
        years, sampled_year = np.array(self.years), np.floor(sampled)[:, None]
        is_allowed = {
            "nearest": np.isfinite(sampled_year),
            "previous": years <= sampled_year,
            "exact": years == sampled_year,
        }[self.match]
        apart = np.where(is_allowed, np.abs(sampled[:, None] - years), np.inf)
        is_near = np.floor(apart.min(axis=1)) <= self.max_years_apart
        at_sites = np.where(is_near, years[apart.argmin(axis=1)], 0)
        return np.where(np.isnan(sampled), self.undated or 0, at_sites).astype("int64")

    def reach(self) -> str:
        """What a year of sampling must be, in words."""
        span = f"{self.max_years_apart} year" + "s" * (self.max_years_apart != 1)
        words = {"nearest": f"within {span} of", "previous": f"at most {span} after", "exact": "in"}[self.match]
        return f"{words} {self.listed()}"

    def listed(self) -> str:
        """The years, as a sentence has them."""
        years = [str(year) for year in self.years]
        return ", ".join(years) if len(years) <= LISTED else f"{years[0]} to {years[-1]}, {len(years)} years"


def chosen_years(layers: Mapping[str, DatedLayer], choice: YearChoice, label: str) -> dict[str, int]:
    """Year of each layer that a map shows.

    Parameters
    ----------
    layers : mapping of str to DatedLayer
        By key.
    choice : int, mapping of str to int, or None
        ``predict.year``; layers are named as in the region file.
    label : str
        What messages begin with.

    Returns
    -------
    dict of str to int
        Key of each layer → year; of a layer that is not chosen the latest.

    Raises
    ------
    HybridmapError
        If a layer has not the year that is chosen for it, or there is no such layer.

    Examples
    --------
    >>> layers = {"cover_forest": DatedLayer("cover", (2006, 2012)), "ndvi": DatedLayer("ndvi", (2006, 2007))}
    >>> chosen_years(layers, {"cover": 2006}, "predict.year")
    {'cover_forest': 2006, 'ndvi': 2007}
    """
    sources = {layer.source for layer in layers.values()}
    if choice is not None and not layers:
        raise HybridmapError(f"{label}: no covariate or forcing has years; leave the key out, or give a layer 'years'.")
    years = dict.fromkeys(sources, choice) if isinstance(choice, int) else dict(choice or {})
    if unknown := [source for source in years if source not in sources]:
        raise HybridmapError(
            f"{label}: no layer '{unknown[0]}' with years{nearest(unknown[0], sources)}; there are {sorted(sources)}."
        )
    for layer in layers.values():
        if years.get(layer.source, layer.years[-1]) not in layer.years:
            advice = f" Give each layer its own, as {{{layer.source}: {layer.years[-1]}}}." * (len(sources) > 1)
            raise HybridmapError(
                f"{label}: '{layer.source}' has no year {years[layer.source]}; it has {layer.listed()}.{advice}"
            )
    return {key: years.get(layer.source, layer.years[-1]) for key, layer in layers.items()}


def year_words(layers: Mapping[str, DatedLayer], map_years: Mapping[str, int]) -> str:
    """Years of layers in words, as they are named in the region file.

    Parameters
    ----------
    layers : mapping of str to DatedLayer
        By key.
    map_years : mapping of str to int
        Key → year.

    Returns
    -------
    str

    Examples
    --------
    >>> year_words({"cover_forest": DatedLayer("cover", (2006, 2012))}, {"cover_forest": 2006})
    'cover 2006'
    """
    years = {layers[key].source: year for key, year in map_years.items()}
    return ", ".join(f"{source} {year}" for source, year in years.items())
