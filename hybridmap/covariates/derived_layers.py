"""Layers that are computed from other layers of the region: which ones they need, and their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from hybridmap.config import Raster
from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.derive import (
    BIOCLIM,
    MONTHLY,
    PRODUCTIVITY,
    TERRAIN,
    bioclim,
    check_function,
    productivity,
    terrain,
)
from hybridmap.covariates.warp import STRIP
from hybridmap.errors import HybridmapError, nearest
from hybridmap.grid.region_grid import RegionGrid

Field = NDArray[np.float32]


def inputs_of(layer: Raster, layers: RegionLayers) -> dict[str, list[str]]:
    """Keys of the layers that a derived one is computed from, by the name of the argument.

    Raises
    ------
    HybridmapError
        If the function is unknown, or a layer that it needs is not declared, has years or has not twelve months.
    """
    assert layer.derive is not None
    subject, function, of = f"layer '{layer.name}'", layer.derive.function, layer.derive.of
    check_function(function, of, subject)
    is_monthly = function not in (*TERRAIN, PRODUCTIVITY)
    dated = {layer.group or layer.name for layer in layers.dated().values()}
    keys = _monthly_layers(layers) if is_monthly else _single_layers(layers)
    inputs = {}
    for argument, name in ({"of": of} if isinstance(of, str) else of).items():
        if name not in keys and name in dated:
            raise HybridmapError(
                f"{subject}: '{name}' has years, and layers are derived of one time alone; declare a raster of one"
                " year under auxiliary, by another name, and derive it of that."
            )
        if name not in keys:
            kind = "monthly layer" if is_monthly else "layer"
            raise HybridmapError(
                f"{subject}: no {kind} '{name}' to derive it from{nearest(name, list(keys))}; there are {list(keys)}."
                " Declare it under covariates, forcing or auxiliary" + (" with 'months: true'." if is_monthly else ".")
            )
        inputs[argument] = keys[name]
    return inputs


def _single_layers(layers: RegionLayers) -> dict[str, list[str]]:
    """Name of every layer that is read → its key; a covariate goes before a forcing of the same name."""
    return {layer.name: [key] for key, layer in reversed(layers.by_key().items()) if layer.derive is None}


def _monthly_layers(layers: RegionLayers) -> dict[str, list[str]]:
    """Name of every group of twelve layers → their keys."""
    groups: dict[tuple[str, bool], list[str]] = {}
    for key, layer in layers.by_key().items():
        if layer.group:
            groups.setdefault((layer.group, key.startswith("forcing.")), []).append(key)
    return {name: keys for (name, _), keys in reversed(groups.items()) if len(keys) == 12}


def derived_strips(function: str, inputs: Mapping[str, list[Path]], grid: RegionGrid) -> Iterator[tuple[int, Field]]:
    """Compute a layer, a strip of rows after the other.

    Parameters
    ----------
    function : str
        One of the functions of :mod:`hybridmap.covariates.derive`.
    inputs : mapping of str to list of Path
        Argument of the function → GeoTIFFs on the grid: one, or one a month.
    grid : RegionGrid
        The grid.

    Yields
    ------
    tuple of int and array
        First row of the strip, and its values, shape (row, column).
    """
    with ExitStack() as stack:
        files = {name: [stack.enter_context(rasterio.open(p)) for p in paths] for name, paths in inputs.items()}
        for row in range(0, grid.height, STRIP):
            rows = min(STRIP, grid.height - row)
            if function in TERRAIN:
                values = terrain(function, _with_margin(files["of"][0], grid, row, rows), grid, row)
            else:
                window = Window(0, row, grid.width, rows)
                months = {name: np.stack([f.read(1, window=window) for f in group]) for name, group in files.items()}
                values = _of_months(function, months)
            yield row, values.astype("float32")


def _of_months(function: str, months: Mapping[str, Any]) -> Field:
    """Value of a function of months, or of a year where there is one."""
    if function == PRODUCTIVITY:
        return productivity(months["temperature"][0], months["precipitation"][0])
    return bioclim(function, **months) if function in BIOCLIM else MONTHLY[function](months["of"])


def _with_margin(file: Any, grid: RegionGrid, row: int, rows: int) -> Field:
    """Values of some rows with one row and column more at each side, NaN beyond the grid."""
    values = np.full((rows + 2, grid.width + 2), np.nan, dtype="float32")
    first, last = max(0, row - 1), min(grid.height, row + rows + 1)
    window = Window(0, first, grid.width, last - first)
    values[first - row + 1 : last - row + 1, 1:-1] = file.read(1, window=window)
    return values
