"""A store that is killed at any moment ends with the same bytes."""

import errno
import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyproj import CRS

from hybridmap.errors import HybridmapError
from hybridmap.grid import resumable_store
from hybridmap.grid.region_grid import RegionGrid
from hybridmap.grid.resumable_store import ResumableStore
from hybridmap.grid.store import create_grid_store, create_layer
from hybridmap.grid.tiles import tiles_of

GRID = RegionGrid(CRS.from_epsg(3035), 4e6, 3e6, 1000.0, 40, 20)
EDGE = 16


def create(path: Path) -> None:
    create_layer(create_grid_store(path, GRID, {"title": "t"}), "a", GRID.sizes, EDGE, {})


def make(out: Path, identity: str = "one") -> list[str]:
    """Make a store whose values tell the identity; returns the tiles that were written."""
    store, written = ResumableStore(out), []
    with store.lock():
        store.refuse_parts()
        store.resume_or_create(identity, create)
        for tile in tiles_of(GRID, EDGE):
            if store.receipt(tile) is None:
                value = float(len(identity)) + tile.row0 + 0.01 * tile.col0
                store.write_tile(tile, [("a", np.full(tile.shape, value, "float32"))], b"")
                written.append(tile.name)
        store.finish()
        store.drop_receipts()
    return written


def digest(store: Path) -> str:
    total = hashlib.sha256()
    for file in sorted(p for p in store.rglob("*") if p.is_file()):
        total.update(file.relative_to(store).as_posix().encode() + file.read_bytes())
    return total.hexdigest()


def killed_at(step: int, monkeypatch: pytest.MonkeyPatch, out: Path, identity: str = "one") -> bool:
    """Make a store, but end it at a step that changes files, counted from 0; whether it came so far."""
    steps = 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            nonlocal steps
            if threading.current_thread() is threading.main_thread():  # those of zarr are not ours to end
                steps += 1
                if steps > step:
                    raise KeyboardInterrupt
            return function(*arguments, **options)

        return run

    with monkeypatch.context() as patch:
        for module, name in (
            (resumable_store.os, "replace"),
            (resumable_store.shutil, "rmtree"),
            (Path, "unlink"),
            (Path, "mkdir"),
            (Path, "write_bytes"),
            (resumable_store.zarr, "open_array"),
        ):
            patch.setattr(module, name, counted(getattr(module, name)))
        try:
            make(out, identity)
        except KeyboardInterrupt:
            is_killed = True
        else:
            is_killed = False
    out.with_name(out.name + ".lock").unlink(missing_ok=True)  # its process is still alive, unlike that of a real kill
    return is_killed


@pytest.mark.parametrize("earlier", [pytest.param("none", marks=pytest.mark.nightly), "finished and unfinished"])
def test_a_kill_at_any_moment_changes_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, earlier: str) -> None:
    make(tmp_path / "whole.zarr")
    expected, kills = digest(tmp_path / "whole.zarr"), 0
    while True:
        out = tmp_path / str(kills) / "maps.zarr"
        if earlier != "none":
            make(out, "another identity")
            assert killed_at(14, monkeypatch, out, "a third identity")
        if not killed_at(kills, monkeypatch, out):
            break
        make(out)
        assert digest(out) == expected
        assert sorted(p.name for p in out.parent.iterdir()) == ["maps.zarr", "maps.zarr.sums"]
        kills += 1
    assert kills > 20


@pytest.mark.parametrize("step", range(8))
def test_a_kill_while_another_store_is_begun_lets_none_pass_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """A finished store, an unfinished one, a third that is killed, and then the unfinished one again."""
    out = tmp_path / "maps.zarr"
    make(tmp_path / "whole.zarr", "second")
    make(out, "a first one")
    assert killed_at(14, monkeypatch, out, "second")
    assert killed_at(step, monkeypatch, out, "third!")
    make(out, "second")
    assert digest(out) == digest(tmp_path / "whole.zarr")


def test_finished_tiles_are_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "maps.zarr"
    assert killed_at(14, monkeypatch, out)
    assert 0 < len(make(out)) < 6


@pytest.mark.parametrize("damage", [b"", b"\0" * 400, b"half"])
def test_a_damaged_shard_at_the_edge_of_the_grid_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    out = tmp_path / "maps.zarr"
    make(tmp_path / "whole.zarr")
    full = 0
    while not (out.with_name("maps.zarr.partial") / "a" / "c" / "1" / "2").is_file():  # cells of a part of a shard
        with monkeypatch.context() as patch:
            assert killed_at(full, patch, out)
        full += 1
    (out.with_name("maps.zarr.partial") / "a" / "c" / "1" / "2").write_bytes(damage)
    assert "16_32" in make(out)
    assert digest(out) == digest(tmp_path / "whole.zarr")


def test_a_full_disk_keeps_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = resumable_store.replace_durably

    def full(partial: Path, path: Path) -> None:
        if path.name == "16_0":
            raise OSError(errno.ENOSPC, "No space left on device")
        original(partial, path)

    with monkeypatch.context() as patch:
        patch.setattr(resumable_store, "replace_durably", full)
        with pytest.raises(HybridmapError, match="the disk is full; make room and run again, finished tiles are kept"):
            make(tmp_path / "maps.zarr")
    assert make(tmp_path / "maps.zarr") == ["16_0", "16_16", "16_32"]


def test_parts_and_the_whole_keep_each_other_off(tmp_path: Path) -> None:
    store = ResumableStore(tmp_path / "maps.zarr")
    with store.lock("1of2"):
        with ResumableStore(store.out).lock("2of2"):
            pass
        with pytest.raises(HybridmapError, match="another run"):
            make(store.out)
    assert len(make(store.out)) == 6


def test_two_workers_that_write_one_tile_at_once_both_end_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One was given up, as the scheduler had lost it, and writes on; both are at their receipts when either goes on."""
    make(tmp_path / "alone.zarr")
    store, meet = ResumableStore(tmp_path / "m.zarr"), threading.Barrier(2)
    store.resume_or_create("one", create)
    sync, errors = resumable_store.replace_durably, []

    def met(partial: Path, path: Path) -> None:
        meet.wait(10)
        sync(partial, path)

    def work() -> None:
        worker = ResumableStore(tmp_path / "m.zarr")
        try:
            for tile in tiles_of(GRID, EDGE):
                value = 3.0 + tile.row0 + 0.01 * tile.col0
                worker.write_tile(tile, [("a", np.full(tile.shape, value, "float32"))], b"key")
                meet.wait(10)
        except Exception as error:
            errors.append(error)
            meet.abort()

    monkeypatch.setattr(resumable_store, "replace_durably", met)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    store.finish()
    store.drop_receipts()
    assert digest(tmp_path / "m.zarr") == digest(tmp_path / "alone.zarr")


def test_a_tile_that_is_done_is_not_written_again_by_a_worker_that_comes_late(tmp_path: Path) -> None:
    store = ResumableStore(tmp_path / "m.zarr")
    store.resume_or_create("one", create)
    tile = next(iter(tiles_of(GRID, EDGE)))
    store.write_tile(tile, [("a", np.full(tile.shape, 3.0, "float32"))], b"key")
    before = digest(store.partial)
    ResumableStore(store.out).write_tile(tile, [("a", np.full(tile.shape, 4.0, "float32"))], b"key")
    assert digest(store.partial) == before
    ResumableStore(store.out).write_tile(tile, [("a", np.full(tile.shape, 4.0, "float32"))], b"another key")
    assert digest(store.partial) != before


def test_a_file_that_is_gone_when_the_store_is_finished_is_named_and_made_again(tmp_path: Path) -> None:
    make(tmp_path / "alone.zarr")
    store = ResumableStore(tmp_path / "m.zarr")
    store.resume_or_create("one", create)
    for tile in tiles_of(GRID, EDGE):
        value = 3.0 + tile.row0 + 0.01 * tile.col0
        store.write_tile(tile, [("a", np.full(tile.shape, value, "float32"))], b"")
    next(
        file for file in (store.partial / "a/c").rglob("*") if file.is_file()
    ).unlink()  # as by a worker that is killed while it writes it anew
    with pytest.raises(HybridmapError, match=r"m.zarr: a/c/.* is gone that had been written"):
        store.finish()
    assert not store.out.exists()
    assert len(make(tmp_path / "m.zarr")) == 1
    assert digest(tmp_path / "m.zarr") == digest(tmp_path / "alone.zarr")
