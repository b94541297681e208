"""Stages see only their part of the configuration."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT

from hybridmap.config import Config
from hybridmap.config.reading import load_config, parse_config
from hybridmap.config.stages import STAGE_SECTIONS, stage_settings
from hybridmap.experiment.layers import class_codes


def test_a_change_elsewhere_leaves_a_stage_alone() -> None:
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    original = Config.model_validate(raw)
    raw["splits"][0]["folds"] = 7
    changed = Config.model_validate(raw)
    assert stage_settings(changed, "ingest") == stage_settings(original, "ingest")
    assert stage_settings(changed, "split") != stage_settings(original, "split")


REGIONS = [path for path in sorted((ROOT / "resources/regions").glob("*.yaml")) if "observations:" in path.read_text()]


@pytest.mark.parametrize("region", [None, *REGIONS], ids=lambda path: path.stem if path else "demo")
def test_the_settings_of_a_stage_are_a_configuration(region: Path | None) -> None:
    config = load_config(ROOT / "config.yaml", *([region] if region else []))
    for stage in set(STAGE_SECTIONS) - {"experiment"}:
        parse_config(json.loads(stage_settings(config, stage)), stage)
    name = config.experiments[0].name
    single = parse_config(json.loads(stage_settings(config, "experiment", name)), name)
    assert [e.name for e in single.experiments] == [name]


def test_training_is_told_kinds_and_units_of_layers_and_nothing_else_of_them() -> None:
    raw = load_config(ROOT / "config.yaml").model_dump(mode="json", by_alias=True)
    raw["covariates"][0]["kind"] = "categorical"
    settings = json.loads(stage_settings(Config.model_validate(raw), "experiment", "some_neural"))
    first = settings["covariates"][0]
    assert first == {"name": first["name"], "kind": "categorical", "unit": raw["covariates"][0]["unit"]}
    assert [layer["name"] for layer in settings["forcing"]] == ["npp", "mat"]
    samples = pd.DataFrame({f"covariate.{first['name']}": [2.0, 1.0, 2.0]})
    assert class_codes(parse_config(settings, "settings").covariates, samples) == {first["name"]: [1.0, 2.0]}
    # What maps hold is no matter of the cube.
    raw["predict"]["scenarios"] = {"warmer": {"mat": {"add": 2}}}
    config = Config.model_validate(raw)
    assert json.loads(stage_settings(config, "cube"))["predict"] == {"tile": raw["predict"]["tile"]}
    assert json.loads(stage_settings(config, "predict"))["predict"]["scenarios"]


def test_titles_and_a_publication_are_a_matter_of_what_says_them() -> None:
    raw = load_config(ROOT / "config.yaml").model_dump(mode="json", by_alias=True)
    plain = Config.model_validate(raw)
    raw |= {"title": "Another", "publication": {"citation": "Muster (2026)"}}
    raw["experiments"][0]["title"] = "The first"
    titled = Config.model_validate(raw)
    assert {stage for stage in STAGE_SECTIONS if stage_settings(titled, stage) != stage_settings(plain, stage)} == {
        "export",
        "report",
    }
    name = plain.experiments[0].name
    assert stage_settings(titled, "experiment", name) == stage_settings(plain, "experiment", name)


def test_what_was_measured_at_sites_is_a_matter_of_the_samples_alone() -> None:
    raw = load_config(ROOT / "config.yaml").model_dump(mode="json", by_alias=True)
    plain = Config.model_validate(raw)
    raw["forcing"].append({"name": "carbon", "path": "carbon.tif", "unit": "kg/m3"})
    unmeasured = Config.model_validate(raw)
    raw["forcing"][-1]["measured"] = "soc"
    config = Config.model_validate(raw)
    assert stage_settings(config, "cube") == stage_settings(unmeasured, "cube")
    settings = stage_settings(config, "sample")
    assert settings != stage_settings(unmeasured, "sample") == stage_settings(plain, "sample")
    assert [layer.measured for layer in parse_config(json.loads(settings), "settings").forcing] == ["soc"]
