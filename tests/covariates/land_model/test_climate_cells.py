"""``hybridmap clm5-forcing --from climate``: rasters to the table that ``clm5_interval`` looks up."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
import yaml
from rasterio.transform import from_origin

from hybridmap.cli import main
from hybridmap.covariates.land_model import climate_cells
from hybridmap.process import get_process

WIDTH, HEIGHT = 12, 8
GRID = {"crs": "EPSG:4326", "resolution": 0.1, "bounds": [0, 46, 6, 50]}
NORTH_TO_SOUTH = np.linspace(-6.0, 6.0, HEIGHT)[:, None]


def write(path: Path, bands: np.ndarray, dtype: str = "float32", nodata: float | None = None) -> None:
    profile = {
        "driver": "GTiff",
        "width": WIDTH,
        "height": HEIGHT,
        "crs": "EPSG:4326",
        "dtype": dtype,
        "nodata": nodata,
    }
    with rasterio.open(path, "w", count=len(bands), transform=from_origin(0, 50, 0.5, 0.5), **profile) as file:
        file.write(bands.astype(dtype))


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Half-degree rasters of a warming south, with a lake in the north-west, and the two files that name them."""
    season = -np.cos(2 * np.pi * np.arange(12) / 12)
    air = 10.0 + 12.0 * season[:, None, None] + NORTH_TO_SOUTH + np.zeros((12, HEIGHT, WIDTH))
    npp = np.full((1, HEIGHT, WIDTH), 500.0)
    npp[0, :2, :2] = np.nan
    for month in range(12):
        write(tmp_path / f"tas_{month + 1:02d}.tif", air[month : month + 1])
    write(tmp_path / "pr.tif", np.full((12, HEIGHT, WIDTH), 60.0))
    write(tmp_path / "npp.tif", npp, nodata=float("nan"))
    write(tmp_path / "igbp.tif", np.tile([[[5] * 6 + [10] * 6]], (1, HEIGHT, 1)), "uint8", 255)
    layers = {
        "temperature": {"path": "tas_{month}.tif"},
        "precipitation": {"path": "pr.tif"},
        "npp": {"path": "npp.tif"},
        "landcover": {"path": "igbp.tif"},
        "resolution": 0.5,
    }
    (tmp_path / "climate.yaml").write_text(yaml.safe_dump(layers))
    (tmp_path / "r.yaml").write_text(yaml.safe_dump({"region": "r", "grid": GRID, "data_root": str(tmp_path)}))
    return tmp_path


def run(folder: Path, *options: str, name: str = "clm5.npz") -> int:
    files = ["--from", "climate", str(folder / "climate.yaml"), "--region", str(folder / "r.yaml")]
    return main(["clm5-forcing", *files, "--out", str(folder / name), *options])


def change(folder: Path, **changes: Any) -> None:
    layers = yaml.safe_load((folder / "climate.yaml").read_text())
    (folder / "climate.yaml").write_text(yaml.safe_dump({**layers, **changes}))


def test_the_table_and_its_raster_belong_together(inputs: Path) -> None:
    assert run(inputs) == 0
    with np.load(inputs / "clm5.npz") as file:
        cells = dict(file.items())
    with rasterio.open(inputs / "clm5_cell.tif") as file:
        number = file.read(1)
        at = [file.index(lon, lat) for lon, lat in zip(cells["lon"], cells["lat"], strict=True)]
    assert number.shape == (HEIGHT, WIDTH)
    assert (number == -1).sum() == 4
    assert [int(number[place]) for place in at] == list(range(WIDTH * HEIGHT - 4))
    yearly = sum(cells[f"input_{pool}"].sum(axis=1) for pool in ("cwd", "litter1", "litter2", "litter3"))
    np.testing.assert_allclose(yearly, 500.0, rtol=1e-6)
    forest = cells["lon"] < 3
    np.testing.assert_allclose(cells["input_cwd"].sum(axis=1), np.where(forest, 125.0, 0.0), rtol=1e-6)
    north = cells["lat"] > 49.5
    assert cells["soil_temperature"][north].mean() < cells["soil_temperature"][~north].mean()


def test_the_model_takes_it_and_a_scenario_moves_it(inputs: Path) -> None:
    change(inputs, assumptions={"snow_factor": 0.5})
    means = []
    for number, options in enumerate(([], ["--warming", "2", "--precipitation-factor", "0.8"], ["--resolution", "1"])):
        assert run(inputs, *options, name=f"{number}.npz") == 0
        model = get_process("clm5_interval", table=str(inputs / f"{number}.npz"))
        cells = len(model.table["input_cwd"])  # type: ignore[attr-defined]
        soc = model({}, {"clm5_cell": torch.arange(float(cells))})["soc"]
        assert ((soc[:, :3] > 1) & (soc[:, :3] < 100)).all()
        means.append((cells, float(soc.mean())))
    assert means[1][1] < means[0][1]
    assert means[2][0] < means[0][0] / 3


CASES: dict[str, tuple[dict[str, Any], list[str], str]] = {
    "month": ({"temperature": {"path": "tem_{month}.tif"}}, [], "temperature_01"),
    "bands": ({"temperature": {"path": "npp.tif"}}, [], "the file has 1 bands, where 12 are asked for"),
    "kelvin": ({"temperature": {"path": "tas_{month}.tif", "offset": 273.15}}, [], "looks like Kelvin"),
    "metres": ({"precipitation": {"path": "pr.tif", "scale": 0.001}}, [], "looks like metres"),
    "npp": ({"npp": {"path": "npp.tif", "scale": -1.0}}, [], "npp: runs from -500 to -500, expected 0 to 5000"),
    "key": ({"temprature": {"path": "x"}}, [], "unknown key 'temprature'"),
    "assumption": ({"assumptions": {"snow_facto": 0.3}}, [], "did you mean 'snow_factor'"),
    "option": ({}, ["--assume", "snow_factor"], "expected KEY=VALUE"),
    "scenario": ({}, ["--warming", "hot"], "warming: expected a number from -20 to 20 K"),
    "finer": ({}, ["--resolution", "0.01"], "finer than the cells of the region"),
}


@pytest.mark.parametrize("case", CASES)
def test_wrong_layers_end_with_one_sentence_and_no_table(
    inputs: Path, case: str, capfd: pytest.CaptureFixture[str]
) -> None:
    changes, options, says = CASES[case]
    change(inputs, **changes)
    assert run(inputs, *options) == 1
    printed = capfd.readouterr().err
    assert says in printed
    assert "Traceback" not in printed
    assert not list(inputs.glob("clm5*"))


def test_blocks_of_cells_make_the_same_table(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(inputs, "--precipitation-factor", "0.01", name="whole.npz") == 0
    monkeypatch.setattr(climate_cells, "BLOCK", 7)
    assert run(inputs, "--precipitation-factor", "0.01", name="blocks.npz") == 0
    with np.load(inputs / "whole.npz") as whole, np.load(inputs / "blocks.npz") as blocks:
        assert set(whole.files) == set(blocks.files)
        for name in whole.files:
            np.testing.assert_array_equal(whole[name], blocks[name])


def test_what_is_assumed_or_odd_is_counted(inputs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Ground that never thaws, rock at the surface, and cells without a class."""
    rock, classes = np.full((1, HEIGHT, WIDTH), 2.0), np.full((1, HEIGHT, WIDTH), 10.0)
    rock[0, 4, :3], classes[0, 5, :5] = 0.0, 255.0
    write(inputs / "rock.tif", rock)
    write(inputs / "gaps.tif", classes, "uint8", 255)
    cold = {"path": "tas_{month}.tif", "offset": -60.0}
    change(inputs, temperature=cold, bedrock={"path": "rock.tif"}, landcover={"path": "gaps.tif"})
    assert run(inputs) == 0
    said = capfd.readouterr().err
    assert "4 cells have no temperature, precipitation or npp" in said
    assert "landcover: unknown in 5 of 92 cells" in said
    assert "3 cells have bedrock above 0.4 m" in said
    assert "92 cells never thaw" in said
    model = get_process("clm5_interval", table=str(inputs / "clm5.npz"))
    assert torch.isfinite(model({}, {"clm5_cell": torch.arange(92.0)})["soc"]).all()


def test_a_layer_of_another_part_of_the_earth_is_refused(inputs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (inputs / "r.yaml").write_text(
        yaml.safe_dump({"region": "r", "grid": {**GRID, "bounds": [40, 46, 46, 50]}, "data_root": str(inputs)})
    )
    assert run(inputs) == 1
    assert "does not overlap the region" in capfd.readouterr().err


def test_options_of_a_climate_do_nothing_silently_to_history_files(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["clm5-forcing", "h0.nc", "--sites", "s.csv", "--out", str(tmp_path / "f.nc"), "--warming", "2"]
    assert main(command) == 1
    assert "add --from climate" in capfd.readouterr().err
    assert main([*command[:1], "--from", "climate", *command[1:]]) == 1
    assert "give --region" in capfd.readouterr().err
