"""One writer at a time, on this machine and on others that see the same files."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hybridmap.errors import HybridmapError

BEAT = 5.0
"""Seconds between two signs of life of the run that holds a lock."""
STALE = 45.0
"""Seconds without a sign of life after which a lock is taken over."""
POLL = 0.2
"""Seconds between two looks at a lock that is waited for."""


class WriterLock:
    """A file that keeps other runs from writing the same results, with a sign of life every few seconds.

    The lock of a process that died on this machine is taken over at once, that of another machine when its signs of
    life have stopped; a run that meets one waits so long to find out.

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
        self._owner = ""
        self._is_over = threading.Event()

    @contextlib.contextmanager
    def hold(self, patience: float = 0.0) -> Iterator[None]:
        """Hold the lock, after at most `patience` seconds of waiting; HybridmapError if another run has it."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._owner = json.dumps(_this_process() | {"run": uuid.uuid4().hex})
        deadline = time.monotonic() + patience
        while not self._create():
            if time.monotonic() < deadline and not self._is_abandoned():
                time.sleep(POLL)
            else:
                self.clear()
        self._is_over.clear()
        beat = threading.Thread(target=self._beat, daemon=True)
        beat.start()
        try:
            yield
        finally:
            self._is_over.set()
            beat.join()
            if self._text() == self._owner:
                self.file.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove the lock if its owner is gone, waiting for its sign of life; HybridmapError if it is not."""
        while (text := self._text()) is not None and not self._is_abandoned():
            owner, last_sign = _owner(text), self._changed()
            if owner["host"] == socket.gethostname() or self._lives(last_sign):
                raise HybridmapError(
                    f"{self.store}: another run (process {owner['pid']} on {owner['host']}) is writing this; wait for"
                    f" it, or delete {self.file} if it is gone."
                )
        if text is not None:
            self._take_away(text)

    def sign_of_life(self) -> None:
        """Tell other machines that this run still works; HybridmapError if one has taken over meanwhile."""
        if self._owner and self._text() != self._owner:
            raise HybridmapError(
                f"{self.store}: another run took over, because this one gave no sign of life for {STALE:.0f} s."
            )
        with contextlib.suppress(FileNotFoundError):
            os.utime(self.file)

    def _beat(self) -> None:
        while not self._is_over.wait(BEAT):
            with contextlib.suppress(OSError):
                if self._text() == self._owner:
                    os.utime(self.file)

    def _create(self) -> bool:
        """Create the file; whether there was none."""
        try:
            handle = os.open(self.file, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            return False
        with os.fdopen(handle, "w") as stream:
            stream.write(self._owner)
        return True

    def _take_away(self, text: str) -> None:
        """Remove a lock of this content; one that somebody has made since is put back."""
        aside = self.file.with_name(f"{self.file.name}.{uuid.uuid4().hex}")
        with contextlib.suppress(FileNotFoundError):
            os.rename(self.file, aside)
            if aside.read_text(encoding="utf-8", errors="replace") != text:
                with contextlib.suppress(FileExistsError):
                    os.link(aside, self.file)
            aside.unlink()

    def _lives(self, last_sign: int) -> bool:
        """Whether the owner gives a sign of life before its lock is stale."""
        deadline = time.monotonic() + STALE
        while self._changed() == last_sign and time.monotonic() < deadline and not self._is_abandoned():
            time.sleep(POLL)
        return self._changed() not in (last_sign, 0)

    def _is_abandoned(self) -> bool:
        """Whether the owner is a process of this machine that has ended, or its last sign of life is old."""
        text = self._text()
        if text is None:
            return True
        owner = _owner(text)
        if owner["host"] == socket.gethostname():
            return not _is_alive(owner["pid"], owner["start"])
        return self._file_clock() - self._changed() > STALE * 1e9

    def _text(self) -> str | None:
        try:
            return self.file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None

    def _changed(self) -> int:
        """Time of the last sign of life in ns; 0 if there is no lock."""
        try:
            return self.file.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def _file_clock(self) -> int:
        """The time in ns by the clock that gives files theirs, which is that of a server where others see them too."""
        with tempfile.NamedTemporaryFile(dir=self.file.parent, prefix=self.file.name) as probe:
            return os.stat(probe.name).st_mtime_ns


def _owner(text: str) -> dict[str, Any]:
    """Who holds a lock; a process that ended while it wrote its name is not known."""
    try:
        owner = json.loads(text)
        return {"host": str(owner["host"]), "pid": int(owner["pid"]), "start": owner.get("start", "")}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {"host": "?", "pid": 0, "start": ""}


def _this_process() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "start": _start(os.getpid())}


def _start(pid: int) -> str:
    """When a process began, which tells it from a later one of the same number; "" where the system does not say."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _is_alive(pid: int, start: str) -> bool:
    if start and _start(pid) not in ("", start):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
