"""One writer at a time, on this machine and on others that see the same files."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hybridmap.errors import HybridmapError

STALE = 900.0
"""Seconds without a sign of life after which the lock of another machine is taken over."""
POLL = 0.2
"""Seconds between two looks at a lock that is waited for."""


class WriterLock:
    """A file that keeps other runs from writing a store.

    The lock of a run that died on this machine is taken over, that of another machine after a quarter of an hour
    without a sign of life.

    Parameters
    ----------
    file : Path
        The lock; it says which process of which machine holds it.
    store : Path
        What it protects, for messages.
    """

    def __init__(self, file: Path, store: Path) -> None:
        self.file = file
        self.store = store

    @contextlib.contextmanager
    def hold(self, patience: float = 0.0) -> Iterator[None]:
        """Hold the lock, after at most `patience` seconds of waiting; HybridmapError if another run has it."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        owner = json.dumps({"host": socket.gethostname(), "pid": os.getpid()})
        deadline = time.monotonic() + patience
        while not self._create(owner):
            if time.monotonic() < deadline and not self._is_abandoned():
                time.sleep(POLL)
            else:
                self.clear()
        try:
            yield
        finally:
            self.file.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove the lock if its owner is gone; HybridmapError if it is not."""
        if self._is_abandoned():
            self.file.unlink(missing_ok=True)
            return
        try:
            owner = _owner(self.file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return  # the other run has just ended
        raise HybridmapError(
            f"{self.store}: another run (process {owner['pid']} on {owner['host']}) is writing this store; wait for"
            f" it, or delete {self.file} if it is gone."
        )

    def sign_of_life(self) -> None:
        """Tell other machines that this run still works."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(self.file)

    def _create(self, owner: str) -> bool:
        """Create the file; whether there was none."""
        try:
            handle = os.open(self.file, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            return False
        with os.fdopen(handle, "w") as stream:
            stream.write(owner)
        return True

    def _is_abandoned(self) -> bool:
        try:
            text, changed = self.file.read_text(encoding="utf-8"), self.file.stat().st_mtime
        except FileNotFoundError:
            return True
        owner = _owner(text)
        if owner["host"] == socket.gethostname():
            return not _is_alive(owner["pid"])
        return time.time() - changed > STALE


def _owner(text: str) -> dict[str, Any]:
    owner: dict[str, Any] = json.loads(text) if text else {"host": "?", "pid": 0}
    return owner


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
