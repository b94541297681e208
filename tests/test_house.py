"""Promises of the project as a whole: what imports what, what mirrors what."""

import ast
import configparser
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml
from conftest import ROOT

from hybridmap.quantities import QUANTITIES

CORE = (
    "process", "encoders", "model.hybrid", "model.specification", "model.draws", "train", "evaluate.metrics",
    "evaluate.importance", "constraints", "losses", "metrics", "hybrid",
)  # fmt: skip

BLOCKED = """
import sys
for name in ("pandas", "pydantic", "yaml", "zarr", "rasterio", "geopandas", "xarray", "scipy", "safetensors", "tqdm"):
    sys.modules[name] = None  # importing it now fails as if it were not installed
import importlib
for room in ROOMS:
    importlib.import_module("hybridmap." + room)
import torch
from hybridmap.model import HybridModel, Roles
from hybridmap.encoders import MLP
from hybridmap.process import get_process
from hybridmap.train import SiteData, TrainingOptions, fit
torch.manual_seed(0)
model = HybridModel(get_process("five_pool"), Roles(neural=["cue"]), MLP(2, 1, hidden=[4]),
                    covariate_names=["a", "b"], target_names=["soc"])
x = torch.randn(40, 2)
data = SiteData(x, {"npp": torch.full((40,), 500.0), "mat": 10 + x[:, 0]}, {"soc": 30 + 5 * x[:, 0]})
history = fit(model, data, data, TrainingOptions(max_epochs=3))
assert len(history) == 3
"""


def test_the_core_trains_with_torch_and_numpy_alone() -> None:
    done = subprocess.run([sys.executable, "-c", BLOCKED.replace("ROOMS", repr(CORE))], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def pins() -> list[str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith(("#", "--"))]


def test_the_conda_environment_mirrors_the_lock() -> None:
    environment = yaml.safe_load((ROOT / "envs/hybridmap.yaml").read_text())
    assert environment["dependencies"][-1]["pip"] == pins()


def test_the_lock_is_exact_and_holds_torch() -> None:
    assert "torch==2.13.0" in pins()
    assert all("==" in pin for pin in pins())


def test_every_folder_of_tests_is_a_room() -> None:
    packages = [ROOT / "hybridmap", ROOT / "studies", ROOT / "fuzz"]
    rooms = {file.parent for package in packages for file in package.rglob("__init__.py")}
    folders = {file.parent.relative_to(ROOT / "tests") for file in (ROOT / "tests").rglob("test_*.py")}
    # What real tables and rasters did to the product, and the whole workflow on a real scheduler.
    folders -= {Path("."), Path("cases"), Path("cluster")}
    assert not [str(folder) for folder in folders if not {ROOT / "hybridmap" / folder, ROOT / folder} & rooms]


def test_the_order_of_the_rooms_names_every_room() -> None:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    flow = contracts["importlinter:contract:flow"]
    assert flow.getboolean("exhaustive")
    assert flow["exhaustive_ignores"].split() == ["constraints", "hybrid", "losses", "metrics"]  # old names, kept


def sources(*rooms: str) -> Iterator[tuple[Path, ast.Module]]:
    """Path and tree of every module that is in none of `rooms`."""
    for path in sorted((ROOT / "hybridmap").rglob("*.py")):
        relative = path.relative_to(ROOT / "hybridmap")
        if relative.parts[0] not in rooms:
            yield relative, ast.parse(path.read_text())


def test_low_rooms_take_a_section_and_never_the_whole_configuration() -> None:
    takers = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in sources("config", "check", "report", "cli", "testing")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        if argument.annotation and takes_config(argument.annotation)
    ]
    assert not takers


def takes_config(annotation: ast.expr) -> bool:
    text = annotation.value if isinstance(annotation, ast.Constant) else ast.unparse(annotation)
    return "Config" in (getattr(node, "id", getattr(node, "attr", "")) for node in ast.walk(ast.parse(str(text))))


ENCODERS = {"KAN", "MLP", "NAM", "LinearEncoder"}


def test_nothing_outside_encoders_asks_for_a_kind_of_encoder() -> None:
    questions = [
        f"{path}:{node.lineno} {ast.unparse(node)}"
        for path, tree in sources("encoders")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass")
        if ENCODERS & {getattr(name, "id", getattr(name, "attr", "")) for name in ast.walk(node.args[1])}
    ]
    assert not questions


KNOWN_MODELS = {
    ("config/experiment.py", "five_pool"): "the model of an experiment that names none, a key's default",
    ("covariates/clm5_forcing.py", "clm5"): "the verb that makes the forcing table of this one model",
}
"""Words of process models that a module outside their room may hold, and why."""


def words_of_models() -> set[str]:
    """Names of models, and their outputs, options and choices, but for quantities and words that are everyone's."""
    from hybridmap.process import MODULES, get_process
    from hybridmap.process.five_pool.model import Enzyme, FivePool, Formulation, Necromass

    models = [get_process(name) for name in ("five_pool", "respiration", "water_retention")]
    outputs = {variable.name for model in models for variable in model.outputs}
    options = {name for model in models for name in inspect.signature(type(model).__init__).parameters} - {"self"}
    choices = {choice for kind in (Formulation, Enzyme, Necromass) for choice in get_args(kind)} - {"none"}
    assert FivePool.name in MODULES
    # Attributes that every process model has.
    return (outputs | options | choices | set(MODULES)) - set(QUANTITIES) - {"formulation", "capacity"}


def test_nothing_outside_process_knows_a_model() -> None:
    words = words_of_models()
    assert {"feasible", "moc_saturation", "relaxed", "necromass", "reco", "clm5_interval"} <= words
    found = {
        (path.as_posix(), node.value)
        for path, tree in sources("process", "testing")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in words
        if path.as_posix() != "quantities.py"
    }
    assert sorted(found) == sorted(KNOWN_MODELS)


@pytest.mark.parametrize("path", sorted((ROOT / "hybridmap").rglob("*.py")), ids=lambda p: p.stem)
def test_modules_stay_readable(path: object) -> None:
    assert len(path.read_text().splitlines()) <= 400  # type: ignore[attr-defined]


def answers() -> list[str]:
    """Files that docs/development.md names, those of its table of questions included."""
    page = (ROOT / "docs/development.md").read_text()
    return sorted(set(re.findall(r"`((?:hybridmap|workflow|studies|tests|tools)/[\w./]*)`", page)))


def test_a_stranger_is_answered_twenty_questions() -> None:
    table = (ROOT / "docs/development.md").read_text().split("## Where is", 1)[1].split("##", 1)[0]
    assert len(re.findall(r"^\| .*\? .*\| `hybridmap/", table, re.MULTILINE)) >= 20


@pytest.mark.parametrize("path", answers())
def test_the_files_that_the_development_page_names_exist(path: str) -> None:
    assert (ROOT / path).exists()
