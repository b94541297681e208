"""Layers that have years: found on the axis of a file, held in the cube year by year, chosen for maps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from conftest import write_raster
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.transform import from_origin

from hybridmap.config import Config, Raster
from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.cube import Cube, open_cube
from hybridmap.covariates.cube_build import build_cube
from hybridmap.covariates.warp import warp_layer
from hybridmap.covariates.years import DatedLayer, chosen_years
from hybridmap.errors import HybridmapError
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.resumable_store import ResumableStore

WEST, NORTH = 4_000_000.0, 2_640_000.0
GRID = {"crs": "EPSG:3035", "resolution": 1000, "bounds": [WEST, NORTH - 40_000, WEST + 50_000, NORTH]}
YEARS = [2006, 2012, 2018]
STEPS = np.stack([np.arange(2000.0).reshape(40, 50) + year for year in YEARS]).astype("float32")
Field = NDArray[np.float32]


def cube_of(folder: Path, covariates: list[dict[str, Any]], forcing: Any = (), tile: int = 16, **more: Any) -> Cube:
    raw = {"region": "r", "data_root": str(folder), "grid": GRID, "covariates": covariates, "forcing": list(forcing)}
    layers = RegionLayers.of(Config.model_validate(raw | more))
    build_cube(layers, folder / "cube.zarr", tile)
    return open_cube(folder / "cube.zarr")


def write_years(folder: Path, name: str = "c", steps: Field = STEPS) -> None:
    for year, step in zip(YEARS, steps, strict=True):
        write_raster(folder / f"{name}_{year}.tif", step, WEST, NORTH, 1000)


def dataset(times: Any, attributes: dict[str, str], dimension: str = "time") -> xr.Dataset:
    x, y = WEST + 500 + 1000 * np.arange(50), NORTH - 500 - 1000 * np.arange(40)
    axes = {dimension: np.array(times), "y": y, "x": x}
    data = xr.Dataset({"c": ((dimension, "y", "x"), STEPS[: len(axes[dimension])])}, coords=axes)
    data[dimension].attrs = attributes
    for axis in "xy":
        data[axis].attrs = {"standard_name": f"projection_{axis}_coordinate", "units": "m"}
    return data


TIMES: dict[str, tuple[list[float], dict[str, str]]] = {
    "years": ([2006, 2012, 2018], {}),
    "days": ([0, 2192, 4383], {"units": "days since 2006-01-01"}),
    "hours of a model": ([0, 24 * 365 * 6, 24 * 365 * 12], {"units": "hours since 2006-07-01", "calendar": "noleap"}),
}


@pytest.mark.parametrize("kind", TIMES)
@pytest.mark.parametrize("store", ["netcdf", "zarr2", "zarr3"])
def test_a_year_is_found_on_the_axis_of_a_file(store: str, kind: str, tmp_path: Path) -> None:
    times, attributes = TIMES[kind]
    data, path = dataset(times, attributes, "time" if attributes else "year"), tmp_path / "c"
    if store == "netcdf":
        data.to_netcdf(path := tmp_path / "c.nc")
    else:
        data.to_zarr(path, zarr_format=int(store[-1]), consolidated=False)  # type: ignore[call-overload]
    grid = RegionGrid.of(Config.model_validate({"region": "r", "grid": GRID}).grid)
    layer = Raster(name="c", path=path.name, variable="c", crs="EPSG:3035", years=YEARS)
    for raster, step in zip(layer.rasters(), STEPS, strict=True):
        np.testing.assert_array_equal(warp_layer(raster, grid, str(tmp_path)), step)


def test_a_year_is_found_in_the_names_of_bands(tmp_path: Path) -> None:
    profile: dict[str, Any] = {"driver": "GTiff", "height": 40, "width": 50, "count": 3, "dtype": "float32"}
    place = {"crs": "EPSG:3035", "transform": from_origin(WEST, NORTH, 1000, 1000)}
    with rasterio.open(tmp_path / "c.tif", "w", **profile, **place) as file:
        file.write(STEPS)
        file.descriptions = ("NDVI_2012_mean", "NDVI_2006_mean", "NDVI 2018")
    cube = cube_of(tmp_path, [{"name": "c", "path": "c.tif", "years": [2006, 2018]}])
    np.testing.assert_array_equal(cube.read_year("c", 2006, cube.grid.extent), STEPS[1])
    np.testing.assert_array_equal(cube.read_year("c", 2018, cube.grid.extent), STEPS[2])


def two_a_year(folder: Path) -> None:
    dataset([0, 180, 400], {"units": "days since 2006-01-01"}).to_netcdf(folder / "c.nc")


def of_no_years(folder: Path) -> None:
    dataset([0.5, 1.5, 2.5], {}).to_netcdf(folder / "c.nc")


def of_an_odd_unit(folder: Path) -> None:
    dataset([0, 1, 2], {"units": "moons since 2006-01-01"}).to_netcdf(folder / "c.nc")


def of_two_dimensions(folder: Path) -> None:
    data = dataset([2006, 2012, 2018], {})
    xr.concat([data, data], "depth").transpose("time", "depth", ...).to_netcdf(folder / "c.nc")


def of_another_year(folder: Path) -> None:
    dataset([2005, 2012, 2018], {}).to_netcdf(folder / "c.nc")


def without_words(folder: Path) -> None:
    write_raster(folder / "c.nc", STEPS[0], WEST, NORTH, 1000)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (two_a_year, "2 of its bands are of 2006"),
        (of_no_years, "axis 'time' has neither a unit of time nor years"),
        (of_an_odd_unit, "'moons since 2006-01-01' is no time that can be read"),
        (of_two_dimensions, r"of several dimensions \(time, depth\)"),
        (of_another_year, "no band is of the year 2006; the file has 2005, 2012, 2018"),
        (without_words, "neither a time axis nor the names of its bands say years"),
    ],
)
def test_a_file_that_has_not_the_year_says_so(make: Callable[[Path], None], sentence: str, tmp_path: Path) -> None:
    make(tmp_path)
    variable = None if make is without_words else "c"
    with pytest.raises(HybridmapError, match=rf"layer 'c@2006' \(.*c.nc\): .*{sentence}"):
        cube_of(tmp_path, [{"name": "c", "path": "c.nc", "variable": variable, "crs": "EPSG:3035", "years": [2006]}])


def test_the_cube_holds_every_year_and_maps_read_one(tmp_path: Path, plane: Field) -> None:
    holed = STEPS.copy()
    holed[0, 3, 4] = holed[2, 30, 40] = np.nan
    write_years(tmp_path, "c", holed)
    write_years(tmp_path, "npp", 2 * STEPS)
    write_raster(tmp_path / "a.tif", plane, WEST, NORTH, 1000)
    dated = {"years": YEARS, "unit": "pct", "description": "share of crops"}
    covariates = [{"name": "c", "path": "c_{year}.tif", **dated}, {"name": "a", "path": "a.tif"}]
    npp = {"name": "npp", "path": "npp_{year}.tif", "years": [2006, 2018]}
    cube = cube_of(tmp_path, covariates, [npp])
    everywhere = cube.grid.extent
    assert (cube.covariate_names, cube.forcing_names) == (("a", "c"), ("npp",))
    for year, step in zip(YEARS, holed, strict=True):
        np.testing.assert_array_equal(cube.read_year("c", year, everywhere), step)
        chosen = open_cube(cube.path, {"c": year})
        layers, forcing, valid = chosen.read_window(everywhere)
        np.testing.assert_array_equal(layers[1], step)
        np.testing.assert_array_equal(forcing["npp"], 2 * STEPS[2])
        np.testing.assert_array_equal(valid, np.isfinite(step))
        np.testing.assert_array_equal(chosen.complete(everywhere), valid)
        np.testing.assert_array_equal(chosen.valid_mask(), valid)
    assert cube.year_words() == "c 2018, npp 2018"
    assert [band["units"] for band in cube.bands()] == ["1", "pct"]
    assert [source["name"] for source in cube.sources()] == ["a", "c 2006", "c 2012", "c 2018", "npp 2006", "npp 2018"]
    assert len({source["sha256"] for source in cube.sources()}) == 6


def test_xarray_reads_the_years_of_a_layer(tmp_path: Path) -> None:
    write_years(tmp_path)
    cube = cube_of(tmp_path, [{"name": "c", "path": "c_{year}.tif", "years": YEARS, "unit": "pct"}])
    data = xr.open_zarr(cube.path, group="years/c", consolidated=False)
    assert data["c"].dims == ("year", "y", "x")
    assert data["c"].attrs["units"] == "pct"
    np.testing.assert_array_equal(data["c"].sel(year=2012), STEPS[1])
    assert cube.path.joinpath("covariates").exists() is False


def test_an_interrupted_cube_with_years_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_years(tmp_path)
    covariates = [{"name": "c", "path": "c_{year}.tif", "years": YEARS}]
    whole = cube_of(tmp_path, covariates)
    files = {p.relative_to(whole.path): p.read_bytes() for p in whole.path.rglob("*") if p.is_file()}
    original, written = ResumableStore.write_tile, []

    def stop(store: ResumableStore, *arguments: Any) -> None:
        if len(written) >= 5:
            raise KeyboardInterrupt
        original(store, *arguments)
        written.append(arguments)

    with monkeypatch.context() as patch:
        patch.setattr(ResumableStore, "write_tile", stop)
        with pytest.raises(KeyboardInterrupt):
            cube_of(tmp_path, covariates)
    again = cube_of(tmp_path, covariates)
    assert {p.relative_to(again.path): p.read_bytes() for p in again.path.rglob("*") if p.is_file()} == files


def test_only_the_year_whose_file_changed_is_warped_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_years(tmp_path)
    covariates = [{"name": "c", "path": "c_{year}.tif", "years": YEARS}]
    cube_of(tmp_path, covariates)
    write_raster(tmp_path / "c_2012.tif", STEPS[1] + 1, WEST, NORTH, 1000)
    caplog.clear()
    with caplog.at_level("INFO", logger="hybridmap"):
        cube = cube_of(tmp_path, [{**covariates[0], "year_match": "previous"}])
    assert [record.message.split(":")[0] for record in caplog.records if "layer " in record.message] == ["layer c@2012"]
    np.testing.assert_array_equal(cube.read_year("c", 2012, cube.grid.extent), STEPS[1] + 1)
    assert cube.dated["c"].match == "previous"


def test_a_layer_may_be_the_same_everywhere_in_a_year_but_not_in_all(tmp_path: Path) -> None:
    steps = np.stack([np.zeros((40, 50)), np.zeros((40, 50)), np.ones((40, 50))]).astype("float32")
    write_years(tmp_path, "c", steps)
    cube_of(tmp_path, [{"name": "c", "path": "c_{year}.tif", "years": YEARS}])
    with pytest.raises(HybridmapError, match=r"covariate 'c' .* constant at 0 in the region"):
        cube_of(tmp_path, [{"name": "c", "path": "c_{year}.tif", "years": [2006, 2012]}])


@pytest.mark.parametrize("kind", ["categorical", "mode"])
def test_classes_and_mosaics_may_have_years(kind: str, tmp_path: Path) -> None:
    classes = np.random.default_rng(0).choice([1, 2, 7], (3, 80, 100)).astype("uint8")
    mosaic = (
        '<VRTDataset rasterXSize="100" rasterYSize="80"><SRS>EPSG:3035</SRS>'
        f"<GeoTransform>{WEST}, 500, 0, {NORTH}, 0, -500</GeoTransform>"
        '<VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename relativeToVRT="1">{}</SourceFilename>'
        '<SourceBand>1</SourceBand><SrcRect xOff="0" yOff="0" xSize="100" ySize="80"/>'
        '<DstRect xOff="0" yOff="0" xSize="100" ySize="80"/></SimpleSource></VRTRasterBand></VRTDataset>'
    )
    for year, step in zip(YEARS, classes, strict=True):
        write_raster(tmp_path / f"tile_{year}.tif", step, WEST, NORTH, 500)
        (tmp_path / f"c_{year}.vrt").write_text(mosaic.format(f"tile_{year}.tif"))
    dated = cube_of(tmp_path, [{"name": "c", "path": "c_{year}.vrt", "years": YEARS, "kind": kind}])
    for year in YEARS:
        alone = Raster(name="c", path=f"tile_{year}.tif", kind=kind)  # type: ignore[arg-type]
        expected = warp_layer(alone, dated.grid, str(tmp_path))
        np.testing.assert_array_equal(dated.read_year("c", year, dated.grid.extent), expected)
        assert set(np.unique(expected)) == {1, 2, 7}


def test_layers_are_derived_of_one_time_alone(tmp_path: Path) -> None:
    write_years(tmp_path)
    slope = {"name": "s", "derive": {"function": "slope", "of": "c"}}
    with pytest.raises(HybridmapError, match="layer 's': 'c' has years, and layers are derived of one time alone"):
        cube_of(tmp_path, [{"name": "c", "path": "c_{year}.tif", "years": YEARS}, slope])
    months = {"name": "c_1", "group": "c", "years": {2006: "c_2006.tif"}}
    mean = {"name": "s", "derive": {"function": "mean", "of": "c"}}
    with pytest.raises(HybridmapError, match="layer 's': 'c' has years"):
        cube_of(tmp_path, [months, mean])


LAYERS = {
    "cover_forest": DatedLayer("cover", (2006, 2012)),
    "cover_crop": DatedLayer("cover", (2006, 2012)),
    "forcing.npp": DatedLayer("npp", tuple(range(2000, 2021))),
}


@pytest.mark.parametrize(
    ("choice", "years"),
    [
        (None, [2012, 2012, 2020]),
        (2006, [2006, 2006, 2006]),
        ({"cover": 2006}, [2006, 2006, 2020]),
        ({"npp": 2001, "cover": 2012}, [2012, 2012, 2001]),
    ],
)
def test_maps_show_the_year_that_is_chosen_or_the_latest(choice: Any, years: list[int]) -> None:
    assert list(chosen_years(LAYERS, choice, "predict.year").values()) == years


@pytest.mark.parametrize(
    ("layers", "choice", "sentence"),
    [
        (
            LAYERS,
            2018,
            r"predict.year: 'cover' has no year 2018; it has 2006, 2012. Give each layer its own, as {cover: 2012}.",
        ),
        (LAYERS, {"npp": 1999}, r"predict.year: 'npp' has no year 1999; it has 2000 to 2020, 21 years"),
        (LAYERS, {"covr": 2006}, r"no layer 'covr' with years .did you mean 'cover'.*\['cover', 'npp'\]"),
        ({}, 2006, "no covariate or forcing has years; leave the key out"),
    ],
)
def test_a_year_that_a_layer_has_not_is_one_sentence(layers: Any, choice: Any, sentence: str) -> None:
    with pytest.raises(HybridmapError, match=sentence):
        chosen_years(layers, choice, "predict.year")


SAMPLED = st.lists(st.one_of(st.floats(1900, 2100), st.just(float("nan"))), min_size=1, max_size=20)


@given(SAMPLED, st.sets(st.integers(1950, 2050), min_size=1), st.sampled_from(["nearest", "previous", "exact"]))
def test_no_site_takes_a_year_that_its_rule_forbids(sampled: list[float], years: set[int], match: str) -> None:
    layer = DatedLayer("c", tuple(sorted(years)), match, 7)
    for of_site, year in zip(sampled, layer.years_at(np.array(sampled)).tolist(), strict=True):
        allowed = {
            "nearest": [y for y in years if abs(y - of_site) < 8],
            "previous": [y for y in years if y <= of_site < y + 8],
            "exact": [y for y in years if y == int(of_site)] if of_site == of_site else [],
        }[match]
        best = min(allowed, key=lambda y: (abs(y - of_site), y), default=0)
        assert year == best
