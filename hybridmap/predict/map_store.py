"""The store that maps are written to: shards whole or absent, receipts of finished tiles, one writer at a time."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from hybridmap.covariates.cube import Cube, create_grid_store, create_layer
from hybridmap.errors import HybridmapError
from hybridmap.files.disk import disk_is_full
from hybridmap.files.tables import write_text
from hybridmap.model.storage import MEMBERS, SPECIFICATION, WEIGHTS
from hybridmap.predict.map_layers import MapLayer
from hybridmap.predict.plan import Tile
from hybridmap.predict.recipe import Recipe

STALE = 900.0
"""Seconds without a sign of life after which the lock of another machine is taken over."""


class MapStore:
    """A store of maps while it is made, and its receipts.

    Parameters
    ----------
    out : Path
        Where the finished store goes; while unfinished it is ``{out}.partial``, with ``{out}.receipts`` beside it.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.partial = out.with_name(out.name + ".partial")
        self.receipts = out.with_name(out.name + ".receipts")
        self.lock_file = out.with_name(out.name + ".lock")
        self._held = self.lock_file
        self._arrays: dict[str, Any] = {}

    @contextlib.contextmanager
    def lock(self, part: str = "", patience: float = 0.0) -> Iterator[None]:
        """Keep others from writing the same store, or the same part of it.

        Parameters
        ----------
        part : str
            Name of a part that is written beside others; the whole store if empty.
        patience : float
            Seconds to wait for another to finish.

        Raises
        ------
        HybridmapError
            If another run is at it. The lock of a run that died on this machine is taken over, that of another machine
            after a quarter of an hour without a sign of life.
        """
        self.out.parent.mkdir(parents=True, exist_ok=True)
        file = self._lock_of(part)
        mine = json.dumps({"host": socket.gethostname(), "pid": os.getpid()})
        until = time.monotonic() + patience
        while True:
            try:
                handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            except FileExistsError:
                if time.monotonic() < until and not self._stale(file):
                    time.sleep(0.2)
                else:
                    self._refuse_or_take_over(file)
                continue
            with os.fdopen(handle, "w") as stream:
                stream.write(mine)
            break
        self._held = file
        try:
            yield
        finally:
            file.unlink(missing_ok=True)

    def refuse_parts(self) -> None:
        """Raise HybridmapError if a part of the store is being written."""
        for file in self.out.parent.glob(self.out.name + ".part*.lock"):
            self._refuse_or_take_over(file)

    def _lock_of(self, part: str) -> Path:
        return self.out.with_name(f"{self.out.name}.part{part}.lock") if part else self.lock_file

    def _stale(self, file: Path) -> bool:
        """Whether the owner of a lock is gone."""
        try:
            text, changed = file.read_text(encoding="utf-8"), file.stat().st_mtime
        except FileNotFoundError:
            return True
        owner = _owner(text)
        here = owner["host"] == socket.gethostname()
        return (here and not _alive(owner["pid"])) or (not here and time.time() - changed > STALE)

    def _refuse_or_take_over(self, file: Path) -> None:
        if self._stale(file):
            file.unlink(missing_ok=True)
            return
        try:
            owner = _owner(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return  # the other run has just ended
        raise HybridmapError(
            f"{self.out}: another run (process {owner['pid']} on {owner['host']}) is writing this store; wait for it,"
            f" or delete {file} if it is gone."
        )

    def begin(self, identity: str, layers: Mapping[str, MapLayer], cube: Cube, edge: int, title: str) -> None:
        """Create the store, or keep one that was begun for the same maps, grid and tiles."""
        record = self.receipts / "identity"
        if record.is_file() and self.out.is_dir() and not self.partial.is_dir():
            os.replace(self.out, self.partial)  # it was whole, and what is made from it was not
        begun = (self.partial / "zarr.json").is_file() and record.is_file()
        if begun and record.read_text(encoding="utf-8") == identity:
            return
        self.refuse_parts()
        shutil.rmtree(self.partial, ignore_errors=True)
        shutil.rmtree(self.receipts, ignore_errors=True)
        self.partial.parent.mkdir(parents=True, exist_ok=True)
        root = create_grid_store(self.partial, cube.grid, {"title": title, "model_fingerprint": identity})
        shape = (cube.grid.height, cube.grid.width)
        for name, layer in layers.items():
            group, _, plain = name.rpartition("/")
            place = root.require_group(group) if group else root
            create_layer(place, plain, shape, ("y", "x"), edge, layer.attributes(), layer.dtype, layer.fill)
        self.receipts.mkdir()
        write_text(identity, record)

    def is_done(self, tile: Tile, key: str) -> bool:
        """Whether `tile` is finished, from the same part of the cube."""
        receipt = self.receipts / tile.name
        return receipt.is_file() and receipt.read_text(encoding="utf-8") == key

    def write(
        self, tile: Tile, maps: Mapping[str, NDArray[np.float32]], layers: Mapping[str, MapLayer], key: str
    ) -> None:
        """Write the shards of one tile and then its receipt; a tile without data leaves a receipt alone.

        Raises
        ------
        HybridmapError
            If the disk is full, or a value does not fit its encoding; what is finished stays.
        """
        try:
            for name, values in maps.items():
                if name not in self._arrays:
                    self._arrays[name] = zarr.open_array(str(self.partial), path=name, mode="r+")
                self._arrays[name][tile.row0 : tile.row1, tile.col0 : tile.col1] = layers[name].encode(values, name)
            write_text(key, self.receipts / tile.name)
        except OSError as error:
            if disk_is_full(error):
                raise HybridmapError(
                    f"{self.partial}: the disk is full; make room and run again, finished tiles are kept."
                ) from None
            raise

    def sign_of_life(self) -> None:
        """Tell other machines that this run is still at it."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(self._held)

    def finish(self) -> None:
        """Give the store its name; until :meth:`drop_receipts` another run finds every tile done."""
        shutil.rmtree(self.out, ignore_errors=True)
        os.replace(self.partial, self.out)

    def drop_receipts(self) -> None:
        """Forget how the store was made: the next run makes it anew."""
        shutil.rmtree(self.receipts)


def identity_of(recipe: Recipe, cube: Cube, edge: int) -> str:
    """What a whole store depends on: everything but the values of the cube."""
    block = recipe.predict.model_dump(exclude={"tile", "workers", "parts"}, mode="json")
    told = [block, asdict(recipe.uncertainty), recipe.depth_m, recipe.keep_draws, edge]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    files = [recipe.model / WEIGHTS, recipe.model / SPECIFICATION, recipe.model / MEMBERS]
    for file in (*files, recipe.calibration, recipe.applicability):
        if file is not None and file.is_file():
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    digest.update(json.dumps([cube.grid.spatial_ref(), cube.grid.height, cube.grid.width], sort_keys=True).encode())
    digest.update(json.dumps([cube.covariate_names, cube.forcing_names]).encode())
    return digest.hexdigest()


def tile_keys(cube: Cube, tiles: list[Tile]) -> dict[str, str]:
    """Name of each tile → the state of the shards of the cube that it is made from."""
    arrays = ["covariates", *(f"forcing/{name}" for name in cube.forcing_names)]
    keys = {}
    for tile in tiles:
        digest = hashlib.sha256()
        for name in arrays:
            for path in cube.shard_files(name, tile.row0, tile.row1, tile.col0, tile.col1):
                state = path.stat() if path.is_file() else None
                told = "absent" if state is None else f"{state.st_size} {state.st_mtime_ns}"
                digest.update(f"{path.relative_to(cube.path)} {told}\n".encode())
        keys[tile.name] = digest.hexdigest()
    return keys


def _owner(text: str) -> dict[str, Any]:
    owner: dict[str, Any] = json.loads(text) if text else {"host": "?", "pid": 0}
    return owner


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
