"""Damaged folders of trained models into ``predict``, ``evaluate``, ``applicability``, ``diagnose`` and ``load``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from fuzz.attempt import Attempt, Propose, Step
from fuzz.damage import DAMAGES, damage
from fuzz.draw import pick
from fuzz.execution import Executor
from fuzz.region import STAGES, finished_region

READERS = {"predict": "all", "evaluate": "random-0", "applicability": "all", "diagnose": "all"}
"""Stage and the fold whose model it reads; ``load`` comes beside them."""
LOAD = """
import sys, hybridmap
from hybridmap.errors import HybridmapError
try:
    hybridmap.load(sys.argv[1])
except HybridmapError as error:
    sys.exit(str(error))
"""
EDITS: tuple[Any, ...] = (None, -1, 0, float("nan"), 1e308, "zzz", "", [], {}, [1, 2], True, {"a": 1}, 2**70)


def prepare(shared: Path, executor: Executor) -> Propose:
    """Make the campaign from the tiny finished region."""
    region = finished_region(shared, executor)
    readers = [*READERS, "load"]

    def propose(source: np.random.Generator, number: int, folder: Path) -> Attempt:
        region.copied_to(folder)
        name = "load" if number % 16 == 15 else readers[number % 4]
        model = folder / "pools" / READERS.get(name, "all") / "model"
        files = sorted(model.iterdir())
        file = pick(source, files)
        titles = (*DAMAGES, *["edited"] * 6) if file.suffix == ".yaml" else DAMAGES
        title = pick(source, titles)
        detail = ""
        if title == "edited":
            detail = _edit(source, file)
        else:
            damage(source, folder, str(file.relative_to(folder)), title)
        if name == "load":
            step = Step((sys.executable, "-c", LOAD, str(model.relative_to(folder))))
            return Attempt(f"{file.name} {title}: {detail}", [step])
        for path in STAGES[name].writes:
            shutil.rmtree(folder / path, ignore_errors=True)
            (folder / path).unlink(missing_ok=True)
        wrong = lambda: region.changed(folder, name).replace(": ", " ")  # noqa: E731 -- as short as it is said
        return Attempt(f"{file.name} {title}: {detail}", [STAGES[name].step], wrong)

    return propose


def _edit(source: np.random.Generator, file: Path) -> str:
    """Replace or remove one value of a YAML file by hand, as users do."""
    content = yaml.safe_load(file.read_text())
    places = _places(content)
    holder, key, name = pick(source, places)
    value = pick(source, EDITS)
    if source.integers(4) == 0:
        del holder[key]
        detail = f"without {name}"
    else:
        holder[key] = value
        detail = f"{name} = {value!r}"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return detail


def _places(node: Any, name: str = "") -> list[tuple[Any, Any, str]]:
    """Holder, key and name of everything inside mappings and lists."""
    if not isinstance(node, dict | list):
        return []
    entries = list(node.items()) if isinstance(node, dict) else list(enumerate(node))
    inner = [place for key, value in entries for place in _places(value, f"{name}.{key}")]
    return [*((node, key, f"{name}.{key}"[1:]) for key, _ in entries), *inner]
