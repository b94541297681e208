"""A region file drafted from a table and rasters: what it says, what it asks, and that it passes check."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import write_raster

from hybridmap.cli import main
from hybridmap.errors import HybridmapError

LAYERS = {"dem": 300.0, "bio1": 8.0, "bio12": 700.0}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A semicolon table with decimal commas in metres of the Czech grid, and rasters in degrees."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rasters").mkdir()
    random = np.random.default_rng(0)
    pd.DataFrame(
        {
            "Profil ID": [f"P{k}" for k in range(60)],
            "X": random.uniform(-700_000, -500_000, 60),
            "Y": random.uniform(-1_200_000, -1_050_000, 60),
            "Date": "12.5.2014",
            "Depth top (cm)": 0,
            "Depth bottom (cm)": 30,
            "SOC (%)": random.lognormal(0.5, 0.4, 60).round(2),
            "Bulk density": 1.3,
            "Note": "a",
        }
    ).to_csv(tmp_path / "soil.csv", sep=";", decimal=",", index=False)
    for name, value in LAYERS.items():
        field = (value * (1 + 0.1 * np.sin(np.arange(100) / 9))).astype("float32")
        write_raster(tmp_path / f"rasters/{name}.tif", np.tile(field, (80, 1)), 14.0, 50.5, 0.04, "EPSG:4326")
    return tmp_path


def test_a_draft_is_corrected_and_passes_check(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "mine.yaml", "--table", "soil.csv", "--rasters", "rasters", "--crs", "EPSG:5514"]) == 0
    said = capsys.readouterr().err
    assert "not used of soil.csv: Note" in said
    assert "the unit of Bulk density is not in its name" in said
    assert "no raster looks like NPP: what the climate allows stands in for it" in said
    text = Path("mine.yaml").read_text()
    draft = yaml.safe_load(text)
    columns = draft["observations"][0]["columns"]
    assert columns["site_id"] == "Profil ID"
    assert (columns["lon"], columns["lat"], draft["observations"][0]["crs"]) == ("X", "Y", "EPSG:5514")
    assert columns["oc_g_kg"] == {"column": "SOC (%)", "unit": "pct"}
    assert columns["top_cm"] == {"column": "Depth top (cm)", "unit": "cm"}
    assert [layer["name"] for layer in draft["covariates"]] == sorted(LAYERS)
    assert draft["grid"]["crs"] == "EPSG:3035"
    assert draft["experiment_defaults"] == {"targets": ["soc"]}
    assert main(["check", "mine.yaml"]) == 1
    assert "unknown unit '<g/cm3 or kg/m3>'" in capsys.readouterr().err
    Path("mine.yaml").write_text(text.replace("<g/cm3 or kg/m3>", "g/cm3"))
    assert main(["check", "mine.yaml"]) == 0
    assert "names no experiments: laid over config.yaml, as 'hybridmap run' does" in capsys.readouterr().err
    assert main(["init", "mine.yaml", "--table", "soil.csv", "--crs", "EPSG:5514"]) == 1  # nothing is lost


def test_without_climate_only_a_network_is_proposed(folder: Path) -> None:
    for name in ("bio1", "bio12"):
        (folder / f"rasters/{name}.tif").unlink()
    assert main(["init", "mine.yaml", "--table", "soil.csv", "--rasters", "rasters", "--crs", "EPSG:5514"]) == 0
    draft = yaml.safe_load(Path("mine.yaml").read_text())
    assert draft["forcing"] == []
    assert draft["experiments"] == [{"name": "pure_network", "process": None}]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--rasters", "rasters"], "--rasters and --crs go with --table"),
        (["--table", "soil.csv"], "no column looks like 'lon'"),
        (["--table", "soil.csv", "--crs", "EPSG:0"], "--crs EPSG:0: no coordinate reference system"),
        (["--table", "soil.csv", "--crs", "EPSG:5514", "--rasters", "gone"], "gone: no folder with rasters"),
        (["--table", "gone.csv"], "gone.csv: no such table"),
    ],
)
def test_what_cannot_be_drafted_is_a_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert main(["init", "mine.yaml", *words]) == 1
    assert says in capsys.readouterr().err
    assert not Path("mine.yaml").exists()


def test_columns_of_degrees_that_are_none_ask_for_their_system(folder: Path) -> None:
    pd.DataFrame({"id": ["a", "b"], "lon": [4e6, 4.1e6], "lat": [3e6, 3e6], "OC_g_kg": [10, 20]}).to_csv("m.csv")
    from hybridmap.check.region_draft import write_region_draft

    with pytest.raises(HybridmapError, match=re.escape("'lon' and 'lat' are no degrees; name their system")):
        write_region_draft(Path("mine.yaml"), Path("m.csv"))
