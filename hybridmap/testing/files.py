"""A synthetic landscape as the files that a user would have: a messy table and rasters of several kinds."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.transform import from_origin
from rasterio.warp import reproject, transform_bounds

from hybridmap.config import Config
from hybridmap.errors import HybridmapError
from hybridmap.files.tables import write_json
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import create_grid_store, create_layer
from hybridmap.process import get_process
from hybridmap.testing.landscape import Landscape, make_landscape

LOG = logging.getLogger("hybridmap")
TABLE = "observations.csv"
COLUMNS = (
    *("site", "lon", "lat", "date", "top", "bottom", "oc", "bulk_density", "stones", "clay", "silt", "sand"),
    *("pom_c", "maom_c", "cmic"),
)
RASTERS = tuple(
    f"covariates/{name}.tif"
    for name in (
        *("elevation", "slope", "temperature", "precipitation", "seasonality", "ndvi", "clay", "sand", "ph", "forest"),
        *("cropland", "wetness", "npp", "mat"),
    )
)
"""What is made in the folder of a synthetic region: the table with its columns, and the rasters."""
MARGIN = 6
"""Cells that the rasters reach beyond the region, as real ones do."""

GEOGRAPHIC = {"temperature", "precipitation", "seasonality", "npp", "mat"}
"""Rasters written in degrees, coarser than the grid."""
PACKED: dict[str, tuple[str, float, float]] = {
    "elevation": ("int16", 1.0, -32768),
    "ndvi": ("uint8", 0.004, 255),
    "forest": ("uint8", 0.005, 255),
    "cropland": ("uint8", 0.005, 255),
}
"""Rasters written as integers: type, scale, nodata."""


def write_landscape(config: Config, out: Path) -> None:
    """Write the inputs of the demo region into `out`.

    Parameters
    ----------
    config : Config
        With a ``demo`` section; its grid sets place and cell size.
    out : Path
        Gets ``observations.csv``, ``covariates/*.tif``, ``truth.zarr`` and, last, ``made.json``.

    Raises
    ------
    HybridmapError
        If the region has no ``demo`` section, or no land is as low as its sites must be.
    """
    if config.demo is None:
        raise HybridmapError(f"region '{config.region}' has no 'demo' section, so its inputs are not made but read.")
    grid = RegionGrid.of(config.grid)
    demo = config.demo
    rows, columns = grid.height + 2 * MARGIN, grid.width + 2 * MARGIN
    landscape = make_landscape(rows, columns, demo.sites, demo.seed, highest_site_m=demo.highest_site_m)
    (out / "covariates").mkdir(parents=True, exist_ok=True)
    (out / "made.json").unlink(missing_ok=True)
    outer = RegionGrid(
        grid.crs,
        grid.west - MARGIN * grid.resolution,
        grid.north + MARGIN * grid.resolution,
        grid.resolution,
        columns,
        rows,
    )
    for name, values in {**landscape.covariates, **landscape.forcing}.items():
        field = np.where(landscape.land, values, np.nan).astype("float32")
        _write_raster(out / "covariates" / f"{name}.tif", name, field, outer)
    _write_truth(out / "truth.zarr", landscape, grid, config.predict.tile)
    table = observation_table(landscape, outer, demo.seed)
    table.to_csv(out / TABLE, index=False, sep=";")
    record = {"sites": demo.sites, "seed": demo.seed, "land_cells": int(landscape.land.sum())}
    rasters = [f"covariates/{name}.tif" for name in (*landscape.covariates, *landscape.forcing)]
    write_json({**record, "files": ["observations.csv", *rasters]}, out / "made.json")
    LOG.info("%d x %d cells, %d sites, seed %d", rows, columns, demo.sites, demo.seed)


def observation_table(landscape: Landscape, grid: RegionGrid, seed: int) -> pd.DataFrame:
    """Observations as a laboratory would send them: contents per mass, some layers split, some cells wrong or empty.

    Parameters
    ----------
    landscape : Landscape
        True fields, and the cells of the sites.
    grid : RegionGrid
        Where its cells lie.
    seed : int
        Of everything random.

    Returns
    -------
    DataFrame
        ``site, lon, lat, date, top, bottom`` [cm], ``oc`` [g kg-1, with "<2"], ``bulk_density`` [g cm-3, a third of
        the sites], ``stones`` [volume %], ``clay, silt, sand`` [%], ``pom_c, maom_c`` [g kg-1], ``cmic`` [ug g-1].
    """
    random = np.random.default_rng(seed + 1)
    n = len(landscape.row)
    jitter = random.uniform(-0.45, 0.45, (2, n))
    x = grid.x[landscape.col] + jitter[0] * grid.resolution
    y = grid.y[landscape.row] + jitter[1] * grid.resolution
    lon, lat = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(x, y)
    at = (landscape.row, landscape.col)
    clay, sand = landscape.covariates["clay"][at], landscape.covariates["sand"][at]
    stones = np.clip(random.gamma(1.2, 0.05, n), 0.0, 0.6)
    # Mixing of mineral and organic matter (Federer et al. 1993) at the true carbon density, so the two agree.
    density = landscape.pools["soc"][at]
    bulk_density = np.full(n, 1.3)
    for _ in range(30):
        organic = 1.724 * density / (1000.0 * bulk_density * (1.0 - stones))
        bulk_density = 1.0 / (organic / 0.22 + (1.0 - organic) / 1.45)
    bulk_density = bulk_density * random.normal(1.0, 0.04, n)
    per_mass = bulk_density * (1.0 - stones)
    contents = {name: values / per_mass for name, values in landscape.observed.items()}
    table = pd.DataFrame(
        {
            "site": [f"S{i:05d}" for i in range(n)],
            "lon": np.round(lon, 5),
            "lat": np.round(lat, 5),
            "date": [f"{day:02d}-06-18" for day in random.integers(1, 31, n)],
            "top": 0,
            "bottom": 20,
            "oc": np.round(contents["soc"], 2),
            "bulk_density": np.where(random.random(n) < 0.35, np.round(bulk_density, 3), np.nan),
            "stones": np.where(random.random(n) < 0.5, np.round(100.0 * stones, 1), np.nan),
            "clay": np.round(clay, 1),
            "silt": np.round(100.0 - clay.round(1) - sand.round(1), 1),
            "sand": np.round(sand, 1),
            "pom_c": np.round(contents["poc"], 3),
            "maom_c": np.round(contents["moc"], 3),
            "cmic": np.round(1000.0 * contents["mbc"], 1),
        }
    )  # fmt: skip
    return _make_messy(table, random)


def _make_messy(table: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Split some samples into two layers, and add what quality control must find."""
    split = random.random(len(table)) < 0.3
    contents = ["oc", "pom_c", "maom_c", "cmic"]
    upper = table[split].assign(bottom=10, **{c: (table.loc[split, c] * 1.15).round(3) for c in contents})
    lower = table[split].assign(top=10, **{c: (table.loc[split, c] * 0.85).round(3) for c in contents})
    rows = pd.concat([table[~split], upper, lower]).sort_values(["site", "top"], ignore_index=True)
    wrong = random.choice(rows.index[rows["cmic"].isna() & rows["pom_c"].isna()], size=16, replace=False)
    rows.loc[wrong[:4], "bottom"] = rows.loc[wrong[:4], "top"]
    rows.loc[wrong[4:8], "oc"] = 900.0
    rows.loc[wrong[8:12], ["lon", "lat"]] = 0.0
    out = pd.concat([rows, rows.loc[wrong[12:]]], ignore_index=True)
    out["oc"] = out["oc"].map("{:g}".format)
    out.loc[out["oc"].astype(float) < 2, "oc"] = "<2"
    # A site at (0, 0) beside its other layer would be one site at two places.
    out.loc[out["lon"] == 0, "site"] += "X"
    return out


def _write_raster(path: Path, name: str, field: NDArray[np.float32], grid: RegionGrid) -> None:
    """Write one field: in degrees and coarse, packed into integers, or plainly on the grid of the region."""
    if name in GEOGRAPHIC:
        west, south, east, north = transform_bounds(grid.crs.to_wkt(), "EPSG:4326", *grid.bounds)
        step = 0.04
        shape = int(np.ceil((north - south) / step)), int(np.ceil((east - west) / step))
        transform = from_origin(west, north, step, step)
        target = np.full(shape, np.nan, dtype="float32")
        reproject(
            field, target, src_transform=grid.transform(), src_crs=grid.crs.to_wkt(), src_nodata=np.nan,
            dst_transform=transform, dst_crs="EPSG:4326", dst_nodata=np.nan, resampling=Resampling.average,
        )  # fmt: skip
        _save(path, target, transform, "EPSG:4326", np.nan)
        return
    values: NDArray[Any] = field
    nodata: float = np.nan
    if name in PACKED:
        kind, scale, nodata = PACKED[name]
        values = np.where(np.isnan(field), nodata, np.rint(field / scale)).astype(kind)
    _save(path, values, grid.transform(), grid.crs.to_wkt(), nodata)


def _save(path: Path, values: NDArray[Any], transform: Any, crs: str, nodata: float) -> None:
    with rasterio.open(
        path, "w", driver="GTiff", height=values.shape[0], width=values.shape[1], count=1, dtype=values.dtype,
        crs=crs, transform=transform, nodata=nodata, compress="deflate",
    ) as file:  # fmt: skip
        file.write(values, 1)


def _write_truth(path: Path, landscape: Landscape, grid: RegionGrid, tile: int) -> None:
    """True parameters and pools on the grid of the region, as a store like that of the predicted maps."""
    root = create_grid_store(path, grid, {"title": "True parameters and pools of a synthetic landscape"})
    process = get_process("five_pool")
    info = {p.name: (p.unit, p.description) for p in process.parameters}
    info |= {v.name: (v.unit, v.description) for v in process.outputs}
    inner = np.s_[MARGIN : MARGIN + grid.height, MARGIN : MARGIN + grid.width]
    for name, values in {**landscape.parameters, **landscape.pools}.items():
        unit, description = info[name]
        attributes = {"units": unit, "long_name": f"true {description}"}
        array = create_layer(root, name, grid.sizes, tile, attributes)
        array[:] = np.where(landscape.land, values, np.nan)[inner].astype("float32")
