"""Odd names of folders through ``snakemake``, with the tiny region from its inputs to the report."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.attempt import Attempt, Propose, Step, hybridmap
from fuzz.execution import CHECKOUT, Executor
from fuzz.region import SMALL, STAGES, run_or_fail, write_config

LEGAL = (
    "plain",
    *("with space", "it's", 'say "so"', "a#b", "$HOME", "a&b", "a;b", "{a b}", "größe", "-lead", ".hidden", "日本"),
    *("$(touch PWNED)", "`touch PWNED`", "x; touch PWNED", "a { b", "a,b", "a=b", "100%", "a*b", "a?b", "[x]", "~t"),
    *("a|b", "<x>", "!x", "a\\b", "a:b", "tail ", "a (1)", "--log", "a'b\"c"),
)
"""Names that a file system takes: they must work, the marks of a shell included."""
IMPOSSIBLE = ("", "a\nb", "a\0b", "x" * 300, "a\tb/" + "y" * 256, "/", "{x}", "{input}", "{{x}}")
"""Names that no run can work with: ``check`` must refuse them. A word in braces is a wildcard to snakemake."""


def prepare(shared: Path, executor: Executor) -> Propose:
    """Make the campaign; attempts share the inputs of the tiny region."""
    inputs = shared / "names"
    inputs.mkdir()
    write_config(inputs / "config.yaml", SMALL)
    run_or_fail(executor, STAGES["demo"].step, inputs)

    def propose(source: np.random.Generator, number: int, folder: Path) -> Attempt:
        if number < len(IMPOSSIBLE):
            return _impossible(IMPOSSIBLE[number], "results", folder)
        legal = number - len(IMPOSSIBLE)
        name = LEGAL[legal % len(LEGAL)]
        key = "data_root" if (legal + legal // len(LEGAL)) % 2 else "results"
        target = folder / name if key == "data_root" else folder / "inputs"
        shutil.copytree(inputs / "inputs", target)
        _configure(folder, {"data_root": "inputs", key: name})
        snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(CHECKOUT / "Snakefile"), "--cores", "1"]
        command = (*snakemake, "--configfile", "config.yaml", "--directory", ".")
        return Attempt(
            f"name of {key}: {name!r}",
            [hybridmap("check", "config.yaml"), Step(command)],
            lambda: _wrong(folder, name if key == "results" else "results"),
            must_work=True,
        )

    return propose


def _impossible(name: str, key: str, folder: Path) -> Attempt:
    _configure(folder, {key: name})
    return Attempt(f"impossible name of {key}: {name[:20]!r}", [hybridmap("check", "config.yaml")], must_refuse=True)


def _configure(folder: Path, changes: dict[str, Any]) -> None:
    quick = {**SMALL["experiments"][0], "training": {"max_epochs": 3, "patience": 3}}
    demo = None if "data_root" in changes else SMALL["demo"]
    write_config(folder / "config.yaml", {**SMALL, "demo": demo, "experiments": [quick], **changes})


def _wrong(folder: Path, results: str) -> str:
    """Say whether a name ran a command or the report is not where it belongs."""
    for _, directories, files in os.walk(folder):
        if "PWNED" in (*files, *directories):
            return "a command ran: PWNED was made"
    report = folder / results / "demo" / "report" / "index.html"
    return "" if report.is_file() else f"no report: {report.relative_to(folder)} is not there"
