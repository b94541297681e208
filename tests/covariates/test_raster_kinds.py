"""Rasters of every kind of pixel, file and place: each is read right, or refused in one sentence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pyproj
import pytest
import rasterio
import xarray as xr
import zarr
from covariates.test_known_pixels import GRID, said, warped, write
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.enums import Resampling
from rasterio.rpc import RPC
from rasterio.transform import Affine, from_origin

from hybridmap.errors import HybridmapError

LON, LAT = 9.25 + 0.5 * np.arange(14), 50.75 - 0.5 * np.arange(14)
FIELD = LON[None] * 10 + LAT[:, None]
CELLS = FIELD[2:12, 2:12]
"""The field at the cells of GRID; a hole at HOLE of the file is at (2, 2) of the cells."""
HOLE = (4, 4)
Make = Callable[[Path], dict[str, Any]]


def holed(dtype: str, code: Any, factor: float = 1.0, offset: float = 0.0) -> NDArray[Any]:
    values = ((FIELD - offset) / factor).round(3 if dtype[0] == "f" else 0).astype(dtype)
    values[HOLE] = code
    return values


def of_type(dtype: str, code: Any, **keys: Any) -> Make:
    """Pixels of a type, with a code that the file declares."""

    def make(folder: Path) -> dict[str, Any]:
        write(folder / "a.tif", holed(dtype, code, 2.0, 100.0), nodata=code)
        return {"scale": 2.0, "offset": 100.0, **keys}

    return make


def code_of_the_region_file(dtype: str, code: Any) -> Make:
    def make(folder: Path) -> dict[str, Any]:
        write(folder / "a.tif", holed(dtype, code, 2.0, 100.0))
        return {"scale": 2.0, "offset": 100.0, "nodata": code}

    return make


def mosaic(bands: str, folder: Path, source: NDArray[Any]) -> dict[str, Any]:
    write(folder / "s.tif", source)
    (folder / "a.vrt").write_text(
        '<VRTDataset rasterXSize="14" rasterYSize="14"><SRS>EPSG:4326</SRS>'
        f"<GeoTransform>9, 0.5, 0, 51, 0, -0.5</GeoTransform>{bands}</VRTDataset>"
    )
    return {"path": "a.vrt"}


def band_of(dtype: str, inner: str, band: int = 1) -> str:
    return f'<VRTRasterBand dataType="{dtype}" band="{band}">{inner}</VRTRasterBand>'


def source_of(name: str = "s.tif", band: int = 1, columns: int = 14) -> str:
    rectangle = f'xOff="0" yOff="0" xSize="{columns}" ySize="14"'
    return (
        f'<SimpleSource><SourceFilename relativeToVRT="1">{name}</SourceFilename><SourceBand>{band}</SourceBand>'
        f"<SrcRect {rectangle}/><DstRect {rectangle}/></SimpleSource>"
    )


def code_of_64_bits_in_a_mosaic(folder: Path) -> dict[str, Any]:
    bands = band_of("UInt64", f"<NoDataValue>{2**64 - 1}</NoDataValue>" + source_of())
    return mosaic(bands, folder, holed("uint64", 2**64 - 1, 0.01)) | {"scale": 0.01}


def code_that_the_type_cannot_hold(folder: Path) -> dict[str, Any]:
    return mosaic(band_of("Int16", "<NoDataValue>-99999</NoDataValue>" + source_of()), folder, FIELD.astype("int16"))


def code_of_the_second_band(folder: Path) -> dict[str, Any]:
    bands = [band_of("Float32", f"<NoDataValue>{-k}</NoDataValue>" + source_of(band=k), k) for k in (1, 2)]
    values = np.stack([holed("float32", -1), holed("float32", -2)])
    return mosaic("".join(bands), folder, values) | {"band": 2}


def mask_of_one_band(folder: Path) -> dict[str, Any]:
    mask = np.full((14, 14), 255, "uint8")
    mask[HOLE] = 0
    write(folder / "m.tif", mask)
    inner = f'{source_of()}<MaskBand><VRTRasterBand dataType="Byte">{source_of("m.tif")}</VRTRasterBand></MaskBand>'
    return mosaic(band_of("Float32", inner), folder, FIELD.astype("float32"))


def mask_beside_the_file(folder: Path) -> dict[str, Any]:
    write(folder / "a.tif", FIELD.astype("float32"))
    mask = np.full((14, 14), 255, "uint8")
    mask[HOLE] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(folder / "a.tif", "r+") as file:
        file.write_mask(mask)
    return {}


def scale_and_offset(folder: Path) -> dict[str, Any]:
    write(folder / "a.tif", holed("int16", -32768, 0.01, 100.0), nodata=-32768)
    with rasterio.open(folder / "a.tif", "r+") as file:
        file.scales, file.offsets = (0.01,), (100.0,)
    return {}


def infinite(folder: Path) -> dict[str, Any]:
    write(folder / "a.tif", holed("float32", np.inf))
    return {}


def netcdf(fill: Any = None, dtype: str = "f4", values: Any = None, form: str = "NETCDF4", **attributes: Any) -> Make:
    def make(folder: Path) -> dict[str, Any]:
        with netCDF4.Dataset(folder / "a.nc", "w", format=form) as file:
            for name, places, unit in (("lat", LAT, "degrees_north"), ("lon", LON, "degrees_east")):
                file.createDimension(name, len(places))
                axis = file.createVariable(name, "f8", (name,))
                axis[:], axis.units = places, unit
            variable = file.createVariable("v", dtype, ("lat", "lon"), fill_value=fill)
            variable.set_auto_maskandscale(False)
            variable.setncatts(attributes)
            variable[:] = values
        return {"path": "a.nc", "variable": "v", "crs": "EPSG:4326"}

    return make


def zarr_store(version: int, **encoding: Any) -> Make:
    def make(folder: Path) -> dict[str, Any]:
        data = xr.Dataset({"v": (("lat", "lon"), holed("float64", np.nan))}, {"lat": LAT, "lon": LON})
        data.to_zarr(folder / "a.zarr", zarr_format=version, consolidated=False, encoding={"v": encoding})
        return {"path": "a.zarr", "variable": "v", "crs": "EPSG:4326"}

    return make


def cut_zarr_store(folder: Path) -> dict[str, Any]:
    """Cut from a larger store, whose transform stayed in it."""
    data = xr.Dataset({"v": (("lat", "lon"), holed("float64", np.nan))}, {"lat": LAT, "lon": LON})
    data["spatial_ref"] = ((), 0, {"GeoTransform": "-10 0.5 0 70 0 -0.5", "crs_wkt": pyproj.CRS(4326).to_wkt()})
    data["v"].attrs["grid_mapping"] = "spatial_ref"
    data.to_zarr(folder / "a.zarr", zarr_format=3, consolidated=False)
    return {"path": "a.zarr", "variable": "v"}


def zarr_with_a_range(folder: Path) -> dict[str, Any]:
    keys = zarr_store(3)(folder)
    array: Any = zarr.open_group(str(folder / "a.zarr"), mode="r+")["v"]
    array[HOLE] = -500.0
    array.attrs["valid_range"] = [0, 1000]
    return keys


PACKED = {"dtype": "i2", "scale_factor": 0.01, "add_offset": 100.0}
ONE_HOLE: dict[str, Make] = {
    "int8": of_type("int8", -128),
    "uint16": of_type("uint16", 65535, scale=2.0, offset=100.0),
    "uint32": of_type("uint32", 4294967295),
    "int64": of_type("int64", -9999),
    "float64": of_type("float64", -1.797e308),
    "uint64_region": code_of_the_region_file("uint64", 2**64 - 1),
    "int64_region": code_of_the_region_file("int64", -(2**63)),
    "uint64_mosaic": code_of_64_bits_in_a_mosaic,
    "second_band": code_of_the_second_band,
    "mask_of_one_band": mask_of_one_band,
    "mask_beside": mask_beside_the_file,
    "scale_and_offset": scale_and_offset,
    "infinite": infinite,
    "nc_packed": netcdf(-32768, "i2", holed("int16", -32768, 0.01, 100.0), scale_factor=0.01, add_offset=100.0),
    "nc_nan": netcdf(np.nan, values=holed("float32", np.nan)),
    "nc_default_fill": netcdf(values=holed("float32", netCDF4.default_fillvals["f4"])),
    "nc_missing_values": netcdf(values=holed("float32", -888), missing_value=np.array([-999, -888], "f4")),
    "nc_valid_min": netcdf(values=holed("float32", -500), valid_min=np.float32(0)),
    "nc_valid_range": netcdf(values=holed("float32", -500), valid_range=np.array([0, 1000], "f4")),
    "zarr_valid_range": zarr_with_a_range,
    "zarr_cut": cut_zarr_store,
    **{
        f"zarr{version}_{name}": zarr_store(version, **encoding)
        for version in (2, 3)
        for name, encoding in {
            "plain": {},
            "float32": {"dtype": "f4", "_FillValue": -9999.0},
            "float16": {"dtype": "f2"},
            "packed": {**PACKED, "_FillValue": -32768},
            "uint16": {"dtype": "u2", "scale_factor": 0.01, "_FillValue": 65535},
        }.items()
    },
}  # fmt: skip


@pytest.mark.parametrize("case", ONE_HOLE)
def test_one_pixel_is_unknown_and_the_others_have_their_values(tmp_path: Path, case: str) -> None:
    keys = ONE_HOLE[case](tmp_path)
    found = warped(tmp_path, **keys)
    assert np.argwhere(np.isnan(found)).tolist() == [[2, 2]]
    tolerance = keys.get("scale", 0.01) / 2 + (0.07 if "float16" in case else 1e-3)
    np.testing.assert_allclose(found[np.isfinite(found)], CELLS[np.isfinite(found)], atol=tolerance)


def turned(values: NDArray[Any], transform: Affine, crs: str = "EPSG:4326") -> Make:
    def make(folder: Path) -> dict[str, Any]:
        write(folder / "a.tif", values.astype("float32"), crs=crs, transform=transform)
        return {}

    return make


def described(crs: str, transform: Affine, size: int) -> Make:
    """Fine pixels of any CRS and transform that hold the field."""
    column, line = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)
    x, y = (
        transform.a * column + transform.b * line + transform.c,
        transform.d * column + transform.e * line + transform.f,
    )
    lon, lat = pyproj.Transformer.from_crs(crs, 4326, always_xy=True).transform(x, y)
    return turned(lon * 10 + lat, transform, crs)


ROTATED_POLE = pyproj.CRS(
    "+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39.25 +lon_0=18 +to_meter=0.0174532925199433"
)
PLACED: dict[str, tuple[Make, float]] = {
    "south_up": (turned(FIELD[::-1], Affine(0.5, 0, 9, 0, 0.5, 44)), 1e-3),
    "east_to_west": (turned(FIELD[:, ::-1], Affine(-0.5, 0, 16, 0, -0.5, 51)), 1e-3),
    "both": (turned(FIELD[::-1, ::-1], Affine(-0.5, 0, 16, 0, 0.5, 44)), 1e-3),
    "from_360": (turned(FIELD, from_origin(369, 51, 0.5, 0.5)), 1e-3),
    "from_minus_360": (turned(FIELD, from_origin(-351, 51, 0.5, 0.5)), 1e-3),
    "rotated_degrees": (described("EPSG:4326", Affine(0.04, 0.03, 2.0, 0.03, -0.04, 48.5), 300), 0.05),
    "rotated_metres": (described("EPSG:3035", Affine(3000, 2400, 3.5e6, 2400, -3000, 2.5e6), 500), 0.05),
    "feet": (described("+proj=tmerc +lon_0=12 +units=us-ft +type=crs",
                       from_origin(-900000, 19000000, 10000, 10000), 270), 0.05),
    "grads_of_paris": (described("EPSG:4807", from_origin(8, 56.5, 0.02, 0.02), 420), 0.05),
    "rotated_pole": (described(ROTATED_POLE.to_wkt(), from_origin(-9, 2, 0.04, 0.04), 300), 0.05),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["continuous", "average"])
@pytest.mark.parametrize("case", PLACED)
def test_pixels_lie_where_their_transform_puts_them(tmp_path: Path, case: str, kind: str) -> None:
    make, tolerance = PLACED[case]
    make(tmp_path)
    np.testing.assert_allclose(warped(tmp_path, kind=kind), CELLS, atol=tolerance)


@pytest.mark.parametrize("west", [175.0, -185.0])
def test_a_raster_over_180_degrees_meets_regions_on_both_sides(tmp_path: Path, west: float) -> None:
    lon = 170.25 + 0.5 * np.arange(40)
    write(
        tmp_path / "a.tif", (lon[None] * 10 + LAT[:, None]).astype("float32"), transform=from_origin(170, 51, 0.5, 0.5)
    )
    grid = {"crs": "EPSG:4326", "resolution": 0.5, "bounds": [west, 45, west + 10, 50]}
    truth = np.arange(175.25, 185, 0.5)[None] * 10 + LAT[2:12, None]
    np.testing.assert_allclose(warped(tmp_path, grid), truth, atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 14), (14, 1)])
def test_rasters_of_one_line_or_column_are_read(tmp_path: Path, shape: tuple[int, int]) -> None:
    rows, columns = shape
    across, along = (20.0, 0.0) if columns == 1 else (0.5, 9.0), (20.0, 60.0) if rows == 1 else (0.5, 51.0)
    lat, lon = np.full(1, 47.0) if rows == 1 else LAT, np.full(1, 12.0) if columns == 1 else LON
    values = np.add.outer(lat, lon * 10).astype("float32")
    write(tmp_path / "a.tif", values, transform=Affine(across[0], 0, across[1], 0, -along[0], along[1]))
    truth = np.add.outer(
        LAT[2:12] if rows > 1 else np.full(10, 47.0), (LON[2:12] if columns > 1 else np.full(10, 12.0)) * 10
    )
    np.testing.assert_allclose(warped(tmp_path), truth, atol=1e-3)


def test_jpeg_with_alpha_and_jpeg_with_a_mask_hide_pixels(tmp_path: Path) -> None:
    from rasterio.shutil import copy

    colours = np.stack([np.full((64, 64), 90), np.full((64, 64), 90), np.full((64, 64), 90)]).astype("uint8")
    alpha = np.where(np.arange(64) < 32, 0, 255) * np.ones((64, 1))
    tiles = {"tiled": True, "blockxsize": 64, "blockysize": 64}
    write(tmp_path / "a.tif", np.concatenate([colours, alpha[None].astype("uint8")]), 0.125, compress="jpeg",
          photometric="RGB", alpha="yes", **tiles)  # fmt: skip
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        write(tmp_path / "s.tif", colours, 0.125)
        with rasterio.open(tmp_path / "s.tif", "r+") as file:
            file.write_mask(alpha.astype("uint8"))
        copy(str(tmp_path / "s.tif"), str(tmp_path / "b.tif"), driver="COG", compress="JPEG")
    for path in ("a.tif", "b.tif"):
        for keys in ({}, {"kind": "mode"}, {"classes": {90: "a"}}):
            assert np.isnan(warped(tmp_path, path=path, **keys)).sum() == 60


def with_averages(folder: Path, values: NDArray[Any]) -> None:
    write(folder / "a.tif", values, 0.0025, tiled=True)
    with rasterio.open(folder / "a.tif", "r+") as file:
        file.build_overviews([2, 4, 8], Resampling.average)


def test_averages_in_overviews_hide_no_code_and_make_no_class(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    with_averages(tmp_path, random.choice([1, 4], (2800, 2800)).astype("uint8"))
    assert "no class" not in said(tmp_path, classes={1: "a", 4: "b"})
    speckled = np.where(random.random((2800, 2800)) < 0.3, -9999, 20).astype("float32")
    with_averages(tmp_path, speckled + (speckled > 0) * random.random((2800, 2800)).astype("float32"))
    with pytest.raises(HybridmapError, match="add 'nodata: -9999'"):
        warped(tmp_path, kind="average")


def test_months_of_a_calendar_of_360_days_are_bands(tmp_path: Path) -> None:
    steps = np.stack([FIELD + month for month in range(12)]).astype("float32")
    time = ("time", np.arange(12) * 30, {"units": "days since 2000-01-01", "calendar": "360_day"})
    axes = {"lat": ("lat", LAT[::-1], {"units": "degrees_north"}), "lon": ("lon", LON, {"units": "degrees_east"})}
    data = xr.Dataset({"v": (("time", "lat", "lon"), steps[:, ::-1])}, {"time": time, **axes})
    data.to_netcdf(tmp_path / "a.nc", engine="netcdf4")
    keys = {"path": "a.nc", "variable": "v", "crs": "EPSG:4326"}
    np.testing.assert_allclose(warped(tmp_path, band=5, **keys), CELLS + 4, atol=1e-3)
    np.testing.assert_allclose(warped(tmp_path, number=11, months=True, **keys), CELLS + 11, atol=1e-3)
    assert "band 1 of 12" in said(tmp_path, **keys)


def unplaced(**tags: Any) -> Make:
    def make(folder: Path) -> dict[str, Any]:
        write(folder / "a.tif", FIELD.astype("float32"), transform=Affine.identity(), crs=None)
        with rasterio.open(folder / "a.tif", "r+") as file:
            for name, value in tags.items():
                setattr(file, name, value)
        return {"crs": "EPSG:4326"}

    return make


POLYNOMIALS = RPC(
    height_off=0, height_scale=1, lat_off=47, lat_scale=3, line_den_coeff=[1, *[0] * 19],
    line_num_coeff=[0, 0, 1, *[0] * 17],
    line_off=7, line_scale=7, long_off=12, long_scale=3, samp_den_coeff=[1, *[0] * 19],
    samp_num_coeff=[0, 1, *[0] * 18],
    samp_off=7, samp_scale=7, err_bias=None, err_rand=None,
)  # fmt: skip
POINTS = [GroundControlPoint(0, 0, 9, 51), GroundControlPoint(14, 0, 9, 44), GroundControlPoint(0, 14, 16, 51)]
UNSIGNED = holed("uint8", 255, 2.0).view("int8")


def gap(folder: Path) -> dict[str, Any]:
    return mosaic(band_of("Float32", source_of(columns=5)), folder, FIELD.astype("float32"))


def complex_pixels(folder: Path) -> dict[str, Any]:
    write(folder / "a.tif", FIELD.astype("complex128"))
    return {}


REFUSED: dict[str, tuple[Make, str]] = {
    "no_place": (unplaced(), "does not say where its pixels lie"),
    "control_points": (unplaced(gcps=(POINTS, rasterio.crs.CRS.from_epsg(4326))), "by 3 ground control points"),
    "polynomials": (unplaced(rpcs=POLYNOMIALS), "polynomials of a camera"),
    "gap_of_a_mosaic": (gap, r"no source of the mosaic covers 0\.64 of it.*add 'nodata: 0'"),
    "complex": (complex_pixels, "complex numbers"),
    "unsigned_bytes": (netcdf(-1, "i1", UNSIGNED, _Unsigned="true", scale_factor=2.0), "stand for unsigned ones"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_right_is_refused_in_one_sentence(tmp_path: Path, case: str) -> None:
    make, says = REFUSED[case]
    keys = make(tmp_path)
    with pytest.raises(HybridmapError, match=says) as error:
        warped(tmp_path, **keys)
    assert "\n" not in str(error.value)


def test_a_gap_of_a_mosaic_is_read_once_it_is_said_what_it_is(tmp_path: Path) -> None:
    keys = gap(tmp_path)
    assert np.isfinite(warped(tmp_path, nodata=0, **keys)).sum() == 30
    assert np.isfinite(warped(tmp_path, valid_range=[-1, 1000], **keys)).all()


def test_a_code_that_the_type_cannot_hold_hides_nothing(tmp_path: Path) -> None:
    np.testing.assert_allclose(warped(tmp_path, **code_that_the_type_cannot_hold(tmp_path)), CELLS, atol=1.0)


def test_a_table_of_colours_is_spoken_of(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", (np.indices((14, 14)).sum(axis=0) % 3 + 1).astype("uint8"))
    with rasterio.open(tmp_path / "a.tif", "r+") as file:
        file.write_colormap(1, {k: (80 * k, 0, 0, 255) for k in (1, 2, 3)})
    assert "use 'classes' or 'kind: mode'" in said(tmp_path)
    assert "colours" not in said(tmp_path, kind="mode")


def test_a_store_of_yes_and_no_is_read(tmp_path: Path) -> None:
    zarr_store(3)(tmp_path)
    group: Any = zarr.open_group(str(tmp_path / "a.zarr"), mode="r+")
    array = group.create_array("yes", shape=(14, 14), dtype=bool, dimension_names=("lat", "lon"))
    array[:] = FIELD > 150
    keys = {"path": "a.zarr", "variable": "yes", "crs": "EPSG:4326"}
    np.testing.assert_array_equal(warped(tmp_path, GRID, **keys), (CELLS > 150).astype("float32"))
