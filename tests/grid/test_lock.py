"""Locks: one writer at a time, and none that is gone."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hybridmap.errors import HybridmapError
from hybridmap.grid import lock as lock_module
from hybridmap.grid.lock import WriterLock


def lock_in(folder: Path) -> WriterLock:
    return WriterLock(folder / "maps.zarr.lock", folder / "maps.zarr")


def test_a_held_lock_names_who_holds_it_and_is_gone_afterwards(tmp_path: Path) -> None:
    with lock_in(tmp_path).hold():
        says = rf"maps\.zarr: another run \(process {os.getpid()} on .*\) is writing this; wait for it, or delete"
        with pytest.raises(HybridmapError, match=says), lock_in(tmp_path).hold():
            pytest.fail("two writers")
    with lock_in(tmp_path).hold():
        pass
    assert not list(tmp_path.iterdir())


def test_an_error_gives_the_lock_back(tmp_path: Path) -> None:
    with pytest.raises(KeyError), lock_in(tmp_path).hold():
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    lock = lock_in(tmp_path)
    lock.file.write_text(json.dumps({"host": socket.gethostname(), "pid": int(dead.stdout)}))
    with lock.hold():
        assert json.loads(lock.file.read_text())["pid"] == os.getpid()


def test_a_process_of_the_same_number_is_another_one(tmp_path: Path) -> None:
    lock = lock_in(tmp_path)
    lock.file.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "start": "1"}))
    with lock.hold():
        pass


def test_the_lock_of_another_machine_is_taken_over_when_its_signs_of_life_have_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_module, "STALE", 0.6)
    lock = lock_in(tmp_path)
    lock.file.write_text(json.dumps({"host": "elsewhere", "pid": 1}))
    start = time.monotonic()
    with lock.hold():
        assert 0.5 < time.monotonic() - start < 5


def test_the_lock_of_another_machine_that_lives_is_refused_by_its_first_sign_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = lock_in(tmp_path)
    monkeypatch.setattr(lock_module, "BEAT", 0.1)
    with lock.hold():  # by another thread's account on another machine
        monkeypatch.setattr(lock_module.socket, "gethostname", lambda: "elsewhere")
        with pytest.raises(HybridmapError, match=f"process {os.getpid()} on"), lock_in(tmp_path).hold():
            pytest.fail("two writers")


@pytest.mark.parametrize("content", ["", "{", "null", "[]", '{"host": 1}', "\x00" * 40])
def test_a_lock_that_was_cut_short_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.setattr(lock_module, "STALE", 0.3)
    lock = lock_in(tmp_path)
    lock.file.write_text(content)
    with lock.hold():
        pass


def test_a_run_whose_lock_was_taken_over_ends_and_leaves_the_lock_of_the_other(tmp_path: Path) -> None:
    lock = lock_in(tmp_path)
    with lock.hold():
        lock.file.write_text(json.dumps({"host": "elsewhere", "pid": 1}))
        with pytest.raises(HybridmapError, match="another run took over"):
            lock.sign_of_life()
    assert lock.file.exists()


def test_patience_waits_for_the_other_run(tmp_path: Path) -> None:
    is_held, order = threading.Event(), []

    def other() -> None:
        with lock_in(tmp_path).hold():
            is_held.set()
            time.sleep(0.3)
            order.append("other")

    thread = threading.Thread(target=other)
    thread.start()
    is_held.wait()
    with lock_in(tmp_path).hold(patience=30.0):
        order.append("this")
    thread.join()
    assert order == ["other", "this"]
