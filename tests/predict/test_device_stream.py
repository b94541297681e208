"""Maps on a GPU: the numbers of the CPU, tiles read and written beside the computation, and which device is noted.

On a GPU if there is one, else on a pretended one (``pretend_gpu``).
"""

import json
import logging
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr
from map_recipes import recipe_of
from pretend_gpu import pretended_gpu

from hybridmap.config import Config
from hybridmap.errors import HybridmapError
from hybridmap.grid.tiles import Tile
from hybridmap.predict import device_stream, run
from hybridmap.predict.recipe import Job, Recipe
from hybridmap.predict.run import Execution
from hybridmap.report.run_record import noted_devices
from hybridmap.train.device import choose_device

TOLERANCE = 1e-4
"""Relative difference of a map from that of the CPU, at most, as docs/performance.md states it."""


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch):
    if torch.cuda.is_available():
        yield
        return
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device=None: "pretended GPU")
    with pretended_gpu():
        yield


def recipe(model: Path, config: Config, experiment: str = "some_neural", **changes: object) -> Recipe:
    block = config.predict.model_copy(update={"intervals": "none", "tile": 64, **changes})
    return recipe_of(config.model_copy(update={"predict": block}), experiment, model)


def maps_in(store: Path) -> dict[str, np.ndarray]:
    root = zarr.open_group(str(store), mode="r")
    return {name: array[...] for name, array in root.arrays() if array.ndim == 2 and array.dtype.kind == "f"}


def predicted(plain: Recipe, folder: Path, out: Path, device: str) -> dict[str, np.ndarray]:
    run.predict(Job(plain, folder / "cube.zarr", out), Execution(2, device=device))
    return maps_in(out)


@pytest.mark.parametrize("intervals", [pytest.param("none", marks=pytest.mark.nightly), "spread"])
def test_a_gpu_maps_what_the_cpu_maps(gpu, small_region, trained, tmp_path, intervals) -> None:
    config, folder = small_region
    plain = recipe(trained / "some_neural/all/model", config, intervals=intervals)
    expected = predicted(plain, folder, tmp_path / "cpu.zarr", "cpu")
    assert not (tmp_path / "cpu.zarr.devices.json").exists()
    maps = predicted(plain, folder, tmp_path / "gpu.zarr", "cuda")
    assert maps.keys() == expected.keys()
    assert "soc" in maps
    for name, values in maps.items():
        np.testing.assert_allclose(values, expected[name], rtol=TOLERANCE, atol=1e-6, err_msg=name)
    tiles = json.loads((tmp_path / "gpu.zarr.devices.json").read_text())
    assert sum(tiles.values()) > 1
    assert noted_devices(tmp_path) == {"gpu.zarr": tiles}


def test_a_map_begun_on_a_gpu_goes_on_without_one_and_says_so(gpu, small_region, trained, tmp_path, monkeypatch):
    config, folder = small_region
    job = Job(recipe(trained / "some_neural/all/model", config), folder / "cube.zarr", tmp_path / "maps.zarr")
    run.predict(job, Execution(1, part="1/2", device="cuda"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    run.predict(job, Execution(1, device="cuda"))
    noted = json.loads((tmp_path / "maps.zarr.devices.json").read_text())
    assert len(noted) == 2
    assert noted["cpu"] >= 1
    expected = predicted(job.recipe, folder, tmp_path / "cpu.zarr", "cpu")
    np.testing.assert_allclose(maps_in(tmp_path / "maps.zarr")["soc"], expected["soc"], rtol=TOLERANCE)


def test_reading_goes_on_while_the_device_computes(gpu, small_region, trained, tmp_path, monkeypatch) -> None:
    """The computation of the first strip waits until a later one was read: without overlap it would wait for ever."""
    config, folder = small_region
    reads, threads = threading.Semaphore(0), set()
    read, compute = device_stream.read_strip, device_stream._compute

    def counted_read(predictor: object, cube: object, rows: Tile) -> object:
        threads.add(threading.current_thread().name)
        cells = read(predictor, cube, rows)
        reads.release()
        return cells

    def late_compute(*args: object) -> None:
        if not waited:
            waited.append(all(reads.acquire(timeout=20) for _ in range(2)))
        compute(*args)

    waited: list[bool] = []
    monkeypatch.setattr(device_stream, "read_strip", counted_read)
    monkeypatch.setattr(device_stream, "_compute", late_compute)
    predicted(recipe(trained / "some_neural/all/model", config), folder, tmp_path / "maps.zarr", "cuda")
    assert waited == [True]
    assert all(name.startswith("reader") for name in threads)


def test_a_failed_write_ends_the_run(gpu, small_region, trained, tmp_path, monkeypatch) -> None:
    config, folder = small_region

    def full(*args: object) -> None:
        raise HybridmapError("the disk is full")

    monkeypatch.setattr(device_stream.MapStore, "write", full)
    with pytest.raises(HybridmapError, match="the disk is full"):
        predicted(recipe(trained / "some_neural/all/model", config), folder, tmp_path / "maps.zarr", "cuda")
    assert not (tmp_path / "maps.zarr").exists()


def test_too_little_memory_of_the_device_is_one_sentence(gpu, small_region, trained, tmp_path, monkeypatch) -> None:
    config, folder = small_region

    def exhausted(*args: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(device_stream, "_compute", exhausted)
    with pytest.raises(HybridmapError, match=r"memory of .* does not suffice.*--device cpu"):
        predicted(recipe(trained / "some_neural/all/model", config), folder, tmp_path / "maps.zarr", "cuda")


def test_devices_by_their_words(gpu, monkeypatch, caplog) -> None:
    count = torch.cuda.device_count()
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda", 0)
    assert choose_device("cpu").type == "cpu"
    with pytest.raises(HybridmapError, match=f"there are {count} GPUs here"):
        choose_device(f"cuda:{count}")
    for word in ("gpu", "cuda:", "cuda:x", "", "CPU"):
        with pytest.raises(HybridmapError, match="expected auto, cpu, cuda or cuda:N"):
            choose_device(word)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with caplog.at_level(logging.WARNING, "hybridmap"):
        assert choose_device("auto").type == "cpu"
        assert not caplog.records
        assert choose_device("cuda:1").type == "cpu"
    assert "sees no GPU here; computing on the CPU" in caplog.text


def test_a_gpu_is_refused_for_tiles_that_others_predict() -> None:
    with pytest.raises(HybridmapError, match="workers of a dask scheduler"):
        Execution(scheduler="tcp://x:1", device="cuda").chosen_device()
    assert replace(Execution(scheduler="tcp://x:1"), device="auto").chosen_device().type == "cpu"
