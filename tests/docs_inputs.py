"""Stand-ins for the files that examples of the docs name: what a reader of the docs would have at hand."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
from conftest import write_raster
from pyproj import Transformer
from shapely.geometry import box

from hybridmap.config import Config, ObservationSource, Raster
from hybridmap.fetch.data_set import RECEIPT
from hybridmap.files.paths import under
from hybridmap.files.tables import write_json
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.testing.clm5_sites import make_clm5_sites

SITES = 300
SHAPE = (40, 48)
QUANTITIES = {"theta_33": (25, 35), "theta_1500": (5, 15), "available_water": (25, 35), "soil_respiration": (500, 1500)}
"""Values of the columns of quantities that an example declares."""
RANGES = {"degC": (4.0, 12.0), "degrees": (0.0, 20.0)}
"""Values of rasters by the unit of their layer."""


def write_inputs(config: Config, folder: Path) -> None:
    """Write every file that a region names and that is not there yet; tables of CLM5 go into the working folder."""
    grid, root = RegionGrid.of(config.grid), config.data_root
    for number, layer in enumerate((*config.auxiliary, *config.covariates, *config.forcing)):
        for raster in layer.rasters() if layer.derive is None else ():
            if not under(root, raster.path).exists():
                _write_layer(under(root, raster.path), raster, grid, number)
                if raster.year is not None:
                    _name_bands(under(root, raster.path), layer.year_list)
    for source in config.observations:
        if source.format is None and not under(root, source.path).exists():
            _table(source, grid).to_csv(under(root, source.path), index=False)
    polygons = [(total.polygons, total.attribute) for total in config.totals]
    for name, attribute in polygons:
        west, south, east, north = grid.bounds
        half = (west + east) / 2
        shapes = [box(west, south, half, north), box(half, south, east, north)]
        gpd.GeoDataFrame({attribute: ["West", "East"]}, geometry=shapes, crs=grid.crs).to_file(under(root, name))
    for name in config.downloads:
        write_json({"title": "stand-in", "licence": "none", "files": []}, under(root, name) / RECEIPT)
    if any(e.process and e.process.name == "clm5_interval" for e in config.experiments):
        forcing = make_clm5_sites(4, 0).forcing
        np.savez(folder / "clm5.npz", **{name: np.asarray(values, "float32") for name, values in forcing.items()})


def _write_layer(path: Path, layer: Raster, grid: RegionGrid, number: int) -> None:
    """A smooth field, whole classes, or numbers of cells, a little larger than the region."""
    west, south, east, north = grid.bounds
    step = max(east - west, north - south) / 36
    rows, columns = np.indices(SHAPE)
    wave = 0.5 + 0.25 * (np.sin(rows / (5 + number % 7)) + np.cos(columns / (6 + number % 5)))
    if layer.listed or layer.kind == "categorical":
        classes = np.array(layer.listed or range(4))
        values = classes[np.minimum((wave * len(classes)).astype(int), len(classes) - 1)].astype("uint8")
    else:
        low, high = RANGES.get(layer.unit, (150.0, 450.0))
        values = (low + (high - low) * wave).astype("float32")
    write_raster(path, values, west - 2 * step, north + 2 * step, step, str(grid.crs))


def _name_bands(path: Path, years: list[int]) -> None:
    """Repeat the band of a raster for every year, and name the bands by them."""
    with rasterio.open(path) as file:
        values, profile = file.read(1), file.profile
    with rasterio.open(path, "w", **{**profile, "count": len(years)}) as file:
        for band, year in enumerate(years, start=1):
            file.write(values, band)
            file.set_band_description(band, str(year))


def _table(source: ObservationSource, grid: RegionGrid) -> pd.DataFrame:
    """Soils at random places, under the columns that the source maps."""
    random = np.random.default_rng(0)
    west, south, east, north = grid.bounds
    x, y = random.uniform(west, east, SITES), random.uniform(south, north, SITES)
    lon, lat = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(x, y)
    values = {
        "site_id": [f"P{i}" for i in range(SITES)],
        "lon": lon,
        "lat": lat,
        "year": 2018,
        "oc_g_kg": random.gamma(4, 6, SITES).round(1),
        "bd_fine_g_cm3": 1.3,
        "top_cm": 0,
        "bottom_cm": 20,
    }
    values |= {name: random.uniform(*ends, SITES) for name, ends in QUANTITIES.items()}
    return pd.DataFrame({c.column: values[field] for field, c in source.columns.items() if c.column is not None})
