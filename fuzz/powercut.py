"""Files of every stage cut short or emptied between two runs of it: the second run ends as if nothing had been."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from fuzz.attempt import Attempt, Propose
from fuzz.damage import LOSSES, damage
from fuzz.draw import pick
from fuzz.execution import Executor, environment
from fuzz.region import LIMIT_S, STAGES, Region, finished_region

SMALL_BYTES = 20_000
LONG_STAGES = ("train", "predict", "cube")
"""Stages that resume; they are killed half-way too."""


def prepare(shared: Path, executor: Executor) -> Propose:
    """Make the campaign from the tiny finished region, and from regions whose stages were killed."""
    region = finished_region(shared, executor)
    folders = {name: region.folder for name in STAGES if name != "demo"}
    states = [(name, folder, file) for name, folder in folders.items() for file in _small_files(folder, name)]
    killed = [(name, _killed(region, name, shared / f"killed_{name}")) for name in LONG_STAGES]
    states_killed = [(name, folder, file) for name, folder in killed for file in _small_files(folder, name)]

    def propose(source: np.random.Generator, number: int, folder: Path) -> Attempt:
        choices = _of_stage(states_killed if number % 2 and states_killed else states, number // 2)
        name, origin, file = pick(source, choices)
        shutil.copytree(origin, folder, dirs_exist_ok=True)
        title = pick(source, LOSSES)
        damage(source, folder, file, title)
        state = "finished" if origin == region.folder else "killed"
        return Attempt(
            f"{title} in a {state} stage: {file}",
            [STAGES[name].step],
            lambda: region.changed(folder, name).replace(": ", " "),
        )

    return propose


def _small_files(folder: Path, stage: str) -> list[str]:
    """List the files of a stage that are as small as those of its state."""
    return [
        name for name in Region(folder, frozenset()).files_of(stage) if 0 < (folder / name).stat().st_size < SMALL_BYTES
    ]


def _of_stage(states: list[tuple[str, Path, str]], number: int) -> list[tuple[str, Path, str]]:
    """Return the states of one stage, in turn, so that stages of many files do not hide the others."""
    names = list(dict.fromkeys(name for name, _, _ in states))
    return [state for state in states if state[0] == names[number % len(names)]]


def _killed(region: Region, name: str, folder: Path) -> Path:
    """Run a stage anew in a copy of the region and kill it as soon as it has a file of its state.

    Parameters
    ----------
    region : Region
        The finished region.
    name : str
        The stage.
    folder : Path
        Folder for the copy.

    Returns
    -------
    Path
        The folder; where the stage was quicker, its state is that of a finished one.
    """
    region.copied_to(folder)
    for path in STAGES[name].writes:
        shutil.rmtree(folder / path, ignore_errors=True)
        (folder / path).unlink(missing_ok=True)
    finished = set(region.files_of(name))
    command = [sys.executable, "-m", "hybridmap.cli", *STAGES[name].step.command[1:]]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + LIMIT_S
    while process.poll() is None and time.monotonic() < deadline:
        files = set(Region(folder, frozenset()).files_of(name))
        if _has_state(name, files, finished):
            break
        time.sleep(0.002)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return folder


def _has_state(name: str, files: set[str], finished: set[str]) -> bool:
    """Whether a stage is half-way: it has checkpoints, or a third of its files."""
    extra = {file for file in files - finished if "partial" not in file}
    return bool(extra) if name == "train" else len(files & finished) > len(finished) / 3
