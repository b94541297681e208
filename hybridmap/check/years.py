"""Years of layers: held against the year that maps show, and against those in which soils were sampled."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from hybridmap.config import Config, Raster
from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.years import DatedLayer, chosen_years, year_words
from hybridmap.errors import HybridmapError


def dated_layers(config: Config) -> dict[str, DatedLayer]:
    """Covariates and forcing of a region that have years, by key."""
    return {key: DatedLayer.of_raster(layer) for key, layer in RegionLayers.of(config).dated().items()}


def check_map_year(config: Config) -> str:
    """Check that every layer has the year that is chosen for maps.

    Returns
    -------
    str
        The year of each layer that has years.

    Raises
    ------
    HybridmapError
        Naming the layer, its years, and the key.
    """
    layers = dated_layers(config)
    return year_words(layers, chosen_years(layers, config.predict.year, "predict.year"))


def check_each_year(layer: Raster, check: Callable[[Raster], str]) -> str:
    """Check a layer, or the raster of each of its years.

    Parameters
    ----------
    layer : Raster
        As the region file has it.
    check : callable
        Says what a single raster is, or raises :class:`HybridmapError`.

    Returns
    -------
    str
        What it is; of years, what the latest is.

    Raises
    ------
    HybridmapError
        With the mistake of every year, a line each.
    """
    if not layer.years:
        return check(layer)
    sentence, mistakes = "", []
    for raster in layer.rasters():
        try:
            sentence = check(raster)
        except HybridmapError as error:
            mistakes.append(str(error))
    if mistakes:
        raise HybridmapError("\n".join(mistakes))
    return f"years {DatedLayer.of_raster(layer).listed()}; the latest: {sentence}"


def check_sampling_years(years: pd.Series, layers: Mapping[str, DatedLayer]) -> str:
    """Hold the years in which a source was sampled against those of layers.

    Parameters
    ----------
    years : Series of float, shape (row,)
        Years of sampling, NaN where unknown.
    layers : mapping of str to DatedLayer
        By key.

    Returns
    -------
    str
        What will be dropped, "" for nothing.

    Raises
    ------
    HybridmapError
        If no row is left.
    """
    notes = []
    for layer in dict.fromkeys(layers.values()):
        is_dropped = layer.years_at(years.to_numpy("float64")) == 0
        undated = int((is_dropped & years.isna()).sum())
        apart = int(is_dropped.sum()) - undated
        reasons = [f"{undated} say no year"] * bool(undated)
        reasons += [f"{apart} were not sampled {layer.reach()}"] * bool(apart)
        if len(years) and is_dropped.all():
            raise HybridmapError(
                f"no row can take a year of '{layer.source}' ({layer.listed()}): {' and '.join(reasons)}; set"
                " 'undated', 'year_match' or 'max_years_apart' of the layer, or map the column of the year."
            )
        notes += [f"of '{layer.source}' {reason} and are dropped" for reason in reasons]
    return "; ".join(notes)
