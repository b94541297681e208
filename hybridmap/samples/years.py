"""The year of sampling against the years of layers: what each site takes, what is left out, and what is said."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.covariates.cube import FORCING, Cube
from hybridmap.covariates.years import DatedLayer
from hybridmap.grid.store import CHUNK
from hybridmap.grid.tiles import Tile
from hybridmap.observations.quality.drop_counts import DropCounts

LOG = logging.getLogger("hybridmap")
PREFIX = "year_of."
"""What the column of the years that sites took of a layer begins with."""


def take_years(sites: pd.DataFrame, layers: Mapping[str, DatedLayer], ladder: DropCounts) -> pd.DataFrame:
    """Give every site a year of each layer that has years; drop those for which there is none.

    Parameters
    ----------
    sites : DataFrame
        ``year``, NaN where unknown, and the columns of :meth:`DropCounts.drop_rows`.
    layers : mapping of str to DatedLayer
        By key.
    ladder : DropCounts
        Counts the sites that are dropped, and how many took which year.

    Returns
    -------
    DataFrame
        The other sites, with the year taken in ``year_of.LAYER``.
    """
    for layer in dict.fromkeys(layers.values()):
        column, sampled = PREFIX + layer.source, sites["year"]
        sites = sites.assign(**{column: layer.years_at(sampled.to_numpy("float64"))})
        for rule, of_rule, reason in (
            ("undated", sampled.isna(), f"no year of sampling to take one of {layer.source} by; 'undated' gives one"),
            ("year", sampled.notna(), f"not sampled {layer.reach()} of {layer.source}"),
        ):
            is_left = (sites[column] == 0) & of_rule.reindex(sites.index)
            sites = ladder.drop_rows(sites, is_left, rule, reason)
        _note(sites, layer, ladder)
    return sites


def _note(sites: pd.DataFrame, layer: DatedLayer, ladder: DropCounts) -> None:
    """Count the years that were taken, and log them."""
    years = sites[PREFIX + layer.source]
    for source, of_source in years.groupby(sites["source"], sort=True):
        for year, count in of_source.value_counts().sort_index().items():
            ladder.count(str(source), "year taken", f"{layer.source} of {year}", int(count), 0)
    if years.empty:
        return
    counts = ", ".join(f"{year} at {count}" for year, count in years.value_counts().sort_index().items())
    apart = (sites["year"] - years).abs().dropna()
    span = f"; on average {apart.mean():.1f} years from the sampling, at most {apart.max():.0f}" if len(apart) else ""
    unknown = int(sites["year"].isna().sum())
    undated = f"; {unknown} of the sites say no year and take {layer.undated}" if unknown else ""
    LOG.info("%s: sites take %s%s%s", layer.source, counts, span, undated)


def values_in_years(cube: Cube, sites: pd.DataFrame) -> dict[str, NDArray[np.float32]]:
    """Values of the layers that have years, in the year that each site took.

    Parameters
    ----------
    cube : Cube
        The cube.
    sites : DataFrame
        ``row`` and ``col``, and ``year_of.*`` of :func:`take_years`.

    Returns
    -------
    dict of str to array, shape (site,)
        ``covariate.*`` and ``forcing.*``.
    """
    columns = {}
    for key, layer in cube.dated.items():
        values = np.full(len(sites), np.nan, dtype="float32")
        cells = sites[[PREFIX + layer.source, "row", "col"]].to_numpy()
        chunks, chunk_of = np.unique(cells // (1, CHUNK, CHUNK), axis=0, return_inverse=True)
        for number, (year, *first) in enumerate(chunks.tolist()):
            row, col = (CHUNK * index for index in first)
            members = np.flatnonzero(chunk_of == number)
            field = cube.read_year(key, year, Tile(row, row + CHUNK, col, col + CHUNK))
            values[members] = field[cells[members, 1] - row, cells[members, 2] - col]
        columns[key if key.startswith(FORCING) else f"covariate.{key}"] = values
    return columns
