"""Dealing sites into folds: by place at random, by spatial blocks (rare targets spread evenly), or by strata."""

from __future__ import annotations

import logging
import random
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hybridmap.config import TARGET_COLUMNS, Config, Split
from hybridmap.data.grid import RegionGrid
from hybridmap.data.tables import write_parquet
from hybridmap.errors import HybridmapError

LOG = logging.getLogger("hybridmap")


def split(config: Config, samples: Path, out: Path) -> None:
    """Write ``splits.parquet``: site_id, group_id, scheme, fold, and the block for spatial schemes."""
    table = pd.read_parquet(samples)
    metres = RegionGrid.of(config.grid).metres_per_unit()
    parts = [assign_folds(table, scheme, metres) for scheme in config.splits]
    if not parts:
        raise HybridmapError("the region has no splits; add at least one scheme under 'splits'.")
    write_parquet(pd.concat(parts, ignore_index=True), out)


def assign_folds(samples: pd.DataFrame, scheme: Split, metres_per_unit: float) -> pd.DataFrame:
    """Deal the sites of one scheme.

    Parameters
    ----------
    samples : DataFrame
        ``site_id``, ``group_id``, ``x``, ``y`` [units of the grid's CRS] and the target columns.
    scheme : Split
        Kind, folds, block size and seed.
    metres_per_unit : float
        Metres in one unit of ``x`` and ``y``.

    Returns
    -------
    DataFrame
        ``site_id``, ``group_id``, ``scheme``, ``fold``, ``block``. Sites of one place (``group_id``), and of one
        block, always share a fold.

    Raises
    ------
    HybridmapError
        If there are fewer places or blocks than folds.
    """
    if scheme.kind == "strata":
        return _table(samples, scheme, _strata(samples, scheme), "")
    unit = samples["group_id"] if scheme.kind == "random" else _blocks(samples, scheme, metres_per_unit)
    codes, names = pd.factorize(unit, sort=True)
    if len(names) < scheme.folds:
        what = "places" if scheme.kind == "random" else f"blocks of {scheme.size_km:g} km"
        raise HybridmapError(
            f"split '{scheme.name}': {len(names)} {what} cannot fill {scheme.folds} folds; use fewer folds"
            + ("." if scheme.kind == "random" else " or a smaller size_km.")
        )
    shares = _target_shares(samples, codes, len(names))
    fold = _deal(shares, scheme.folds, scheme.seed)
    LOG.info("split %s: %d units in %d folds of %s sites", scheme.name, len(names), scheme.folds,
             np.bincount(fold[codes]).tolist())  # fmt: skip
    return _table(samples, scheme, fold[codes], unit.astype(str) if scheme.kind == "block" else "")


def _table(samples: pd.DataFrame, scheme: Split, fold: NDArray[np.int64], block: pd.Series | str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "site_id": samples["site_id"],
            "group_id": samples["group_id"],
            "scheme": scheme.name,
            "fold": fold.astype("int32"),
            "block": block,
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


def _target_shares(samples: pd.DataFrame, codes: NDArray[np.intp], units: int) -> NDArray[np.float64]:
    """Share of all observations of each target (and of all sites) that each unit holds, shape (unit, target + 1)."""
    columns = [samples[c].notna().to_numpy().astype(float) for c in TARGET_COLUMNS.values() if c in samples]
    columns.append(np.ones(len(samples)))
    counts = np.stack([np.bincount(codes, weights=c, minlength=units) for c in columns], axis=1)
    return counts / np.maximum(counts.sum(axis=0), 1.0)


def _deal(shares: NDArray[np.float64], folds: int, seed: int) -> NDArray[np.int64]:
    """Largest units first, each to the fold that is emptiest in what the unit holds; ties by the seed."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(shares))
    order = order[np.argsort(-shares[order].max(axis=1), kind="stable")]
    load = np.zeros((folds, shares.shape[1]))
    fold = np.empty(len(shares), dtype=int)
    for unit in order:
        share = shares[unit]
        cost = (np.square(load + share) - np.square(load)).sum(axis=1)
        best = np.flatnonzero(cost <= cost.min() + 1e-15)
        fold[unit] = generator.choice(best)
        load[fold[unit]] += share
    return fold


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


def deal_groups(groups: pd.Series, folds: int, seed: int) -> NDArray[np.int64]:
    """Fold of each row, whole groups dealt at random, largest first to the emptiest fold."""
    codes = pd.factorize(groups, sort=True)[0]
    shares = np.bincount(codes)[:, None] / len(codes)
    return _deal(shares, folds, seed)[codes]
