"""Layers of every kind: short forms, derived ones, filling, restarts, and files that are not what they seem."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from conftest import write_raster
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.transform import from_origin

from hybridmap.config import Config
from hybridmap.config.reading import parse_config
from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.derive import bioclim
from hybridmap.covariates.layer_check import check_layer
from hybridmap.covariates.layers import PreparedLayer, prepare_layers
from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid

WEST, NORTH, ROWS, COLUMNS = 4_000_000.0, 2_640_000.0, 40, 50
Field = NDArray[np.float32]


def config(folder: Path, *covariates: dict[str, Any], **keys: Any) -> Config:
    bounds = [WEST, NORTH - 1000 * ROWS, WEST + 1000 * COLUMNS, NORTH]
    grid = keys.pop("grid", {"crs": "EPSG:3035", "resolution": 1000, "bounds": bounds})
    return parse_config({"data_root": str(folder), "grid": grid, "covariates": list(covariates), **keys}, "test")


def layers_of(folder: Path, *covariates: dict[str, Any], **keys: Any) -> RegionLayers:
    return RegionLayers.of(config(folder, *covariates, **keys))


def read(prepared: PreparedLayer) -> Field:
    with rasterio.open(prepared.path) as file:
        values: Field = file.read(1)
        return values


def made(folder: Path, *covariates: dict[str, Any], **keys: Any) -> dict[str, Field]:
    done = prepare_layers(layers_of(folder, *covariates, **keys), folder / "layers")
    return {name: read(layer) for name, layer in done.items()}


def write_bands(path: Path, bands: Any, nodata: float | None = None, **keys: Any) -> None:
    bands = np.asarray(bands)
    profile = {"driver": "GTiff", "height": bands.shape[1], "width": bands.shape[2], "count": len(bands)}
    with rasterio.open(
        path, "w", dtype=bands.dtype, crs="EPSG:3035", transform=from_origin(WEST, NORTH, 1000, 1000), nodata=nodata,
        **profile, **keys,
    ) as file:  # fmt: skip
        file.write(bands)


@pytest.fixture
def random_plane(plane: Field) -> Field:
    return plane + np.random.default_rng(0).normal(0, 1, plane.shape).astype("float32")


# Short forms


def test_months_bands_and_a_table_become_layers(tmp_path: Path, plane: Field) -> None:
    write_bands(tmp_path / "t.tif", [plane + 100 * m for m in range(1, 13)])
    for month in range(1, 13):
        write_raster(tmp_path / f"p_{month:02d}.tif", plane * month, WEST, NORTH, 1000)
    (tmp_path / "more.csv").write_text('name,path,band,unit,scale,valid_range\nextra,t.tif,3,K,0.5,"[0, 1000]"\n')
    layers = made(
        tmp_path,
        {"name": "t", "path": "t.tif", "months": True},
        {"name": "p", "path": "p_{month}.tif", "months": True},
        {"name": "b", "path": "t.tif", "bands": [2, 12]},
        covariates_table="more.csv",
    )
    assert list(layers) == [f"t_{m:02d}" for m in range(1, 13)] + [f"p_{m:02d}" for m in range(1, 13)] + [
        "b_2", "b_12", "extra",
    ]  # fmt: skip
    np.testing.assert_array_equal(layers["t_07"], plane + 700)
    np.testing.assert_array_equal(layers["p_12"], plane * 12)
    np.testing.assert_array_equal(layers["b_12"], plane + 1200)
    np.testing.assert_allclose(layers["extra"], (plane + 300) / 2)


def test_classes_become_shares_that_sum_to_one(tmp_path: Path) -> None:
    fine = np.random.default_rng(0).choice([1, 2, 3], (4 * ROWS, 4 * COLUMNS)).astype("uint8")
    write_raster(tmp_path / "c.tif", fine, WEST, NORTH, 250, nodata=255)
    layers = made(tmp_path, {"name": "cover", "path": "c.tif", "classes": {1: "Forest", 2: "crop", 3: "urban"}})
    assert list(layers) == ["cover_forest", "cover_crop", "cover_urban"]
    np.testing.assert_allclose(sum(layers.values()), 1.0, rtol=1e-6)
    expected = (fine == 2).reshape(ROWS, 4, COLUMNS, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(layers["cover_crop"], expected, rtol=1e-6)


def test_scale_and_offset_of_the_file_are_used_unless_given(tmp_path: Path, plane: Field) -> None:
    with rasterio.open(write_raster(tmp_path / "a.tif", plane, WEST, NORTH, 1000), "r+") as file:
        file.scales, file.offsets = (0.1,), (-273.15,)
    found = made(tmp_path, {"name": "a", "path": "a.tif"}, {"name": "b", "path": "a.tif", "scale": 2, "offset": 1})
    np.testing.assert_allclose(found["a"], plane * 0.1 - 273.15, atol=1e-4)
    np.testing.assert_allclose(found["b"], plane * 2 + 1)
    layers = layers_of(tmp_path, {"name": "b", "path": "a.tif", "scale": 2})
    said = check_layer(layers.covariates[0], RegionGrid.of(layers.grid), layers.data_root)
    assert "replaces 0.1" in said


def test_check_points_at_bilinear_of_much_finer_pixels(tmp_path: Path, plane: Field) -> None:
    write_raster(tmp_path / "a.tif", np.kron(plane, np.ones((5, 5), "float32")), WEST, NORTH, 200)
    layers = layers_of(tmp_path, {"name": "a", "path": "a.tif"})
    said = check_layer(layers.covariates[0], RegionGrid.of(layers.grid), layers.data_root)
    assert "5 pixels to a cell" in said


# Kinds of files


def test_netcdf_zarr_and_vrt_say_the_same_as_geotiff(tmp_path: Path, random_plane: Field) -> None:
    import xarray as xr

    grid = RegionGrid.of(config(tmp_path).grid)
    write_raster(tmp_path / "a.tif", random_plane, WEST, NORTH, 1000)
    axis = {
        a: (a, v, {"units": "m", "standard_name": f"projection_{a}_coordinate"})
        for a, v in (("y", grid.y), ("x", grid.x))
    }
    data = xr.Dataset({"v": (("y", "x"), random_plane)}, axis)
    data.to_netcdf(tmp_path / "a.nc", engine="netcdf4")
    upside = data.isel(y=slice(None, None, -1))
    upside.to_netcdf(tmp_path / "south_up.nc", engine="netcdf4")
    data.to_zarr(tmp_path / "a.zarr", zarr_format=2, consolidated=False)
    from rasterio.shutil import copy

    with rasterio.open(tmp_path / "a.tif") as file:
        copy(file, tmp_path / "a.vrt", driver="VRT")
    layers = made(
        tmp_path,
        {"name": "tif", "path": "a.tif"},
        {"name": "vrt", "path": "a.vrt"},
        {"name": "nc", "path": "a.nc", "variable": "v", "crs": "EPSG:3035"},
        {"name": "south_up", "path": "south_up.nc", "variable": "v", "crs": "EPSG:3035"},
        {"name": "zarr", "path": "a.zarr", "variable": "v", "crs": "EPSG:3035"},
    )
    for name, values in layers.items():
        np.testing.assert_array_equal(values, random_plane, err_msg=name)


def test_longitudes_from_0_to_360_meet_a_region_across_greenwich(tmp_path: Path) -> None:
    lon, lat = np.meshgrid(np.arange(0.5, 360), np.arange(89.5, -90, -1))
    east = np.where(lon > 180, lon - 360, lon)
    write_raster(tmp_path / "a.tif", (1000 * east + lat).astype("float32"), 0, 90, 1, "EPSG:4326")
    grid = {"crs": "EPSG:4326", "resolution": 1, "bounds": [-10, 40, 20, 60]}
    found = made(tmp_path, {"name": "a", "path": "a.tif", "kind": "categorical"}, grid=grid)["a"]
    x, y = np.meshgrid(np.arange(-9.5, 20), np.arange(59.5, 40, -1))
    np.testing.assert_allclose(found, 1000 * x + y, rtol=1e-6)


# Derived layers


def test_slope_and_aspect_of_a_tilted_plane(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:ROWS, 0:COLUMNS]
    # Rises 100 m a cell (1000 m) to the east and 200 m to the north.
    write_raster(tmp_path / "h.tif", (100.0 * columns - 200.0 * rows).astype("float32"), WEST, NORTH, 1000)
    names = ("slope", "aspect_north", "aspect_east")
    derived = [{"name": n, "derive": {"function": n, "of": "height"}} for n in names]
    found = made(tmp_path, *derived, auxiliary=[{"name": "height", "path": "h.tif"}])
    for row, col in ((5, 5), (20, 30), (35, 44)):
        # On the ground: a map around the cell, true to distance and direction there.
        grid = RegionGrid.of(config(tmp_path).grid)
        x, y = grid.x[col] + np.array([0, 1, 0]), grid.y[row] + np.array([0, 0, 1])
        lon, lat = Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True).transform(x, y)
        local = f"+proj=aeqd +lon_0={lon[0]} +lat_0={lat[0]} +ellps=GRS80"
        e, n = Transformer.from_crs("EPSG:4326", local, always_xy=True).transform(lon, lat)
        east, north = np.linalg.solve([[e[1], n[1]], [e[2], n[2]]], [0.1, 0.2])
        steep = np.hypot(east, north)
        np.testing.assert_allclose(found["slope"][row, col], np.degrees(np.arctan(steep)), rtol=1e-4)
        np.testing.assert_allclose(found["aspect_north"][row, col], -north / steep, rtol=1e-4)
        np.testing.assert_allclose(found["aspect_east"][row, col], -east / steep, rtol=2e-4)


def test_slope_in_degrees_shrinks_cells_to_the_north(tmp_path: Path) -> None:
    columns = np.broadcast_to(np.arange(20), (20, 20))
    write_raster(tmp_path / "h.tif", (1000.0 * columns).astype("float32"), 0, 65, 1, "EPSG:4326")
    grid = {"crs": "EPSG:4326", "resolution": 1, "bounds": [0, 45, 20, 65]}
    found = made(
        tmp_path, {"name": "s", "derive": {"function": "slope", "of": "h"}},
        {"name": "h", "path": "h.tif"}, grid=grid,
    )["s"]  # fmt: skip
    lat = np.radians(64.5 - np.arange(20))
    radius = 6_378_137 / np.sqrt(1 - 0.00669437999 * np.sin(lat) ** 2)  # of the ellipsoid across the meridian
    expected = np.degrees(np.arctan(1000 / (np.radians(1) * radius * np.cos(lat))))
    np.testing.assert_allclose(found[:, 5], expected, rtol=1e-5)


CLIMATE = [{"name": "mat", "path": "mat.tif", "unit": "degC"}, {"name": "rain", "path": "rain.tif", "unit": "mm"}]
NPP = {
    "name": "npp",
    "derive": {"function": "productivity", "of": {"temperature": "mat", "precipitation": "rain"}},
    "unit": "g C m-2 yr-1",
}


def test_productivity_is_the_lower_of_what_warmth_and_rain_allow(tmp_path: Path) -> None:
    warm, rain = np.full((ROWS, COLUMNS), 10.0, "float32"), np.full((ROWS, COLUMNS), 2000.0, "float32")
    rain[:, :20] = 100.0
    write_raster(tmp_path / "mat.tif", warm, WEST, NORTH, 1000)
    write_raster(tmp_path / "rain.tif", rain, WEST, NORTH, 1000)
    npp = made(tmp_path, NPP, auxiliary=CLIMATE)["npp"]
    by_warmth, by_rain = 1350 / (1 + np.exp(1.315 - 1.19)), 1350 * (1 - np.exp(-0.0664))
    np.testing.assert_allclose(npp[5, [5, 30]], [by_rain, by_warmth], rtol=1e-5)


@pytest.mark.parametrize(
    ("temperature", "rain", "says"), [(283.0, 800.0, "it takes degC"), (10.0, -5.0, "it takes mm")]
)
def test_productivity_of_another_unit_is_refused(tmp_path: Path, temperature: float, rain: float, says: str) -> None:
    for name, value in (("mat", temperature), ("rain", rain)):
        write_raster(tmp_path / f"{name}.tif", np.full((ROWS, COLUMNS), value, "float32"), WEST, NORTH, 1000)
    plain = [{key: value for key, value in layer.items() if key != "unit"} for layer in CLIMATE]
    with pytest.raises(HybridmapError, match=says):
        prepare_layers(layers_of(tmp_path, NPP, auxiliary=plain), tmp_path / "layers")


def climate() -> tuple[Field, Field, Field]:
    """One cell: tmin 0..11, tmax 10 above, rain only in November to January."""
    tmin = np.arange(12, dtype="float32").reshape(12, 1, 1)
    prec = np.zeros((12, 1, 1), "float32")
    prec[[10, 11, 0]] = [[[10.0]], [[20.0]], [[60.0]]]
    return tmin, tmin + 10, prec


BIO = {
    1: 10.5, 2: 10.0, 3: 100 * 10 / 21, 4: 100 * np.std(np.arange(12), ddof=1), 5: 21.0, 6: 0.0, 7: 21.0,
    8: (15 + 16 + 5) / 3, 9: 7.0, 10: 15.0, 11: 6.0, 12: 90.0, 13: 60.0, 14: 0.0,
    15: 100 * np.std([10, 20, 60] + 9 * [0], ddof=1) / 8.5, 16: 90.0, 17: 0.0, 18: 30.0, 19: 60.0,
}  # fmt: skip


@pytest.mark.parametrize("number", BIO)
def test_bioclimatic_variables_by_hand(number: int) -> None:
    # The driest quarter begins in February, the wettest in November, across the turn of the year.
    assert bioclim(f"bio{number}", *climate())[0, 0] == pytest.approx(BIO[number], rel=1e-5)


def test_bioclim_and_months_from_monthly_layers(tmp_path: Path, plane: Field) -> None:
    for name, values in zip(("tn", "tx", "pr"), climate(), strict=True):
        write_bands(tmp_path / f"{name}.tif", values + plane * 0.01)
    monthly = [{"name": n, "path": f"{n}.tif", "months": True} for n in ("tn", "tx", "pr")]
    of = {"tmin": "tn", "tmax": "tx", "prec": "pr"}
    found = made(
        tmp_path,
        {"name": "a", "derive": {"function": "bio1", "of": of}},
        {"name": "b", "derive": {"function": "sum", "of": "pr"}},
        auxiliary=monthly,
    )
    np.testing.assert_allclose(found["a"], 10.5 + plane * 0.01, rtol=1e-5)
    np.testing.assert_allclose(found["b"], 90 + 12 * plane * 0.01, rtol=1e-5)


def test_a_covariate_and_a_forcing_may_share_a_name(tmp_path: Path, plane: Field) -> None:
    from hybridmap.covariates.cube import open_cube
    from hybridmap.covariates.cube_build import build_cube

    write_raster(tmp_path / "a.tif", plane, WEST, NORTH, 1000)
    layer = {"name": "npp", "path": "a.tif"}
    slope = {"name": "s", "derive": {"function": "slope", "of": "npp"}}
    both = layers_of(tmp_path, layer, slope, forcing=[{**layer, "scale": 3.0}])
    build_cube(both, tmp_path / "cube.zarr", 256)
    cube = open_cube(tmp_path / "cube.zarr")
    covariates, forcing = cube.read_layers(cube.grid.extent)
    np.testing.assert_array_equal(covariates[0], plane)
    np.testing.assert_allclose(forcing["npp"], 3 * plane)
    expected = np.degrees(np.arctan(np.hypot(2.0, 3.0) / 1000))  # of the covariate, not of the forcing
    np.testing.assert_allclose(covariates[1][5, 5], expected, rtol=2e-3)


# Missing cells


@pytest.mark.parametrize(("missing", "value"), [("median", None), ("nearest", "near"), (7.5, 7.5)])
def test_missing_cells_are_filled_as_asked(tmp_path: Path, random_plane: Field, missing: Any, value: Any) -> None:
    holes = random_plane.copy()
    holes[10:13, 20:23] = np.nan
    write_raster(tmp_path / "a.tif", holes, WEST, NORTH, 1000)
    found = made(tmp_path, {"name": "a", "path": "a.tif", "kind": "categorical", "missing": missing})["a"]
    known = np.isfinite(holes)
    np.testing.assert_array_equal(found[known], holes[known])
    filled = found[~known]
    if value == "near":
        # Each takes the value of the nearest cell, by hand: the middle has four at the same distance.
        expected = [[holes[9, 20], holes[9, 21], holes[9, 22]], [holes[11, 19]], [holes[11, 23]]]
        assert found[10, 20:23].tolist()[1] == expected[0][1]
        assert (found[11, 20], found[11, 22]) == (expected[1][0], expected[2][0])
        assert np.isin(filled, holes[known]).all()
    else:
        assert filled == pytest.approx(np.nanmedian(holes) if value is None else value)


def test_zero_is_a_value_like_any_other(tmp_path: Path) -> None:
    share = np.zeros((ROWS, COLUMNS), "float32")
    share[:, 25:] = 1.0
    share[10:13, 5:8] = np.nan
    write_raster(tmp_path / "a.tif", share, WEST, NORTH, 1000)
    found = made(tmp_path, {"name": "a", "path": "a.tif", "kind": "categorical", "missing": "nearest"})["a"]
    assert (found[10:13, 5:8] == 0).all()


# Restarts


def test_one_failed_layer_does_not_lose_the_others(tmp_path: Path, plane: Field) -> None:
    for name in "ab":
        write_raster(tmp_path / f"{name}.tif", plane, WEST, NORTH, 1000)
    (tmp_path / "c.tif").write_text("no raster")
    layers = [{"name": n, "path": f"{n}.tif"} for n in "abc"]
    with pytest.raises(HybridmapError, match=r"layer 'c'.*2 of 3 layers are done and kept"):
        prepare_layers(layers_of(tmp_path, *layers), tmp_path / "layers")
    before = {n: (tmp_path / f"layers/{n}.tif").stat().st_mtime_ns for n in "ab"}
    write_raster(tmp_path / "c.tif", plane, WEST, NORTH, 1000)
    time.sleep(0.01)
    write_raster(tmp_path / "b.tif", plane * 2, WEST, NORTH, 1000)
    found = prepare_layers(layers_of(tmp_path, *layers), tmp_path / "layers")
    assert set(found) == set("abc")
    assert (tmp_path / "layers/a.tif").stat().st_mtime_ns == before["a"]
    assert (tmp_path / "layers/b.tif").stat().st_mtime_ns != before["b"]
    np.testing.assert_array_equal(read(found["b"]), plane * 2)


# Files that are not what they seem


def undeclared(kind: str, value: float) -> Any:
    def make(path: Path, plane: Field) -> None:
        values = plane.astype(kind)
        values[:5, :5] = value
        write_raster(path, values, WEST, NORTH, 1000)

    return make


def truncated(path: Path, plane: Field) -> None:
    big = np.random.default_rng(0).normal(0, 1, (ROWS * 20, COLUMNS * 20)).astype("float32")
    write_raster(path, big, WEST, NORTH, 50)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])


def text(content: str | bytes) -> Any:
    def make(path: Path, plane: Field) -> None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return make


def swapped_axes(path: Path, plane: Field) -> None:
    write_raster(path, plane, 46, 10 + 90, 0.1, "EPSG:4326")


def degrees_called_metres(path: Path, plane: Field) -> None:
    write_raster(path, plane, 9.0, 47.0, 0.01)


RASTERS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "int16_without_nodata": (undeclared("int16", -32768), {}, "are -32768, which looks like a nodata value"),
    "float_without_nodata": (undeclared("float32", -9999), {}, "add 'nodata: -9999'"),
    "float_minimum": (undeclared("float32", -3.4028234663852886e38), {}, "looks like a nodata value"),
    "truncated": (truncated, {}, "the file is damaged"),
    "web_page": (text("<!DOCTYPE html><html>404</html>"), {}, "it is a web page: the download needs a login"),
    "empty": (text(""), {}, "the file is empty; download it again"),
    "zip": (text(b"PK\x03\x04rest"), {}, "it is a zip archive; unpack it"),
    "lfs_pointer": (text("version https://git-lfs.github.com/spec/v1\n"), {}, "fetch it with git lfs pull"),
    "swapped_axes": (swapped_axes, {}, "does not overlap the region; .*axes look swapped"),
    "degrees_called_metres": (degrees_called_metres, {}, "does not overlap the region"),
    "band_by_name": (lambda p, v: write_raster(p, v, WEST, NORTH, 1000), {"band": "bio1"}, "no band 'bio1'"),
    "outside_valid_range": (
        lambda p, v: write_raster(p, v, WEST, NORTH, 1000), {"valid_range": [900, 999]}, "every cell .* is nodata",
    ),
    "no_variable": (
        lambda p, v: write_raster(p, v, WEST, NORTH, 1000), {"variable": "t2m"}, "no variable 't2m' in it",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", RASTERS)
def test_bad_rasters_end_with_one_sentence(tmp_path: Path, plane: Field, case: str) -> None:
    make, keys, says = RASTERS[case]
    make(tmp_path / "a.tif", plane)
    with pytest.raises(HybridmapError, match=says) as error:
        prepare_layers(layers_of(tmp_path, {"name": "a", "path": "a.tif", **keys}), tmp_path / "layers")
    assert "layer 'a'" in str(error.value)
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "layers").glob("a*"))


LISTS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "function": ({"name": "x", "derive": {"function": "slop", "of": "a"}}, {}, "no function 'slop'.*'slope'"),
    "input": ({"name": "x", "derive": {"function": "slope", "of": "dem"}}, {}, "no layer 'dem' to derive it from"),
    "monthly": ({"name": "x", "derive": {"function": "sum", "of": "a"}}, {}, "no monthly layer 'a'"),
    "bioclim": ({"name": "x", "derive": {"function": "bio8", "of": "a"}}, {}, "bio8 needs 'of' with tmin"),
    "climate": ({"name": "x", "derive": {"function": "productivity", "of": "a"}}, {}, "needs 'of' with temperature"),
    "classes": ({"name": "x", "path": "a.tif", "encoding": "one_hot"}, {}, "'one_hot' needs 'classes'"),
    "encoding": ({"name": "x", "path": "a.tif", "classes": {1: "a"}, "encoding": "hot"}, {}, "neither 'embedding'"),
    "both": ({"name": "x", "path": "a.tif", "months": True, "classes": {1: "a"}}, {}, "both 'months' and 'classes'"),
    "table": ({"name": "x", "path": "a.tif"}, {"covariates_table": "gone.csv"}, "no such table .*gone.csv"),
}  # fmt: skip


@pytest.mark.parametrize("case", LISTS)
def test_bad_lists_of_layers_end_with_one_sentence(tmp_path: Path, plane: Field, case: str) -> None:
    layer, keys, says = LISTS[case]
    write_raster(tmp_path / "a.tif", plane, WEST, NORTH, 1000)
    with pytest.raises(HybridmapError, match=says):
        prepare_layers(layers_of(tmp_path, {"name": "a", "path": "a.tif"}, layer, **keys), tmp_path / "layers")


def test_a_table_row_without_a_name_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,path\na,a.tif\n,b.tif\n")
    with pytest.raises(HybridmapError, match=r"t\.csv: row 3 has no 'name'"):
        config(tmp_path, covariates_table="t.csv")
