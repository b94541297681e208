"""Every YAML example of the docs is accepted by ``check``, some run to the report; every import of its Python works."""

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from docs_inputs import write_inputs
from whole_workflow import finish_workflow

from hybridmap.check.region import check
from hybridmap.config import Config, Experiment, ObservationSource
from hybridmap.config.reading import load_config
from hybridmap.testing.files import write_landscape

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
BASE: dict[str, Any] = {
    "demo": {"sites": 300},
    "grid": {"bounds": [4_000_000, 2_600_000, 4_064_000, 2_648_000]},
    "splits": [{"name": "block", "folds": 4, "size_km": 15}],
    "experiment_defaults": {"splits": ["block"], "training": {"max_epochs": 8, "patience": 8}},
    "baselines": ["linear"],
}
"""Laid over config.yaml below every example."""
EXPERIMENT = {"name": "example", "neural": ["cue"], "global": "all"}
SHORT: dict[str, Any] = {"experiments": [{**EXPERIMENT, "targets": ["soc"]}]}
"""Laid below an example that runs to the report: one experiment, and of what every site has."""
OF_ANOTHER_FILE: dict[str, str] = {
    f"docs/quantities.md:{number}": "needs the quantities that the page declares; test_quantities.py runs it as a whole"
    for number in (1, 3)
} | {
    "docs/depth.md:2": "needs the table and the model that the page shows; test_depth.py runs it as a whole",
    "docs/water_retention.md:1": "needs the experiment of its page; test_process_regions.py runs such a region",
}
"""Examples, as ``PAGE:NUMBER``, that belong into no region file, and why."""


def examples(language: str) -> dict[str, str]:
    """Blocks of a language, by page and number."""
    return {
        f"{page.relative_to(ROOT)}:{number}": text
        for page in PAGES
        for number, (kind, text) in enumerate(FENCE.findall(page.read_text(encoding="utf-8")))
        if kind == language
    }


YAML = {name: text for name, text in examples("yaml").items() if name not in OF_ANOTHER_FILE}
SHOWN = [name for name in YAML if not name.startswith("docs/formats/")]
"""Examples that are written by hand; pages of formats are made, and their own tests read tables by them."""


def region_part(text: str) -> dict[str, Any]:
    """An example as a part of a region file: as it stands, or inside an experiment or a table where it belongs."""
    part = yaml.safe_load(textwrap.dedent(text))
    keys = set(part)
    if keys <= set(Config.model_fields):
        return part
    if keys <= set(Experiment.model_fields):
        return {"experiments": [EXPERIMENT | part]}
    assert keys <= set(ObservationSource.model_fields), f"no section has all of {sorted(keys)}"
    return {"observations": [{"name": "main", "path": "main.csv", **part}]}


def region_files(folder: Path, name: str, base: dict[str, Any] = BASE) -> list[Path]:
    """A region file with an example, laid over the default with inputs of its own; and the inputs."""
    (folder / "inputs").mkdir()
    (folder / "base.yaml").write_text(yaml.safe_dump(base))
    (folder / "example.yaml").write_text(yaml.safe_dump(region_part(YAML[name])))
    own = {"demo": None, "data_root": str(folder / "inputs"), "results": "results", "downloads": []}
    downloads = region_part(YAML[name]).get("downloads", [])
    (folder / "own.yaml").write_text(yaml.safe_dump({**own, "downloads": downloads}))
    write_landscape(load_config(ROOT / "config.yaml", folder / "base.yaml"), folder / "inputs")
    (folder / "models").mkdir()
    (folder / "models" / "two_pools.py").write_text(examples("python")["docs/own_model.md:1"])
    (folder / "inputs" / "more.csv").write_text("name,path,unit\nwet,covariates/wetness.tif,1\n")
    files = [ROOT / "config.yaml", *(folder / f"{part}.yaml" for part in ("base", "example", "own"))]
    write_inputs(load_config(*files), folder)
    return files


def test_there_are_examples() -> None:
    assert len(SHOWN) >= 10
    assert set(OF_ANOTHER_FILE) <= set(examples("yaml"))


@pytest.mark.parametrize("name", SHOWN)
def test_an_example_passes_check(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = check(load_config(*region_files(tmp_path, name)))
    assert all(line.startswith("ok ") for line in lines)


@pytest.mark.parametrize("name", sorted(set(YAML) - set(SHOWN)))
def test_the_example_of_a_format_is_a_part_of_a_region_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "example.yaml").write_text(yaml.safe_dump(region_part(YAML[name])))
    source = load_config(ROOT / "config.yaml", tmp_path / "example.yaml").observations[0]
    assert source.format or source.joins[0].format


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("docs/own_data.md:0", marks=pytest.mark.nightly),
        pytest.param("docs/own_data.md:1", marks=pytest.mark.nightly),
        pytest.param("docs/maps.md:0", marks=pytest.mark.nightly),
    ],
)
def test_an_example_runs_to_the_report(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = region_files(tmp_path, name, BASE | SHORT)
    finish_workflow(tmp_path, *files)
    assert (tmp_path / "results" / "demo" / "report" / "index.html").is_file()


@pytest.mark.parametrize("name", examples("python"))
def test_imports_of_the_docs_work(name: str) -> None:
    lines = [line for line in examples("python")[name].splitlines() if re.match(r"(import|from) ", line)]
    exec("\n".join(lines), {})
