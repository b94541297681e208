"""Maps: the same numbers as the model, whole after an interruption, valid GeoTIFFs."""

import errno
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
import zarr
from map_recipes import recipe_of
from rio_cogeo.cogeo import cog_validate

from hybridmap.cli import main
from hybridmap.config import Config
from hybridmap.covariates.cube import open_cube
from hybridmap.errors import HybridmapError
from hybridmap.export.cog import write_cogs
from hybridmap.grid import resumable_store
from hybridmap.grid.tiles import Tile, tiles_of
from hybridmap.model.draws import ensemble_draws, mean_of
from hybridmap.predict import memory, preview, progress, run, worker_start, workers
from hybridmap.predict.estimate import estimate
from hybridmap.predict.map_store import MapStore, tile_keys
from hybridmap.predict.predictor import Predictor
from hybridmap.predict.recipe import Job, Recipe
from hybridmap.predict.run import Execution
from hybridmap.predict.tile import predict_tile
from hybridmap.train import load_members, load_model, save_model


def names_in(folder: Path) -> list[str]:
    """What lies in a folder, but for the sums of stores."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".sums")


def recipe(model: Path, config: Config, experiment: str = "some_neural", **changes: object) -> Recipe:
    """What to map, without intervals, which need an evaluation."""
    block = config.predict.model_copy(update={"intervals": "none", **changes})
    return recipe_of(config.model_copy(update={"predict": block}), experiment, model)


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
    plain = recipe(trained / "some_neural/all/model", config)
    run.predict(Job(plain, folder / "cube.zarr", tmp_path / "maps.zarr"), Execution(3))
    members, cube = load_members(trained / "some_neural/all/model"), open_cube(folder / "cube.zarr")
    assert members is not None
    covariates, forcing, valid = cube.read_window(cube.grid.extent)
    driven = {k: torch.tensor(v[valid]) for k, v in forcing.items()}
    drawn = ensemble_draws(members, torch.tensor(covariates[:, valid].T.copy()), driven)
    out = {name: mean_of(values) for name, values in drawn.items()}
    store = zarr.open_group(tmp_path / "maps.zarr", mode="r")
    for name in ("soc", "moc", "moc_saturation", "feasible"):
        found = np.asarray(store[name])
        np.testing.assert_allclose(found[valid], out[name], rtol=1e-5)
        assert ((found[~valid] == 255) if name == "feasible" else np.isnan(found[~valid])).all()
    np.testing.assert_allclose(np.asarray(store["q_max"])[valid], out["parameter.q_max"], rtol=1e-5)
    assert (~valid).any()


def test_interrupted_prediction_ends_the_same(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folder = small_region
    arguments = (recipe(trained / "some_neural/all/model", config), folder / "cube.zarr")
    run.predict(Job(*arguments, tmp_path / "whole.zarr"), Execution(1))
    original, calls = workers.predict_tile, []

    def breaks(*args: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(workers, "predict_tile", breaks)
    with pytest.raises(KeyboardInterrupt):
        run.predict(Job(*arguments, tmp_path / "broken.zarr"), Execution(1))
    assert not (tmp_path / "broken.zarr").exists()
    monkeypatch.setattr(workers, "predict_tile", original)
    run.predict(Job(*arguments, tmp_path / "broken.zarr"), Execution(1))
    assert digest(tmp_path / "broken.zarr") == digest(tmp_path / "whole.zarr")
    assert names_in(tmp_path) == ["broken.zarr", "whole.zarr"]


def test_number_of_workers_changes_nothing(small_region: tuple[Config, Path], trained: Path, tmp_path: Path) -> None:
    config, folder = small_region
    for count in (1, 4):
        out = tmp_path / f"{count}.zarr"
        plain = recipe(trained / "pure_network/all/model", config, "pure_network")
        run.predict(Job(plain, folder / "cube.zarr", out), Execution(count))
    assert digest(tmp_path / "1.zarr") == digest(tmp_path / "4.zarr")


def test_tile_size_and_processes_change_no_bit(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folder = small_region
    model, cube = trained / "some_neural/all/model", folder / "cube.zarr"
    run.predict(Job(recipe(model, config), cube, tmp_path / "a.zarr"), Execution(1))
    run.predict(Job(recipe(model, config, tile=16), cube, tmp_path / "b.zarr"), Execution(3))
    monkeypatch.setattr(worker_start, "SMALL", 0)  # processes, as for a large map
    run.predict(Job(recipe(model, config), cube, tmp_path / "c.zarr"), Execution(2))
    one, two = (zarr.open_group(tmp_path / n, mode="r") for n in ("a.zarr", "b.zarr"))
    for name in one.array_keys():
        np.testing.assert_array_equal(np.asarray(one[name]), np.asarray(two[name]))
    assert digest(tmp_path / "a.zarr") == digest(tmp_path / "c.zarr")


def test_two_runs_on_one_store_refuse_each_other(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path
) -> None:
    config, folder = small_region
    arguments = recipe(trained / "pure_network/all/model", config, "pure_network"), folder / "cube.zarr"
    store = MapStore(tmp_path / "maps.zarr")
    with store.lock(), pytest.raises(HybridmapError, match=r"another run \(process \d+ on .*\) is writing this"):
        run.predict(Job(*arguments, tmp_path / "maps.zarr"), Execution(1))
    assert not store.lock_file.exists()
    # A run that died on this machine leaves a lock that is taken over.
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    store.lock_file.write_text(json.dumps({"host": socket.gethostname(), "pid": int(done.stdout)}))
    run.predict(Job(*arguments, tmp_path / "maps.zarr"), Execution(1))
    assert names_in(tmp_path) == ["maps.zarr"]


def broken(arguments: tuple[Recipe, Path], out: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> int:
    """Stop a prediction after some tiles; returns how many receipts are left."""
    original, calls = workers.predict_tile, []

    def stops(*args: object) -> object:
        calls.append(1)
        if len(calls) > after:
            raise KeyboardInterrupt
        return original(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(workers, "predict_tile", stops)
        with pytest.raises(KeyboardInterrupt):
            run.predict(Job(*arguments, out), Execution(1))
    return len([p for p in MapStore(out).receipts.iterdir() if p.name != "identity"])


def test_a_changed_part_of_the_cube_invalidates_its_tile_alone(
    small_region: tuple[Config, Path], tmp_path: Path
) -> None:
    _, folder = small_region
    shutil.copytree(folder / "cube.zarr", tmp_path / "cube.zarr")
    cube = open_cube(tmp_path / "cube.zarr")
    tiles = list(tiles_of(cube.grid, 16))
    before = tile_keys(cube, tiles)
    shard = cube.shard_files(Tile(0, 16, 0, 16))[0]
    assert shard.is_file()
    shard.touch()
    after = tile_keys(cube, tiles)
    edge = zarr.open_group(cube.path, mode="r")["covariates"].chunks[-1]
    changed = {t.name for t in tiles if before[t.name] != after[t.name]}
    assert changed == {t.name for t in tiles if t.row0 < edge and t.col0 < edge}
    assert len(changed) < len(tiles)


def test_another_model_begins_anew(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folder = small_region
    cube = folder / "cube.zarr"
    one = recipe(trained / "some_neural/all/model", config, tile=16)
    assert broken((one, cube), tmp_path / "m.zarr", monkeypatch, 5) >= 5
    other = recipe(trained / "some_neural/block-0/model", config, tile=16)
    run.predict(Job(other, cube, tmp_path / "m.zarr"), Execution(1))
    run.predict(Job(other, cube, tmp_path / "whole.zarr"), Execution(1))
    assert digest(tmp_path / "m.zarr") == digest(tmp_path / "whole.zarr")


def test_a_full_disk_ends_with_one_sentence_and_can_be_continued(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folder = small_region
    arguments = recipe(trained / "pure_network/all/model", config, "pure_network"), folder / "cube.zarr"

    def full(partial: Path, path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(resumable_store, "replace_durably", full)
        with pytest.raises(HybridmapError, match="the disk is full; make room and run again"):
            run.predict(Job(*arguments, tmp_path / "m.zarr"), Execution(1))
    run.predict(Job(*arguments, tmp_path / "m.zarr"), Execution(1))
    run.predict(Job(*arguments, tmp_path / "whole.zarr"), Execution(1))
    assert digest(tmp_path / "m.zarr") == digest(tmp_path / "whole.zarr")


def test_a_killed_worker_is_said_and_its_work_continued(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folder = small_region
    arguments = recipe(trained / "pure_network/all/model", config, "pure_network"), folder / "cube.zarr"
    with monkeypatch.context() as patch:
        patch.setattr(worker_start, "SMALL", 0)
        patch.setattr(workers, "work", die)
        with pytest.raises(HybridmapError, match="a worker was killed, probably for memory"):
            run.predict(Job(*arguments, tmp_path / "m.zarr"), Execution(2))
    run.predict(Job(*arguments, tmp_path / "m.zarr"), Execution(1))
    assert names_in(tmp_path) == ["m.zarr"]


def die(tile: Tile, key: str) -> Tile:
    """What the system does to a process that takes too much memory."""
    os.kill(os.getpid(), signal.SIGKILL)
    return tile


def test_the_plan_counts_what_the_prediction_makes(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path
) -> None:
    config, folder = small_region
    arguments = recipe(trained / "some_neural/all/model", config), folder / "cube.zarr"
    planned = estimate(*arguments, workers=2)
    run.predict(Job(*arguments, tmp_path / "maps.zarr"), Execution(1))
    store = zarr.open_group(tmp_path / "maps.zarr", mode="r")
    assert planned.cells == int(np.isfinite(np.asarray(store["soc"])).sum())
    assert planned.maps == sum(1 for name in store.array_keys() if store[name].ndim == 2)
    size = sum(f.stat().st_size for f in (tmp_path / "maps.zarr").rglob("*/c/**/*") if f.is_file())
    assert planned.disk_bytes == pytest.approx(size, rel=0.3)
    assert planned.workers == min(2, planned.filled_tiles)
    assert planned.seconds > 0
    assert len(planned.lines()) == 3


def test_the_command_plans_without_writing(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, folder = small_region
    block = config.predict.model_copy(update={"intervals": "none"})
    (tmp_path / "c.yaml").write_text(config.model_copy(update={"predict": block}).model_dump_json(by_alias=True))
    command = ["predict", str(tmp_path / "c.yaml"), "--experiment", "some_neural", "--cube", str(folder / "cube.zarr")]
    command += ["--model", str(trained / "some_neural/all/model")]
    assert main([*command, "--plan"]) == 0
    assert "million cells" in capsys.readouterr().err
    assert main(command) == 1
    assert "--out is missing" in capsys.readouterr().err
    assert names_in(tmp_path) == ["c.yaml"]


def test_bfloat16_changes_little_and_says_how_much(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config, folder = small_region
    model, cube = trained / "some_neural/all/model", folder / "cube.zarr"
    run.predict(Job(recipe(model, config), cube, tmp_path / "exact.zarr"), Execution(1))
    with caplog.at_level("INFO"):
        run.predict(Job(recipe(model, config, precision="bfloat16"), cube, tmp_path / "fast.zarr"), Execution(1))
    assert "bfloat16 changes soc by" in caplog.text
    exact, fast = (np.asarray(zarr.open_group(tmp_path / n, mode="r")["soc"]) for n in ("exact.zarr", "fast.zarr"))
    known = np.isfinite(exact)
    assert (np.isfinite(fast) == known).all()
    relative = np.abs(fast[known] - exact[known]) / exact[known]
    assert 0 < np.median(relative) < 0.02
    assert np.abs(fast[known].mean() / exact[known].mean() - 1) < 0.01


def test_cells_without_a_steady_state_are_nodata_in_the_relaxed_pools(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path
) -> None:
    """A relaxed model that cannot take up enough gives DOC below 0; its maps show why, not a number."""
    config, folder = small_region
    source = trained / "some_neural_relaxed/all/model"
    import yaml

    spec = yaml.safe_load((source / "model.yaml").read_text())
    spec["bounds"], spec["start"] = {"vmax_u": [0.5, 4.0]}, {"vmax_u": 3.8}
    model = load_model(source)
    save_model(model, spec, tmp_path / "model")
    cube = open_cube(folder / "cube.zarr")
    maker = Predictor(recipe(tmp_path / "model", config, "some_neural_relaxed"))
    maps = predict_tile(maker, cube, Tile(0, cube.grid.height, 0, cube.grid.width))
    without = maps["feasible"] == 0
    assert without.any()
    assert np.isnan(maps["soc"][without]).all()
    assert np.isfinite(maps["moc_saturation"][without]).all()
    assert np.isfinite(maps["cue"][without]).all()
    assert np.isfinite(maps["soc"][maps["feasible"] == 1]).all()


def test_cogs_are_valid_and_say_what_they_are(small_region: tuple[Config, Path], trained: Path, tmp_path: Path) -> None:
    config, folder = small_region
    plain = recipe(trained / "some_neural/all/model", config)
    run.predict(Job(plain, folder / "cube.zarr", tmp_path / "maps.zarr"), Execution(2))
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
            assert np.isnan(file.nodata) or (entry["type"] == "uint8" and file.nodata == 255)
            assert file.crs.to_epsg() == 3035
            np.testing.assert_array_equal(file.read(1), np.asarray(store[entry["name"]]))
    assert not list((tmp_path / "maps").glob("*.partial"))


def test_a_cube_without_a_layer_of_the_model_is_named(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path
) -> None:
    config, folder = small_region
    shutil.copytree(folder / "cube.zarr", tmp_path / "cube.zarr")
    meta = tmp_path / "cube.zarr/covariates/zarr.json"
    meta.write_text(meta.read_text().replace(r"\"name\": \"clay\"", r"\"name\": \"loam\""))
    plain = recipe(trained / "pure_network/all/model", config, "pure_network")
    with pytest.raises(HybridmapError, match="no covariate 'clay'"):
        run.predict(Job(plain, tmp_path / "cube.zarr", tmp_path / "m.zarr"), Execution(1))
    assert not list(tmp_path.glob("m.zarr*"))


@pytest.mark.parametrize("count", [1, 3])
def test_parts_side_by_side_make_the_same_store(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path, count: int
) -> None:
    config, folder = small_region
    plain = recipe(trained / "pure_network/all/model", config, "pure_network", tile=16)
    run.predict(Job(plain, folder / "cube.zarr", tmp_path / "whole.zarr"), Execution(1))
    with ThreadPoolExecutor(count) as pool:
        jobs = [
            pool.submit(
                run.predict,
                Job(plain, folder / "cube.zarr", tmp_path / "m.zarr"),
                Execution(1, part=f"{k + 1}/{count}"),
            )
            for k in range(count)
        ]
        for job in jobs:
            job.result()
    store = MapStore(tmp_path / "m.zarr")
    assert not store.out.exists()
    assert len([p for p in store.receipts.iterdir() if p.name != "identity"]) == len(
        list(tiles_of(open_cube(folder / "cube.zarr").grid, 16))
    )
    run.predict(Job(plain, folder / "cube.zarr", tmp_path / "m.zarr"), Execution(1))
    assert digest(tmp_path / "m.zarr") == digest(tmp_path / "whole.zarr")
    assert names_in(tmp_path) == ["m.zarr", "whole.zarr"]


def test_a_part_that_is_running_keeps_others_off(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path
) -> None:
    config, folder = small_region
    plain = recipe(trained / "pure_network/all/model", config, "pure_network")
    job = Job(plain, folder / "cube.zarr", tmp_path / "m.zarr")
    store = MapStore(tmp_path / "m.zarr")
    with store.lock("1of2"):
        with pytest.raises(HybridmapError, match="another run"):
            run.predict(job, Execution(1))
        with pytest.raises(HybridmapError, match="another run"):
            run.predict(job, Execution(1, part="1/2"))
    for wrong in ("0/2", "3/2", "a/b", "2"):
        with pytest.raises(HybridmapError, match=r"expected k/n with k from 1 to n"):
            run.predict(job, Execution(1, part=wrong))


def test_a_preview_shows_what_is_done(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folder = small_region
    plain = recipe(trained / "pure_network/all/model", config, "pure_network", tile=16)
    monkeypatch.setattr(progress, "FIRST_S", 0.0)
    monkeypatch.setattr(progress, "INTERVAL_S", 0.0)
    monkeypatch.setattr(preview, "EDGE_PIXELS", 40)
    original, seen = preview.Preview.add, []

    def looked(self: preview.Preview, done: list[Tile]) -> None:
        original(self, done)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(self.path) as picture:
                seen.append((picture.shape, float(np.isfinite(self.values).sum())))

    monkeypatch.setattr(preview.Preview, "add", looked)
    run.predict(Job(plain, folder / "cube.zarr", tmp_path / "m.zarr"), Execution(1))
    assert seen[0][0] == seen[-1][0]
    assert max(seen[0][0]) <= 40
    assert 0 < seen[0][1] < seen[-1][1]
    assert names_in(tmp_path) == ["m.zarr"]


def test_the_plan_is_data(small_region: tuple[Config, Path], trained: Path, tmp_path: Path) -> None:
    config, folder = small_region
    plain = recipe(trained / "pure_network/all/model", config, "pure_network", tile=32)
    estimate(plain, folder / "cube.zarr").save(tmp_path / "plan.json")
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert sum(t["complete_cells"] for t in plan["plan"]) == plan["cells"]
    assert len(plan["plan"]) == plan["filled_tiles"] <= plan["tiles"]
    first = plan["plan"][0]
    assert [first["rows"][0] // 32, first["columns"][0] // 32] == first["shard"]
    assert all(t["seconds"] > 0 for t in plan["plan"])


def test_layers_are_found_by_name_in_any_order(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path
) -> None:
    """A cube whose bands are in another order gives the same maps."""
    config, folder = small_region
    plain = recipe(trained / "some_neural/all/model", config)
    run.predict(Job(plain, folder / "cube.zarr", tmp_path / "a.zarr"), Execution(1))
    shutil.copytree(folder / "cube.zarr", tmp_path / "cube.zarr")
    root = zarr.open_group(tmp_path / "cube.zarr", mode="r+")
    array = root["covariates"]
    array[:] = np.asarray(array)[::-1]
    array.attrs["bands"] = json.dumps(json.loads(array.attrs["bands"])[::-1])
    run.predict(Job(plain, tmp_path / "cube.zarr", tmp_path / "b.zarr"), Execution(1))
    one, two = (np.asarray(zarr.open_group(tmp_path / n, mode="r")["soc"]) for n in ("a.zarr", "b.zarr"))
    np.testing.assert_array_equal(one, two)


def break_unit(cube: Path) -> None:
    meta = cube / "covariates/zarr.json"
    about = json.loads(meta.read_text())
    bands = json.loads(about["attributes"]["bands"])
    next(b for b in bands if b["name"] == "temperature")["units"] = "K"
    about["attributes"]["bands"] = json.dumps(bands)
    meta.write_text(json.dumps(about))


def break_forcing_unit(cube: Path) -> None:
    meta = cube / "forcing/mat/zarr.json"
    meta.write_text(meta.read_text().replace('"units": "degC"', '"units": "K"'))


def break_forcing(cube: Path) -> None:
    shutil.rmtree(cube / "forcing/mat")


def break_shard(cube: Path) -> None:
    shard = cube / "covariates/c/0/0/0"
    shard.write_bytes(shard.read_bytes()[:2000])


def break_version(cube: Path) -> None:
    meta = cube / "zarr.json"
    about = json.loads(meta.read_text())
    about["attributes"]["format"] = 99
    meta.write_text(json.dumps(about))


def break_store(cube: Path) -> None:
    (cube / "covariates/zarr.json").write_text("{")


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (break_unit, r"covariate 'temperature' is in 'K', the model was trained with it in 'degC'"),
        (break_forcing_unit, r"forcing 'mat' is in 'K', the model was trained with it in 'degC'"),
        (break_forcing, r"no forcing 'mat', which the model was trained with; it has \['npp'\]"),
        (break_shard, r"cube.zarr: rows 0 to \d+, columns 0 to \d+ cannot be read .*build the cube again"),
        (break_version, r"cube.zarr: written by a newer version of hybridmap \(format 99, this one reads 2\)"),
        (break_store, r"cube.zarr: cannot be opened as a cube"),
    ],
)
def test_a_wrong_cube_is_named(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path, damage: Callable[[Path], None], match: str
) -> None:
    config, folder = small_region
    shutil.copytree(folder / "cube.zarr", tmp_path / "cube.zarr")
    damage(tmp_path / "cube.zarr")
    plain = recipe(trained / "some_neural/all/model", config)
    with pytest.raises(HybridmapError, match=match):
        run.predict(Job(plain, tmp_path / "cube.zarr", tmp_path / "m.zarr"), Execution(1))
    assert not (tmp_path / "m.zarr").exists()


def test_workers_are_as_many_as_memory_holds(
    small_region: tuple[Config, Path], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    config, folder = small_region
    plain = recipe(trained / "pure_network/all/model", config, "pure_network", tile=16)
    maker, cube = Predictor(plain), open_cube(folder / "cube.zarr")
    one = memory.bytes_per_worker(maker, cube, 16)
    assert memory.free_bytes() > one
    monkeypatch.setattr(memory, "free_bytes", lambda: 4.1 * one)
    assert memory.workers_that_fit(maker, cube, 8) == 3
    assert memory.workers_that_fit(maker, cube, 2) == 2
    monkeypatch.setattr(memory, "free_bytes", lambda: 0.1 * one)
    assert memory.workers_that_fit(maker, cube, 8) == 1
    monkeypatch.setattr(run.os, "sched_getaffinity", lambda _: range(8))
    assert estimate(plain, folder / "cube.zarr").workers == 1
    assert run.workers_of(Predictor(recipe(plain.model, config, "pure_network", workers=5)), cube, 0) == 5
    with caplog.at_level("INFO"):
        run.predict(Job(plain, folder / "cube.zarr", tmp_path / "m.zarr"), Execution(0))
    assert "1 workers on 8 cores, for memory" in caplog.text
