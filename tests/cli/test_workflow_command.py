"""The workflow from an installation, in any folder."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

from hybridmap.cli import main, workflow
from hybridmap.cli.workflow import DEPLOYED, deploy, snakemake_command
from hybridmap.errors import HybridmapError

LINES = "total  2\\n", "Finished jobid: 1 (Rule: cube)\\n", "1 of 2 steps (50%) done\\n"
SUCCESS = "import sys; sys.stderr.write('" + "".join(LINES) + "')"
FAILURE = "import sys; sys.stderr.write('Error in rule cube:\\n'); sys.exit(3)"
"""Programs in the place of Snakemake."""


def test_a_region_is_laid_over_the_packaged_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("region: mine\n")
    command = snakemake_command([Path("mine.yaml")], "2", ["fit", "--dry-run"])
    assert command[3:] == [
        *("--snakefile", str(ROOT / "Snakefile"), "--cores", "2", "fit", "--dry-run"),
        *("--configfile", str(ROOT / "config.yaml"), "mine.yaml"),
    ]
    Path("config.yaml").write_text("region: own\n")  # the defaults of a folder are its own
    assert snakemake_command([], "all", [])[-2:] == ["--cores", "all"]


def test_the_demo_is_planned_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--snakemake", "--dry-run", "--quiet"]) == 0


def test_a_failed_run_and_a_missing_region_are_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "mine.yaml"]) == 1
    assert "mine.yaml: no such file; 'hybridmap init mine.yaml' writes one to start from." in capsys.readouterr().err
    monkeypatch.setattr(workflow, "snakemake_command", lambda *words: [sys.executable, "-c", FAILURE])
    assert main(["run"]) == 1
    assert "snakemake ended with code 3" in capsys.readouterr().err


def test_a_quiet_run_says_how_far_it_is_and_what_went_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workflow, "snakemake_command", lambda *words: [sys.executable, "-c", SUCCESS])
    assert main(["run", "--quiet"]) == 0
    said = capsys.readouterr().err
    assert "hybridmap: 2 jobs; no earlier run of this region tells how long they take" in said
    assert "hybridmap: 1 of 2 jobs (50%) in less than a minute, about less than a minute left" in said
    assert "Finished jobid" not in said
    assert main(["run"]) == 0
    assert "Finished jobid: 1 (Rule: cube)" in capsys.readouterr().err
    monkeypatch.setattr(workflow, "snakemake_command", lambda *words: [sys.executable, "-c", FAILURE])
    assert main(["run", "--quiet"]) == 1
    assert "Error in rule cube" in capsys.readouterr().err


def test_a_copy_is_whole_and_overwrites_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(tmp_path / "copy")
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == sorted(DEPLOYED)
    assert (tmp_path / "copy/workflow/rules/common.smk").read_bytes() == (
        ROOT / "workflow/rules/common.smk"
    ).read_bytes()
    with pytest.raises(HybridmapError, match=r"Snakefile, config.yaml, workflow, envs exist there already"):
        deploy(tmp_path / "copy")
    monkeypatch.setattr(workflow, "_PACKAGE", tmp_path / "core" / "hybridmap")
    monkeypatch.chdir(tmp_path / "copy")
    assert workflow.workflow_folder() == tmp_path / "copy"  # what was changed there is run
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HybridmapError, match=r"the workflow is not part of this installation"):
        deploy(tmp_path / "other")


def test_jobs_get_the_program_of_this_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin")
    show = "import os, sys; sys.stderr.write(os.environ['PATH'])"
    monkeypatch.setattr(workflow, "snakemake_command", lambda *words: [sys.executable, "-c", show])
    assert main(["run"]) == 0
    assert f"{Path(sys.executable).parent}:/usr/bin" in capsys.readouterr().err


@pytest.mark.nightly
def test_the_wheel_holds_the_workflow(tmp_path: Path) -> None:
    build = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("Snakefile", "config.yaml", "workflow/rules/train.smk", "workflow/profiles/slurm/config.yaml"):
        assert f"hybridmap/deployed/{name}" in names
