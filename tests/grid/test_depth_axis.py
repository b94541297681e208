"""Maps with a depth: CF axis, and every interval as a map."""

from pathlib import Path

import numpy as np
import xarray as xr
from pyproj import CRS

from hybridmap.grid.depth_axis import DEPTH, Interval, create_depth_axis, intervals_of, map_arrays, maps_of
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import create_grid_store, create_layer, read_map, thinned_map

GRID = RegionGrid(CRS.from_epsg(3035), 4e6, 3e6, 1000.0, 20, 30)
INTERVALS = [Interval(0, 5), Interval(5, 15), Interval(100, 200)]


def test_intervals_are_maps_of_their_own(tmp_path: Path) -> None:
    root = create_grid_store(tmp_path / "m.zarr", GRID, {"title": "t"})
    create_depth_axis(root, INTERVALS)
    values = np.arange(3 * 30 * 20, dtype="int16").reshape(3, 30, 20)
    about = {"units": "kg m-3", "long_name": "carbon", "scale_factor": 0.5, "_FillValue": 7}
    create_layer(root, "soc", {DEPTH: 3, **GRID.sizes}, 16, about, "int16", 7)[:] = values
    create_layer(root, "applicable", GRID.sizes, 16, {"units": "1", "long_name": "a"}, "uint8", 255)[:] = 1
    maps = map_arrays(root)
    assert list(maps) == ["applicable", "soc_0-5cm", "soc_5-15cm", "soc_100-200cm"]
    assert maps["soc_100-200cm"].attrs["long_name"] == "carbon, 100-200 cm"
    expected = np.where(values[1] == 7, np.nan, values[1] * 0.5)
    np.testing.assert_allclose(read_map(maps["soc_5-15cm"]), expected)
    np.testing.assert_allclose(thinned_map(maps["soc_5-15cm"]), expected)
    assert [len(maps_of(root, name)) for name in ("soc", "applicable", "poc")] == [3, 1, 0]
    assert intervals_of(root) == INTERVALS


def test_the_axis_is_read_by_xarray(tmp_path: Path) -> None:
    root = create_grid_store(tmp_path / "m.zarr", GRID, {"title": "t"})
    create_depth_axis(root, INTERVALS)
    about = {"units": "kg m-3", "long_name": "carbon"}
    create_layer(root, "soc", {DEPTH: 3, **GRID.sizes}, 16, about)[:] = 1.0
    data = xr.open_zarr(tmp_path / "m.zarr", consolidated=False)
    assert data["soc"].dims == ("depth", "y", "x")
    assert (data["depth"].attrs["positive"], data["depth"].attrs["units"]) == ("down", "m")
    np.testing.assert_allclose(data["soc"].sel(depth=0.1).depth, 0.1)
    np.testing.assert_allclose(data[data["depth"].attrs["bounds"]], [[0, 0.05], [0.05, 0.15], [1, 2]])


def test_maps_without_a_depth_have_no_axis(tmp_path: Path) -> None:
    root = create_grid_store(tmp_path / "m.zarr", GRID, {"title": "t"})
    create_layer(root, "soc", GRID.sizes, 16, {"units": "kg m-3", "long_name": "carbon"})
    assert list(map_arrays(root)) == ["soc"]
    assert intervals_of(root) == []
