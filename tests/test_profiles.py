"""Profiles, container and environment of the workflow, without a cluster."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from whole_workflow import run_workflow

PROFILES = sorted((ROOT / "workflow/profiles").iterdir())
NEEDS: dict[str, dict[str, int]] = yaml.safe_load((ROOT / "workflow/resources.yaml").read_text())
RULE = re.compile(r"^rule (\w+):\n(.*?)(?=^rule |\Z)", re.MULTILINE | re.DOTALL)


def profile(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "workflow/profiles" / name / "config.yaml").read_text())
    return content


def rules() -> dict[str, str]:
    """Rule → its text."""
    return {
        name: text for file in (ROOT / "workflow/rules").glob("*.smk") for name, text in RULE.findall(file.read_text())
    }


def commands() -> dict[str, str]:
    """Rule → the verb that it runs."""
    shared = (ROOT / "workflow/rules/common.smk").read_text()
    of_maps = re.search(r'start = \("hybridmap", "(\w+)"', shared)
    assert of_maps
    verbs = {name: re.search(r"\"hybridmap ([\w-]+)", text) for name, text in rules().items()}
    return {name: verb[1] for name, verb in verbs.items() if verb} | {
        name: of_maps[1] for name, text in rules().items() if "MAP_JOB" in text
    }


def test_every_rule_notices_another_code_of_its_command() -> None:
    """But `fetch`, which would download again, and shares of a map, whose code is in the file of their inputs."""
    texts = rules()
    counted = {name: re.search(r'code=(?:code_of|stage_code)\("([\w-]+)"\)', text) for name, text in texts.items()}
    verbs = {name: verb for name, verb in commands().items() if name not in ("fetch", "predict_part")}
    verbs["predict_inputs"] = "predict"
    assert {name: code[1] for name in verbs if (code := counted[name])} == verbs
    assert 'code=code_of("predict")' in texts["predict_inputs"]


def test_the_gpu_profile_asks_for_a_gpu_where_the_command_takes_a_device() -> None:
    verbs = commands()
    with_device = {rule for rule, verb in verbs.items() if verb in ("train", "predict")}
    assert with_device == {"train", "predict_part", "predict"}
    given = {rule for rule, numbers in profile("gpu")["set-resources"].items() if numbers.get("gpu")}
    assert given == with_device


@pytest.mark.parametrize("name", [path.name for path in PROFILES])
def test_profiles_name_rules_that_are_there_and_bound_retries(name: str) -> None:
    content = profile(name)
    assert set(content.get("set-resources", {})) <= set(NEEDS)
    if "executor" in content:
        assert content["retries"] in (1, 2, 3)
        assert content["max-threads"] >= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            {"set-resources": {"cube": {"mem_mb": "lots"}}},
            "profile: set-resources: cube: mem_mb: lots: expected a number",
        ),
        ({"set-threads": {"cube": "many"}}, "profile: set-threads: cube: many: expected a number above 0"),
        ({"set-threads": {"cub": 2}}, "names the rule 'cub' (did you mean 'cube'?)"),
    ],
)
def test_a_number_that_no_job_can_have_is_refused_before_any_job(
    tmp_path: Path, content: dict[str, Any], sentence: str
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/config.yaml").write_text(yaml.safe_dump(content))
    done = run_workflow(tmp_path, ROOT / "config.yaml", options=("--dry-run", "--profile", str(tmp_path / "mine")))
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert sentence in said
    assert len(said.splitlines()) < 10


def test_image_and_definition_install_the_same() -> None:
    docker, definition = ((ROOT / "envs" / name).read_text() for name in ("Dockerfile", "hybridmap.def"))
    installs = [re.findall(r"pip install [^&\n]*[^&\s]", text) for text in (docker, definition)]
    assert installs[0] == installs[1]
    assert len(installs[0]) == 2
    assert re.search(r"^FROM (\S+)", docker, re.MULTILINE)[1] == re.search(r"^From: (\S+)", definition, re.MULTILINE)[1]  # type: ignore[index]
    for name in re.findall(r"^    (\S+) /opt/hybridmap/", definition, re.MULTILINE):
        assert (ROOT / name).exists()
    build = (ROOT / "pyproject.toml").read_text()
    for name in re.findall(r'^"(\S+)" = "hybridmap/deployed', build, re.MULTILINE):
        assert f"    {name} /opt/hybridmap/{name}\n" in definition
