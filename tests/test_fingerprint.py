"""A change in any module replans exactly the stages that import it."""

import importlib.util
import inspect
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import CodeType, FunctionType

import grimp
import pytest
import yaml
from conftest import ROOT

from hybridmap import fingerprint
from hybridmap.cli.program import PROGRAM
from hybridmap.cli.verb import Stage
from hybridmap.files.sums import sums_file
from hybridmap.files.tables import write_state
from hybridmap.fingerprint import Code
from hybridmap.process import MODULES

PROCESSES = {f"hybridmap.process.{module}" for module in MODULES.values()}
BY_NAME: dict[str, Iterable[str]] = {
    "hybridmap.predict.worker_start": ["hybridmap.predict.workers"],
    "hybridmap.process": PROCESSES,
    "hybridmap.encoders.declarations": [f"hybridmap.encoders.{f.stem}" for f in ROOT.glob("hybridmap/encoders/*.py")],
}
"""Modules that others load by their names; an import graph does not see these."""
STAGES = {
    name: verb.callback
    for name, verb in PROGRAM.commands.items()
    if isinstance(verb, Stage) and isinstance(verb.callback, FunctionType)
}
"""Verb → its function."""
UNCOUNTED = "hybridmap.fingerprint"
"""A module that no result depends on."""
TYPES_ALONE = re.compile(r"^if TYPE_CHECKING:\n(?:    .*\n|\n)+", re.MULTILINE)
"""What a type checker alone sees of a module."""


class Graph:
    """The import graph once more, by other means: grimp, and what Python says of names."""

    def __init__(self) -> None:
        self.graph = grimp.build_graph("hybridmap", exclude_type_checking_imports=True, cache_dir=None)
        self.modules = set(self.graph.modules)
        self.edges = {module: self._imports(module) for module in self.modules}

    def _imports(self, module: str) -> set[str]:
        imported = set(self.graph.find_modules_directly_imported_by(module)) | {module.rpartition(".")[0]} - {""}
        imported |= self.modules & set(BY_NAME.get(module, ()))
        return imported | {home for package, name in self._served(module) if (home := self._home(package, name))}

    def _served(self, module: str) -> list[tuple[str, str]]:
        """Names that a module imports from packages that load them on first use."""
        spec = importlib.util.find_spec(module)
        assert spec
        source = TYPES_ALONE.sub("", Path(str(spec.origin)).read_text())
        statements = re.findall(r"^ *from (hybridmap[\w.]*) import (\([^)]*\)|[^\n]*)", source, re.MULTILINE)
        return [(package, name) for package, names in statements for name in re.findall(r"\w+", names)]

    @staticmethod
    def _home(package: str, name: str) -> str:
        loaded = importlib.import_module(package)
        return f"{package}.{loaded.MODULES[name]}" if hasattr(loaded, "__getattr__") and name in loaded.MODULES else ""

    def roots(self, function: FunctionType) -> set[str]:
        """Modules that the function of a verb imports, itself or through functions beside it."""
        source = inspect.getsource(function)
        roots = set(re.findall(r"^ +from (hybridmap[\w.]*) import", source, re.MULTILINE))
        for name in names_of(function.__code__):
            used = vars(sys.modules[function.__module__]).get(name)
            home = getattr(used, "__module__", "")
            if isinstance(used, FunctionType) and home == function.__module__:
                roots |= self.roots(used)
            elif home.startswith("hybridmap.") and home.split(".")[1] not in ("cli", "check"):
                roots.add(home)
        return roots

    def reached(self, function: FunctionType) -> set[str]:
        reached: set[str] = set()
        waiting = self.roots(function)
        while waiting:
            module = waiting.pop()
            reached.add(module)
            waiting |= self.edges[module] - reached - {UNCOUNTED}
        return reached


def names_of(code: CodeType) -> set[str]:
    """Names that a function uses, in comprehensions and inner functions too."""
    inner = [names_of(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*inner)


@pytest.fixture(scope="module")
def stages() -> dict[str, set[str]]:
    """Verb → modules that it imports."""
    graph = Graph()
    return {verb: graph.reached(function) for verb, function in STAGES.items()}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package whose texts a test may change."""
    return Path(
        shutil.copytree(ROOT / "hybridmap", tmp_path / "hybridmap", ignore=shutil.ignore_patterns("__pycache__"))
    )


def digests(package: Path) -> dict[str, str]:
    code = Code(package)
    return {verb: code.digest(verb) for verb in STAGES}


def replanned(package: Path, file: Path, original: dict[str, str]) -> set[str]:
    """Stages whose fingerprint changes with a file."""
    text = file.read_bytes()
    file.write_bytes(text + b"\n# changed\n")
    changed = digests(package)
    file.write_bytes(text)
    return {verb for verb, digest in original.items() if changed[verb] != digest}


@pytest.mark.parametrize("step", [16, pytest.param(1, marks=pytest.mark.nightly)])
def test_a_change_in_any_module_replans_the_stages_that_import_it_and_no_others(
    copy: Path, stages: dict[str, set[str]], step: int
) -> None:
    original = digests(copy)
    code, wrong = Code(copy), {}
    assert set(code.modules) == set(Graph().modules)
    for module, path in list(code.modules.items())[::step]:
        expected = {verb for verb, modules in stages.items() if module in modules}
        if (planned := replanned(copy, copy.parent / path, original)) != expected:
            wrong[module] = planned ^ expected
    assert not wrong
    assert digests(copy) == original == digests(ROOT / "hybridmap")


def test_a_file_of_data_belongs_to_the_module_that_reads_it(copy: Path, stages: dict[str, set[str]]) -> None:
    formats = next(m for m, f in Code(copy).modules.items() if b"def format_names" in (copy.parent / f).read_bytes())
    readers = {
        "check/rates.yaml": "hybridmap.check.region_plan",
        "config/template.yaml": "hybridmap.config.template",
        "fetch/downloads.yaml": "hybridmap.fetch.catalogue",
        "process/atmosphere_14c.csv": "hybridmap.process.radiocarbon",
        **{
            str(f.relative_to(copy)): "hybridmap.report.html"
            for kind in ("html.jinja", "js", "css")
            for f in copy.glob(f"report/*.{kind}")
        },
        **{str(f.relative_to(copy)): formats for f in copy.glob("observations/formats/*.yaml")},
    }
    files = {str(f.relative_to(copy)) for f in copy.rglob("*") if f.is_file() and f.suffix not in (".py", ".typed")}
    assert files == set(readers), "name the module that reads the file"
    original = digests(copy)
    for file, reader in readers.items():
        expected = {verb for verb, modules in stages.items() if reader in modules}
        assert replanned(copy, copy / file, original) == expected, file


def test_neither_command_line_nor_check_counts(stages: dict[str, set[str]]) -> None:
    rooms = {module.split(".")[1] for modules in stages.values() for module in modules if "." in module}
    assert not rooms & {"cli", "check", "fingerprint"}


def test_of_process_models_only_that_of_the_experiment_counts(copy: Path) -> None:
    processes = (None, "clm5", "five_pool", "", "mine.py")
    original = {process: Code(copy).digest("train", process) for process in processes}
    assert original[""] == original["mine.py"]  # no such file
    solver = copy / "process/clm5/solve.py"
    solver.write_text(solver.read_text() + "\n")
    assert [p for p in processes if Code(copy).digest("train", p) != original[p]] == [None, "clm5"]


def test_a_model_of_the_user_counts_with_what_it_imports(copy: Path, tmp_path: Path) -> None:
    model = tmp_path / "mine.py"
    model.write_text("from hybridmap.process.clm5 import vertical\n")
    original = Code(copy).digest("train", str(model))
    assert "hybridmap.process.clm5.vertical" in Code(copy).stage_modules("train", str(model))
    assert "hybridmap.process.respiration" not in Code(copy).stage_modules("train", str(model))
    model.write_text(model.read_text() + "# changed\n")
    assert Code(copy).digest("train", str(model)) != original
    model.write_text("class Mine(:\n")  # what runs it says what is wrong
    assert Code(copy).digest("train", str(model)) != original


def test_what_was_read_of_a_module_is_remembered_with_its_text(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = digests(copy)
    parsed = []
    parse = fingerprint._parse
    monkeypatch.setattr(fingerprint, "_parse", lambda text: (parsed.append(text), parse(text))[1])
    assert digests(copy) == original
    assert not [text for text in parsed if text]
    (copy / "errors.py").write_text("from hybridmap.grid import mask\n")
    assert Code(copy).stage_modules("train") >= {"hybridmap.grid.mask"}
    assert len([text for text in parsed if text]) == 1
    for memory in (copy / "__pycache__").glob("imports.*"):
        memory.write_text("{broken")
    assert Code(copy).digest("train") != original["train"]


def test_where_nothing_can_be_remembered_the_digests_are_the_same(copy: Path) -> None:
    original = digests(copy)
    shutil.rmtree(copy / "__pycache__")
    (copy / "__pycache__").touch()  # no folder, and nothing below it can be written or removed
    assert digests(copy) == original


SMALL = {
    "demo": None,  # the landscape of the demo is made by a process model, which would replan everything
    "experiments": [
        {"name": "pure", "process": None},
        {"name": "hybrid", "neural": ["cue"], "splits": ["block"]},
        {"name": "columns", "process": {"name": "clm5"}, "neural": "all", "map": False, "splits": ["block"]},
    ],
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, with the workflow done as far as Snakemake can see."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("hybridmap", "workflow", "envs"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    for outputs in re.findall(r"^    output: (.*)$", snakemake(folder, "--dry-run"), re.MULTILINE):
        for path in (folder / name for name in outputs.split(", ")):
            make_empty(path)
    snakemake(folder, "--touch", "--forceall")
    assert "Nothing to be done" in snakemake(folder, "--dry-run")
    return folder


def make_empty(path: Path) -> None:
    """An output without content, with what the workflow looks for beside it: sums of a store, the folder of rasters."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    if path.suffix == ".sums":
        write_state({}, path)
    elif path.name == "zarr.json":
        write_state({}, sums_file(path.parent))
    elif path.name == "maps.json":
        (path.parent / "maps").mkdir(exist_ok=True)
        write_state({}, sums_file(path.parent / "maps"))


def snakemake(folder: Path, *options: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", "small.yaml", *options]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "planned", "left"),
    [
        ("samples/fold_assignment.py", {"split", "train_pure", "report"}, {"ingest", "build", "cube", "sample"}),
        ("files/geotiff.py", {"cube", "export", "report"}, {"ingest", "build"}),
        ("grid/mask.py", {"cube", "split"}, {"ingest", "build"}),
        ("observations/density.py", {"ingest", "build", "report"}, {"cube"}),
        ("process/clm5/solve.py", {"train_columns", "report"}, {"split", "train_pure", "train_hybrid", "predict"}),
        ("report/page.html.jinja", {"report"}, {"split", "evaluate", "export"}),
        ("cli/verbs/maps.py", set(), {"ingest", "predict", "report"}),
    ],
)
def test_snakemake_plans_the_stages_of_a_changed_file(
    project: Path, file: str, planned: set[str], left: set[str]
) -> None:
    path = project / "hybridmap" / file
    text = path.read_text()
    path.write_text(text + "\n# changed\n")
    plan = snakemake(project, "--dry-run")
    path.write_text(text)
    jobs = re.findall(r"^(?:local)?rule (\w+):\n((?: .*\n)*)", plan, re.MULTILINE)
    experiments = [(rule, re.search(r"wildcards: experiment=(\w+)", text)) for rule, text in jobs]
    rules = {rule for rule, _ in jobs} | {f"{rule}_{match[1]}" for rule, match in experiments if match}
    assert planned <= rules
    assert not left & rules
