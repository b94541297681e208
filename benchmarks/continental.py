"""Stages of a continental region on its true 1 km grid, with stand-ins for the files: time, memory, disk.

python benchmarks/continental.py europe
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hybridmap.config import Config

ROOT = Path(__file__).parents[1]
EXPERIMENT = "some_neural"


def config_of(name: str, folder: Path) -> Config:
    from hybridmap.config.reading import load_config

    over = folder / "over.yaml"
    over.write_text(
        f"data_root: {folder}\nexperiment_defaults: {{splits: [block], training: {{max_epochs: 30}}}}\n"
        "experiments:\n  - {name: some_neural, process: {name: five_pool, options: {formulation: constrained}},"
        " neural: [cue, q_max, f_poc, vmax_p, km_p], global: all}\n"
    )
    return load_config(ROOT / "config.yaml", ROOT / f"resources/regions/{name}.yaml", over)


def stand_ins(name: str, folder: Path) -> None:
    from hybridmap.testing.stand_ins import write_stand_ins

    write_stand_ins(config_of(name, folder), sites=20_000)


def observations(name: str, folder: Path) -> None:
    from hybridmap.grid.region_grid import RegionGrid
    from hybridmap.observations.build import build
    from hybridmap.observations.ingest import ingest

    config = config_of(name, folder)
    tables = []
    for source in config.observations:
        tables.append(folder / f"{source.name}.parquet")
        ingest(source, config.data_root, RegionGrid.of(config.grid), tables[-1])
    outputs = folder / "o.parquet", folder / "q.csv", folder / "d.parquet"
    build(config.build, config.grid, tables, *outputs)


def cube(name: str, folder: Path) -> None:
    from hybridmap.config.region_layers import RegionLayers
    from hybridmap.covariates.cube_build import build_cube

    config = config_of(name, folder)
    build_cube(RegionLayers.of(config), folder / "cube.zarr", config.predict.tile)


def samples(name: str, folder: Path) -> None:
    from hybridmap.grid.region_grid import RegionGrid
    from hybridmap.samples.sample import sample
    from hybridmap.samples.splits import split

    config = config_of(name, folder)
    sample(folder / "o.parquet", folder / "cube.zarr", folder / "s.parquet", folder / "qs.csv")
    grid = RegionGrid.of(config.grid)
    split(config.splits, grid, folder / "s.parquet", folder / "f.parquet", config.data_root, folder / "cube.zarr")


def train(name: str, folder: Path) -> None:
    from hybridmap.experiment.layers import ModelLayers
    from hybridmap.experiment.training import train_folds

    config = config_of(name, folder)
    layers = ModelLayers.of_region(config.build, config.covariates, config.forcing)
    tables = folder / "s.parquet", folder / "f.parquet"
    train_folds(config.experiment(EXPERIMENT), layers, ["all"], *tables, folder, "cpu")


def maps(name: str, folder: Path) -> None:
    from hybridmap.predict.mapped_depths import modelled_interval
    from hybridmap.predict.recipe import Job, Recipe
    from hybridmap.predict.run import predict

    config = config_of(name, folder)
    block = config.predict.model_copy(update={"intervals": "none"})
    uncertainty = config.experiment(EXPERIMENT).uncertainty
    recipe = Recipe(folder / "all/model", block, uncertainty, modelled_interval(config.build))
    predict(Job(recipe, folder / "cube.zarr", folder / "maps.zarr"))


STAGES: dict[str, tuple[Callable[[str, Path], None], str]] = {
    "stand-ins": (stand_ins, ""),
    "observations": (observations, ""),
    "cube": (cube, "cube.zarr"),
    "samples and folds": (samples, ""),
    "train (30 epochs)": (train, ""),
    "maps": (maps, "maps.zarr"),
}


def measured(work: Callable[[str, Path], None], name: str, folder: Path, queue: object) -> None:
    start = time.perf_counter()
    work(name, folder)
    queue.put((time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6))  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("region", choices=["europe", "conus"])
    args = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        for stage, (work, output) in STAGES.items():
            queue = context.Queue()
            process = context.Process(target=measured, args=(work, args.region, folder, queue))
            process.start()
            process.join()
            if process.exitcode:
                sys.exit(f"{stage} failed")
            seconds, memory = queue.get()
            size = sum(f.stat().st_size for f in (folder / output).rglob("*") if f.is_file()) if output else 0
            print(f"{stage:18} {seconds:7.1f} s {memory:6.2f} GB memory {size / 1e9:6.2f} GB on disk", flush=True)


if __name__ == "__main__":
    main()
