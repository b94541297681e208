"""An outside check: the SOC map against a published one that nothing was trained on."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from hybridmap.config import Config
from hybridmap.covariates.warp import warp_layer
from hybridmap.errors import HybridmapError
from hybridmap.evaluate import metrics
from hybridmap.files.tables import write_json
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import grid_of, read_map
from hybridmap.grid.verified_store import open_verified

LOG = logging.getLogger("hybridmap")


def reference_map(config: Config, grid: RegionGrid) -> np.ndarray:
    """The reference on `grid` [unit of the reference], the weighted sum of its layers; NaN where it has no data.

    Raises
    ------
    HybridmapError
        If the region has no reference, or weights and layers differ in number.
    """
    reference = config.reference
    if reference is None:
        raise HybridmapError(f"region '{config.region}' has no 'reference'.")
    if len(reference.weights) != len(reference.layers):
        raise HybridmapError(
            f"reference '{reference.name}': {len(reference.weights)} weights for {len(reference.layers)} layers."
        )
    layers = [warp_layer(layer, grid, config.data_root) for layer in reference.layers]
    return sum(w * layer for w, layer in zip(reference.weights, layers, strict=True))  # type: ignore[return-value]


def compare_reference(config: Config, maps: Path, out: Path) -> None:
    """Write the agreement of the SOC map in `maps` with the reference: n, Pearson r, bias, RMSE, both means."""
    root = open_verified(maps)
    grid = grid_of(root)
    reference = reference_map(config, grid)
    assert config.reference is not None
    if "soc" not in root:
        raise HybridmapError(f"{maps}: no map 'soc' to compare with the reference; add it to predict.maps.")
    predicted = read_map(root["soc"])
    both = np.isfinite(predicted) & np.isfinite(reference)
    # True areas, so that a geographic grid does not overweight the north.
    area = grid.cell_areas()[both]
    ours, theirs = predicted[both].astype(float), reference[both].astype(float)
    result: dict[str, Any] = {
        "reference": config.reference.name,
        "citation": config.reference.citation,
        "unit": config.reference.unit,
        "n": int(both.sum()),
        "pearson": metrics.pearson(ours, theirs),
        "pearson_log": metrics.pearson(np.log(ours.clip(1e-3)), np.log(theirs.clip(1e-3))),
        "bias": metrics.bias(ours, theirs),
        "rmse": metrics.rmse(ours, theirs),
        "mean": float(np.average(ours, weights=area)) if both.any() else None,
        "reference_mean": float(np.average(theirs, weights=area)) if both.any() else None,
    }
    LOG.info("SOC against %s: r %.2f, bias %.1f %s", result["reference"], result["pearson"], result["bias"],
             result["unit"])  # fmt: skip
    write_json(result, out)
