"""Maps on grids of every kind: in degrees, across the antimeridian, mostly empty, and larger than memory."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
import yaml
import zarr
from conftest import ROOT
from pyproj import CRS, Transformer

from hybridmap.config.maps import Predict
from hybridmap.covariates.cube import open_cube
from hybridmap.export.cog import write_cogs
from hybridmap.grid.depth_axis import Interval
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.store import create_grid_store, create_layer
from hybridmap.model.specification import build_model
from hybridmap.options import UncertaintyOptions
from hybridmap.options.position import POSITION
from hybridmap.predict import run
from hybridmap.predict.recipe import Job, Recipe
from hybridmap.predict.run import Execution
from hybridmap.train import load_model, save_model

NAMES = ["a", "b", "c", "d"]


def model_in(folder: Path, **encoder: Any) -> Path:
    spec: dict[str, Any] = {
        "process": {"name": "five_pool", "options": {"formulation": "constrained"}}, "neural": ["cue", "q_max"],
        "shared": [], "fixed": {}, "bounds": {}, "constraint": "sigmoid", "covariates": NAMES,
        "encoder": {"name": "mlp", "hidden": [16], "dropout": 0.0, "separate": False, "positional": [], **encoder},
        "forcing": ["npp", "mat"], "targets": ["soc"], "forcing_constants": {"depth": 0.2},
    }  # fmt: skip
    torch.manual_seed(0)
    model = build_model(spec)
    position = {name: torch.zeros(200) for name in POSITION}
    model.fit_inputs(model.encoder_inputs(torch.randn(200, len(NAMES)), position))
    save_model(model, spec, folder / "model")
    assert yaml.safe_load((folder / "model/model.yaml").read_text())["covariates"] == NAMES
    return folder / "model"


def cube_in(folder: Path, grid: RegionGrid, tile: int, filled: dict[tuple[int, int], np.ndarray]) -> Path:
    """A cube with data in the windows that begin at the keys: layers (layer, row, column)."""
    root = create_grid_store(folder / "cube.zarr", grid, {"title": "t"})
    shape = grid.height, grid.width
    bands = {"bands": [{"name": n, "units": "1"} for n in NAMES]}
    layers = create_layer(root, "covariates", {"band": len(NAMES), **grid.sizes}, tile, bands)
    group = root.create_group("forcing")
    forcing = {n: create_layer(group, n, grid.sizes, tile, {"units": "1"}) for n in ("npp", "mat")}
    chunks = (min(1024, shape[0]), min(1024, shape[1]))
    done = root.create_array("complete", shape=shape, dtype="uint8", chunks=chunks, dimension_names=("y", "x"))
    for (row, col), values in filled.items():
        here = np.s_[row : row + values.shape[1], col : col + values.shape[2]]
        layers[(slice(None), *here)] = values
        known = np.isfinite(values).all(0)
        forcing["npp"][here] = np.where(known, 500.0, np.nan)
        forcing["mat"][here] = np.where(known, 9.0, np.nan)
        done[here] = known
    return folder / "cube.zarr"


def recipe(model: Path, tile: int, **changes: Any) -> Recipe:
    return Recipe(model, Predict(tile=tile, intervals="none", **changes), UncertaintyOptions(), Interval(0, 20))


def layers_of(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (len(NAMES), height, width)).astype("float32")


@pytest.mark.parametrize(
    ("crs", "west", "north", "resolution"),
    [(4326, 5.0, 60.0, 0.1), (4326, 175.0, -10.0, 0.1), (3832, 3.0e6, 1.0e6, 10_000.0), (5070, -1e6, 2e6, 5000.0)],
)
@pytest.mark.parametrize("tile", [32, 48])
def test_any_grid_and_tile_gives_every_cell_once(
    tmp_path: Path, crs: int, west: float, north: float, resolution: float, tile: int
) -> None:
    grid = RegionGrid(CRS.from_epsg(crs), west, north, resolution, 101, 77)
    values = layers_of(77, 101)
    values[:, 20:30, 5:9] = np.nan
    values[2, 50, 60] = np.nan
    cube, model = cube_in(tmp_path, grid, tile, {(0, 0): values}), model_in(tmp_path)
    run.predict(Job(recipe(model, tile), cube, tmp_path / "maps.zarr"), Execution(2))
    write_cogs(tmp_path / "maps.zarr", tmp_path / "maps", tmp_path / "maps.json")
    known = np.isfinite(values).all(0)
    flat = torch.tensor(values[:, known].T.copy())
    count = len(flat)
    with torch.no_grad():
        out = load_model(model)(flat, {"npp": torch.full((count,), 500.0), "mat": torch.full((count,), 9.0)})
    with rasterio.open(tmp_path / "maps/soc.tif") as file:
        found = file.read(1)
        assert file.crs.to_epsg() == crs
        assert file.bounds.left == pytest.approx(west)
        assert file.bounds.top == pytest.approx(north)
        assert file.res == pytest.approx((resolution, resolution))
    np.testing.assert_allclose(found[known], out["soc"], rtol=1e-5)
    assert np.isnan(found[~known]).all()


@pytest.mark.parametrize("crs", [4326, 5070])
def test_a_cell_is_seen_where_it_lies_whatever_the_tile(tmp_path: Path, crs: int) -> None:
    west, north, resolution = (175.0, 60.0, 0.1) if crs == 4326 else (-1e6, 2e6, 5000.0)
    grid, values = RegionGrid(CRS.from_epsg(crs), west, north, resolution, 101, 77), layers_of(77, 101)
    cube, model = cube_in(tmp_path, grid, 32, {(0, 0): values}), model_in(tmp_path, position_waves={"count": 8})
    maps = []
    for tile in (32, 64):
        run.predict(Job(recipe(model, tile), cube, tmp_path / f"{tile}.zarr"), Execution(1))
        maps.append(np.asarray(zarr.open_group(tmp_path / f"{tile}.zarr", mode="r")["soc"]))
    np.testing.assert_array_equal(*maps)
    x, y = np.meshgrid(west + resolution * (np.arange(101) + 0.5), north - resolution * (np.arange(77) + 0.5))
    lon, lat = Transformer.from_crs(crs, 4326, always_xy=True).transform(x, y)
    table = {"npp": np.full(lon.size, 500.0), "mat": np.full(lon.size, 9.0), "lon": lon.ravel(), "lat": lat.ravel()}
    table |= {name: layer.ravel() for name, layer in zip(NAMES, values, strict=True)}
    np.testing.assert_allclose(maps[0].ravel(), load_model(model).predict(table)["soc"], rtol=1e-4)


def test_a_tile_without_data_leaves_no_file(tmp_path: Path) -> None:
    grid = RegionGrid(CRS.from_epsg(3035), 4e6, 3e6, 1000.0, 96, 96)
    cube = cube_in(tmp_path, grid, 32, {(32, 32): layers_of(32, 32)})
    run.predict(Job(recipe(model_in(tmp_path), 32), cube, tmp_path / "maps.zarr"), Execution(1))
    root = zarr.open_group(tmp_path / "maps.zarr", mode="r")
    assert np.isfinite(np.asarray(root["soc"])).sum() == 32 * 32
    assert [p.relative_to(tmp_path / "maps.zarr").as_posix() for p in (tmp_path / "maps.zarr/soc/c").rglob("*")
            if p.is_file()] == ["soc/c/1/1"]  # fmt: skip
    assert (np.asarray(root["feasible"])[:32] == 255).all()


SPARSE = """
import resource, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from test_map_grids import recipe
from hybridmap.predict import run
from hybridmap.predict.recipe import Job
from hybridmap.predict.run import Execution
from hybridmap.export.cog import write_cogs
folder = Path(sys.argv[1])
job = Job(recipe(folder / "model", 1024, maps=["soc"]), folder / "cube.zarr", folder / "maps.zarr")
run.predict(job, Execution(2))
write_cogs(folder / "maps.zarr", folder / "maps", folder / "maps.json")
children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, children) / 1e6)
"""


@pytest.mark.slow
@pytest.mark.nightly
def test_a_large_sparse_map_takes_bounded_memory(tmp_path: Path) -> None:
    grid = RegionGrid(CRS.from_epsg(3035), 2e6, 5e6, 100.0, 20_000, 20_000)
    corners = [(0, 0), (7168, 3072), (19_456, 19_456)]
    cube = cube_in(tmp_path, grid, 1024, {c: layers_of(300, 400, k) for k, c in enumerate(corners)})
    model_in(tmp_path)
    command = [sys.executable, "-c", SPARSE, str(tmp_path), str(Path(__file__).parent), str(ROOT / "tests")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # The map alone would be 1.6 GB more, its layers 6.4 GB.
    assert float(done.stdout.split()[-1]) < 1.5
    entry = json.loads((tmp_path / "maps.json").read_text())[0]
    assert entry["cells"] == 3 * 300 * 400
    assert open_cube(cube).grid.height == 20_000
