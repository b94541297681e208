"""Maps of the five-pool model from a cube of many layers: ours beside map_blocks and a windowed random forest.

python benchmarks/map_speed.py                              4,000 x 4,000 cells, 64 layers
python benchmarks/map_speed.py --size 1000 2000 --only ours    cost against the number of cells
"""

import argparse
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

LAYERS, TILE = 64, 512
TARGETS = ("soc", "poc", "moc", "mbc")


def write_cube(path: Path, size: int) -> None:
    """A cube as `hybridmap cube` makes it: smooth layers, two decimals, a sea and some holes."""
    from pyproj import CRS

    from hybridmap.data.cube import create_grid_store, create_layer
    from hybridmap.data.grid import RegionGrid

    grid = RegionGrid(CRS.from_epsg(3035), 3e6, 5e6, 250.0, size, size)
    root = create_grid_store(path, grid, {"title": "benchmark"})
    bands = [{"name": f"c{k}", "units": "1"} for k in range(LAYERS)]
    band = root.create_array("band", shape=(LAYERS,), dtype="int32", dimension_names=("band",))
    band[:] = np.arange(1, LAYERS + 1)
    layers = create_layer(root, "covariates", (LAYERS, size, size), ("band", "y", "x"), TILE, {"bands": bands})
    group = root.create_group("forcing")
    forcing = {n: create_layer(group, n, (size, size), ("y", "x"), TILE, {"units": "1"}) for n in ("npp", "mat")}
    about = {"shape": (size, size), "dtype": "uint8", "chunks": (TILE, TILE), "dimension_names": ("y", "x")}
    complete = root.create_array("complete", **about)  # type: ignore[arg-type]
    rows, columns = np.mgrid[0:size, 0:size].astype("float32")
    sea = np.sin(rows / 700) + np.cos(columns / 900) < -0.9
    for row in range(0, size, TILE):
        for col in range(0, size, TILE):
            here = np.s_[row : row + TILE, col : col + TILE]
            random = np.random.default_rng([row, col])
            r, c = rows[here], columns[here]
            values = np.stack([np.sin(r / (40 + 3 * k)) + np.cos(c / (50 + 2 * k)) for k in range(LAYERS)])
            values = (values + random.normal(0, 0.1, values.shape)).round(2).astype("float32")
            lost = sea[here] | (random.random(r.shape) < 0.01)
            values[:, lost] = np.nan
            complete[here] = ~lost
            layers[(slice(None), *here)] = values
            forcing["npp"][here] = np.where(lost, np.nan, 500 + 100 * values[0])
            forcing["mat"][here] = np.where(lost, np.nan, 10 + values[1])
    root.attrs["region"] = "benchmark"


def write_model(path: Path) -> None:
    import torch

    from hybridmap.specification import build_model
    from hybridmap.train import save_model

    names = [f"c{k}" for k in range(LAYERS)]
    spec = {
        "covariates": names, "forcing": ["npp", "mat"], "targets": list(TARGETS),
        "bounds": {}, "constraint": {"name": "sigmoid"}, "forcing_constants": {"depth": 0.2},
        "process": {"name": "five_pool", "options": {"formulation": "constrained"}},
        "neural": ["cue", "q_max", "f_poc", "vmax_p", "km_p"], "shared": [], "fixed": {},
        "encoder": {"name": "mlp", "hidden": [256, 128, 64, 32], "activation": "gelu", "dropout": 0.0,
                    "batch_norm": False, "residual": False, "separate": False, "positional": []},
    }  # fmt: skip
    torch.manual_seed(0)
    model = build_model(spec)
    model.fit_inputs(torch.randn(2000, LAYERS))
    save_model(model, spec, path)


def recipe(folder: Path, **predict: Any) -> Any:
    from hybridmap.config import Predict
    from hybridmap.config_experiment import Uncertainty
    from hybridmap.predict.predictor import Recipe

    return Recipe(folder / "model", Predict(tile=TILE, intervals="none", **predict), Uncertainty(), 0.2)


def ours(folder: Path) -> None:
    from hybridmap.predict.ahead import start_early

    start_early(folder / "cube.zarr")  # as the command does
    from hybridmap.predict.run import predict

    predict(recipe(folder), folder / "cube.zarr", folder / "maps.zarr", 0, "benchmark")


def ours_bf16(folder: Path) -> None:
    """Encoder in bfloat16."""
    from hybridmap.predict.ahead import start_early

    start_early(folder / "cube.zarr")
    from hybridmap.predict.run import predict

    predict(recipe(folder, precision="bfloat16"), folder / "cube.zarr", folder / "maps.zarr", 0, "benchmark")


def map_blocks(folder: Path) -> None:
    """The usual way: xarray opens the store, dask maps the model over its chunks, xarray writes."""
    import dask.array as da
    import torch
    import xarray as xr

    from hybridmap.predict.content import model_layers
    from hybridmap.train import load_model

    model = load_model(folder / "model")
    names = [key for key, _ in model_layers(model).values()]
    data = xr.open_zarr(folder / "cube.zarr", consolidated=False, chunks={"band": -1, "y": TILE, "x": TILE})[
        "covariates"
    ]
    forced = xr.open_zarr(folder / "cube.zarr", group="forcing", consolidated=False, chunks={"y": TILE, "x": TILE})

    def block(x: np.ndarray, npp: np.ndarray, mat: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            flat = torch.from_numpy(np.ascontiguousarray(x.reshape(LAYERS, -1).T))
            forcing = {"npp": torch.from_numpy(npp[0].ravel()), "mat": torch.from_numpy(mat[0].ravel())}
            out = model(flat, forcing)
        return np.stack([out[key].numpy().reshape(npp.shape[1:]) for key in names])

    blocks = da.map_blocks(
        block,
        data.data,
        forced["npp"].data[None],
        forced["mat"].data[None],
        dtype="float32",
        chunks=((len(names),), data.chunks[1], data.chunks[2]),
    )
    xr.Dataset({"maps": (("out", "y", "x"), blocks)}).to_zarr(folder / "maps.zarr", zarr_format=3, consolidated=False)


def forest(folder: Path) -> None:
    """A windowed loop with a random forest of 200 trees, on a strip of the map; its time is scaled up."""
    import zarr
    from sklearn.ensemble import RandomForestRegressor

    random = np.random.default_rng(0)
    model = RandomForestRegressor(200, min_samples_leaf=2, n_jobs=-1, random_state=0)
    x = random.normal(0, 1, (10_000, LAYERS))
    model.fit(x, x[:, 0] + random.normal(0, 1, 10_000))
    root = zarr.open_group(str(folder / "cube.zarr"), mode="r")
    source: Any = root["covariates"]
    start = time.perf_counter()
    values = source[:, :TILE, : 2 * TILE].reshape(LAYERS, -1).T
    valid = np.isfinite(values).all(axis=1)
    out = np.full(len(values), np.nan, "float32")
    out[valid] = model.predict(values[valid])
    seconds = time.perf_counter() - start
    (folder / "forest.txt").write_text(str(seconds * source.shape[1] * source.shape[2] / len(values)))


WAYS: dict[str, Callable[[Path], None]] = {
    "ours": ours,
    "ours_bf16": ours_bf16,
    "map_blocks": map_blocks,
    "forest": forest,
}


def watch(stop: threading.Event, peak: list[float], root: int) -> None:
    """Peak memory of a process and all its children, shared pages once (PSS)."""
    import psutil

    while not stop.wait(1.0):  # looking costs the processes time
        try:
            family = [psutil.Process(root), *psutil.Process(root).children(recursive=True)]
            peak[0] = max(peak[0], sum(p.memory_full_info().pss for p in family if p.is_running()) / 1e9)
        except psutil.Error:
            continue


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, nargs="+", default=[4000])
    parser.add_argument("--only", choices=list(WAYS))
    args = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    print(f"{os.cpu_count()} cores, {LAYERS} layers")
    for size in args.size:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_cube(folder / "cube.zarr", size)
            write_model(folder / "model")
            for label, way in WAYS.items():
                if args.only not in (None, label):
                    continue
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                process = context.Process(target=way, args=(folder,))
                start = time.perf_counter()
                process.start()
                stop, peak = threading.Event(), [0.0]
                watcher = threading.Thread(target=watch, args=(stop, peak, process.pid))
                watcher.start()
                process.join()
                stop.set()
                watcher.join()
                if process.exitcode:
                    sys.exit(f"{label} failed")
                seconds = time.perf_counter() - start
                if label == "forest":
                    seconds = float((folder / "forest.txt").read_text())
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                rate = size * size / seconds / 1e6
                row = f"{size:5} {label:11} {seconds:7.1f} s {rate:6.3f} million cells/s {cpu:6.1f} CPU-s"
                print(f"{row} {peak[0]:5.2f} GB", flush=True)
                shutil.rmtree(folder / "maps.zarr", ignore_errors=True)


if __name__ == "__main__":
    main()
