"""Maps as Cloud-Optimized GeoTIFFs: one file a variable, with overviews, units and names."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from rasterio.shutil import copy as copy_raster
from rio_cogeo.cogeo import cog_validate

from hybridmap.data.cube import grid_of
from hybridmap.data.grid import RegionGrid
from hybridmap.data.tables import write_json
from hybridmap.errors import HybridmapError

LOG = logging.getLogger("hybridmap")
GRID_ARRAYS = ("x", "y", "spatial_ref")


def write_cogs(store: Path, folder: Path, summary: Path) -> None:
    """Write every map of `store` into `folder` as ``{variable}.tif`` and list them in `summary` (JSON).

    Raises
    ------
    HybridmapError
        If a written file is no valid Cloud-Optimized GeoTIFF.
    """
    root = zarr.open_group(str(store), mode="r")
    grid = grid_of(root)
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(n for n in root.array_keys() if n not in GRID_ARRAYS)
    for stale in folder.glob("*.tif"):
        if stale.stem not in names:
            stale.unlink()
    entries = []
    for name in names:
        array: Any = root[name]
        values = np.asarray(array[:])
        about = {"units": str(array.attrs["units"]), "long_name": str(array.attrs["long_name"])}
        write_cog(folder / f"{name}.tif", values, grid, name, about)
        entries.append(_entry(name, values, about))
    write_json(entries, summary)
    LOG.info("%d maps written as GeoTIFF", len(names))


def write_cog(path: Path, values: NDArray[np.float32], grid: RegionGrid, name: str, about: dict[str, str]) -> None:
    """Write one map (height, width) with unit, description and NaN as nodata, validated before it gets its name."""
    partial = path.with_name(path.name + ".partial")
    profile = {
        "driver": "GTiff", "height": grid.height, "width": grid.width, "count": 1, "dtype": "float32",
        "crs": grid.crs.to_wkt(), "transform": grid.transform(), "nodata": np.nan,
    }  # fmt: skip
    with MemoryFile() as memory:
        with memory.open(**profile) as plain:
            plain.write(values, 1)
            plain.set_band_description(1, name)
            plain.set_band_unit(1, about["units"])
            plain.update_tags(1, **about)
        with memory.open() as plain:
            copy_raster(
                plain, partial, driver="COG", compress="DEFLATE", predictor="3", blocksize="256",
                overview_resampling="average",
            )  # fmt: skip
    valid, errors, _ = cog_validate(str(partial), strict=False)
    if not valid:
        partial.unlink()
        raise HybridmapError(f"{path}: not a valid Cloud-Optimized GeoTIFF ({'; '.join(errors)}).")
    os.replace(partial, path)


def _entry(name: str, values: NDArray[np.float32], about: dict[str, str]) -> dict[str, Any]:
    known = values[np.isfinite(values)]
    statistics = {
        key: float(f(known)) if known.size else None for key, f in (("min", np.min), ("mean", np.mean), ("max", np.max))
    }
    return {"name": name, "file": f"maps/{name}.tif", **about, **statistics, "cells": int(known.size)}
