"""A tiny finished region, made once by the command line: the commands of its stages, and what each writes."""

from __future__ import annotations

import copy
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fuzz.attempt import Step, hybridmap
from fuzz.comparison import difference
from fuzz.execution import CHECKOUT, Executor

SMALL: dict[str, Any] = {
    "demo": {"sites": 400, "seed": 0},
    "data_root": "inputs",
    "grid": {"crs": "EPSG:3035", "resolution": 2000, "bounds": [4_000_000, 2_600_000, 4_064_000, 2_648_000]},
    "splits": [{"name": "random", "kind": "random", "folds": 3}],
    "experiment_defaults": {},
    "experiments": [
        {
            "name": "pools",
            "splits": ["random"],
            "process": {"name": "five_pool", "options": {"formulation": "constrained"}},
            "neural": ["cue", "q_max"],
            "global": "all",
            "targets": ["soc", "poc", "moc"],
            "encoder": {"hidden": [8]},
            "training": {"max_epochs": 40, "patience": 40, "batch_size": 64, "checkpoint_every": 2},
        }
    ],
    "baselines": [],
    "predict": {"tile": 16, "workers": 1, "references": 50},
}
"""Laid over config.yaml: 24 x 32 cells and one experiment of seconds."""
FOLDS = ("random-0", "random-1", "random-2", "all")
LIMIT_S = 300.0


@dataclass(frozen=True)
class Stage:
    """A command, and from the region's folder what it reads and writes (files or folders).

    The outputs of its step are what says to the workflow that the stage is done.
    """

    step: Step
    reads: tuple[str, ...]
    writes: tuple[str, ...]


def _stage(
    *words: object, reads: tuple[str, ...] = (), writes: tuple[str, ...], says_done: tuple[str, ...] | None = None
) -> Stage:
    step = hybridmap(
        words[0], "config.yaml", *words[1:], "--threads", 1, outputs=writes if says_done is None else says_done
    )
    return Stage(step, reads, writes)


EXPERIMENT = ("--experiment", "pools")
TABLES = ("--samples", "samples.parquet", "--splits", "splits.parquet")
STAGES: dict[str, Stage] = {
    "demo": _stage("demo", "--out", "inputs", writes=("inputs",)),
    "ingest": _stage("ingest", "--source", "survey", "--out", "survey.parquet", "--quality", "survey.csv",
                     writes=("survey.parquet", "survey.csv")),
    "build": _stage("build", "--observations", "survey.parquet", "--out", "observations.parquet", "--quality", "q.csv",
                    "--dropped", "d.parquet", reads=("survey.parquet",),
                    writes=("observations.parquet", "q.csv", "d.parquet")),
    "cube": _stage("cube", "--out", "covariates.zarr", "--workers", 1, reads=("layers",),
                   writes=("covariates.zarr", "layers"), says_done=("covariates.zarr/zarr.json",)),
    "sample": _stage("sample", "--observations", "observations.parquet", "--cube", "covariates.zarr", "--out",
                     "samples.parquet", "--quality", "qs.csv", reads=("observations.parquet", "covariates.zarr"),
                     writes=("samples.parquet", "qs.csv")),
    "split": _stage("split", "--samples", "samples.parquet", "--cube", "covariates.zarr", "--out", "splits.parquet",
                    reads=("samples.parquet",), writes=("splits.parquet",)),
    "train": _stage("train", *EXPERIMENT, "--fold", *FOLDS, *TABLES, "--out", "pools", "--device", "cpu",
                    reads=("samples.parquet", "splits.parquet"), writes=("pools",),
                    says_done=tuple(f"pools/{fold}/model/weights.safetensors" for fold in FOLDS)),
    "evaluate": _stage("evaluate", *EXPERIMENT, *TABLES, "--folds", *(f"pools/{fold}" for fold in FOLDS[:-1]), "--out",
                       "evaluation", reads=("samples.parquet", "splits.parquet"), writes=("evaluation",),
                       says_done=("evaluation/metrics.csv", "evaluation/predictions.parquet")),
    "applicability": _stage("applicability", *EXPERIMENT, "--model", "pools/all/model", *TABLES, "--out",
                            "applicability.npz", reads=("samples.parquet", "splits.parquet"),
                            writes=("applicability.npz",)),
    "expected-error": _stage("expected-error", *EXPERIMENT, "--applicability", "applicability.npz", *TABLES,
                             "--predictions", "evaluation/predictions.parquet", "--out", "expected_error",
                             reads=("applicability.npz", "evaluation/predictions.parquet", "samples.parquet"),
                             writes=("expected_error",)),
    "predict": _stage("predict", *EXPERIMENT, "--model", "pools/all/model", "--cube", "covariates.zarr",
                      "--calibration", "evaluation/conformal.json", "--applicability", "applicability.npz",
                      "--expected-error", "expected_error/expected_error.npz", "--out", "maps.zarr", "--workers", 1,
                      reads=("covariates.zarr", "evaluation/conformal.json", "applicability.npz",
                             "expected_error/expected_error.npz"),
                      writes=("maps.zarr",), says_done=("maps.zarr/zarr.json",)),
    "diagnose": _stage("diagnose", *EXPERIMENT, "--predictions", "evaluation/predictions.parquet", "--maps",
                       "maps.zarr", "--model", "pools/all/model", "--out", "diagnostics",
                       reads=("evaluation/predictions.parquet", "maps.zarr"), writes=("diagnostics",)),
    "export": _stage("export", *EXPERIMENT, "--model", "pools/all/model", "--maps", "maps.zarr", *TABLES[:2],
                     "--predictions", "evaluation/predictions.parquet", "--rasters", "maps", "--summary", "maps.json",
                     "--item", "item.json", reads=("maps.zarr", "samples.parquet", "evaluation/predictions.parquet"),
                     writes=("maps", "maps.json", "item.json"), says_done=("item.json",)),
}  # fmt: skip
"""In the order in which they run."""


@dataclass(frozen=True)
class Region:
    """A finished region.

    Attributes
    ----------
    folder : Path
        Its folder, which stays as it is.
    steady : frozenset of str
        Files that come out the same, to the byte or the value, when their stage runs again from nothing; none into
        which a later stage writes.
    """

    folder: Path
    steady: frozenset[str]

    def copied_to(self, folder: Path) -> None:
        """Copy the region, times of files included."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)

    def files_of(self, stage: str) -> list[str]:
        """List the files that a stage wrote, in order."""
        return self.files(STAGES[stage].writes)

    def files(self, paths: tuple[str, ...]) -> list[str]:
        """List files, and those in folders, in order."""
        return sorted(name for path in paths for name in _files(self.folder, path))

    def changed(self, folder: Path, stage: str) -> str:
        """Say which steady file of a stage differs in a copy of the region; empty if none."""
        for name in self.files_of(stage):
            if name in self.steady and (fault := difference(self.folder / name, folder / name)):
                return f"{fault}: {name}"
        return ""


def finished_region(shared: Path, executor: Executor) -> Region:
    """Run all stages of the tiny region once a run, and again beside it, to see which files come out the same.

    Parameters
    ----------
    shared : Path
        Folder that all campaigns share.
    executor : Executor
        Runs the commands.

    Returns
    -------
    Region
        The finished region.
    """
    folder, twin, record = shared / "region", shared / "again", shared / "steady.json"
    if not record.exists():
        for place in (folder, twin):
            place.mkdir()
            write_config(place / "config.yaml", SMALL)
            made: dict[str, bytes] = {}
            for name, stage in STAGES.items():
                run_or_fail(executor, stage.step, place)
                made |= {file: (place / file).read_bytes() for file in Region(place, frozenset()).files_of(name)}
        files = [name for name, content in made.items() if content == (twin / name).read_bytes()]
        record.write_text(json.dumps([name for name in files if not difference(folder / name, twin / name)]))
        shutil.rmtree(twin)
    return Region(folder, frozenset(json.loads(record.read_text())))


def write_config(path: Path, changes: dict[str, Any]) -> None:
    """Write config.yaml of the checkout with other values of some top-level keys."""
    base = yaml.safe_load((CHECKOUT / "config.yaml").read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump({**base, **copy.deepcopy(changes)}, sort_keys=False))


def run_or_fail(executor: Executor, step: Step, folder: Path) -> None:
    """Run a step that must work.

    Parameters
    ----------
    executor : Executor
        Runs it.
    step : Step
        The command.
    folder : Path
        Working folder.

    Raises
    ------
    RuntimeError
        With the messages of the command, where it does not work.
    """
    ending = executor.run(step, folder, LIMIT_S)
    if ending.code != 0:
        raise RuntimeError(f"the tiny region does not work: {' '.join(step.command)}\n{ending.messages}")


def _files(folder: Path, name: str) -> list[str]:
    path = folder / name
    if path.is_file():
        return [name]
    return [os.path.relpath(Path(root) / file, folder) for root, _, files in os.walk(path) for file in files]
