"""Maps of the CLM5 matrix (140 pools a cell) from a cube of 64 layers, the lookup of its forcing included.

python benchmarks/map_clm5.py                 2,000 x 2,000 cells, forcing of 5,000 cells of a land model
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from map_speed import TILE, write_cube, write_model

NEURAL = ["tau4s1", "tau4s2", "tau4s3", "beta", "efolding", "cryo"]


def write_table(path: Path, cells: int) -> None:
    from hybridmap.testing.clm5_sites import make_clm5_sites

    forcing = make_clm5_sites(cells, 0).forcing
    arrays = {name: np.asarray(values, dtype="float32") for name, values in forcing.items()}
    np.savez(path, **arrays)  # type: ignore[arg-type]


def main() -> None:
    from hybridmap.config import Predict
    from hybridmap.grid.depth_axis import Interval
    from hybridmap.options import UncertaintyOptions
    from hybridmap.predict.recipe import Job, Recipe
    from hybridmap.predict.run import predict

    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--cells", type=int, default=5000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_cube(folder / "cube.zarr", args.size, args.cells)
        write_table(folder / "table.npz", args.cells)
        process = {"name": "clm5_interval", "options": {"table": str(folder / "table.npz")}}
        model = {"process": process, "forcing": ["clm5_cell"], "targets": ["soc"], "neural": NEURAL}
        write_model(folder / "model", model)
        block = Predict(tile=TILE, intervals="none", applicability=False)
        start = time.perf_counter()
        recipe = Recipe(folder / "model", block, UncertaintyOptions(), Interval(0, 20))
        predict(Job(recipe, folder / "cube.zarr", folder / "maps.zarr"), "benchmark")
        seconds = time.perf_counter() - start
        rate = args.size**2 / seconds
        print(f"{os.cpu_count()} cores, {args.size} x {args.size} cells: {seconds:.1f} s, {rate:,.0f} cells/s")


if __name__ == "__main__":
    main()
