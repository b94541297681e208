"""Small files of the right form in place of the large or registered ones of a region."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
from pyproj import Transformer
from rasterio.transform import from_origin
from rasterio.warp import transform_bounds
from shapely.geometry import box

from hybridmap.config import Config, ObservationSource, Raster
from hybridmap.fetch.data_set import RECEIPT
from hybridmap.files.paths import under
from hybridmap.files.tables import write_json
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.testing import surveys

HOMOLOSINE = "+proj=igh +lon_0=0 +datum=WGS84 +units=m +no_defs"
"""Of SoilGrids."""
PIXELS = 160
"""Pixels of a stand-in from west to east."""


def write_stand_ins(config: Config, sites: int = 400, seed: int = 0) -> None:
    """Write a stand-in for every file that `config` reads, under its own name, and a receipt for every download.

    Parameters
    ----------
    config : Config
        A region of known formats; the data root should be an empty folder.
    sites : int
        Places in each table.
    seed : int
        Same seed, same files.
    """
    grid, root = RegionGrid.of(config.grid), config.data_root
    _write_rasters([*config.auxiliary, *config.covariates, *config.forcing], root, grid, seed)
    for polygons in {config.grid.mask, config.boundaries} - {None}:
        _write_polygons(under(root, str(polygons)), grid)
    for source in config.observations:
        _write_tables(source, root, _soils(grid, sites, seed))
    for name in config.downloads:
        write_json({"title": "stand-in", "licence": "none", "files": []}, under(root, name) / RECEIPT)


def _write_rasters(layers: list[Raster], data_root: str, grid: RegionGrid, seed: int) -> None:
    """A raster for each file of the layers; derived layers have none."""
    written: set[Path] = set()
    for k, layer in enumerate(layers):
        path = under(data_root, layer.path)
        if layer.derive is None and path not in written:
            _write_raster(path, layer, grid, seed + k)
            written.add(path)


def _write_tables(source: ObservationSource, data_root: str, soils: pd.DataFrame) -> None:
    """The tables of a source, in its folder, and those that it joins where it looks for them."""
    path = under(data_root, source.path)
    folder = path.parent if path.suffix else path
    WRITERS[str(source.format)](folder, soils)
    for join in source.joins:
        target = under(data_root, join.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        (folder / Path(join.path).name).rename(target)


def _soils(grid: RegionGrid, sites: int, seed: int) -> pd.DataFrame:
    """Soils at places anywhere on the grid."""
    random = np.random.default_rng(seed)
    west, south, east, north = grid.bounds
    x, y = random.uniform(west, east, sites), random.uniform(south, north, sites)
    lon, lat = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(x, y)
    return surveys.soils(np.asarray(lon), np.asarray(lat), seed)


def _write_raster(path: Path, layer: Raster, grid: RegionGrid, seed: int) -> None:
    """A smooth field in packed integers, in degrees or in the projection of SoilGrids, larger than the region."""
    crs = HOMOLOSINE if path.parent.name == "soilgrids" else "EPSG:4326"
    west, south, east, north = transform_bounds(grid.crs.to_wkt(), crs, *grid.bounds, densify_pts=51)
    step = (east - west) / PIXELS
    width, height = PIXELS + 4, int((north - south) / step) + 4
    rows, columns = np.mgrid[0:height, 0:width]
    random = np.random.default_rng(seed)
    waves = np.sin(rows / random.uniform(8, 30)) + np.cos(columns / random.uniform(8, 30))
    # Anywhere between a cold and a warm soil: 265 to 295 K, 150 to 450 of the others in their own units.
    low, high = (2650.0, 2950.0) if layer.offset == -273.15 else (150.0, 450.0)
    values = low + (high - low) * (waves + 2) / 4 + random.normal(0, (high - low) / 50, waves.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = "uint16" if crs == "EPSG:4326" else "int16"
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=1, dtype=kind, crs=crs, nodata=layer.nodata,
        transform=from_origin(west - 2 * step, north + 2 * step, step, step), compress="deflate",
    ) as file:  # fmt: skip
        file.write(values.astype(kind), 1)


def _write_polygons(path: Path, grid: RegionGrid) -> None:
    """Two countries side by side that cover the region."""
    west, south, east, north = transform_bounds(grid.crs.to_wkt(), "EPSG:4326", *grid.bounds, densify_pts=51)
    middle = (west + east) / 2
    shapes = [box(west - 1, south - 1, middle, north + 1), box(middle, south - 1, east + 1, north + 1)]
    path.parent.mkdir(parents=True, exist_ok=True)
    gpd.GeoDataFrame({"NAME": ["West", "East"]}, geometry=shapes, crs="EPSG:4326").to_file(path)


def _write_lucas(folder: Path, soils: pd.DataFrame) -> None:
    surveys.write_lucas(folder, soils, np.arange(len(soils)) % 3 == 0)


WRITERS: dict[str, Callable[[Path, pd.DataFrame], None]] = {
    "lucas_2018": _write_lucas,
    "lucas_som_fractions": _write_lucas,
    "wosis": surveys.write_wosis_2023,
    "wosis_2023": surveys.write_wosis_2023,
    "wosis_2019": surveys.write_wosis_2019,
    "raca_samples": surveys.write_raca,
    "moc_synthesis": surveys.write_moc_synthesis,
    "microbial_biomass_xu": surveys.write_microbial_biomass,
}
"""Format → what writes its files."""
