"""``python -m fuzz.kills [--kills N] [--seed S] [--cores C]``: the workflow killed at random moments, until it is done.

A small region is run once without interruption. Then it is run again and again from nothing: at a random moment the
whole process group gets SIGKILL, the folder is unlocked as a user would, and the run goes on with
``--rerun-incomplete``. Each time it has come to its end, all results are compared with the uninterrupted ones.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.execution import CHECKOUT, environment
from fuzz.region import SMALL, write_config

POOLS = {**SMALL["experiments"][0], "training": {**SMALL["experiments"][0]["training"], "checkpoint_every": 5}}
REGION: dict[str, Any] = {
    **{key: value for key, value in SMALL.items() if key != "data_root"},
    "experiments": [
        {**POOLS, "name": "network", "process": None, "neural": "all", "map": False},
        {**POOLS, "uncertainty": {"method": "ensemble", "members": 2}},
    ],
    "baselines": ["linear"],
    "predict": {**SMALL["predict"], "applicability": True, "intervals": "conformal"},
}
"""A network alone, and an ensemble with maps, intervals and the area where it applies; minutes with all stages."""
RESULTS = Path("results", "demo")
UNLIKE = ("logs", "benchmarks")
"""Folders of results that tell of the run, not of its outcome."""
MEMORY = ".digests.json"
"""Times and inodes of the user's files, by which the workflow knows that they have not changed."""
START_S = 2.0
"""Before that nothing runs yet."""


def main(arguments: list[str] | None = None) -> int:
    """Run and kill, and print the counts; 1 if any result differs, else 0."""
    args = _parser().parse_args(arguments)
    shutil.rmtree(args.out, ignore_errors=True)
    whole = _fresh(args.out / "uninterrupted")
    start = time.monotonic()
    if not _run(whole, args.cores, None):
        sys.stdout.write("the region does not work without a kill\n")
        return 1
    longest = time.monotonic() - start
    source = np.random.default_rng(args.seed)
    kills, rounds, faults = 0, 0, []
    while kills < args.kills:
        folder, rounds = _fresh(args.out / f"round{rounds}"), rounds + 1
        count, fault = killed_until_done(folder, args.cores, lambda: _moment(source, longest), args.kills - kills)
        kills += count
        differing = [fault] if fault else differences(whole / RESULTS, folder / RESULTS)
        faults += [f"round {rounds - 1}: {text}" for text in differing]
        sys.stdout.write(f"round {rounds - 1}: {count} kills, {len(differing)} faults\n")
        sys.stdout.flush()
        if not differing:
            shutil.rmtree(folder)
    files = len(result_files(whole / RESULTS))
    lines = [f"{kills} kills in {rounds} rounds, {files} files compared, {len(faults)} faults", *faults]
    (args.out / "counts.txt").write_text("\n".join([*lines, ""]))
    sys.stdout.write("\n".join([*lines, ""]))
    return int(bool(faults))


def killed_until_done(folder: Path, cores: int, moment: Callable[[], float], limit: int) -> tuple[int, str]:
    """Run the workflow, killed at random moments, until it has come to its end.

    Parameters
    ----------
    folder : Path
        Working folder with its configuration.
    cores : int
        For snakemake.
    moment : callable
        Seconds from a start to its kill.
    limit : int
        So many kills at most; then the run is left alone.

    Returns
    -------
    int
        Number of kills.
    str
        What went wrong; empty if the run came to its end.
    """
    kills = 0
    while kills < limit:
        try:
            is_done = _run(folder, cores, moment())
        except subprocess.TimeoutExpired:
            kills += 1
            _unlock(folder)
            continue
        return kills, "" if is_done else f"the rerun after {kills} kills failed: {_last_words(folder)}"
    return kills, "" if _run(folder, cores, None) else f"the last run failed: {_last_words(folder)}"


def differences(first: Path, second: Path) -> list[str]:
    """Name all files of the results that are only in one of two folders, or not of the same bytes.

    Parameters
    ----------
    first, second : Path
        Folders of a region's results.

    Returns
    -------
    list of str
        One a file.
    """
    left, right = result_files(first), result_files(second)
    lacking = [f"only without kills: {name}" for name in sorted(left - right)]
    left_behind = [f"only after kills: {name}" for name in sorted(right - left)]
    unlike = [name for name in sorted(left & right) if (first / name).read_bytes() != (second / name).read_bytes()]
    return [*lacking, *left_behind, *(f"not the same: {name}" for name in unlike)]


def result_files(folder: Path) -> set[str]:
    """List the files of the results that must be the same whatever happened to the run."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in files if path.parts[0] not in UNLIKE and path.name != MEMORY}


def _fresh(folder: Path) -> Path:
    folder.mkdir(parents=True)
    write_config(folder / "config.yaml", REGION)
    return folder


def _moment(source: np.random.Generator, longest: float) -> float:
    """Draw the seconds to a kill: up to a fifth of a whole run, so that each stage is met once in a few rounds."""
    return START_S + float(source.uniform(0, longest / 5))


def _run(folder: Path, cores: int, limit_s: float | None) -> bool:
    """Run the workflow; its process group is killed when the time is over, which raises TimeoutExpired."""
    command = ["--cores", str(cores), "--rerun-incomplete", "--configfile", "config.yaml"]
    with (folder / "snakemake.log").open("ab") as log:
        process = subprocess.Popen(
            _snakemake(*command), cwd=folder, env=environment(), stdout=log, stderr=log, start_new_session=True
        )
        try:
            return process.wait(limit_s) == 0
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _unlock(folder: Path) -> None:
    if any((folder / ".snakemake" / "locks").glob("*")):
        command = _snakemake("--unlock", "--configfile", "config.yaml")
        subprocess.run(command, cwd=folder, env=environment(), capture_output=True, check=True)


def _snakemake(*words: str) -> list[str]:
    return [sys.executable, "-m", "snakemake", "--snakefile", str(CHECKOUT / "Snakefile"), "--directory", ".", *words]


def _last_words(folder: Path) -> str:
    return (folder / "snakemake.log").read_text(errors="replace").strip()[-600:]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fuzz.kills", description="The workflow killed at random moments.")
    parser.add_argument("--kills", type=int, default=50, help="kills in all")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same moments")
    parser.add_argument("--cores", type=int, default=2, help="cores of the workflow")
    parser.add_argument("--out", type=Path, default=Path("results/kills"), help="folder of the runs that differ")
    return parser


if __name__ == "__main__":
    sys.exit(main())
