"""A cell keeps its value whatever is warped with it, and has the value that numpy and SciPy give."""

from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
from covariates.test_known_pixels import layers, warped, write
from numpy.typing import NDArray
from rasterio.transform import from_origin
from scipy.ndimage import gaussian_filter, map_coordinates

from hybridmap.grid.region_grid import RegionGrid


@pytest.fixture(scope="module")
def globe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Earth at half a degree, smooth and periodic: from -180, from 0, from east to west, and as classes."""
    folder = tmp_path_factory.mktemp("globe")
    noise = np.random.default_rng(1).normal(size=(360, 720))
    values = gaussian_filter(noise, 3, mode=("reflect", "wrap"))
    values = (200 + 100 * values / values.std()).astype("float32")
    turned = np.roll(values, 360, axis=1)
    write(folder / "a.tif", values, transform=from_origin(-180, 90, 0.5, 0.5))
    write(folder / "b.tif", turned, transform=from_origin(0, 90, 0.5, 0.5))
    write(folder / "c.tif", turned[:, ::-1], transform=from_origin(360, 90, -0.5, 0.5))
    return folder


GRIDS: dict[str, tuple[dict[str, Any], list[float]]] = {
    "alaska": ({"crs": "EPSG:3338", "resolution": 20000}, [-800000, 400000, 400000, 1200000]),
    "alaska_fine": ({"crs": "EPSG:3338", "resolution": 180000}, [-620000, 300000, 460000, 1200000]),
    "north_pole": ({"crs": "EPSG:3995", "resolution": 25000}, [-600000, -500000, 500000, 600000]),
    "south_pole": ({"crs": "EPSG:3031", "resolution": 60000}, [-480000, -480000, 480000, 480000]),
    "europe": ({"crs": "EPSG:3035", "resolution": 30000}, [4020000, 2010000, 5010000, 3000000]),
}


OF_THE_NIGHT = {
    *(("north_pole", choice) for choice in ("continuous", "average", "mode", "b.tif", "c.tif")),
    *(("south_pole", choice) for choice in ("continuous", "average", "mode", "b.tif", "c.tif")),
    ("alaska_fine", "mode"),
}
"""Slow, as cells about a pole are: the others about it run with every commit."""


def of_grids(choices: tuple[str, ...]) -> list[Any]:
    """Every grid with every choice."""
    pairs = [(name, choice) for name in GRIDS for choice in choices]
    return [pytest.param(*pair, marks=pytest.mark.nightly if pair in OF_THE_NIGHT else ()) for pair in pairs]


@pytest.mark.parametrize(("name", "kind"), of_grids(("continuous", "average", "categorical", "mode")))
def test_a_cell_keeps_its_value_when_the_region_grows(globe: Path, name: str, kind: str) -> None:
    grid, bounds = GRIDS[name]
    grown = [bounds[0] - 70 * grid["resolution"], bounds[1], bounds[2], bounds[3] + 9 * grid["resolution"]]
    small = warped(globe, {**grid, "bounds": bounds}, kind=kind)
    large = warped(globe, {**grid, "bounds": grown}, kind=kind)[9:, 70:]
    assert np.isfinite(small).all()
    np.testing.assert_allclose(large, small, atol=0.02 if kind in ("continuous", "average") else 0)


@pytest.mark.parametrize(("name", "path"), of_grids(("b.tif", "c.tif")))
def test_the_meridian_where_a_file_begins_does_not_matter(globe: Path, name: str, path: str) -> None:
    grid, bounds = GRIDS[name]
    grid = {**grid, "bounds": [bounds[0] - 60 * grid["resolution"], *bounds[1:]]}
    for kind in ("continuous", "average"):
        first, second = warped(globe, grid, kind=kind), warped(globe, grid, kind=kind, path=path)
        assert np.isfinite(first).all()
        np.testing.assert_allclose(second, first, atol=0.02)


@pytest.mark.parametrize("rows", [512, 513, 517, 530])
def test_thin_strips_have_the_values_of_scipy(tmp_path: Path, rows: int) -> None:
    noise = gaussian_filter(np.random.default_rng(1).normal(size=(300, 400)), 1.5)
    values = (noise / noise.std()).astype("float32")
    write(tmp_path / "a.tif", values, transform=from_origin(0, 75, 0.1, 0.1))
    bounds = [4300000, 2500000, 4300000 + 100 * 2000, 2500000 + rows * 2000]
    found = warped(tmp_path, {"crs": "EPSG:3035", "resolution": 2000, "bounds": bounds})
    x, y = np.meshgrid(bounds[0] + 2000 * (np.arange(100) + 0.5), bounds[3] - 2000 * (np.arange(rows) + 0.5))
    lon, lat = pyproj.Transformer.from_crs(3035, 4326, always_xy=True).transform(x, y)
    truth = map_coordinates(values.astype(float), [(75 - lat) / 0.1 - 0.5, lon / 0.1 - 0.5], order=1)
    np.testing.assert_allclose(found, truth, atol=2e-3)


@pytest.mark.parametrize(("pixels", "offset"), [(40, 0), (40, 13), (7, 3), (2, 1)])
@pytest.mark.parametrize("kind", ["continuous", "average"])
def test_means_of_fine_pixels_are_those_of_numpy(tmp_path: Path, pixels: int, offset: int, kind: str) -> None:
    random = np.random.default_rng(3)
    values = random.normal(size=(12 * pixels, 12 * pixels)).astype("float32")
    values[random.random(values.shape) < 0.3] = -9999
    size = 10000 / pixels
    west, north = 4400000 - offset * size, 3400000 + offset * size
    write(tmp_path / "a.tif", values, nodata=-9999, crs="EPSG:3035", transform=from_origin(west, north, size, size))
    found = warped(tmp_path, {"crs": "EPSG:3035", "resolution": 10000, "bounds": [4400000, 3300000, 4500000, 3400000]},
                   kind=kind)  # fmt: skip
    inner = np.where(values == -9999, np.nan, values)[offset:, offset:][: 10 * pixels, : 10 * pixels].astype(float)
    blocks = inner.reshape(10, pixels, 10, pixels).swapaxes(1, 2).reshape(10, 10, -1)
    count = np.isfinite(blocks).sum(axis=2)
    truth: NDArray[Any] = np.where(count > 0, np.nansum(blocks, axis=2) / np.maximum(count, 1), np.nan)
    np.testing.assert_allclose(found, truth, atol=3e-6)


@pytest.fixture(scope="module")
def bands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Earth at a tenth of a degree, which changes much more from north to south than from west to east."""
    folder = tmp_path_factory.mktemp("bands")
    noise = gaussian_filter(np.random.default_rng(5).normal(size=(1800, 3600)), (0.6, 15), mode=("reflect", "wrap"))
    write(folder / "a.tif", (noise / noise.std()).astype("float32"), transform=from_origin(-180, 90, 0.1, 0.1))
    return folder


def mean_of_points(values: NDArray[Any], step: float, grid: RegionGrid, across: int) -> NDArray[Any]:
    """Mean of the nearest pixels of `across` x `across` points in each cell; pixels of the Earth from -180, 90 on."""
    offsets = (np.arange(across) + 0.5) / across - 0.5
    to_degrees = pyproj.Transformer.from_crs(grid.crs, 4326, always_xy=True)
    total = np.zeros((grid.height, grid.width))
    for down in offsets:
        for right in offsets:
            x, y = np.meshgrid(grid.x + right * grid.resolution, grid.y - down * grid.resolution)
            lon, lat = to_degrees.transform(x, y)
            line = np.clip(((90 - lat) / step).astype(int), 0, len(values) - 1)
            total += values[line, ((lon + 180) / step).astype(int) % values.shape[1]]
    return total / across**2


@pytest.mark.parametrize("crs", ["EPSG:3995", "EPSG:3031"])
@pytest.mark.parametrize("corner", [(-60000, 60000), (-65000, 63000), (300000, 200000)])
@pytest.mark.parametrize("kind", ["continuous", pytest.param("average", marks=pytest.mark.nightly)])
def test_means_about_a_pole_are_those_of_points(bands: Path, crs: str, corner: tuple[int, int], kind: str) -> None:
    bounds = [corner[0], corner[1] - 120000, corner[0] + 120000, corner[1]]
    grid = {"crs": crs, "resolution": 10000, "bounds": bounds}
    region = RegionGrid.of(layers(bands, grid).grid)
    # A cell is one pixel high and hundreds wide: a mean over squares of pixels would reach far beyond it.
    with rasterio.open(bands / "a.tif") as file:
        truth = mean_of_points(file.read(1), 0.1, region, 24)
    found = warped(bands, grid, kind=kind)
    off = found - truth
    assert off.std() < 0.2 * truth.std()
    assert np.corrcoef(found.ravel(), truth.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:6933", "EPSG:8857"])
@pytest.mark.parametrize("kind", ["continuous", "average"])
def test_the_seam_of_a_projected_raster_takes_no_cells(tmp_path: Path, crs: str, kind: str) -> None:
    to_degrees = pyproj.Transformer.from_crs(crs, 4326, always_xy=True)
    edge = pyproj.Transformer.from_crs(4326, crs, always_xy=True).transform(180.0, 0.0)[0]
    step, lines = edge / 1000, 1100
    north = step * lines / 2
    x, y = np.meshgrid(-edge + step * (np.arange(2000) + 0.5), north - step * (np.arange(lines) + 0.5))
    lon, lat = to_degrees.transform(x, y)
    values = np.where(np.isfinite(lon), 100 * np.cos(np.radians(2 * lon)) + lat, np.nan)
    write(
        tmp_path / "a.tif",
        values.astype("float32"),
        crs=crs,
        nodata=np.nan,
        transform=from_origin(-edge, north, step, step),
    )
    grid = {"crs": "EPSG:3338", "resolution": 60000, "bounds": [-2200000, 400000, 500000, 1300000]}
    region = RegionGrid.of(layers(tmp_path, grid).grid)
    at = pyproj.Transformer.from_crs(3338, 4326, always_xy=True).transform(*np.meshgrid(region.x, region.y))
    np.testing.assert_allclose(warped(tmp_path, grid, kind=kind), 100 * np.cos(np.radians(2 * at[0])) + at[1], atol=1.5)
