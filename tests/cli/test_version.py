"""One version everywhere, and what an installation of the core alone says."""

import builtins
import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

import hybridmap as hm
from hybridmap.cli import main
from hybridmap.errors import HybridmapError

ON_CONDA_FORGE = {
    "torch": "pytorch",
    "snakemake": "snakemake-minimal",
    "matplotlib": "matplotlib-base",
    "geopandas": "geopandas-base",
}
"""Names that differ there."""


def test_the_version_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"hybridmap {hm.__version__}\n"
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == hm.__version__
    assert citation["license"] in (ROOT / "pyproject.toml").read_text()
    recipe = (ROOT / "envs/recipe.yaml").read_text()
    assert yaml.safe_load(recipe)["context"]["version"] == hm.__version__


def test_the_recipe_asks_for_what_the_package_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {f"python {project['requires-python']}"}
    for entry in (*project["dependencies"], *project["optional-dependencies"]["pipeline"]):
        name, version = re.fullmatch(r"([\w-]+)(?:\[\w+\])?(.*)", entry).groups()  # type: ignore[union-attr]
        asked.add(f"{ON_CONDA_FORGE.get(name, name)} {version}".strip())
    assert set(yaml.safe_load((ROOT / "envs/recipe.yaml").read_text())["requirements"]["run"]) == asked


def test_what_the_core_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **settings: Any) -> Any:
        if name.partition(".")[0] in ("yaml", "pandas"):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        return real(name, *args, **settings)

    (tmp_path / "model.yaml").touch()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(HybridmapError, match=r"needs the package 'yaml'.*pip install 'hybridmap\[pipeline\]'"):
        hm.load(tmp_path)
    reading = importlib.import_module("hybridmap.config.reading")
    monkeypatch.setattr(reading, "load_config", lambda *_: real("yaml.nothing"))
    assert main(["report", "r.yaml", "--results", "a", "--out", "b", "--figures", "c"]) == 1
    assert "hybridmap report: needs the package 'yaml'" in capsys.readouterr().err


def test_a_module_of_hybridmap_that_is_missing_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    reading = importlib.import_module("hybridmap.config.reading")
    monkeypatch.setattr(reading, "load_config", lambda *_: importlib.import_module("hybridmap.absent"))
    with pytest.raises(ModuleNotFoundError):
        main(["report", "r.yaml", "--results", "a", "--out", "b", "--figures", "c"])
