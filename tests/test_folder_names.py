"""Folders with odd but legal names: every command of the workflow gets them as one word."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from whole_workflow import run_workflow

NAMES = {
    "space": "my results",
    "two spaces": "a  b ",
    "single quote": "it's",
    "double quote": 'say "x"',
    "hash": "#1",
    "dollar": "$HOME",
    "substitution": "res$(touch PWNED)",
    "backticks": "res`touch PWNED`",
    "ampersand": "a & touch PWNED",
    "semicolon": "a; touch PWNED",
    "pipe and redirection": "a | b > PWNED",
    "brace": "a { b",
    "braces around words": "{a b}",
    "unicode": "größe–土壌",
    "leading dash": "-results",
    "leading dot": ".results",
    "star and question mark": "a*b?",
    "backslash": "a\\nb",
    "tilde": "~x",
    "parentheses": "(a)",
    "exclamation mark": "a!b",
    "equals": "--out=x",
}
SMALL = {
    "demo": {"sites": 100, "build": {"pedotransfer": "auto"}},
    "grid": {"bounds": [4_000_000, 2_600_000, 4_064_000, 2_640_000]},
    "splits": [{"name": "block", "folds": 3, "size_km": 20}],
    "experiments": [{"name": "one", "global": "all", "splits": ["block"], "uncertainty": {"method": "ensemble"}}],
    "experiment_defaults": {"splits": ["block"]},
    "baselines": ["linear"],
}


def snakemake(folder: Path, results: str, *more: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "config.yaml", folder / "config.yaml")
    small = {**SMALL, "results": results, "data_root": f"{results}/demo/inputs"}
    (folder / "small.yaml").write_text(yaml.safe_dump(small, allow_unicode=True))
    return run_workflow(folder, folder / "small.yaml", options=more)


def commands_of(plan: str) -> list[str]:
    """Commands of hybridmap that a dry run prints."""
    mark = "Shell command: hybridmap "
    return [line.removeprefix("Shell command: ") for line in plan.splitlines() if line.startswith(mark)]


@pytest.mark.parametrize(
    "name",
    ["-a $(touch PWNED) 'b' \"c\" #&;{é", *(pytest.param(name, marks=pytest.mark.nightly) for name in NAMES.values())],
    ids=["all at once", *NAMES],
)
def test_every_command_takes_the_folder_as_one_word(name: str, tmp_path: Path) -> None:
    done = snakemake(tmp_path, name, "--dry-run", "--printshellcmds")
    assert done.returncode == 0, done.stdout + done.stderr
    commands = commands_of(done.stdout)
    assert len({command.split()[1] for command in commands}) >= 14  # verbs
    folder = str(tmp_path / name) if name.startswith("-") else name
    for command in commands:
        words = shlex.split(command)
        inside = [word for word in words if "demo/" in word]
        assert inside
        assert all(word.startswith(f"{folder}/demo/") for word in inside), command
        assert not [word for word in words if "PWNED" in word and not word.startswith(f"{folder}/demo")], command
    assert not (tmp_path / "PWNED").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["-a $(touch PWNED) 'b' \"c\" #&;{é", pytest.param("{a b}`touch PWNED`", marks=pytest.mark.nightly)]
)
def test_the_inputs_are_made_and_read_in_an_odd_folder(name: str, tmp_path: Path) -> None:
    done = snakemake(tmp_path, name, "observations")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / name / "demo/observations.parquet").is_file()
    assert not list(tmp_path.rglob("PWNED"))
