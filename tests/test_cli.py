"""The command line: one sentence, exit code 1, no traceback, nothing half-written."""

import errno
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT

from hybridmap.cli import main
from hybridmap.config import Config


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hybridmap.cli", *(str(a) for a in arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def overlay(folder: Path, small: tuple[Config, Path], change: dict[str, object]) -> Path:
    raw = small[0].model_dump(mode="json", by_alias=True, exclude={"experiment_defaults"})
    raw |= change
    path = folder / "region.yaml"
    path.write_text(yaml.safe_dump(raw))
    return path


def test_bad_input_ends_without_traceback(tmp_path: Path, small_region: tuple[Config, Path]) -> None:
    columns = {**small_region[0].model_dump(mode="json")["observations"][0]["columns"], "lon": {"column": "longitud"}}
    source = {**small_region[0].model_dump(mode="json")["observations"][0], "columns": columns}
    region = overlay(tmp_path, small_region, {"observations": [source]})
    done = run("ingest", region, "--source", "survey", "--out", tmp_path / "out.parquet", "--log", tmp_path / "l.txt")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert "observations.csv: no column 'longitud' for 'lon'" in done.stderr
    assert (tmp_path / "l.txt").read_text() == done.stderr
    assert not (tmp_path / "out.parquet").exists()


def test_check_lists_every_mistake(tmp_path: Path, small_region: tuple[Config, Path]) -> None:
    raw = small_region[0].model_dump(mode="json", by_alias=True)
    raw["covariates"][0]["path"] = "covariates/elevatoin.tif"
    raw["experiments"][2]["neural"] = ["cu"]
    raw["build"]["pedotransfer"] = "holis"
    changed = {k: raw[k] for k in ("covariates", "experiments", "build")}
    done = run("check", overlay(tmp_path, small_region, changed))
    assert done.returncode == 1
    assert "3 mistakes in region 'demo'" in done.stderr
    for said in ("elevatoin.tif", "no parameter 'cu'", "no function 'holis'"):
        assert said in done.stderr


def test_check_of_the_default_passes() -> None:
    done = run("check", "config.yaml")
    assert done.returncode == 0
    assert "experiment all_neural: 13 neural" in done.stderr


@pytest.mark.parametrize("region", [pytest.param("conus_open", marks=pytest.mark.nightly), "europe_open"])
def test_check_of_the_open_regions_passes(shared: Path, region: str) -> None:
    done = run("check", "config.yaml", f"resources/regions/{region}.yaml")
    assert done.returncode == 0, done.stderr


def test_init_writes_a_region_that_parses_and_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "my-Fields 2.yaml"
    assert main(["init", str(path)]) == 0
    assert yaml.safe_load(path.read_text())["region"] == "my_fields"
    done = run("check", "config.yaml", path)
    assert "no such table" in done.stderr
    assert "unknown key" not in done.stderr
    assert main(["init", str(path)]) == 1


def test_unknown_names_say_what_there_is(tmp_path: Path, small_region: tuple[Config, Path]) -> None:
    region = overlay(tmp_path, small_region, {})
    done = run("ingest", region, "--source", "surveey", "--out", tmp_path / "o.parquet")
    assert "did you mean 'survey'" in done.stderr
    done = run(
        *("train", region, "--experiment", "some_nural", "--fold", "all", "--samples", "s", "--splits", "s"),
        *("--out", tmp_path),
    )
    assert "did you mean 'some_neural'" in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "maps.zarr"),
        RuntimeError("No space left on device (os error 28)"),
    ],
    ids=["by number", "in words"],
)
def test_a_full_disk_is_one_sentence_whoever_finds_it(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("hybridmap.config.reference_page.markdown", fail)
    assert main(["schema", "--markdown"]) == 1
    said = capsys.readouterr().err
    assert said.endswith("the disk is full; make room and run again.\n")
    assert said.startswith("hybridmap schema: " + (getattr(error, "filename", None) or "an output"))


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), EOFError("no more")], ids=["I/O", "end"])
def test_other_failures_keep_their_traceback(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("hybridmap.config.reference_page.markdown", fail)
    with pytest.raises(type(error), match=error.args[-1]):
        main(["schema", "--markdown"])


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (KeyboardInterrupt(), 130, "interrupted; run it again to go on."),
        (PermissionError(errno.EACCES, "Permission denied", "results/x"), 1, "results/x: may not be read or written"),
        (OSError(errno.EROFS, "Read-only file system", "results/x"), 1, "results/x: lies on a file system"),
    ],
    ids=["Ctrl-C", "no permission", "read-only"],
)
def test_an_end_from_outside_is_one_line(
    error: BaseException, code: int, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("hybridmap.config.reference_page.markdown", fail)
    assert main(["schema", "--markdown"]) == code
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


def test_an_impossible_soil_gets_a_store_and_no_rasters(
    tmp_path: Path, small_region: tuple[Config, Path], trained: Path
) -> None:
    folder, region = small_region[1], overlay(tmp_path, small_region, {"predict": {"tile": 64, "intervals": "none"}})
    columns = {"part": "test", "scheme": "block", "moc_saturation": [0.5, 1.2], "feasible": 1.0}
    pd.DataFrame(columns | {"margin_uptake": 1.0, "margin_poc": 1.0}).to_parquet(tmp_path / "failing.parquet")
    model = "--experiment", "some_neural_relaxed", "--model", trained / "some_neural_relaxed/all/model"
    done = run("predict", region, *model, "--cube", folder / "cube.zarr", "--out", tmp_path / "maps.zarr")
    assert done.returncode == 0, done.stderr
    options = (
        "export", region, *model, "--maps", tmp_path / "maps.zarr", "--predictions", tmp_path / "failing.parquet",
        "--samples", folder / "samples.parquet", "--rasters", tmp_path / "maps", "--summary", tmp_path / "maps.json",
    )  # fmt: skip
    done = run(*options)
    assert done.returncode == 0, done.stderr
    assert "no GeoTIFFs: physics of 'some_neural_relaxed' fails (MOC exceeds the capacity q_max at 50.0%" in done.stderr
    assert (tmp_path / "maps.zarr/zarr.json").is_file()
    assert not list((tmp_path / "maps").iterdir())
    done = run(*options, "--accept-implausible")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "maps/soc.tif").is_file()
