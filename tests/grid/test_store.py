"""Stores on a grid: what is written is read, in its unit and where it lies."""

from pathlib import Path

import numpy as np
import pytest
import zarr
from pyproj import CRS

from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import create_grid_store, create_layer, grid_of, read_map, thinned_map


@pytest.mark.parametrize("crs", [3035, 4326])
def test_the_grid_comes_back(tmp_path: Path, crs: int) -> None:
    grid = RegionGrid(CRS.from_epsg(crs), 10.25, 50.5, 0.125, 40, 30)
    create_grid_store(tmp_path / "s.zarr", grid, {"title": "t"})
    root = zarr.open_group(tmp_path / "s.zarr", mode="r")
    assert grid_of(root) == grid
    assert root.attrs["title"] == "t"
    units = [root[axis].attrs["units"] for axis in "xy"]
    assert units == (["m", "m"] if crs == 3035 else ["degrees_east", "degrees_north"])


def test_layers_have_a_shard_a_tile_and_chunks_inside(tmp_path: Path) -> None:
    grid = RegionGrid(CRS.from_epsg(3035), 0.0, 0.0, 1.0, 2000, 1500)
    root = create_grid_store(tmp_path / "s.zarr", grid, {})
    bands = create_layer(root, "bands", {"band": 3, **grid.sizes}, 300, {"units": "m"})
    assert (bands.shape, bands.shards, bands.chunks) == ((3, 1500, 2000), (3, 384, 384), (3, 128, 128))
    assert bands.metadata.dimension_names == ("band", "y", "x")
    assert bands.attrs["units"] == "m"
    single = create_layer(root, "single", grid.sizes, 1024, {})
    assert (single.shards, single.chunks) == ((1024, 1024), (512, 512))
    assert np.isnan(single[0, 0])


def test_encoded_maps_are_read_in_their_unit(tmp_path: Path) -> None:
    grid = RegionGrid(CRS.from_epsg(3035), 0.0, 0.0, 1.0, 6, 5)
    root = create_grid_store(tmp_path / "s.zarr", grid, {})
    array = create_layer(root, "a", grid.sizes, 16, {"scale_factor": 0.1, "_FillValue": -1}, "int16", -1)
    array[1:, :] = np.arange(24).reshape(4, 6)
    values = read_map(array)
    assert np.isnan(values[0]).all()
    np.testing.assert_allclose(values[1:], np.arange(24).reshape(4, 6) * 0.1)
    np.testing.assert_allclose(read_map(array, np.s_[2:4, 1:3]), values[2:4, 1:3])


def test_a_thinned_map_takes_every_kth_row_and_column(tmp_path: Path) -> None:
    grid = RegionGrid(CRS.from_epsg(3035), 0.0, 0.0, 1.0, 70, 50)
    array = create_layer(create_grid_store(tmp_path / "s.zarr", grid, {}), "a", grid.sizes, 16, {})
    array[:] = np.arange(3500, dtype="float32").reshape(50, 70)
    np.testing.assert_array_equal(thinned_map(array, 400), array[:][::3, ::3])
    np.testing.assert_array_equal(thinned_map(array), array[:])
