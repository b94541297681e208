"""Building the cube: a run that is stopped is continued, and two do not write one store."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import write_raster
from numpy.typing import NDArray

from hybridmap.config import Config
from hybridmap.config.region_layers import RegionLayers
from hybridmap.covariates.cube_build import build_cube
from hybridmap.errors import HybridmapError
from hybridmap.grid.resumable_store import ResumableStore

WEST, NORTH = 4_000_000.0, 2_640_000.0


@pytest.fixture
def layers(tmp_path: Path, plane: NDArray[np.float32]) -> RegionLayers:
    """A covariate with holes, and a forcing."""
    values = plane + np.random.default_rng(0).normal(0, 1, plane.shape).astype("float32")
    values[3:9, 20:30] = np.nan
    write_raster(tmp_path / "a.tif", values, WEST, NORTH, 1000)
    write_raster(tmp_path / "b.tif", 2 * plane, WEST, NORTH, 1000)
    grid = {"crs": "EPSG:3035", "resolution": 1000, "bounds": [WEST, NORTH - 40_000, WEST + 50_000, NORTH]}
    covariates, forcing = [{"name": "a", "path": "a.tif"}], [{"name": "npp", "path": "b.tif"}]
    raw = {"region": "r", "data_root": str(tmp_path), "grid": grid, "covariates": covariates, "forcing": forcing}
    return RegionLayers.of(Config.model_validate(raw))


def digest(store: Path) -> str:
    total = hashlib.sha256()
    for file in sorted(p for p in store.rglob("*") if p.is_file()):
        total.update(file.relative_to(store).as_posix().encode() + file.read_bytes())
    return total.hexdigest()


def interrupt(store: ResumableStore) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("tiles", [0, 4, 12])
def test_an_interrupted_store_is_continued_and_ends_the_same(
    tmp_path: Path, layers: RegionLayers, monkeypatch: pytest.MonkeyPatch, tiles: int
) -> None:
    out, folder = tmp_path / "cube.zarr", tmp_path / "layers"
    build_cube(layers, tmp_path / "whole.zarr", 16, folder)
    original, written = ResumableStore.write_tile, []

    def stop(store: ResumableStore, *arguments: Any) -> None:
        if len(written) == tiles:
            raise KeyboardInterrupt
        original(store, *arguments)
        written.append(arguments)

    with monkeypatch.context() as patch:
        patch.setattr(ResumableStore, "write_tile", stop)
        patch.setattr(ResumableStore, "finish", interrupt)  # where all tiles are written
        with pytest.raises(KeyboardInterrupt):
            build_cube(layers, out, 16, folder, workers=1)
    assert not out.exists()
    store = ResumableStore(out)
    assert (store.receipts / "identity").is_file()
    build_cube(layers, out, 16, folder)
    assert digest(out) == digest(tmp_path / "whole.zarr")
    assert sorted(p.name for p in tmp_path.glob("cube.zarr*")) == ["cube.zarr", "cube.zarr.sums"]


def test_other_layers_begin_a_store_anew(
    tmp_path: Path, layers: RegionLayers, plane: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ResumableStore, "finish", interrupt)
        with pytest.raises(KeyboardInterrupt):
            build_cube(layers, tmp_path / "cube.zarr", 16)
    write_raster(tmp_path / "b.tif", 3 * plane + 1, WEST, NORTH, 1000)
    build_cube(layers, tmp_path / "cube.zarr", 16)
    build_cube(layers, tmp_path / "whole.zarr", 16)
    assert digest(tmp_path / "cube.zarr") == digest(tmp_path / "whole.zarr")


def test_two_runs_on_one_store_refuse_each_other(tmp_path: Path, layers: RegionLayers) -> None:
    with ResumableStore(tmp_path / "cube.zarr").lock(), pytest.raises(HybridmapError, match="another run"):
        build_cube(layers, tmp_path / "cube.zarr", 16)
    build_cube(layers, tmp_path / "cube.zarr", 16)


def test_layers_that_do_not_meet_leave_the_earlier_store(
    tmp_path: Path, layers: RegionLayers, plane: NDArray[np.float32]
) -> None:
    build_cube(layers, tmp_path / "cube.zarr", 16)
    earlier = digest(tmp_path / "cube.zarr")
    for name, columns in (("a", slice(0, 20)), ("b", slice(20, 50))):
        half = plane.copy()
        half[:, columns] = np.nan
        write_raster(tmp_path / f"{name}.tif", half, WEST, NORTH, 1000)
    with pytest.raises(HybridmapError, match="no cell of the region has all covariates and forcing"):
        build_cube(layers, tmp_path / "cube.zarr", 16)
    assert digest(tmp_path / "cube.zarr") == earlier
    assert sorted(p.name for p in tmp_path.glob("cube.zarr*")) == ["cube.zarr", "cube.zarr.sums"]
