"""The workflow as others use it: a module of theirs, another directory, and from an installed wheel."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

OUTER = """
configfile: "outer.yaml"

module soil:
    snakefile: "{snakefile}"
    config: {config}
    prefix: "carbon"

use rule * from soil as soil_*

rule own:
    default_target: True
    input: rules.soil_all.input
    output: "own.txt"
    shell: "echo > {{output}}"
"""


def snakemake(folder: Path, *words: str) -> str:
    """What a run says that has to succeed."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.nightly
@pytest.mark.parametrize("part", ["config", 'config["soil"]'])
def test_as_a_module_all_paths_of_commands_have_its_prefix(tmp_path: Path, part: str) -> None:
    demo = yaml.safe_load((ROOT / "config.yaml").read_text())
    outer = demo if part == "config" else {"another": 1, "soil": demo}
    (tmp_path / "outer.yaml").write_text(yaml.safe_dump(outer))
    (tmp_path / "Snakefile").write_text(OUTER.format(snakefile=ROOT / "Snakefile", config=part))
    said = snakemake(tmp_path, "--dry-run", "--printshellcmds")
    assert "rule soil_train" in said
    assert "carbon/results/demo/covariates.zarr" in said
    assert "results/demo" not in said.replace("carbon/results/demo", "")


@pytest.mark.nightly
def test_a_module_with_a_prefix_runs(tmp_path: Path) -> None:
    (tmp_path / "outer.yaml").write_text((ROOT / "config.yaml").read_text())
    (tmp_path / "Snakefile").write_text(OUTER.format(snakefile=ROOT / "Snakefile", config="config"))
    snakemake(tmp_path, "soil_build")
    assert (tmp_path / "carbon/results/demo/observations.parquet").is_file()
    assert not (tmp_path / "results").exists()


@pytest.mark.nightly
def test_an_installed_wheel_runs_and_deploys_where_nobody_has_activated_its_environment(tmp_path: Path) -> None:
    build = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "env", with_pip=False)
    (packages,) = (tmp_path / "env/lib").glob("python*/site-packages")
    (packages / "zz_dependencies.pth").write_text(sysconfig.get_path("purelib"))
    python = tmp_path / "env/bin/python"
    subprocess.run(["pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)], check=True)
    user = tmp_path / "user"
    user.mkdir()
    outside = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"PATH": "/usr/bin:/bin"}

    def hybridmap(folder: Path, *words: str) -> str:
        command = [str(tmp_path / "env/bin/hybridmap"), *words]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=outside)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    hybridmap(user, "run", "--cores", "1", "--snakemake", "results/demo/inputs/made.json")
    assert (user / "results/demo/inputs/observations.csv").is_file()
    hybridmap(user, "deploy", "copy")
    hybridmap(
        user / "copy", "run", "--cores", "1", "--snakemake", "results/demo/inputs/made.json", "--directory", "../other"
    )
    assert (user / "other/results/demo/inputs/observations.csv").is_file()
    said = hybridmap(user, "plan", "copy/config.yaml")
    assert "| `cube` | 1 |" in said
