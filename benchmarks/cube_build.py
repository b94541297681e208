"""A cube of many layers: time and memory, beside the same work by rioxarray and xarray.

python benchmarks/cube_build.py --size 2500 --layers 8 16 32
python benchmarks/cube_build.py --size 5000 --layers 10 20 --only ours
"""

import argparse
import multiprocessing
import resource
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SOURCES = 4


def write_sources(folder: Path, size: int) -> None:
    """Rasters in degrees, as packed integers with nodata."""
    import rasterio
    from rasterio.transform import from_origin

    random = np.random.default_rng(0)
    for k in range(SOURCES):
        coarse = random.normal(0, 1000, (size // 50, size // 50))
        values = np.kron(coarse, np.ones((50, 50))) + random.normal(0, 50, (size // 50 * 50,) * 2)
        step = size * 1000 / 70_000 / size
        with rasterio.open(
            folder / f"s{k}.tif", "w", driver="GTiff", height=len(values), width=len(values), count=1, dtype="int16",
            crs="EPSG:4326", transform=from_origin(5, 60, step, step), nodata=-32000, tiled=True, compress="deflate",
        ) as file:  # fmt: skip
            file.write(values.astype("int16"), 1)


def config_of(folder: Path, size: int, layers: int) -> Any:
    from hybridmap.config.reading import parse_config

    bounds = [4_000_000, 3_000_000 - 500 * size, 4_000_000 + 500 * size, 3_000_000]
    grid = {"crs": "EPSG:3035", "resolution": 500, "bounds": bounds}
    covariates = [{"name": f"a{k}", "path": f"s{k % SOURCES}.tif", "scale": 0.1 * (k + 1)} for k in range(layers)]
    raw = {"data_root": str(folder), "grid": grid, "covariates": covariates, "predict": {"tile": 256}}
    return parse_config(raw, "benchmark")


def build_with_hybridmap(folder: Path, size: int, layers: int) -> None:
    from hybridmap.config.region_layers import RegionLayers
    from hybridmap.covariates.cube_build import build_cube

    config = config_of(folder, size, layers)
    build_cube(RegionLayers.of(config), folder / "cube.zarr", config.predict.tile)


def build_with_xarray(folder: Path, size: int, layers: int) -> None:
    """Each layer warped by rioxarray, all concatenated and written by xarray."""
    import rioxarray
    import xarray as xr
    from rasterio.enums import Resampling
    from rasterio.transform import from_origin

    bands = []
    for k in range(layers):
        source = rioxarray.open_rasterio(folder / f"s{k % SOURCES}.tif", masked=True).squeeze("band", drop=True)
        transform = from_origin(4_000_000, 3_000_000, 500, 500)
        warped = source.rio.reproject(
            "EPSG:3035", shape=(size, size), transform=transform, resampling=Resampling.bilinear
        )
        bands.append((warped * 0.1 * (k + 1)).astype("float32"))
    cube = xr.concat(bands, "band").rename("covariates").drop_attrs().to_dataset()
    cube["covariates"].encoding = {"chunks": (layers, 64, 64)}
    cube.drop_vars("spatial_ref").to_zarr(folder / "cube.zarr", zarr_format=3, consolidated=False)


def measured(work: object, folder: Path, size: int, layers: int, queue: object) -> None:
    start = time.perf_counter()
    work(folder, size, layers)  # type: ignore[operator]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    queue.put((time.perf_counter() - start, memory))  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=2500)
    parser.add_argument("--layers", type=int, nargs="+", default=[8, 16, 32])
    parser.add_argument("--only", choices=["ours", "theirs"])
    args = parser.parse_args()
    print(f"{args.size} x {args.size} cells, {multiprocessing.cpu_count()} cores")
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sources(folder, args.size)
        for layers in args.layers:
            for label, work in (("ours", build_with_hybridmap), ("theirs", build_with_xarray)):
                if args.only not in (None, label):
                    continue
                queue = context.Queue()
                process = context.Process(target=measured, args=(work, folder, args.size, layers, queue))
                process.start()
                seconds, memory = queue.get()
                process.join()
                rate = layers * args.size**2 / seconds / 1e6
                print(f"{label:6} {layers:4} layers: {seconds:6.1f} s, {rate:5.1f} million cells/s, {memory:5.2f} GB")
                shutil.rmtree(folder / "cube.zarr", ignore_errors=True)
                shutil.rmtree(folder / "layers", ignore_errors=True)


if __name__ == "__main__":
    main()
