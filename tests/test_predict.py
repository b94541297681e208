"""Maps: the same numbers as the model, whole after an interruption, valid GeoTIFFs."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
import zarr
from rio_cogeo.cogeo import cog_validate

from hybridmap.config import Config
from hybridmap.data.cube import open_cube
from hybridmap.errors import HybridmapError
from hybridmap.predict import run
from hybridmap.predict.cog import write_cogs
from hybridmap.predict.plan import Tile, tiles_of
from hybridmap.train import load_model, save_model


def digest(store: Path) -> str:
    total = hashlib.sha256()
    for file in sorted(store.rglob("*")):
        if file.is_file():
            total.update(file.relative_to(store).as_posix().encode() + file.read_bytes())
    return total.hexdigest()


def test_tiles_cover_every_cell_once(small_region: tuple[Config, Path]) -> None:
    grid = open_cube(small_region[1] / "cube.zarr").grid
    count = np.zeros((grid.height, grid.width), int)
    for tile in tiles_of(grid, 64):
        count[tile.row0 : tile.row1, tile.col0 : tile.col1] += 1
    assert (count == 1).all()


def test_maps_equal_the_model_at_every_cell(small_region: tuple[Config, Path], trained: Path, tmp_path: Path) -> None:
    config, folder = small_region
    run.predict(trained / "some_neural/all/model", folder / "cube.zarr", config, tmp_path / "maps.zarr", 3, "t")
    model, cube = load_model(trained / "some_neural/all/model"), open_cube(folder / "cube.zarr")
    covariates, forcing, valid = cube.read_window(0, cube.grid.height, 0, cube.grid.width)
    with torch.no_grad():
        out = model(
            torch.tensor(covariates[:, valid].T.copy()), {k: torch.tensor(v[valid]) for k, v in forcing.items()}
        )
    store = zarr.open_group(tmp_path / "maps.zarr", mode="r")
    for name in ("soc", "moc", "moc_saturation", "feasible"):
        np.testing.assert_allclose(np.asarray(store[name])[valid], out[name], rtol=2e-6)
        assert np.isnan(np.asarray(store[name])[~valid]).all()
    np.testing.assert_allclose(np.asarray(store["q_max"])[valid], out["parameter.q_max"], rtol=2e-6)
    assert (~valid).any()


def test_interrupted_prediction_ends_the_same(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folder = small_region
    arguments = (trained / "some_neural/all/model", folder / "cube.zarr", config)
    run.predict(*arguments, tmp_path / "whole.zarr", 1, "t")
    original, calls = run.predict_tile, []

    def breaks(*args: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "predict_tile", breaks)
    with pytest.raises(KeyboardInterrupt):
        run.predict(*arguments, tmp_path / "broken.zarr", 1, "t")
    assert not (tmp_path / "broken.zarr").exists()
    monkeypatch.setattr(run, "predict_tile", original)
    run.predict(*arguments, tmp_path / "broken.zarr", 1, "t")
    assert digest(tmp_path / "broken.zarr") == digest(tmp_path / "whole.zarr")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["broken.zarr", "whole.zarr"]


def test_number_of_workers_changes_nothing(small_region: tuple[Config, Path], trained: Path, tmp_path: Path) -> None:
    config, folder = small_region
    for workers in (1, 4):
        out = tmp_path / f"{workers}.zarr"
        run.predict(trained / "pure_network/all/model", folder / "cube.zarr", config, out, workers, "t")
    assert digest(tmp_path / "1.zarr") == digest(tmp_path / "4.zarr")


def test_cells_without_a_steady_state_are_nodata_in_the_relaxed_pools(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path
) -> None:
    """A relaxed model that cannot take up enough gives DOC below 0; its maps show why, not a number."""
    _, folder = small_region
    source = trained / "some_neural_relaxed/all/model"
    import yaml

    spec = yaml.safe_load((source / "model.yaml").read_text())
    spec["bounds"], spec["start"] = {"vmax_u": [0.5, 4.0]}, {"vmax_u": 3.8}
    model = load_model(source)
    save_model(model, spec, tmp_path / "model")
    cube = open_cube(folder / "cube.zarr")
    maps = run.predict_tile(load_model(tmp_path / "model"), cube, Tile(0, cube.grid.height, 0, cube.grid.width))
    without = maps["feasible"] == 0
    assert without.any()
    assert np.isnan(maps["soc"][without]).all()
    assert np.isfinite(maps["moc_saturation"][without]).all()
    assert np.isfinite(maps["cue"][without]).all()
    assert np.isfinite(maps["soc"][maps["feasible"] == 1]).all()


def test_cogs_are_valid_and_say_what_they_are(small_region: tuple[Config, Path], trained: Path, tmp_path: Path) -> None:
    config, folder = small_region
    run.predict(trained / "some_neural/all/model", folder / "cube.zarr", config, tmp_path / "maps.zarr", 2, "t")
    write_cogs(tmp_path / "maps.zarr", tmp_path / "maps", tmp_path / "maps.json")
    entries = json.loads((tmp_path / "maps.json").read_text())
    names = {e["name"] for e in entries}
    assert {"soc", "poc", "moc", "mbc", "moc_saturation", "cue", "q_max", "f_poc", "vmax_p", "km_p"} <= names
    store = zarr.open_group(tmp_path / "maps.zarr", mode="r")
    for entry in entries:
        path = tmp_path / entry["file"]
        valid, errors, warnings = cog_validate(path, strict=True)
        assert valid, (errors, warnings)
        with rasterio.open(path) as file:
            assert file.descriptions == (entry["name"],)
            assert file.units == (entry["units"],)
            assert np.isnan(file.nodata)
            assert file.crs.to_epsg() == 3035
            np.testing.assert_array_equal(file.read(1), np.asarray(store[entry["name"]]))
    assert not list((tmp_path / "maps").glob("*.partial"))


def test_a_cube_without_a_layer_of_the_model_is_named(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path
) -> None:
    config, folder = small_region
    shutil.copytree(folder / "cube.zarr", tmp_path / "cube.zarr")
    meta = tmp_path / "cube.zarr/covariates/zarr.json"
    meta.write_text(meta.read_text().replace('"name": "clay"', '"name": "loam"'))
    with pytest.raises(HybridmapError, match="no covariate 'clay'"):
        run.predict(trained / "pure_network/all/model", tmp_path / "cube.zarr", config, tmp_path / "m.zarr", 1, "t")
    assert not list(tmp_path.glob("m.zarr*"))
