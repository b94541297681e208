"""Running commands under a time limit, in a warm process or a new one."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fuzz.attempt import Step
from fuzz.outcome import Ending, shortened

CHECKOUT = Path(__file__).parents[1]
TARGET = "hybridmap.cli:main"
START_S = 120.0
"""Allowance for the imports of a new process."""


def environment() -> dict[str, str]:
    """Variables of all programs: this checkout's package, one thread, and the programs beside this Python."""
    search = f"{CHECKOUT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}".rstrip(os.pathsep)
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PYTHONPATH": search, "PATH": programs, "OMP_NUM_THREADS": "1"}


class Executor:
    """Runs the steps of attempts; ``hybridmap`` in a warm process that is replaced where it hangs or dies.

    Parameters
    ----------
    target : str
        Module and function that runs hybridmap's command line, as ``module:function``.
    """

    def __init__(self, target: str = TARGET) -> None:
        self._target = target
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def run(self, step: Step, folder: Path, limit_s: float) -> Ending:
        """Run one step.

        Parameters
        ----------
        step : Step
            The command.
        folder : Path
            Working folder.
        limit_s : float
            Time limit [s].

        Returns
        -------
        Ending
            Exit code and messages.
        """
        if step.command[0] == "hybridmap":
            return self._run_warm(step.command[1:], folder, limit_s)
        return run_program(step.command, folder, limit_s)

    def _run_warm(self, arguments: Sequence[str], folder: Path, limit_s: float) -> Ending:
        if self._process is not None and self._process.poll() is not None:
            self._stop()
        if self._process is None:
            limit_s += START_S
            self._process = _start([sys.executable, "-m", "fuzz.worker", self._target], CHECKOUT)
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"folder": str(folder.resolve()), "arguments": list(arguments)}) + "\n")
        process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            in_time = bool(selector.select(limit_s))
        line = process.stdout.readline() if in_time else ""
        if line:
            return Ending(**json.loads(line))
        self._stop()
        return Ending(process.returncode if in_time else None, "the process died" if in_time else "stopped")

    def _stop(self) -> None:
        if self._process is not None:
            _kill(self._process)
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    stream.close()
            self._process = None


def run_program(command: Sequence[str], folder: Path, limit_s: float) -> Ending:
    """Run a program in a process of its own.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    folder : Path
        Working folder.
    limit_s : float
        Time limit [s]; then the program and its children are killed.

    Returns
    -------
    Ending
        Exit code and messages.
    """
    with tempfile.TemporaryFile() as capture:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=capture,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code: int | None = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            code = None
        _kill(process)
        capture.seek(0)
        return Ending(code, shortened(capture.read().decode(errors="replace")))


def _start(command: list[str], folder: Path) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=folder, env=environment(), stdin=pipe, stdout=pipe, text=True, start_new_session=True
    )


def _kill(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """End a process and its children; no harm where they have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
