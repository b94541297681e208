"""Configuration: unknown keys name the nearest known one; stages see only their part."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT

from hybridmap.config import Config
from hybridmap.config.reading import load_config, parse_config, stage_settings
from hybridmap.config.reference_page import markdown
from hybridmap.errors import HybridmapError
from hybridmap.experiment.training import class_codes
from hybridmap.files.paths import expand

GRID = {"resolution": 1, "bounds": [0, 0, 1, 1]}


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({"gird": GRID}, r"unknown key 'gird' \(did you mean 'grid'\?\)"),
        ({"grid": {**GRID, "resolutoin": 2}}, r"'grid.resolutoin' \(did you mean 'resolution'\?\)"),
        ({"grid": GRID, "experiments": [{"name": "a", "neuarl": []}]}, r"experiments.a.neuarl.*'neural'"),
        ({"grid": GRID, "build": {"limits": {"max_oc": 3}}}, r"build.limits.max_oc.*max_oc_g_kg"),
        ({}, r"the key 'grid' is missing"),
        ({"grid": {"resolution": -1, "bounds": [0, 0, 1, 1]}}, r"grid.resolution.*greater than 0, got -1"),
        ({"grid": {"resolution": 1, "bounds": [2, 0, 1, 1]}}, r"west < east"),
        ({"grid": GRID, "experiments": [{"name": "a", "splits": ["x"]}]}, r"'a': no split scheme 'x'"),
        ({"grid": GRID, "covariates": [{"name": "a", "path": "x"}] * 2}, r"'a' is used twice"),
    ],
)
def test_mistakes_are_one_sentence(raw: dict[str, object], says: str) -> None:
    with pytest.raises(HybridmapError, match=says) as error:
        parse_config(raw, "region.yaml")
    assert str(error.value).startswith("region.yaml: ")
    assert "\n" not in str(error.value)


def test_broken_yaml_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("grid: {\n  a: [\n")
    with pytest.raises(HybridmapError, match=r"a\.yaml, line \d"):
        load_config(tmp_path / "a.yaml")


def test_overlay_merges_mappings_and_replaces_lists(tmp_path: Path) -> None:
    (tmp_path / "over.yaml").write_text("grid: {resolution: 4000}\nsplits: []\nexperiments: []\n")
    base, over = load_config(ROOT / "config.yaml"), load_config(ROOT / "config.yaml", tmp_path / "over.yaml")
    assert (over.grid.resolution, over.grid.crs) == (4000, base.grid.crs)
    assert over.splits == []


def test_a_change_elsewhere_leaves_a_stage_alone() -> None:
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    before, split = stage_settings(raw, "ingest"), stage_settings(raw, "split")
    raw["splits"][0]["folds"] = 7
    assert stage_settings(raw, "ingest") == before
    assert stage_settings(raw, "split") != split


def test_the_settings_of_a_stage_are_a_configuration() -> None:
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    for stage in ("inputs", "ingest", "build", "cube", "sample", "split", "report"):
        Config.model_validate(json.loads(stage_settings(raw, stage)))
    one = Config.model_validate(json.loads(stage_settings(raw, "experiment", "some_neural")))
    assert [e.name for e in one.experiments] == ["some_neural"]


def test_variables_with_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    assert expand("${NOWHERE:-a/b}/c") == "a/b/c"
    with pytest.raises(HybridmapError, match="NOWHERE"):
        expand("${NOWHERE}/c")
    monkeypatch.setenv("NOWHERE", "/x")
    assert expand("${NOWHERE:-a}/c") == "/x/c"


def test_the_schema_in_the_repository_is_current() -> None:
    kept = json.loads((ROOT / "workflow/schemas/config.schema.json").read_text())
    assert kept == Config.model_json_schema(), "run: hybridmap schema > workflow/schemas/config.schema.json"


def test_the_reference_page_is_current_and_says_what_every_key_does() -> None:
    page = (ROOT / "docs/configuration.md").read_text()
    assert page == markdown(), "run: hybridmap schema --markdown > docs/configuration.md"
    assert not [line for line in page.splitlines() if line.endswith("|  |")]
    schema = Config.model_json_schema()
    keys = set(schema["properties"]) | {k for d in schema["$defs"].values() for k in d["properties"]}
    assert not [k for k in sorted(keys) if f"`{k}`" not in page]


def test_training_is_told_kinds_and_units_of_layers_and_nothing_else_of_them() -> None:
    raw = load_config(ROOT / "config.yaml").model_dump(mode="json", by_alias=True)
    raw["covariates"][0]["kind"] = "categorical"
    part = json.loads(stage_settings(raw, "experiment", "some_neural"))
    first = part["covariates"][0]
    assert first == {"name": first["name"], "kind": "categorical", "unit": raw["covariates"][0]["unit"]}
    assert [layer["name"] for layer in part["forcing"]] == ["npp", "mat"]
    samples = pd.DataFrame({f"covariate.{first['name']}": [2.0, 1.0, 2.0]})
    assert class_codes(parse_config(part, "settings").covariates, samples) == {first["name"]: [1.0, 2.0]}
    # What maps hold is no matter of the cube.
    raw["predict"]["scenarios"] = {"warmer": {"mat": {"add": 2}}}
    assert json.loads(stage_settings(raw, "cube"))["predict"] == {"tile": raw["predict"]["tile"]}
    assert json.loads(stage_settings(raw, "predict"))["predict"]["scenarios"]
