"""Dealing sites into folds: at random, by blocks, strata, regions, or as far from training as the map is."""

from __future__ import annotations

import logging
import random
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.config import Config, Split
from hybridmap.config.reading import data_path
from hybridmap.covariates.cube import open_cube
from hybridmap.errors import HybridmapError, nearest
from hybridmap.files.tables import write_parquet
from hybridmap.grid.mask import read_named_polygons
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.samples.distances import matched_clusters, prediction_places
from hybridmap.samples.fold_assignment import deal, target_shares

LOG = logging.getLogger("hybridmap")


def split(config: Config, samples: Path, out: Path, cube: Path | None = None) -> None:
    """Write ``splits.parquet``: site_id, group_id, scheme, fold, block (of spatial schemes), buffer, nested.

    Parameters
    ----------
    config : Config
        The region.
    samples, out : Path
        ``samples.parquet`` and what to write.
    cube : Path, optional
        The cube; only a scheme of kind distance needs it.
    """
    table = pd.read_parquet(samples)
    grid = RegionGrid.of(config.grid)
    if not config.splits:
        raise HybridmapError("the region has no splits; add at least one scheme under 'splits'.")
    cells = None
    if any(scheme.kind == "distance" for scheme in config.splits):
        if cube is None:
            raise HybridmapError("a split of kind 'distance' needs the cells of the map; give the cube with --cube.")
        cells = prediction_places(open_cube(cube))
    parts = []
    for scheme in config.splits:
        regions = _polygon_names(config, scheme, table, grid) if scheme.polygons else None
        parts.append(assign_folds(table, scheme, grid.metres_per_unit(), cells, regions))
    write_parquet(pd.concat(parts, ignore_index=True), out)


def assign_folds(
    samples: pd.DataFrame,
    scheme: Split,
    metres_per_unit: float,
    cells: NDArray[np.float64] | None = None,
    regions: pd.Series | None = None,
) -> pd.DataFrame:
    """Deal the sites of one scheme.

    Parameters
    ----------
    samples : DataFrame
        ``site_id``, ``group_id``, ``x``, ``y`` [units of the grid's CRS], the target columns; for degree blocks ``lon``
        and ``lat``.
    scheme : Split
        Kind, folds, block size and seed.
    metres_per_unit : float
        Metres in one unit of ``x`` and ``y``.
    cells : array, shape (cell, 2), optional
        Places that the map will predict, for the kind distance.
    regions : Series, optional
        Name of the region of each site, where polygons say so.

    Returns
    -------
    DataFrame
        ``site_id``, ``group_id``, ``scheme``, ``fold``, ``block``, ``buffer``, ``nested``. Sites of one place
        (``group_id``), and of one block, always share a fold.

    Raises
    ------
    HybridmapError
        If there are fewer places, blocks or regions than folds, or a column is missing.
    """
    buffer = scheme.buffer_km * 1000.0 / metres_per_unit
    if scheme.kind == "strata":
        return _table(samples, scheme, _strata(samples, scheme), "", buffer)
    if scheme.kind == "degree_block":
        centre = samples.groupby("group_id")[["lon", "lat"]].transform("mean").to_numpy(float)
        fold = degree_blocks(centre[:, 0], centre[:, 1], scheme.size_degrees, scheme.folds, scheme.seed)
        block = pd.Series(np.floor(centre / scheme.size_degrees).astype(int).tolist(), index=samples.index).astype(str)
        return _table(samples, scheme, fold, block, buffer)
    unit = _units(samples, scheme, metres_per_unit, cells, regions)
    codes, names = pd.factorize(unit, sort=True)
    if len(names) < scheme.folds:
        what = {
            "random": "places",
            "block": f"blocks of {scheme.size_km:g} km",
            "region": "regions",
        }.get(scheme.kind, "clusters")
        advice = " or a smaller size_km." if scheme.kind == "block" else "."
        raise HybridmapError(
            f"split '{scheme.name}': {len(names)} {what} cannot fill {scheme.folds} folds; use fewer folds{advice}"
        )
    fold = deal(target_shares(samples, codes, len(names)), scheme.folds, scheme.seed)
    LOG.info("split %s: %d units in %d folds of %s sites", scheme.name, len(names), scheme.folds,
             np.bincount(fold[codes]).tolist())  # fmt: skip
    return _table(samples, scheme, fold[codes], "" if scheme.kind == "random" else unit.astype(str), buffer)


def _units(
    samples: pd.DataFrame,
    scheme: Split,
    metres_per_unit: float,
    cells: NDArray[np.float64] | None,
    regions: pd.Series | None,
) -> pd.Series:
    """What is dealt as a whole: the place, block, region or cluster of each site."""
    if scheme.kind == "random":
        return samples["group_id"]
    if scheme.kind == "block":
        return _blocks(samples, scheme, metres_per_unit)
    if scheme.kind == "distance":
        assert cells is not None
        return matched_clusters(samples, cells, scheme)
    if regions is None:
        if scheme.column not in samples:
            raise HybridmapError(
                f"split '{scheme.name}': the samples have no column '{scheme.column}'"
                f"{nearest(str(scheme.column), samples.columns)}."
            )
        regions = samples[scheme.column].astype(str)
    # A place belongs to one region: that of its first site.
    return regions.groupby(samples["group_id"]).transform("first")


def _polygon_names(config: Config, scheme: Split, samples: pd.DataFrame, grid: RegionGrid) -> pd.Series:
    """Name of the nearest polygon of each site."""
    import geopandas as gpd

    path = data_path(config, str(scheme.polygons))
    shapes = read_named_polygons(path, str(scheme.attribute), grid)
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(samples["x"], samples["y"]), crs=shapes.crs)
    found = gpd.sjoin_nearest(points, shapes, how="left")
    return pd.Series(found[~found.index.duplicated()]["name"].to_numpy(), index=samples.index)


def _table(
    samples: pd.DataFrame, scheme: Split, fold: NDArray[np.int64], block: pd.Series | str, buffer: float
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "site_id": samples["site_id"],
            "group_id": samples["group_id"],
            "scheme": scheme.name,
            "fold": fold.astype("int32"),
            "block": block,
            "buffer": buffer,
            "nested": scheme.nested,
        }
    )


def _strata(samples: pd.DataFrame, scheme: Split) -> NDArray[np.int64]:
    """Fold of each site by quantiles of a layer, lowest first: every test fold holds values that training never saw."""
    column = next((c for c in (f"covariate.{scheme.layer}", f"forcing.{scheme.layer}") if c in samples), None)
    if column is None:
        have = [c.split(".", 1)[1] for c in samples.columns if c.startswith(("covariate.", "forcing."))]
        raise HybridmapError(f"split '{scheme.name}': no layer '{scheme.layer}' to make strata of; there are {have}.")
    place = samples.groupby("group_id")[column].mean()
    edges = np.quantile(place, np.linspace(0, 1, scheme.folds + 1)[1:-1])
    if len(np.unique(edges)) < len(edges):
        raise HybridmapError(f"split '{scheme.name}': '{scheme.layer}' has too few values for {scheme.folds} strata.")
    return np.searchsorted(edges, samples["group_id"].map(place).to_numpy(), side="right")


def _blocks(samples: pd.DataFrame, scheme: Split, metres_per_unit: float) -> pd.Series:
    """Block of each site; a place takes the block of its mean coordinate, so that it is never torn."""
    edge = scheme.size_km * 1000.0 / metres_per_unit
    centre = samples.groupby("group_id")[["x", "y"]].transform("mean")
    cell = np.floor(centre / edge).astype(int)
    return cell["x"].astype(str) + "_" + cell["y"].astype(str)


def degree_blocks(
    lon: NDArray[np.float64], lat: NDArray[np.float64], size: float = 2.0, folds: int = 5, seed: int = 12345
) -> NDArray[np.int64]:
    """Fold of each site by square blocks of degrees, as in ScIReN (arXiv 2506.14054): cells shuffled, then dealt.

    Parameters
    ----------
    lon, lat : array, shape (site,)
        Degrees; they alone say where the blocks begin.
    size : float
        Edge of a block in degrees.
    folds, seed : int
        Number of folds; seed of Python's generator that shuffles all cells, empty ones included.
    """
    west, south = size * np.floor(lon.min() / size), size * np.floor(lat.min() / size)
    columns = round(float(size * np.ceil(lon.max() / size) - west) / size)
    rows = round(float(size * np.ceil(lat.max() / size) - south) / size)
    cell = (np.floor((lat - south) / size) * columns + np.floor((lon - west) / size)).astype(int)
    order = list(range(rows * columns))
    random.Random(seed).shuffle(order)
    fold = np.empty(len(order), dtype=int)
    fold[order] = np.arange(len(order)) % folds
    return fold[cell]
