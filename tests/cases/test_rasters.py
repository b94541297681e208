"""Cases of ../shared/cases/rasters with their right values, r01 to r17.

Cases whose kind has a test of its own stay there: r01 and r02 in covariates/test_resample.py (a cell keeps its value,
thin strips); r04, r08, r11, r13 and r14 in covariates/test_known_pixels.py (fill codes, masks, bands, speckle and
majority, pixels in no class).
"""

from pathlib import Path
from typing import Any

import geopandas as gpd
import netCDF4
import numpy as np
import pyproj
import pytest
import rasterio
from covariates.test_known_pixels import GRID, layers, said, warped, write
from numpy.typing import NDArray
from rasterio.transform import from_origin
from shapely.geometry import box

from hybridmap.config.reading import parse_config
from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.derived_layers import derived_strips
from hybridmap.covariates.layers import prepare_layers
from hybridmap.errors import HybridmapError
from hybridmap.grid.mask import region_mask
from hybridmap.grid.region_grid import RegionGrid

LON, LAT = 9.25 + 0.5 * np.arange(14), 50.75 - 0.5 * np.arange(14)
FIELD = LON[None] * 10 + LAT[:, None]
TRUTH = np.arange(10.25, 15, 0.5)[None] * 10 + np.arange(49.75, 45, -0.5)[:, None]
"""The field at the cells of GRID."""
NAMED = {"path": "a.nc", "variable": "tas"}


def write_netcdf(path: Path, axes: dict[str, NDArray[Any]], values: NDArray[Any], **keys: Any) -> None:
    with netCDF4.Dataset(path, "w") as file:
        for name, places in axes.items():
            file.createDimension(name, len(places))
            axis = file.createVariable(name, "f8", (name,))
            axis[:], axis.units = places, {"lat": "degrees_north", "lon": "degrees_east"}.get(name, "1")
        variable = file.createVariable("tas", values.dtype, tuple(axes), fill_value=keys.pop("fill", None))
        variable.set_auto_maskandscale(False)
        variable.setncatts(keys)
        variable[:] = values


def test_r03_the_antimeridian_takes_no_classes_and_no_means(tmp_path: Path) -> None:
    lat = 89.75 - 0.5 * np.arange(360)
    lon = -179.75 + 0.5 * np.arange(720)
    classes = np.where(np.floor(lat)[:, None] % 2 == 0, 1, 2) * np.ones((1, 720))
    write(tmp_path / "c.tif", classes.astype("uint8"), transform=from_origin(-180, 90, 0.5, 0.5))
    wave = np.cos(np.radians(lon))[None] * 100 + lat[:, None]
    write(tmp_path / "v.tif", wave.astype("float32"), transform=from_origin(-180, 90, 0.5, 0.5))
    write(tmp_path / "v360.tif", np.roll(wave, 360, axis=1).astype("float32"), transform=from_origin(0, 90, 0.5, 0.5))
    grid = {"crs": "EPSG:3338", "resolution": 50000, "bounds": [-2200000, 400000, 400000, 1200000]}
    shares = [warped(tmp_path, grid, number, path="c.tif", classes={1: "a", 2: "b"}) for number in (0, 1)]
    np.testing.assert_allclose(shares[0] + shares[1], 1.0, atol=1e-6)
    region = RegionGrid.of(layers(tmp_path, grid).grid)
    to_degrees = pyproj.Transformer.from_crs(3338, 4326, always_xy=True)
    x, y = to_degrees.transform(*np.meshgrid(region.x, region.y))
    truth = np.cos(np.radians(x)) * 100 + y
    for keys in ({}, {"kind": "average"}, {"path": "v360.tif"}):
        np.testing.assert_allclose(warped(tmp_path, grid, **{"path": "v.tif", **keys}), truth, atol=0.15)


@pytest.mark.parametrize("missing", [1e20, -32768.0])
def test_r05_missing_value_beside_fill_value_is_no_value(tmp_path: Path, missing: float) -> None:
    values = FIELD.astype("float32")
    values[4:7, 4:7] = missing
    attributes = {"fill": np.float32(-9999), "missing_value": np.float32(missing)}
    write_netcdf(tmp_path / "a.nc", {"lat": LAT, "lon": LON}, values, **attributes)
    found = warped(tmp_path, crs="EPSG:4326", **NAMED)
    assert np.isnan(found).sum() == 9
    np.testing.assert_allclose(found[~np.isnan(found)], TRUTH[~np.isnan(found)], atol=1e-3)


def curvilinear(path: Path) -> None:
    y, x = np.mgrid[0:60, 0:60]
    turn = np.radians(15)
    with netCDF4.Dataset(path, "w") as file:
        for name in "yx":
            file.createDimension(name, 60)
        places = {
            "lat": (40 + 0.25 * (y * np.cos(turn) + x * np.sin(turn)), "degrees_north"),
            "lon": (5 + 0.3 * (x * np.cos(turn) - y * np.sin(turn)), "degrees_east"),
        }
        for name, (values, unit) in places.items():
            variable = file.createVariable(name, "f8", ("y", "x"))
            variable[:], variable.units = values, unit
        variable = file.createVariable("tas", "f4", ("y", "x"))
        variable[:], variable.coordinates = places["lat"][0], "lon lat"


def uneven(path: Path) -> None:
    lat = np.r_[np.linspace(-89.5, 60, 150), np.linspace(60.3, 90, 100)]
    values = np.broadcast_to(lat[:, None], (250, 192)).astype("float32")
    write_netcdf(path, {"lat": lat, "lon": np.arange(192) * 1.875}, values)


def swapped(path: Path) -> None:
    lon, lat = 9.25 + 0.5 * np.arange(14), 44.25 + 0.5 * np.arange(14)
    write_netcdf(path, {"lon": lon, "lat": lat}, (lon[:, None] * 10 + lat[None]).astype("float32"))


def time_last(path: Path) -> None:
    axes = {"lat": LAT, "lon": LON, "time": np.arange(3.0)}
    write_netcdf(path, axes, np.repeat(FIELD[:, :, None], 3, axis=2).astype("float32"))


def one_line(path: Path) -> None:
    write_netcdf(path, {"lat": LAT[:1], "lon": LON}, FIELD[:1].astype("float32"))


def unnamed(path: Path) -> None:
    write_netcdf(path, {"y": LAT * 1000, "x": LON * 1000}, FIELD.astype("float32"))


UNPLACED = {
    "no_standard_name": (unnamed, r"its axes \(y, x\) are uneven, or do not say by 'standard_name' what they are"),
    "r06": (curvilinear, "it is curvilinear, each pixel has a longitude and a latitude of its own"),
    "r16": (swapped, "its axes are swapped, lines are longitude and columns latitude"),
    "r17": (uneven, r"the steps of its axes \(latitude, longitude\) are uneven"),
    "time_last": (time_last, "lines are longitude and columns time"),
    "one_line": (one_line, "14 x 1 pixels, so that its axes do not say how large they are"),
}


@pytest.mark.parametrize("crs", [{}, {"crs": "EPSG:4326"}])
@pytest.mark.parametrize("case", UNPLACED)
def test_r06_r16_r17_pixels_without_a_place_are_refused_by_kind(tmp_path: Path, case: str, crs: dict[str, str]) -> None:
    make, says = UNPLACED[case]
    make(tmp_path / "a.nc")
    with pytest.raises(HybridmapError, match=says):
        warped(tmp_path, **NAMED, **crs)


def test_r07_a_layer_follows_its_source_its_mask_and_its_unit(tmp_path: Path) -> None:
    from rasterio.shutil import copy

    def prepared(unit: str) -> tuple[NDArray[Any], str]:
        keys = {"path": "a.vrt", "unit": unit}
        region = layers(tmp_path, {**GRID, "mask": "m.gpkg"}, **keys)
        made = prepare_layers(region, tmp_path / "layers")["a"]
        with rasterio.open(made.path) as file:
            return file.read(1), made.record["units"]

    def inputs(values: NDArray[Any], east: float) -> None:
        write(tmp_path / "s.tif", values.astype("float32"))
        gpd.GeoDataFrame(geometry=[box(10, 45, east, 50)], crs=4326).to_file(tmp_path / "m.gpkg")

    inputs(FIELD, 11.9)
    copy(str(tmp_path / "s.tif"), str(tmp_path / "a.vrt"), driver="VRT")
    first, unit = prepared("K")
    assert (np.isfinite(first).sum(), unit) == (40, "K")
    inputs(FIELD + 1000, 15)
    second, unit = prepared("degC")
    np.testing.assert_allclose(second, TRUTH + 1000, atol=1e-3)
    assert unit == "degC"


def test_r09_a_local_coordinate_system_is_refused_in_a_sentence(tmp_path: Path) -> None:
    local = rasterio.crs.CRS.from_wkt('LOCAL_CS["Unknown",UNIT["metre",1]]')
    write(tmp_path / "a.tif", FIELD.astype("float32"), crs=local)
    for crs in ({}, {"crs": "EPSG:4326"}):
        with pytest.raises(HybridmapError, match="its coordinate reference system is local, without a place"):
            warped(tmp_path, **crs)


ZARR = {
    "v2": {"zarr_format": 2, "consolidated": False},
    "v2_consolidated": {"zarr_format": 2, "consolidated": True},
    "v3": {"zarr_format": 3, "consolidated": False},
    "v3_sharded": {"zarr_format": 3, "consolidated": False, "encoding": {"tas": {"chunks": (4, 4), "shards": (8, 8)}}},
}


@pytest.mark.parametrize("name", ["wrfout_2005-08-28_00:00:00.nc", *ZARR])
def test_r10_names_with_colons_and_zarr_of_every_version_are_read(tmp_path: Path, name: str) -> None:
    import xarray as xr

    data = xr.Dataset({"tas": (("lat", "lon"), FIELD.astype("float32"))}, {"lat": LAT, "lon": LON})
    for axis, unit in (("lat", "degrees_north"), ("lon", "degrees_east")):
        data[axis].attrs["units"] = unit
    if name in ZARR:
        data.to_zarr(tmp_path / name, **ZARR[name])
    else:
        data.to_netcdf(tmp_path / name, engine="netcdf4")
    np.testing.assert_allclose(warped(tmp_path, path=name, variable="tas", crs="EPSG:4326"), TRUTH, atol=1e-3)
    with pytest.raises(HybridmapError, match=r"no variable 'tos' in it.*it has \['tas'"):
        warped(tmp_path, path=name, variable="tos", crs="EPSG:4326")


def test_r10_our_own_stores_are_read(tmp_path: Path) -> None:
    from hybridmap.covariates.cube_build import build_cube

    random = np.random.default_rng(0).normal(size=(14, 14)).astype("float32")
    write(tmp_path / "a.tif", random)
    layer = {"name": "f", "path": "a.tif"}
    raw = {"data_root": str(tmp_path), "grid": GRID, "covariates": [layer], "forcing": [layer]}
    build_cube(RegionLayers.of(parse_config(raw, "test")), tmp_path / "cube.zarr", 256)
    np.testing.assert_array_equal(warped(tmp_path, path="cube.zarr", variable="forcing/f"), random[2:12, 2:12])
    np.testing.assert_array_equal(warped(tmp_path, path="cube.zarr", variable="covariates"), random[2:12, 2:12])


BOXES = {
    "conus": (5070, [-2400000, 250000, 2300000, 3200000], (-124, 32, -96, 49)),
    "europe": (3035, [2600000, 1400000, 6500000, 5400000], (-5, 40, 30, 60)),
    "over_180": (3338, [-2200000, 400000, 400000, 1200000], (170, 50, 190, 60)),
}


DAILY = {("conus", -360), ("europe", 360), ("over_180", 0)}
"""One of each for every commit, the other turns at night."""


@pytest.mark.parametrize(
    ("case", "turn"),
    [
        pytest.param(case, turn, marks=() if (case, turn) in DAILY else pytest.mark.nightly)
        for case in BOXES
        for turn in (-360, 0, 360)
    ],
)
def test_r12_long_edges_of_polygons_follow_their_own_system(tmp_path: Path, case: str, turn: int) -> None:
    code, bounds, (west, south, east, north) = BOXES[case]
    polygon = box(west + turn, south, east + turn, north)
    gpd.GeoDataFrame(geometry=[polygon], crs=4326).to_file(tmp_path / "m.gpkg")
    grid = RegionGrid(pyproj.CRS(code), bounds[0], bounds[3], 20000.0, (bounds[2] - bounds[0]) // 20000,
                      (bounds[3] - bounds[1]) // 20000)  # fmt: skip
    mask = region_mask(tmp_path / "m.gpkg", grid)
    to_degrees = pyproj.Transformer.from_crs(code, 4326, always_xy=True)

    def inside(dx: float, dy: float) -> NDArray[np.bool_]:
        x, y = to_degrees.transform(*np.meshgrid(grid.x + dx * 20000, grid.y + dy * 20000))
        x = west + (x - west) % 360
        return np.asarray((x < east) & (y > south) & (y < north))

    shares = np.linspace(-0.5, 0.5, 21)
    touched = np.any([inside(dx, dy) for dx in shares for dy in shares], axis=0)
    assert not (inside(0, 0) & ~mask).any()  # none is lost
    assert (mask & ~touched).sum() <= 0.002 * mask.sum()  # none is added but by a corner between the points


def region_of_slope(folder: Path, crs: str, bounds: list[float], step: float) -> tuple[RegionLayers, RegionGrid]:
    region = layers(folder, {"crs": crs, "resolution": step, "bounds": bounds}, path="z.tif")
    return region, RegionGrid.of(region.grid)


SLOPES = {
    "web_mercator": ("EPSG:3857", 1000.0, (1000000, 8300000)),
    "us_survey_feet": ("EPSG:2272", 3280.8333, (2600000, 200000)),
    "polar": ("EPSG:3413", 1000.0, (300000, -2300000)),
}


@pytest.mark.parametrize("case", SLOPES)
def test_r15_slopes_are_those_on_the_ground(tmp_path: Path, case: str) -> None:
    crs, step, (west, south) = SLOPES[case]
    rise = 100 * np.arange(50, dtype="float32")  # metres a cell, to the east of the grid
    corner = from_origin(west, south + 50 * step, step, step)
    write(tmp_path / "z.tif", np.broadcast_to(rise, (50, 50)), crs=crs, transform=corner)
    _, grid = region_of_slope(tmp_path, crs, [west, south, west + 50 * step, south + 50 * step], step)
    slope = next(iter(derived_strips("slope", {"of": [tmp_path / "z.tif"]}, grid)))[1]
    to_degrees = pyproj.Transformer.from_crs(grid.crs, 4326, always_xy=True)
    geod = pyproj.Geod(ellps="WGS84")
    for row, column in ((5, 5), (25, 25), (40, 10)):
        ends = to_degrees.transform(grid.x[column] + np.array([-step, step]), np.full(2, grid.y[row]))
        ground = geod.inv(ends[0][0], ends[1][0], ends[0][1], ends[1][1])[2] / 2
        # All three grids keep angles, so that the slope is the rise over the ground along the row.
        np.testing.assert_allclose(slope[row, column], np.degrees(np.arctan(100 / ground)), rtol=5e-3)


def test_r15_units_of_a_grid_in_feet_are_feet() -> None:
    grid = RegionGrid(pyproj.CRS("EPSG:2272"), 2600000.0, 280000.0, 3280.8333, 25, 25)
    assert grid.unit() == "US_survey_foot"
    np.testing.assert_allclose(grid.cell_areas(), 1e6, rtol=2e-4)


def test_r13_what_is_made_of_fine_pixels_is_said(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", np.random.default_rng(0).normal(size=(280, 280)).astype("float32"), 0.025)
    assert "20 pixels to a cell each way, of which it is the mean" in said(tmp_path)
