"""Damage of what a stage left behind into the stages that read it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from fuzz.attempt import Attempt, Propose
from fuzz.damage import DAMAGES, damage
from fuzz.draw import pick
from fuzz.execution import Executor
from fuzz.region import STAGES, finished_region

READERS = (
    *("sample", "predict", "cube", "build", "sample", "predict", "evaluate", "split", "applicability"),
    *("diagnose", "export", "expected-error"),
)
"""Stages in the order of attempts; those that read the cube come more often."""


def prepare(shared: Path, executor: Executor) -> Propose:
    """Make the campaign from the tiny finished region."""
    region = finished_region(shared, executor)

    def propose(source: np.random.Generator, number: int, folder: Path) -> Attempt:
        region.copied_to(folder)
        name = READERS[number % len(READERS)]
        stage = STAGES[name]
        files = region.files(stage.reads)
        file = pick(source, files)
        for path in stage.writes:
            if path not in stage.reads:
                _remove(folder / path)
        title = pick(source, DAMAGES)
        damage(source, folder, file, title)
        return Attempt(
            f"{_kind(file)} {title}: {file}", [stage.step], lambda: region.changed(folder, name).replace(": ", " ")
        )

    return propose


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _kind(file: str) -> str:
    """Return which store or kind of file."""
    path = Path(file)
    kind = "metadata" if path.name == "zarr.json" else "shard" if not path.suffix else path.suffix
    return f"{path.parts[0]} {kind}"
