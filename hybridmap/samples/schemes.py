"""The schemes by which sites are assigned to folds: one function a kind, in one table."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.config import Split
from hybridmap.errors import HybridmapError, nearest
from hybridmap.samples.clustered_regions import clustered_regions
from hybridmap.samples.fold_assignment import TARGET_COLUMNS, assign_units, target_shares
from hybridmap.samples.matched_folds import matched_folds

LOG = logging.getLogger("hybridmap")
MOST_SQUARES = 10**7
"""Squares of degrees that are shuffled, the empty ones included: of 0.08 degrees for all the Earth."""


@dataclass(frozen=True)
class Geography:
    """What a scheme may ask beside the sites: the land around, and what is measured there.

    Attributes
    ----------
    metres_per_unit : float
        Metres in one unit of ``x`` and ``y``.
    cells : array, shape (cell, 2), optional
        Points that the map will predict, for the kind distance.
    regions : Series of str, optional
        Name of the region of each site, where polygons say so.
    targets : tuple of str
        Columns of the samples of which every fold shall hold as much.
    """

    metres_per_unit: float
    cells: NDArray[np.float64] | None = None
    regions: pd.Series | None = None
    targets: tuple[str, ...] = TARGET_COLUMNS


@dataclass(frozen=True)
class Assignment:
    """Folds of sites.

    Attributes
    ----------
    fold : array of int, shape (site,)
        From 0.
    block : Series of str, or str
        What was assigned as a whole; "" where that is the place.
    """

    fold: NDArray[np.int64]
    block: pd.Series | str = ""


Scheme = Callable[[pd.DataFrame, Split, Geography], Assignment]
"""Samples, the block of the region file and the land around → folds. Sites of one ``group_id`` share a fold."""


def _random_places(samples: pd.DataFrame, scheme: Split, geography: Geography) -> Assignment:
    """Places, one by one."""
    return Assignment(_balanced(samples, scheme, geography, samples["group_id"], "places"))


def _square_blocks(samples: pd.DataFrame, scheme: Split, geography: Geography) -> Assignment:
    """Square blocks of the grid's CRS; a place takes the block of its mean coordinate, so that it is never torn."""
    edge = scheme.size_km * 1000.0 / geography.metres_per_unit
    centre = samples.groupby("group_id")[["x", "y"]].transform("mean")
    index = np.floor(centre / edge).astype(int)
    block = index["x"].astype(str) + "_" + index["y"].astype(str)
    fold = _balanced(samples, scheme, geography, block, f"blocks of {scheme.size_km:g} km", " or a smaller size_km")
    return Assignment(fold, block)


def _degree_squares(samples: pd.DataFrame, scheme: Split, _: Geography) -> Assignment:
    """Square blocks of degrees as in ScIReN, see :func:`degree_blocks`."""
    centre = samples.groupby("group_id")[["lon", "lat"]].transform("mean").to_numpy(float)
    fold = degree_blocks(centre[:, 0], centre[:, 1], scheme.size_degrees, scheme.folds, scheme.seed)
    index = np.floor(centre / scheme.size_degrees).astype(int)
    return Assignment(fold, pd.Series(index.tolist(), index=samples.index).astype(str))


def _strata(samples: pd.DataFrame, scheme: Split, _: Geography) -> Assignment:
    """Quantiles of a layer, lowest first: every test fold holds values that training never saw."""
    names = f"covariate.{scheme.layer}", f"forcing.{scheme.layer}"
    column = next((name for name in names if name in samples), None)
    if column is None:
        layers = [c.split(".", 1)[1] for c in samples.columns if c.startswith(("covariate.", "forcing."))]
        raise HybridmapError(f"split '{scheme.name}': no layer '{scheme.layer}' to make strata of; there are {layers}.")
    mean_of_place = samples.groupby("group_id")[column].mean()
    edges = np.quantile(mean_of_place, np.linspace(0, 1, scheme.folds + 1)[1:-1])
    if len(np.unique(edges)) < len(edges):
        raise HybridmapError(f"split '{scheme.name}': '{scheme.layer}' has too few values for {scheme.folds} strata.")
    return Assignment(np.searchsorted(edges, samples["group_id"].map(mean_of_place).to_numpy(), side="right"))


def _regions(samples: pd.DataFrame, scheme: Split, geography: Geography) -> Assignment:
    """Regions by polygons, by a column or by where sites lie; a place belongs to that of its first site."""
    names = geography.regions
    if names is None and scheme.column is None:
        cluster = clustered_regions(samples, scheme.folds, scheme.seed)
        if len(np.unique(cluster)) < scheme.folds:
            raise HybridmapError(
                f"split '{scheme.name}': {len(np.unique(cluster))} regions cannot fill {scheme.folds} folds, there are"
                " no more places; use fewer folds."
            )
        return Assignment(cluster, pd.Series(cluster, index=samples.index).astype(str))
    if names is None:
        if scheme.column not in samples:
            raise HybridmapError(
                f"split '{scheme.name}': the samples have no column '{scheme.column}'"
                f"{nearest(str(scheme.column), samples.columns)}."
            )
        names = samples[scheme.column].astype(str)
    region = names.groupby(samples["group_id"]).transform("first")
    return Assignment(_balanced(samples, scheme, geography, region, "regions"), region.astype(str))


def _matched_distances(samples: pd.DataFrame, scheme: Split, geography: Geography) -> Assignment:
    """Clusters that put test sites as far from training as the map's cells are, see :func:`matched_folds`."""
    if geography.cells is None:
        raise HybridmapError("a split of kind 'distance' needs the cells of the map; give the cube with --cube.")
    if (places := samples["group_id"].nunique()) < scheme.folds:
        raise HybridmapError(
            f"split '{scheme.name}': {places} places cannot fill {scheme.folds} folds; use fewer folds."
        )
    folds = matched_folds(samples, geography.cells, scheme, geography.targets)
    return Assignment(folds.fold, pd.Series(folds.cluster, index=samples.index).map("cluster {:05d}".format))


SCHEMES: dict[str, Scheme] = {
    "random": _random_places,
    "block": _square_blocks,
    "degree_block": _degree_squares,
    "strata": _strata,
    "region": _regions,
    "distance": _matched_distances,
}
"""Kind of a split in the region file → its scheme."""


def _balanced(
    samples: pd.DataFrame, scheme: Split, geography: Geography, units: pd.Series, noun: str, remedy: str = ""
) -> NDArray[np.int64]:
    """Fold of each site, whole units assigned so that folds hold as much of every target.

    Raises
    ------
    HybridmapError
        If there are fewer units than folds; `noun` names them, `remedy` says what may help beside fewer folds.
    """
    codes, names = pd.factorize(units, sort=True)
    if len(names) < scheme.folds:
        raise HybridmapError(
            f"split '{scheme.name}': {len(names)} {noun} cannot fill {scheme.folds} folds; use fewer folds{remedy}."
        )
    fold = assign_units(target_shares(samples, codes, len(names), geography.targets), scheme.folds, scheme.seed)[codes]
    sizes = np.bincount(fold).tolist()
    LOG.info("split %s: %d units in %d folds of %s sites", scheme.name, len(names), scheme.folds, sizes)
    return fold


def degree_squares(lon: NDArray[np.float64], lat: NDArray[np.float64], size: float) -> tuple[float, float, int, int]:
    """Squares of degrees that hold all places.

    Parameters
    ----------
    lon, lat : array, shape (site,)
        Degrees.
    size : float
        Edge of a square in degrees.

    Returns
    -------
    west, south : float
        Corner of the first square [degrees].
    columns, rows : int
        Squares eastwards and northwards.
    """
    west, south = size * np.floor(lon.min() / size), size * np.floor(lat.min() / size)
    # One more than the last whole number: a site on the edge of a square belongs to the next.
    columns = int(np.floor(lon.max() / size) - np.floor(lon.min() / size)) + 1
    rows = int(np.floor(lat.max() / size) - np.floor(lat.min() / size)) + 1
    return float(west), float(south), columns, rows


def degree_blocks(
    lon: NDArray[np.float64], lat: NDArray[np.float64], size: float = 2.0, folds: int = 5, seed: int = 12345
) -> NDArray[np.int64]:
    """Fold of each site by square blocks of degrees, as in ScIReN (arXiv 2506.14054): blocks shuffled, then numbered.

    Parameters
    ----------
    lon, lat : array, shape (site,)
        Degrees; they alone say where the blocks begin.
    size : float
        Edge of a block in degrees.
    folds, seed : int
        Number of folds; seed of Python's generator that shuffles all blocks, empty ones included.

    Returns
    -------
    array of int, shape (site,)
        Fold of each site, from 0.

    Examples
    --------
    >>> degree_blocks(np.array([0.5, 1.5, 2.5, 4.5]), np.array([0.5, 0.5, 0.5, 0.5]), folds=3)
    array([1, 1, 2, 0])
    """
    west, south, columns, rows = degree_squares(lon, lat, size)
    if columns * rows > MOST_SQUARES:
        raise HybridmapError(
            f"squares of {size:g} degrees: {columns * rows:.1e} of them; at most {MOST_SQUARES:.0e} can be dealt, so"
            " use a larger size_degrees."
        )
    block = (np.floor((lat - south) / size) * columns + np.floor((lon - west) / size)).astype(int)
    order = list(range(rows * columns))
    random.Random(seed).shuffle(order)
    fold = np.empty(len(order), dtype=int)
    fold[order] = np.arange(len(order)) % folds
    return np.asarray(fold[block])
