"""Stores of maps, written by hand: tests of files need no model."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import create_grid_store, create_layer
from hybridmap.predict.map_layers import MapLayer

CONTINUOUS = MapLayer("kg m-3", "soil organic carbon density")
CLASSES = MapLayer("1", "area of applicability", "class", {0: "outside", 1: "inside"})


def store_of(folder: Path, grid: RegionGrid, tile: int = 512, **maps: tuple[MapLayer, NDArray[Any]]) -> Path:
    root = create_grid_store(folder / "maps.zarr", grid, {"title": "t", "model_fingerprint": "abc"})
    for name, (layer, values) in maps.items():
        about = layer.attributes()
        array = create_layer(root, name, grid.sizes, tile, about, layer.dtype, layer.fill)
        array[:] = layer.encode(values.astype("float32"), name)
    return folder / "maps.zarr"


def europe(height: int, width: int) -> RegionGrid:
    return RegionGrid(CRS.from_epsg(3035), 4e6, 3e6, 1000.0, width, height)


def holed(height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    """Values around 40 with holes, a sea, and a lonely cell in it."""
    random = np.random.default_rng(seed)
    values = random.normal(40, 2, (height, width)).astype("float32")
    values[random.random(values.shape) < 0.3] = np.nan
    values[:, : width // 4] = np.nan
    values[3, 3] = 40.0
    return values
