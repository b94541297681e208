"""Observations x covariates x forcing, read from the store that maps are made from."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.covariates.cube import Cube, open_cube
from hybridmap.errors import HybridmapError
from hybridmap.files.reading import read_parquet
from hybridmap.files.tables import write_csv, write_parquet
from hybridmap.grid.store import CHUNK
from hybridmap.grid.tiles import Tile
from hybridmap.observations.quality.drop_counts import DropCounts
from hybridmap.options.layer_depth import LAYER_INPUTS
from hybridmap.samples.years import take_years, values_in_years

LOG = logging.getLogger("hybridmap")
LAYER_ENDS = dict(zip(LAYER_INPUTS, ("top_cm", "bottom_cm"), strict=True))
"""Forcing that every layer brings → column of the observations."""
NONE_MEASURED: Mapping[str, str] = MappingProxyType({})
FAR = 3.0
"""Factor between the medians of a measured forcing and of its layer that is worth a warning."""


def sample(
    observations: Path,
    cube_path: Path,
    out: Path,
    quality: Path,
    measured: Mapping[str, str] = NONE_MEASURED,
    dropped: Path | None = None,
) -> None:
    """Write ``samples.parquet``, and the sites that have no covariates or lie on excluded land, counted and listed.

    Parameters
    ----------
    observations, cube_path : Path
        Table of sites, and the cube.
    out, quality : Path
        Samples and table of counted drops to write.
    measured : mapping of str to str
        Forcing that is taken as it was measured at the sites → its column of the observations.
    dropped : Path, optional
        Table of the sites that are left out, each with its reason, to write.

    Raises
    ------
    HybridmapError
        If no site lies on a cell with all covariates and forcing.
    """
    sites = read_parquet(observations).drop(columns="geometry", errors="ignore")
    ladder = DropCounts("sample")
    samples = sample_sites(sites, open_cube(cube_path), ladder, measured)
    if samples.empty:
        raise HybridmapError(f"{observations}: no site lies on a cell with all covariates; check the region's layers.")
    LOG.info("%d of %d sites have all covariates", len(samples), len(sites))
    write_csv(ladder.table(), quality)
    if dropped is not None:
        write_parquet(ladder.dropped_rows(), dropped)
    write_parquet(samples, out)


def sample_sites(
    sites: pd.DataFrame, cube: Cube, ladder: DropCounts, measured: Mapping[str, str] = NONE_MEASURED
) -> pd.DataFrame:
    """Covariates and forcing at sites.

    Parameters
    ----------
    sites : DataFrame
        ``lon`` and ``lat`` [degrees], and whatever else.
    cube : Cube
        The cube.
    ladder : DropCounts
        Counts the sites that are dropped: off the grid, too far in time, on a cell that lacks a layer, or without what
        should have been measured.
    measured : mapping of str to str
        Forcing that is taken as it was measured at the sites, whatever its layer says → its column of `sites`.

    Returns
    -------
    DataFrame
        The other sites with ``row``, ``col``, ``x``, ``y``, ``covariate.*`` and ``forcing.*``; of layers that have
        years in that of ``year_of.*``; where the observations are layers of profiles, the ends of each [m] are forcing
        too.
    """
    x, y = cube.grid.to_grid(sites["lon"].to_numpy(float), sites["lat"].to_numpy(float))
    row, col, inside = cube.grid.cell_of(np.asarray(x), np.asarray(y))
    sites = sites.assign(row=row, col=col, x=x, y=y, source_row=-1)
    sites = ladder.drop_rows(sites, pd.Series(~inside, index=sites.index), "off_grid", "outside the grid")
    sites = _drop_excluded(sites, cube, ladder)
    sites = take_years(sites, cube.dated, ladder)
    covariates, forcing = _values_at(cube, sites["row"].to_numpy(), sites["col"].to_numpy())
    layers: dict[str, NDArray[np.float32]]
    layers = {f"covariate.{n}": covariates[:, i] for i, n in enumerate(cube.covariate_names)}
    layers |= {f"forcing.{n}": values for n, values in forcing.items()}
    if "profile_id" in sites:
        layers |= {f"forcing.{n}": (sites[c] / 100.0).to_numpy("float32") for n, c in LAYER_ENDS.items()}
    layers |= values_in_years(cube, sites)
    for name, column in measured.items():
        layers[f"forcing.{name}"] = sites[column].to_numpy("float32")
        _compare_medians(name, layers[f"forcing.{name}"], forcing[name])
    table = pd.concat([sites.drop(columns="source_row"), pd.DataFrame(layers, index=sites.index)], axis=1)
    reasons = {name: ("nodata", f"{name.replace('.', ' ', 1)} is nodata at the site") for name in layers}
    reasons |= {f"forcing.{n}": ("not_measured", f"forcing {n} was not measured at the site") for n in measured}
    return _drop_incomplete(table.assign(source_row=-1), reasons, ladder).drop(columns="source_row")


def _drop_excluded(sites: pd.DataFrame, cube: Cube, ladder: DropCounts) -> pd.DataFrame:
    """Drop the sites on cells that are left out by their class."""
    if not (labels := cube.excluded_labels):
        return sites
    numbers = pd.Series(cube.excluded(cube.grid.extent)[sites["row"], sites["col"]], index=sites.index)
    for number, label in enumerate(labels, start=1):
        is_excluded = numbers.reindex(sites.index) == number
        sites = ladder.drop_rows(sites, is_excluded, "excluded", f"excluded land: the cell is {label}")
    return sites


def _compare_medians(name: str, measured: NDArray[np.float32], layer: NDArray[np.float32]) -> None:
    """Say how a measured forcing (site,) compares with its layer there: maps are made from the layer."""
    is_both = np.isfinite(measured) & np.isfinite(layer)
    if not is_both.any():
        return
    at_sites, on_layer = float(np.median(measured[is_both])), float(np.median(layer[is_both]))
    LOG.info("forcing '%s': median %.3g measured at the sites, %.3g on the layer there", name, at_sites, on_layer)
    if not at_sites / FAR <= on_layer <= at_sites * FAR:
        LOG.warning(
            "forcing '%s': median %.3g measured at the sites, %.3g on the layer there, from which maps are made; check"
            " its scale and unit",
            *(name, at_sites, on_layer),
        )


def _drop_incomplete(table: pd.DataFrame, reasons: Mapping[str, tuple[str, str]], ladder: DropCounts) -> pd.DataFrame:
    """Drop the rows that lack a layer; `reasons` are the rule and the words by the layer's column."""
    for name, (rule, reason) in reasons.items():
        table = ladder.drop_rows(table, table[name].isna(), rule, reason)
    return table.reset_index(drop=True)


def _values_at(
    cube: Cube, row: NDArray[np.int64], col: NDArray[np.int64]
) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    """Covariates (site, band) and forcing (site,) at cells; each chunk is read once."""
    covariates = np.full((len(row), len(cube.covariate_names)), np.nan, dtype="float32")
    forcing = {name: np.full(len(row), np.nan, dtype="float32") for name in cube.forcing_names}
    chunk = np.stack([row // CHUNK, col // CHUNK], axis=1)
    chunks, chunk_of = np.unique(chunk, axis=0, return_inverse=True)
    for i, (row0, col0) in enumerate(chunks * CHUNK):
        members = np.flatnonzero(chunk_of == i)
        chunk_covariates, chunk_forcing = cube.read_layers(Tile(row0, row0 + CHUNK, col0, col0 + CHUNK))
        cells = (row[members] - row0, col[members] - col0)
        covariates[members] = chunk_covariates[:, cells[0], cells[1]].T
        for name, values in forcing.items():
            values[members] = chunk_forcing[name][cells]
    return covariates, forcing
