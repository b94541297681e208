"""The cube: any raster onto one grid, exact where theory says so, one sentence where a layer is wrong."""

import json
import warnings
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import write_raster
from numpy.typing import NDArray

from hybridmap.config import Config
from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.cube import open_cube
from hybridmap.covariates.cube_build import build_cube
from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.observations.quality.drop_counts import DropCounts
from hybridmap.samples.sample import sample_sites

WEST, NORTH = 4_000_000.0, 2_640_000.0


def config(
    folder: Path, *covariates: dict[str, Any], forcing: list[dict[str, Any]] | None = None, **grid: Any
) -> Config:
    region = {"crs": "EPSG:3035", "resolution": 1000, "bounds": [WEST, NORTH - 40_000, WEST + 50_000, NORTH], **grid}
    return Config.model_validate(
        {"data_root": str(folder), "grid": region, "covariates": covariates, "forcing": forcing or []}
    )


def layer(name: str = "a", **keys: Any) -> dict[str, Any]:
    return {"name": name, "path": "a.tif", **keys}


def build(made: Config, out: Path) -> None:
    build_cube(RegionLayers.of(made), out, made.predict.tile)


def cube_of(folder: Path, made: Config) -> NDArray[np.float32]:
    build(made, folder / "cube.zarr")
    cube = open_cube(folder / "cube.zarr")
    return cube.read_layers(cube.grid.extent)[0]


def test_same_grid_passes_bit_by_bit(tmp_path: Path, plane: NDArray[np.float32]) -> None:
    write_raster(tmp_path / "a.tif", plane, WEST, NORTH, 1000)
    for kind in ("continuous", "average", "categorical"):
        np.testing.assert_array_equal(cube_of(tmp_path, config(tmp_path, layer(kind=kind)))[0], plane)


def test_average_of_finer_pixels_and_bilinear_of_coarser(tmp_path: Path, plane: NDArray[np.float32]) -> None:
    fine = np.kron(plane, np.ones((4, 4), "float32"))
    write_raster(tmp_path / "a.tif", fine, WEST, NORTH, 250)
    np.testing.assert_allclose(cube_of(tmp_path, config(tmp_path, layer(kind="average")))[0], plane, rtol=1e-6)
    rows, columns = np.mgrid[0:24, 0:29]
    # A linear field stays the same linear field under bilinear interpolation; centres are offset by half a pixel.
    coarse = (rows * 4.0 + columns * 6.0).astype("float32")
    write_raster(tmp_path / "a.tif", coarse, WEST - 4000, NORTH + 4000, 2000)
    found = cube_of(tmp_path, config(tmp_path, layer()))[0]
    row, column = np.mgrid[0:40, 0:50]
    expected = ((row + 0.5) / 2 + 2 - 0.5) * 4 + ((column + 0.5) / 2 + 2 - 0.5) * 6
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_integers_with_nodata_scale_and_another_crs(tmp_path: Path) -> None:
    values = np.full((200, 300), 100, dtype="uint8")
    values[:, :110] = 60
    values[90:] = 255
    write_raster(tmp_path / "a.tif", values, 5.0, 47.5, 0.01, "EPSG:4326", 255)
    found = cube_of(tmp_path, config(tmp_path, layer(scale=0.1, offset=-1.0)))[0]
    grid = RegionGrid.of(config(tmp_path).grid)
    assert np.isfinite(found).any()
    known = found[np.isfinite(found)]
    assert known.min() == pytest.approx(5.0, abs=1e-5)
    assert known.max() <= 9.0 + 1e-5
    from pyproj import Transformer

    x, y = np.meshgrid(grid.x, grid.y)
    lon, lat = Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True).transform(x, y)
    inland = lat > 46.62
    assert np.isnan(found[lat < 46.58]).all()
    np.testing.assert_allclose(found[inland & (lon < 6.08)], 5.0, atol=1e-5)
    np.testing.assert_allclose(found[inland & (lon > 6.12)], 9.0, atol=1e-5)


def test_categories_are_never_mixed(tmp_path: Path) -> None:
    classes = np.random.default_rng(0).choice([1, 7, 30], (60, 75)).astype("int16")
    write_raster(tmp_path / "a.tif", classes, WEST - 500, NORTH + 500, 700)
    found = cube_of(tmp_path, config(tmp_path, layer(kind="categorical")))[0]
    assert set(np.unique(found[np.isfinite(found)])) == {1.0, 7.0, 30.0}


def test_store_is_cf_for_xarray(tmp_path: Path, plane: NDArray[np.float32]) -> None:
    write_raster(tmp_path / "a.tif", plane, WEST, NORTH, 1000)
    made = config(tmp_path, layer(unit="m"), layer("b", scale=2.0), forcing=[layer("npp")])
    build(made, tmp_path / "cube.zarr")
    data = xr.open_zarr(tmp_path / "cube.zarr", consolidated=False)
    assert data["covariates"].dims == ("band", "y", "x")
    assert data["x"].values[0] == WEST + 500
    assert data["y"].values[0] == NORTH - 500
    assert data["band"].values.tolist() == ["a", "b"]
    import rioxarray  # noqa: F401

    assert data["covariates"].rio.crs.to_epsg() == 3035
    assert json.loads(data["covariates"].attrs["bands"])[0]["units"] == "m"
    codecs = json.loads((tmp_path / "cube.zarr/covariates/zarr.json").read_text())["codecs"]
    assert codecs[0]["name"] == "bytes", "a small cube has no shards"


def test_the_cube_opens_without_a_warning_and_has_names(tmp_path: Path, plane: NDArray[np.float32]) -> None:
    write_raster(tmp_path / "a.tif", plane, WEST, NORTH, 1000)
    build(config(tmp_path, layer(unit="m"), layer("b", scale=2.0), forcing=[layer("npp")]), tmp_path / "cube.zarr")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = xr.open_zarr(tmp_path / "cube.zarr").load()
        forcing = xr.open_zarr(tmp_path / "cube.zarr", group="forcing").load()
    np.testing.assert_array_equal(data["covariates"].sel(band="b"), data["covariates"].sel(band="a") * 2)
    np.testing.assert_array_equal(forcing["x"], data["x"])
    for part in (data, forcing):
        part.to_netcdf(tmp_path / "copy.nc")


def test_samples_are_the_numbers_of_the_store(tmp_path: Path, plane: NDArray[np.float32]) -> None:
    plane[5, 7] = np.nan
    write_raster(tmp_path / "a.tif", plane, WEST, NORTH, 1000)
    build(config(tmp_path, layer(), forcing=[layer("npp", scale=2.0)]), tmp_path / "cube.zarr")
    cube = open_cube(tmp_path / "cube.zarr")
    random = np.random.default_rng(1)
    x, y = random.uniform(WEST + 1, WEST + 49_999, 300), random.uniform(NORTH - 39_999, NORTH - 1, 300)
    x[0], y[0] = WEST + 7500, NORTH - 5500
    from pyproj import Transformer

    lon, lat = Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True).transform(x, y)
    sites = pd.DataFrame({"site_id": [str(i) for i in range(300)], "source": "s", "lon": lon, "lat": lat})
    ladder = DropCounts("sample")
    table = sample_sites(sites, cube, ladder)
    covariates, forcing, _ = cube.read_window(cube.grid.extent)
    np.testing.assert_array_equal(table["covariate.a"], covariates[0][table["row"], table["col"]])
    np.testing.assert_array_equal(table["forcing.npp"], forcing["npp"][table["row"], table["col"]])
    assert "0" not in set(table["site_id"])
    assert ladder.table()["reason"].tolist() == ["covariate a is nodata at the site"]


def test_a_measured_forcing_is_that_of_the_site_and_sites_without_one_are_dropped(
    tmp_path: Path, plane: NDArray[np.float32], caplog: pytest.LogCaptureFixture
) -> None:
    write_raster(tmp_path / "a.tif", plane, WEST, NORTH, 1000)
    known = plane.copy()
    known[5, 7] = np.nan
    write_raster(tmp_path / "b.tif", known, WEST, NORTH, 1000)
    build(config(tmp_path, layer(), forcing=[{**layer("soc"), "path": "b.tif"}]), tmp_path / "cube.zarr")
    from pyproj import Transformer

    x, y = np.array([WEST + 7500, WEST + 8500, WEST + 9500]), np.array([NORTH - 5500] * 3)
    lon, lat = Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True).transform(x, y)
    sites = pd.DataFrame({"site_id": list("abc"), "source": "s", "lon": lon, "lat": lat})
    sites["soc_density_kg_m3"] = [1.5, 2.5, np.nan]
    ladder = DropCounts("sample")
    table = sample_sites(sites, open_cube(tmp_path / "cube.zarr"), ladder, {"soc": "soc_density_kg_m3"})
    # The layer, which lacks the cell of the first site, says nothing.
    assert table["forcing.soc"].tolist() == [1.5, 2.5]
    assert "forcing 'soc': median 2.5 measured at the sites, 34 on the layer there, from which maps are made" in (
        caplog.text
    )
    counts = ladder.table()
    assert counts[["rule", "reason"]].to_numpy().tolist() == [
        ["not_measured", "forcing soc was not measured at the site"]
    ]


def test_mask_keeps_cells_that_polygons_touch(tmp_path: Path, plane: NDArray[np.float32]) -> None:

    from shapely.geometry import box

    write_raster(tmp_path / "a.tif", plane, WEST, NORTH, 1000)
    half = gpd.GeoSeries([box(WEST - 9000, NORTH - 90_000, WEST + 24_500, NORTH + 9000)], crs="EPSG:3035")
    half.to_crs("EPSG:4326").to_file(tmp_path / "mask.geojson")
    found = cube_of(tmp_path, config(tmp_path, layer(), mask="mask.geojson"))[0]
    assert np.isfinite(found[:, :24]).all()
    assert np.isnan(found[:, 26:]).all()


def break_no_crs(folder: Path, values: NDArray[np.float32]) -> dict[str, Any]:
    write_raster(folder / "a.tif", values, WEST, NORTH, 1000, crs=None)
    return layer()


def break_elsewhere(folder: Path, values: NDArray[np.float32]) -> dict[str, Any]:
    write_raster(folder / "a.tif", values, WEST + 900_000, NORTH, 1000)
    return layer()


def break_constant(folder: Path, values: NDArray[np.float32]) -> dict[str, Any]:
    write_raster(folder / "a.tif", np.full_like(values, 4.0), WEST, NORTH, 1000)
    return layer()


def break_nodata(folder: Path, values: NDArray[np.float32]) -> dict[str, Any]:
    write_raster(folder / "a.tif", np.full_like(values, -9.0), WEST, NORTH, 1000, nodata=-9)
    return layer()


def break_missing(folder: Path, values: NDArray[np.float32]) -> dict[str, Any]:
    return layer(path="nowhere.tif")


def break_band(folder: Path, values: NDArray[np.float32]) -> dict[str, Any]:
    write_raster(folder / "a.tif", values, WEST, NORTH, 1000)
    return layer(band=3)


def break_format(folder: Path, values: NDArray[np.float32]) -> dict[str, Any]:
    (folder / "a.tif").write_text("no raster")
    return layer()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (break_no_crs, r"layer 'a' \(.*a\.tif\): the raster has no coordinate reference system; add 'crs'"),
        (break_elsewhere, r"layer 'a' .*does not overlap the region"),
        (break_constant, r"covariate 'a' .*constant at 4 .*remove it"),
        (break_nodata, r"layer 'a' .*every cell of the region is nodata"),
        (break_missing, r"layer 'a': no such raster .*nowhere\.tif"),
        (break_band, r"layer 'a' .*no band 3; the file has bands 1 to 1"),
        (break_format, r"layer 'a': .*a\.tif cannot be read as a raster"),
    ],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_bad_layers_end_with_one_sentence_and_no_store(
    tmp_path: Path, plane: NDArray[np.float32], make: Any, says: str
) -> None:
    bad = make(tmp_path, plane)
    with pytest.raises(HybridmapError, match=says) as error:
        build(config(tmp_path, bad), tmp_path / "cube.zarr")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("cube.zarr*"))
