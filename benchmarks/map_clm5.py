"""Maps of the CLM5 matrix (140 pools a cell) from a cube of 64 layers, the lookup of its forcing included.

python benchmarks/map_clm5.py                 2,000 x 2,000 cells, forcing of 5,000 cells of a land model
python benchmarks/map_clm5.py --table results/conus_clm5/inputs/clm5.npz      forcing from the builder
python benchmarks/map_clm5.py --table ... --members 3                         means and intervals of an ensemble
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from map_speed import TILE, write_cube, write_model

NEURAL = ["tau4s1", "tau4s2", "tau4s3", "beta", "efolding", "cryo"]
MAPS, INTERVALS = ("soc", "soc_stock_30cm", "soc_stock_1m"), ("soc_lower", "soc_upper")


def write_table(path: Path, cells: int) -> Path:
    from hybridmap.testing.clm5_sites import make_clm5_sites

    forcing = make_clm5_sites(cells, 0).forcing
    arrays = {name: np.asarray(values, dtype="float32") for name, values in forcing.items()}
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def processor_seconds() -> float:
    """Of this process and what it has ended; the worker processes of a map of millions of cells are not counted."""
    usages = [resource.getrusage(processes) for processes in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    from hybridmap.config import Predict
    from hybridmap.grid.depth_axis import Interval
    from hybridmap.options import UncertaintyOptions
    from hybridmap.predict.recipe import Job, Recipe
    from hybridmap.predict.run import predict
    from hybridmap.predict.worker_start import worth_processes

    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--cells", type=int, default=5000)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--members", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = args.table or write_table(folder / "table.npz", args.cells)
        with np.load(table) as file:
            cells = len(file["input_cwd"])
        write_cube(folder / "cube.zarr", args.size, cells)
        process = {"name": "clm5_interval", "options": {"table": str(table.absolute())}}
        model: dict[str, object] = {"process": process, "forcing": ["clm5_cell"], "targets": ["soc"], "neural": NEURAL}
        model["forcing_constants"] = {"layer_top": 0.0, "layer_bottom": 0.2}
        write_model(folder / "model", model, args.members)
        has_draws = args.members > 1
        maps = [*MAPS, *(INTERVALS if has_draws else [])]
        block = Predict(tile=TILE, intervals="spread" if has_draws else "none", applicability=False, maps=maps)
        source = UncertaintyOptions(method="ensemble", members=args.members) if has_draws else UncertaintyOptions()
        start, at_start = time.perf_counter(), processor_seconds()
        recipe = Recipe(folder / "model", block, source, Interval(0, 20))
        predict(Job(recipe, folder / "cube.zarr", folder / "maps.zarr"))
        seconds = time.perf_counter() - start
        of_cores = processor_seconds() - at_start
        rate = args.size**2 / seconds
        text = f"{os.cpu_count()} cores, {args.size} x {args.size} cells: {seconds:.1f} s, {rate:,.0f} cells/s"
        if not worth_processes(args.size**2, args.members):
            text += f"; {of_cores:.1f} s of cores, {args.size**2 / of_cores:,.0f} cells a second of a core"
        print(text)


if __name__ == "__main__":
    main()
