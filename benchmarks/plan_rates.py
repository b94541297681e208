"""What `hybridmap plan` counts with: CPU seconds of a core for maps, GeoTIFFs and digests.

python benchmarks/plan_rates.py                 64 and 170 layers, 1,536 x 1,536 cells, one core
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import map_speed
import numpy as np
import zarr


def maps_of(folder: Path, layers: int, size: int) -> None:
    """A cube, a model and their maps; CPU seconds for a million cells that have all layers."""
    map_speed.LAYERS = layers
    map_speed.write_cube(folder / "cube.zarr", size)
    map_speed.write_model(folder / "model")
    cells = int(np.count_nonzero(zarr.open_group(str(folder / "cube.zarr"), mode="r")["complete"][:]))  # type: ignore[index]
    seconds = map_speed.stage_seconds(folder)
    of_million = {name: value / cells * 1e6 for name, value in seconds.items()}
    print(f"{layers} layers:", ", ".join(f"{n} {v:.3f}" for n, v in of_million.items()), "CPU-s a million cells")


def rasters_of(folder: Path) -> None:
    """GeoTIFFs of all maps, and how large both are."""
    from hybridmap.export.cog import write_cogs
    from hybridmap.predict.recipe import Job
    from hybridmap.predict.run import Execution, predict

    predict(Job(map_speed.recipe(folder), folder / "cube.zarr", folder / "maps.zarr"), Execution(workers=1))
    write_cogs(folder / "maps.zarr", folder / "first", folder / "first.json")  # imports
    start = time.process_time()
    write_cogs(folder / "maps.zarr", folder / "maps", folder / "maps.json")
    seconds = time.process_time() - start
    cells = int(np.count_nonzero(zarr.open_group(str(folder / "cube.zarr"), mode="r")["complete"][:]))  # type: ignore[index]
    maps = len(list((folder / "maps").glob("*.tif")))
    print(f"{maps} GeoTIFFs: {seconds / cells / maps * 1e6:.4f} CPU-s a million cells of a map")
    for name in ("maps.zarr", "maps", "cube.zarr"):
        count = maps if name != "cube.zarr" else map_speed.LAYERS + 2
        size = sum(file.stat().st_size for file in (folder / name).rglob("*") if file.is_file())
        print(f"{name}: {size / cells / count:.3f} bytes a cell of a map or layer")


def digest_rate(folder: Path) -> None:
    """SHA-256 of a large file, as the first plan reads every raster."""
    from hybridmap.files.digest import sha256_of

    (folder / "zeros").write_bytes(bytes(1 << 29))
    start = time.process_time()
    sha256_of(folder / "zeros")
    print(f"digest: {(1 << 29) / (time.process_time() - start) / 1e9:.2f} GB a CPU-s")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=1536)
    parser.add_argument("--layers", type=int, nargs="+", default=[64, 170])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for layers in args.layers:
            folder = Path(name) / str(layers)
            folder.mkdir()
            maps_of(folder, layers, args.size)
        rasters_of(folder)
        digest_rate(folder)
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
