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


RASTERS = {
    "the names of a forcing": ({"mat": 8.0, "rain": 700.0, "npp": 500.0}, True),
    "rain and no NPP": ({"mat": 8.0, "rain": 700.0, "elevation": 300.0}, True),
    "Kelvin": ({"tas": 281.0, "prec": 700.0}, True),
    "tenths of a Kelvin": ({"CHELSA_bio1": 2810.0, "CHELSA_bio12": 700.0}, True),
    "kg of carbon": ({"npp": 0.5, "mat": 8.0}, True),
    "NPP that is none": ({"npp": 90_000.0, "mat": 8.0}, False),
    "temperature that is none": ({"mat": 90_000.0, "rain": 700.0}, False),
    "months": ({"tas_01": 1.0, "tas_07": 17.0, "rain": 700.0}, False),
    "no Latin letters": ({"температура": 8.0, "2020 ndvi": 0.5}, False),
}


@pytest.mark.parametrize(("fields", "is_driven"), RASTERS.values(), ids=RASTERS.keys())
def test_a_draft_passes_its_own_check(
    folder: Path, capsys: pytest.CaptureFixture[str], fields: dict[str, float], is_driven: bool
) -> None:
    for file in (folder / "rasters").iterdir():
        file.unlink()
    wave = 1 + 0.1 * np.sin(np.arange(100) / 9)
    for name, value in fields.items():
        field = value * wave if value < 200 else value * (1 + 0.01 * wave)
        write_raster(
            folder / f"rasters/{name}.tif", np.tile(field.astype("float32"), (80, 1)), 14.0, 50.5, 0.04, "EPSG:4326"
        )
    table = pd.read_csv("soil.csv", sep=";", decimal=",").drop(columns="Bulk density")
    table.to_csv("soil.csv", sep=";", decimal=",", index=False)
    assert main(["init", "mine.yaml", "--table", "soil.csv", "--rasters", "rasters", "--crs", "EPSG:5514"]) == 0
    draft = yaml.safe_load(Path("mine.yaml").read_text())
    if draft.get("experiments") is None:  # those of the packaged defaults take seconds to build
        text = "experiments: [{name: hybrid, process: {name: five_pool}, neural: [cue], global: all}]\n"
        Path("mine.yaml").write_text(Path("mine.yaml").read_text() + text)
    capsys.readouterr()
    assert main(["check", "mine.yaml"]) == 0, capsys.readouterr().err
    assert bool(draft["forcing"]) == is_driven


def test_classes_are_no_numbers_and_what_cannot_be_read_is_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = np.tile(np.arange(100) % 3 * 10, (80, 1)).astype("uint8")
    write_raster(folder / "rasters/land_cover.tif", codes, 14.0, 50.5, 0.04, "EPSG:4326")
    (folder / "rasters/broken.tif").write_bytes(b"no raster")
    assert main(["init", "mine.yaml", "--table", "soil.csv", "--rasters", "rasters", "--crs", "EPSG:5514"]) == 0
    assert "broken.tif cannot be read as a raster and is left out" in capsys.readouterr().err
    text = Path("mine.yaml").read_text()
    layer = next(layer for layer in yaml.safe_load(text)["covariates"] if layer["name"] == "land_cover")
    assert layer["kind"] == "mode"
    assert "# classes 0, 10, 20" in text
    assert "# exclude: {layer: land_cover" in text


@pytest.mark.parametrize(("lon", "lat"), [(0.0, 0.0), (np.nan, np.nan), (-9999.0, -9999.0), (15.0, np.nan)])
def test_rows_that_are_no_place_leave_the_bounds_as_they_are(
    folder: Path, capsys: pytest.CaptureFixture[str], lon: float, lat: float
) -> None:
    places = pd.DataFrame({"id": range(20), "lon": np.linspace(14, 16, 20), "lat": np.linspace(49, 50, 20), "oc": 10.0})
    places.to_csv("places.csv", index=False)
    pd.concat([places, pd.DataFrame({"id": [20], "lon": [lon], "lat": [lat], "oc": [10.0]})]).to_csv("more.csv")
    for name in ("places", "more"):
        assert main(["init", f"{name}.yaml", "--table", f"{name}.csv"]) == 0
    said = capsys.readouterr().err
    assert "more.csv: 1 rows" in said
    assert "are left out of the bounds of the grid" in said
    grids = [yaml.safe_load(Path(f"{name}.yaml").read_text())["grid"] for name in ("places", "more")]
    assert grids[0] == grids[1]
    places.assign(lon=0, lat=0).to_csv("none.csv")
    assert main(["init", "none.yaml", "--table", "none.csv"]) == 1
    assert "'lon' and 'lat' hold no place, in 20 rows" in capsys.readouterr().err


@pytest.mark.parametrize(("sites", "filled"), [(2000, 24), (400, 24), (60, 0), (1, 0)])
def test_blocks_are_as_large_as_lets_enough_of_them_have_sites(folder: Path, sites: int, filled: int) -> None:
    random = np.random.default_rng(1)
    lon, lat = random.uniform(9, 16, sites), random.uniform(47, 51, sites)
    pd.DataFrame({"id": range(sites), "lon": lon, "lat": lat, "oc": 10.0}).to_csv("places.csv", index=False)
    assert main(["init", "places.yaml", "--table", "places.csv"]) == 0
    text = Path("places.yaml").read_text()
    said = re.search(r"# (\d+) blocks have five places or more", text)
    assert said
    assert int(said.group(1)) >= filled
    west, south, east, north = yaml.safe_load(text)["grid"]["bounds"]
    assert yaml.safe_load(text)["splits"][0]["size_km"] <= min(east - west, north - south) / 1000


def test_the_template_says_where_the_system_of_coordinates_stands(folder: Path) -> None:
    assert main(["init", "empty.yaml"]) == 0
    assert "# crs: EPSG:5514" in Path("empty.yaml").read_text()


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
