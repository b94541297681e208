"""An outside check: the SOC map against a published one that nothing was trained on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

from hybridmap.config import Reference
from hybridmap.covariates.warp import warp_layer
from hybridmap.errors import HybridmapError
from hybridmap.evaluate import metrics
from hybridmap.files.tables import write_json
from hybridmap.grid.depth_axis import Interval, intervals_of, maps_of
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import grid_of, read_map
from hybridmap.grid.verified_store import open_verified

LOG = logging.getLogger("hybridmap")
TOUCHING_M = 1e-9
"""Thicknesses that differ by less [m] are the same."""


def reference_map(reference: Reference, grid: RegionGrid, data_root: str) -> NDArray[np.float32]:
    """Warp a published map onto `grid`: the weighted sum of its layers.

    Parameters
    ----------
    reference : Reference
        Layers of the published map, and their weights.
    grid : RegionGrid
        Target cells.
    data_root : str
        Folder of its files.

    Returns
    -------
    array, shape (row, column)
        In the unit of the reference, NaN where it has no data.

    Raises
    ------
    HybridmapError
        If weights and layers differ in number, or a layer cannot be warped.
    """
    if len(reference.weights) != len(reference.layers):
        raise HybridmapError(
            f"reference '{reference.name}': {len(reference.weights)} weights for {len(reference.layers)} layers."
        )
    total = np.zeros((grid.height, grid.width), "float32")
    for weight, layer in zip(reference.weights, reference.layers, strict=True):
        np.add(total, weight * warp_layer(layer, grid, data_root), out=total)
    return total


def _carbon_map(root: zarr.Group, reference: Reference, store: Path) -> NDArray[np.float64]:
    """The map of carbon (row, column); of several depths its mean over the interval of the reference."""
    arrays, intervals = maps_of(root, "soc"), intervals_of(root)
    if not arrays:
        raise HybridmapError(f"{store}: no map 'soc' to compare with the reference; add it to predict.maps.")
    if not intervals:
        return read_map(arrays[0])
    weights = interval_weights(reference, intervals)
    mean = sum(
        (read_map(array) * weight for array, weight in zip(arrays, weights, strict=True) if weight), np.zeros(())
    )
    return np.asarray(mean)


def interval_weights(reference: Reference, intervals: Sequence[Interval]) -> list[float]:
    """Shares of mapped intervals in the mean that is compared with a reference.

    Parameters
    ----------
    reference : Reference
        With its interval.
    intervals : sequence of Interval
        That are mapped.

    Returns
    -------
    list of float
        By thickness, adding up to 1; 0 for those outside.

    Raises
    ------
    HybridmapError
        If the interval of the reference is not said, or not made up of those that are mapped.
    """
    if reference.depth_cm is None:
        raise HybridmapError(
            f"reference '{reference.name}': maps are of several depths; say of which interval it is, as depth_cm: [0,"
            " 30]."
        )
    top, bottom = reference.depth_cm
    inside = [i.thickness_m if top <= i.top_cm and i.bottom_cm <= bottom else 0.0 for i in intervals]
    if abs(sum(inside) - Interval(top, bottom).thickness_m) > TOUCHING_M:
        raise HybridmapError(
            f"reference '{reference.name}': the mapped intervals {', '.join(map(str, intervals))} do not add up to its"
            f" {top}-{bottom} cm; change predict.depths or reference.depth_cm."
        )
    return [thickness / sum(inside) for thickness in inside]


def compare_reference(reference: Reference, data_root: str, maps: Path, out: Path) -> None:
    """Write the agreement of the SOC map with a published one: n, Pearson r, bias, RMSE, both means.

    Parameters
    ----------
    reference : Reference
        The published map.
    data_root : str
        Folder of its files.
    maps : Path
        ``maps.zarr`` with a map ``soc``.
    out : Path
        JSON file to write; scores in the unit of the reference, means weighted by true cell area.

    Raises
    ------
    HybridmapError
        As :func:`reference_map`, or if there is no map ``soc``.
    """
    root = open_verified(maps)
    grid = grid_of(root)
    published = reference_map(reference, grid, data_root)
    mapped = _carbon_map(root, reference, maps)
    valid = np.isfinite(mapped) & np.isfinite(published)
    # True areas, so that a geographic grid does not overweight the north.
    cell_areas = grid.cell_areas()[valid]
    predicted, observed = mapped[valid].astype(float), published[valid].astype(float)
    agreement = {
        "reference": reference.name,
        "citation": reference.citation,
        "unit": reference.unit,
        "n": int(valid.sum()),
        "pearson": metrics.pearson(predicted, observed),
        "pearson_log": metrics.pearson(np.log(predicted.clip(1e-3)), np.log(observed.clip(1e-3))),
        "bias": metrics.bias(predicted, observed),
        "rmse": metrics.rmse(predicted, observed),
        "mean": float(np.average(predicted, weights=cell_areas)) if valid.any() else None,
        "reference_mean": float(np.average(observed, weights=cell_areas)) if valid.any() else None,
    }
    LOG.info("SOC against %s: r %.2f, bias %.1f %s", *(agreement[k] for k in ("reference", "pearson", "bias", "unit")))
    write_json(agreement, out)
