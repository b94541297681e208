"""Reading the wide WoSIS files of 2019 (900 MB) for one region: time and memory, beside pandas that reads them whole.

python benchmarks/wosis_streaming.py
"""

import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

PROFILES, COPIES, FILLER = 20_000, 10, 90
"""Profiles of a tenth of the world; how many times they are written; unused columns in the wide files."""


def write(folder: Path) -> None:
    from hybridmap.testing.surveys import soils, write_wosis_2019

    random = np.random.default_rng(0)
    europe = soils(random.uniform(-8, 28, PROFILES), random.uniform(38, 68, PROFILES), 0)
    write_wosis_2019(folder, europe)
    for name in ("profiles", "layers_chemical", "layers_physical"):
        path = folder / f"wosis_201909_{name}.tsv"
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        if name != "profiles":
            table = table.assign(**{f"unused_{k}": "{1:12.3,2:}" for k in range(FILLER)})
        path.unlink()
        for copy in range(COPIES):
            shifted = table.copy()
            for key in ("profile_id", "profile_layer_id"):
                if key in shifted:
                    shifted[key] = (shifted[key].astype(int) + copy * 10_000_000).astype(str)
            if copy and "longitude" in shifted:  # the other copies lie in another part of the world
                shifted["longitude"] = (shifted["longitude"].astype(float) + 100 + copy).astype(str)
            shifted.to_csv(path, sep="\t", index=False, mode="a", header=copy == 0)


def read_with_hybridmap(folder: Path) -> int:
    from hybridmap.config import Config
    from hybridmap.grid.region_grid import RegionGrid
    from hybridmap.observations.ingest import read_source

    grid = {"crs": "EPSG:3035", "resolution": 1000, "bounds": [2600000, 1380000, 6500000, 5450000]}
    entry = {"name": "wosis", "format": "wosis", "path": "."}
    config = Config.model_validate({"grid": grid, "data_root": str(folder), "observations": [entry]})
    return len(read_source(config.observations[0], config.data_root, RegionGrid.of(config.grid)))


def read_with_pandas(folder: Path) -> int:
    """The usual way: all of each file, joined, then cut to the region."""
    tables = [pd.read_csv(folder / f"wosis_201909_{n}.tsv", sep="\t", low_memory=False)
              for n in ("layers_chemical", "layers_physical", "profiles")]  # fmt: skip
    whole = tables[0].merge(tables[1], on="profile_layer_id", suffixes=("", "_2")).merge(tables[2], on="profile_id")
    return len(whole[whole["longitude"].between(-20, 50) & whole["latitude"].between(30, 75)])


def measured(work: object, folder: Path, queue: object) -> None:
    start = time.perf_counter()
    rows = work(folder)  # type: ignore[operator]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    queue.put((rows, time.perf_counter() - start, memory))  # type: ignore[attr-defined]


def main() -> None:
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder)
        for file in sorted(folder.iterdir()):
            print(f"{file.name}: {file.stat().st_size / 1e6:.0f} MB")
        for label, work in (("ours", read_with_hybridmap), ("pandas", read_with_pandas)):
            queue = context.Queue()
            process = context.Process(target=measured, args=(work, folder, queue))
            process.start()
            rows, seconds, memory = queue.get()
            process.join()
            print(f"{label:7} {rows} layers of the region: {seconds:5.1f} s, {memory:5.2f} GB")


if __name__ == "__main__":
    main()
