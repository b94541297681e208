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


def write_cube(path: Path, size: int, cells: int = 0) -> None:
    """A cube as `hybridmap cube` makes it: smooth layers, two decimals, a sea and some holes.

    Forcing is npp and mat, or with `cells` the number of a cell of a land model.
    """
    from pyproj import CRS

    from hybridmap.files.sums import write_sums
    from hybridmap.grid.region_grid import RegionGrid
    from hybridmap.grid.store import create_grid_store, create_layer

    grid = RegionGrid(CRS.from_epsg(3035), 3e6, 5e6, 250.0, size, size)
    root = create_grid_store(path, grid, {"title": "benchmark"})
    bands = [{"name": f"c{k}", "units": "1"} for k in range(LAYERS)]
    band = root.create_array("band", shape=(LAYERS,), dtype="int32", dimension_names=("band",))
    band[:] = np.arange(1, LAYERS + 1)
    layers = create_layer(root, "covariates", {"band": LAYERS, **grid.sizes}, TILE, {"bands": bands})
    group = root.create_group("forcing")
    names = ("clm5_cell",) if cells else ("npp", "mat")
    forcing = {n: create_layer(group, n, grid.sizes, TILE, {"units": "1"}) for n in names}
    options = {"shape": (size, size), "dtype": "uint8", "chunks": (TILE, TILE), "dimension_names": ("y", "x")}
    complete = root.create_array("complete", **options)  # type: ignore[arg-type]
    rows, columns = np.mgrid[0:size, 0:size].astype("float32")
    sea = np.sin(rows / 700) + np.cos(columns / 900) < -0.9
    for row in range(0, size, TILE):
        for col in range(0, size, TILE):
            window = np.s_[row : row + TILE, col : col + TILE]
            random = np.random.default_rng([row, col])
            r, c = rows[window], columns[window]
            values = np.stack([np.sin(r / (40 + 3 * k)) + np.cos(c / (50 + 2 * k)) for k in range(LAYERS)])
            values = (values + random.normal(0, 0.1, values.shape)).round(2).astype("float32")
            missing = sea[window] | (random.random(r.shape) < 0.01)
            values[:, missing] = np.nan
            complete[window] = ~missing
            layers[(slice(None), *window)] = values
            if cells:
                number = (r // 50 * 100 + c // 50) % cells
                forcing["clm5_cell"][window] = np.where(missing, np.nan, number)
            else:
                forcing["npp"][window] = np.where(missing, np.nan, 500 + 100 * values[0])
                forcing["mat"][window] = np.where(missing, np.nan, 10 + values[1])
    root.attrs["region"] = "benchmark"
    write_sums(path, path, {})


FIVE_POOL = {
    "process": {"name": "five_pool", "options": {"formulation": "constrained"}},
    "forcing": ["npp", "mat"],
    "targets": list(TARGETS),
    "neural": ["cue", "q_max", "f_poc", "vmax_p", "km_p"],
}


def write_model(path: Path, of: dict[str, Any] | None = None, members: int = 1) -> None:
    """An untrained model or ensemble behind a network of 256-128-64-32, of five pools unless `of` says otherwise."""
    import torch

    from hybridmap.model.specification import build_model
    from hybridmap.train import save_model

    spec = {
        "covariates": [f"c{k}" for k in range(LAYERS)], "bounds": {}, "constraint": {"name": "sigmoid"},
        "forcing_constants": {"depth": 0.2}, "shared": [], "fixed": {},
        "encoder": {"name": "mlp", "hidden": [256, 128, 64, 32], "activation": "gelu", "dropout": 0.1,
                    "batch_norm": False, "residual": False, "separate": False, "positional": []},
        **(of or FIVE_POOL),
    }  # fmt: skip
    torch.manual_seed(0)
    models = [build_model(spec) for _ in range(members)]
    for model in models:
        model.fit_inputs(torch.randn(2000, LAYERS))
    save_model(models, spec, path)


def write_area(folder: Path) -> None:
    """Calibration and area of applicability of 10,000 sites."""
    from hybridmap.evaluate.applicability_threshold import fit_applicability
    from hybridmap.files.tables import write_state

    random = np.random.default_rng(0)
    x = (random.normal(0, 1, (10_000, LAYERS)) + random.normal(0, 1, (10_000, 1))).astype("float32")
    names, weight = [f"c{k}" for k in range(LAYERS)], random.gamma(0.5, size=LAYERS).astype("float32")
    fit_applicability(x, random.integers(0, 5, 10_000), names, weight).save(folder / "area.npz")
    calibration = {"method": "mc_dropout", "level": 0.9, "blocks": 200, "factors": dict.fromkeys(TARGETS, 2.0)}
    write_state(calibration, folder / "conformal.json")


def recipe(folder: Path, product: bool = False, precision: str = "float32") -> Any:
    from hybridmap.config import Predict
    from hybridmap.grid.depth_axis import Interval
    from hybridmap.options import UncertaintyOptions
    from hybridmap.predict.recipe import Recipe

    block = Predict(tile=TILE, intervals="conformal" if product else "none", precision=precision)
    if not product:
        return Recipe(folder / "model", block, UncertaintyOptions(), Interval(0, 20))
    source = UncertaintyOptions(method="mc_dropout", passes=20, layers="last")
    return Recipe(folder / "model", block, source, Interval(0, 20), folder / "conformal.json", folder / "area.npz")


def predict_maps(folder: Path, **options: Any) -> None:
    from hybridmap.predict.worker_start import start_early

    start_early(folder / "cube.zarr")  # as the command does
    from hybridmap.predict.recipe import Job
    from hybridmap.predict.run import predict

    predict(Job(recipe(folder, **options), folder / "cube.zarr", folder / "maps.zarr"))


def plain(folder: Path) -> None:
    predict_maps(folder)


def in_bfloat16(folder: Path) -> None:
    """Encoder in bfloat16."""
    predict_maps(folder, precision="bfloat16")


def product(folder: Path) -> None:
    """With an interval from 20 passes of dropout and the area of applicability of 10,000 sites."""
    predict_maps(folder, product=True)


def stage_seconds(folder: Path) -> dict[str, float]:
    """CPU seconds of reading, computing and writing all tiles in one process of one thread, from some of them."""
    import torch
    import zarr

    from hybridmap.covariates.cube import open_cube
    from hybridmap.grid.tiles import tiles_of
    from hybridmap.predict.map_store import MapStore
    from hybridmap.predict.predictor import Predictor
    from hybridmap.predict.tile import predict_tile

    torch.set_num_threads(1)
    zarr.config.set({"threading.max_workers": 1})
    predictor, cube = Predictor(recipe(folder)), open_cube(folder / "cube.zarr")
    store = MapStore(folder / "stages.zarr")
    store.begin("", predictor.layers, cube, TILE)
    tiles = list(tiles_of(cube.grid, TILE))
    timed_tiles = tiles[:: max(1, len(tiles) // 12)]
    predict_tile(predictor, cube, timed_tiles[0])  # warm
    seconds = dict.fromkeys(("read", "compute", "write"), 0.0)
    for tile in timed_tiles:
        times = [time.process_time()]
        cube.read_window(tile)
        times.append(time.process_time())
        maps = predict_tile(predictor, cube, tile)
        times.append(time.process_time())
        store.write(tile, maps, predictor.layers, "")
        times.append(time.process_time())
        read, read_and_compute, write = np.diff(times)
        for name, value in (("read", read), ("compute", read_and_compute - read), ("write", write)):
            seconds[name] += value * len(tiles) / len(timed_tiles)
    shutil.rmtree(folder / "stages.zarr.partial")
    return seconds


def stages(folder: Path) -> None:
    """Reading, computing and writing of some tiles alone."""
    seconds = stage_seconds(folder)
    limit = sum(seconds.values()) / (os.cpu_count() or 1)
    listing = ", ".join(f"{name} {value:.1f}" for name, value in seconds.items())
    print(f"      stages alone, CPU-s of all tiles: {listing}; over the cores {limit:.1f} s", flush=True)


def map_blocks(folder: Path) -> None:
    """The usual way: xarray opens the store, dask maps the model over its chunks, xarray writes."""
    import dask.array as da
    import torch
    import xarray as xr

    from hybridmap.predict.map_layers import model_maps
    from hybridmap.train import load_model

    model = load_model(folder / "model")
    names = [key for key, _ in model_maps(model).values()]
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
    "stages": stages,
    "ours": plain,
    "ours_bf16": in_bfloat16,
    "product": product,
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
    parser.add_argument("--only", nargs="+", choices=list(WAYS))
    args = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    print(f"{os.cpu_count()} cores, {LAYERS} layers")
    for size in args.size:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_cube(folder / "cube.zarr", size)
            write_model(folder / "model")
            write_area(folder)
            for label, way in WAYS.items():
                if args.only and label not in args.only:
                    continue
                usage_at_start = resource.getrusage(resource.RUSAGE_CHILDREN)
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
                if label == "stages":
                    continue
                if label == "forest":
                    seconds = float((folder / "forest.txt").read_text())
                usage = resource.getrusage(resource.RUSAGE_CHILDREN)
                cpu = usage.ru_utime + usage.ru_stime - usage_at_start.ru_utime - usage_at_start.ru_stime
                rate = size * size / seconds / 1e6
                row = f"{size:5} {label:11} {seconds:7.1f} s {rate:6.3f} million cells/s {cpu:6.1f} CPU-s"
                print(f"{row} {peak[0]:5.2f} GB", flush=True)
                shutil.rmtree(folder / "maps.zarr", ignore_errors=True)


if __name__ == "__main__":
    main()
