"""Reading the configuration: mistakes are one sentence, unknown keys name the nearest known one."""

from pathlib import Path

import pytest
from conftest import ROOT

from hybridmap.config.reading import load_config, parse_config
from hybridmap.errors import HybridmapError

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
