"""Predict the maps of one model: read, compute and write overlap, finished tiles survive an interruption."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
import zarr
from numpy.typing import NDArray

from hybridmap.config import Config
from hybridmap.data.cube import CHUNK, Cube, create_grid_store, create_layer, open_cube
from hybridmap.errors import HybridmapError
from hybridmap.hybrid import HybridModel, Model
from hybridmap.predict.plan import Tile, shard_edge, tiles_of
from hybridmap.train import load_model
from hybridmap.train.storage import SPECIFICATION, WEIGHTS

LOG = logging.getLogger("hybridmap")
DIAGNOSTICS = ("moc_saturation", "margin_uptake", "margin_poc", "feasible")
"""Outputs that are mapped even where the process model has no steady state: they say why there is none."""
BLOCK = 65536
"""Cells that go through the model at once; bounds the memory of a worker."""


def predict(model_dir: Path, cube_path: Path, config: Config, out: Path, workers: int, title: str) -> None:
    """Write ``maps.zarr``: every pool, diagnostic and neural parameter on the grid of the cube.

    Parameters
    ----------
    model_dir : Path
        Folder of a trained model.
    cube_path : Path
        The cube.
    config : Config
        For the tile size and the region's name.
    out : Path
        Store to write. While unfinished it is ``{out}.partial`` and holds a receipt a tile; a run with the same
        model and cube continues it.
    workers : int
        Threads; 0 takes all cores given to the process.
    title : str
        Title of the store.

    Raises
    ------
    HybridmapError
        If the cube lacks a covariate or forcing of the model.
    """
    model, cube = load_model(model_dir), open_cube(cube_path)
    check_layers(model, cube)
    edge = shard_edge(config.predict.tile, CHUNK)
    partial = out.with_name(out.name + ".partial")
    fingerprint = _fingerprint(model_dir, cube_path, edge)
    receipts = partial.with_name(out.name + ".receipts")
    if not _resumable(partial, receipts, fingerprint):
        _start(partial, receipts, fingerprint, model, cube, edge, f"{config.title or config.region}: {title}")
    store = zarr.open_group(str(partial), mode="r+")
    todo = [tile for tile in tiles_of(cube.grid, edge) if not (receipts / tile.name).exists()]
    LOG.info("%d tiles to predict", len(todo))

    def work(tile: Tile) -> None:
        _write_tile(store, tile, predict_tile(model, cube, tile))
        (receipts / tile.name).touch()

    threads = workers or len(os.sched_getaffinity(0))
    torch.set_num_threads(max(1, threads // max(1, min(threads, len(todo)))))
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, todo):
            pass
    shutil.rmtree(out, ignore_errors=True)
    os.replace(partial, out)
    shutil.rmtree(receipts)


def check_layers(model: Model, cube: Cube) -> None:
    """Raise HybridmapError unless `cube` has every layer that `model` was trained with."""
    for needed, present, what in (
        (model.covariate_names, cube.covariate_names, "covariate"),
        (model.forcing_names, cube.forcing_names, "forcing"),
    ):
        if missing := [name for name in needed if name not in present]:
            raise HybridmapError(f"{cube.path}: no {what} '{missing[0]}', which the model was trained with.")


def mapped_names(model: Model) -> dict[str, tuple[str, str, str]]:
    """Map name → (output of the model, unit, description); parameters go by their plain name."""
    info = model.output_info()
    neural = [f"parameter.{name}" for name in model.neural_names]
    skip = ("extinct", "respiration", "leaching")
    outputs = [name for name in info if not name.startswith("parameter.") and name not in skip]
    return {name.removeprefix("parameter."): (name, *info[name]) for name in [*outputs, *neural]}


def predict_tile(model: Model, cube: Cube, tile: Tile) -> dict[str, NDArray[np.float32]]:
    """Maps of one tile, each of shape (row, column), NaN outside complete cells.

    Where the relaxed formulation has no steady state, pools are NaN: a number there would be an artefact of the
    algebra. Diagnostics and parameters are kept.
    """
    covariates, forcing, valid = cube.read_window(tile.row0, tile.row1, tile.col0, tile.col1)
    order = [cube.covariate_names.index(name) for name in model.covariate_names]
    inputs = torch.from_numpy(covariates[order][:, valid].T.copy())
    forced = {name: torch.from_numpy(forcing[name][valid]) for name in model.forcing_names}
    names = mapped_names(model)
    flat = {name: np.empty(len(inputs), dtype="float32") for name in names}
    with torch.no_grad():
        for start in range(0, len(inputs), BLOCK):
            part = slice(start, start + BLOCK)
            out = model(inputs[part], {name: values[part] for name, values in forced.items()})
            unsteady = _unsteady(model, out)
            for name, (key, _, _) in names.items():
                values = out[key].numpy()
                keep = name in DIAGNOSTICS or key.startswith("parameter.")
                flat[name][part] = values if keep or unsteady is None else np.where(unsteady, np.nan, values)
    maps = {}
    for name, values in flat.items():
        maps[name] = np.full(valid.shape, np.nan, dtype="float32")
        maps[name][valid] = values
    return maps


def _unsteady(model: Model, out: Mapping[str, torch.Tensor]) -> NDArray[np.bool_] | None:
    relaxed = isinstance(model, HybridModel) and getattr(model.process, "formulation", "") == "relaxed"
    return (out["feasible"] <= 0).numpy() if relaxed else None


def _write_tile(store: zarr.Group, tile: Tile, maps: Mapping[str, NDArray[np.float32]]) -> None:
    for name, values in maps.items():
        array: Any = store[name]
        array[tile.row0 : tile.row1, tile.col0 : tile.col1] = values


def _start(partial: Path, receipts: Path, fingerprint: str, model: Model, cube: Cube, edge: int, title: str) -> None:
    shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(receipts, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    root = create_grid_store(partial, cube.grid, {"title": title, "model_fingerprint": fingerprint})
    shape = (cube.grid.height, cube.grid.width)
    for name, (_, unit, description) in mapped_names(model).items():
        create_layer(root, name, shape, ("y", "x"), edge, {"units": unit, "long_name": description})
    receipts.mkdir()
    (receipts / "fingerprint").write_text(fingerprint, encoding="utf-8")


def _resumable(partial: Path, receipts: Path, fingerprint: str) -> bool:
    record = receipts / "fingerprint"
    return (partial / "zarr.json").is_file() and record.is_file() and record.read_text(encoding="utf-8") == fingerprint


def _fingerprint(model_dir: Path, cube_path: Path, edge: int) -> str:
    digest = hashlib.sha256(str(edge).encode())
    for file in (model_dir / WEIGHTS, model_dir / SPECIFICATION, *sorted(cube_path.rglob("*"))):
        if file.is_file():
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
