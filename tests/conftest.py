"""Fixtures that several tests share."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from numpy.typing import NDArray
from rasterio.transform import from_origin

from hybridmap.config import Config
from hybridmap.config.reading import load_config

ROOT = Path(__file__).parents[1]
torch.set_num_threads(1)  # tests run beside each other
os.environ["OMP_NUM_THREADS"] = "1"  # and so do the programs that they start
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # GPU kernels run on the CPU; Triton looks when it is first imported


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of reference vectors and open data; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("HYBRIDMAP_SHARED", ROOT.parent / "shared"))
    if not (folder / "vectors").is_dir():
        pytest.skip(f"no reference folder at {folder}; set HYBRIDMAP_SHARED to run this test")
    return folder


def write_raster(
    path: Path,
    values: NDArray[Any],
    west: float,
    north: float,
    step: float,
    crs: str | None = "EPSG:3035",
    nodata: float | None = None,
) -> Path:
    """Write a small north-up raster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "height": values.shape[0], "width": values.shape[1], "count": 1}
    transform = from_origin(west, north, step, step)
    with rasterio.open(path, "w", dtype=values.dtype, crs=crs, transform=transform, nodata=nodata, **profile) as file:
        file.write(values, 1)
    return path


@pytest.fixture(scope="session")
def small_region(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Path]:
    """A small synthetic region with its stages done up to the splits: configuration and folder."""
    from hybridmap.config.region_layers import RegionLayers
    from hybridmap.covariates.cube_build import build_cube
    from hybridmap.grid.region_grid import RegionGrid
    from hybridmap.observations.build import build
    from hybridmap.observations.ingest import ingest
    from hybridmap.samples.sample import sample
    from hybridmap.samples.splits import split
    from hybridmap.testing.files import write_landscape

    folder = tmp_path_factory.mktemp("region")
    raw = load_config(ROOT / "config.yaml").model_dump(by_alias=True)
    raw["data_root"] = str(folder / "inputs")
    raw["grid"]["bounds"] = (4_000_000, 2_600_000, 4_160_000, 2_720_000)
    raw["demo"]["sites"] = 500
    raw["demo"]["highest_site_m"] = 10_000  # sites everywhere
    raw["splits"] = [{"name": "block", "folds": 3, "size_km": 20}]
    for experiment in raw["experiments"]:
        experiment["splits"] = ["block"]
        experiment["training"] |= {"max_epochs": 25, "patience": 25}
    config = Config.model_validate(raw)
    write_landscape(config, folder / "inputs")
    survey, grid = folder / "survey.parquet", RegionGrid.of(config.grid)
    ingest(config.observations[0], config.data_root, grid, survey, folder / "survey.csv")
    build(config.build, config.grid, [survey], folder / "o.parquet", folder / "q.csv", folder / "d.parquet")
    build_cube(RegionLayers.of(config), folder / "cube.zarr", config.predict.tile)
    sample(folder / "o.parquet", folder / "cube.zarr", folder / "samples.parquet", folder / "qs.csv")
    split(config.splits, RegionGrid.of(config.grid), folder / "samples.parquet", folder / "splits.parquet")
    return config, folder


@pytest.fixture(scope="session")
def trained(small_region: tuple[Config, Path]) -> Path:
    """Folder with the trained folds of `some_neural` (relaxed and constrained) and `pure_network`."""
    from trainings import train_experiment

    config, folder = small_region
    for name in ("some_neural", "some_neural_relaxed", "pure_network"):
        folds, out = ("block-0", "block-1", "block-2", "all"), folder / name
        train_experiment(config, name, folds, folder / "samples.parquet", folder / "splits.parquet", out)
    return folder


@pytest.fixture
def plane() -> NDArray[np.float32]:
    """A field of 40 x 50 cells that is linear in both directions."""
    rows, columns = np.mgrid[0:40, 0:50]
    return (rows * 2.0 + columns * 3.0).astype("float32")
